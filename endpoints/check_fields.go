package endpoints

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxSecretFile = 4 << 10
	maxPEMFile    = 1 << 20
	maxText       = 4 << 10
)

// fields reads the options of one check. The first value that cannot be meant is kept as the error that finish returns;
// what is read after it has the default.
type fields struct {
	// what begins the error texts; config is the path of the object in the configuration, if it is there.
	what   string
	config string
	path   string // of a nested object, with a dot at its end
	values map[string]json.RawMessage
	// lenient lets unknown options be.
	lenient bool
	known   map[string]bool
	err     error
	parent  *fields
}

func newFields(what string, raw json.RawMessage) *fields {
	f := &fields{what: what}
	if len(bytes.TrimSpace(raw)) == 0 {
		return f
	}
	if json.Unmarshal(raw, &f.values) != nil {
		f.err = fmt.Errorf("%s: the options are not an object", what)
	}
	return f
}

// skip makes options known that somebody else reads.
func (f *fields) skip(keys ...string) {
	if f.known == nil {
		f.known = map[string]bool{}
	}
	for _, key := range keys {
		f.known[key] = true
	}
}

// has tells whether an option is there and not null.
func (f *fields) has(key string) bool {
	_, ok := f.value(key)
	return ok
}

func (f *fields) value(key string) (json.RawMessage, bool) {
	f.skip(key)
	raw, ok := f.values[key]
	raw = bytes.TrimSpace(raw)
	return raw, ok && string(raw) != "null"
}

// fail keeps an error about an option, without its value where that may be a secret.
func (f *fields) fail(key string, want string) {
	shown := shorten(bytes.TrimSpace(f.values[key]))
	switch {
	case shown == "":
		shown = "nothing"
	case isSecret(key) || strings.Contains(shown, "@"):
		shown = "the value"
	}
	f.problem(key, fmt.Sprintf("%s is not valid; give %s", shown, want))
}

func (f *fields) problem(key, text string) {
	top := f
	for top.parent != nil {
		top = top.parent
	}
	switch {
	case top.err != nil:
	case top.config != "":
		top.err = fmt.Errorf("read config %q: %s", top.config+"."+f.path+key, text)
	default:
		top.err = fmt.Errorf("%s: option %q: %s", top.what, f.path+key, text)
	}
}

func isSecret(key string) bool {
	key = strings.ToLower(key)
	for _, part := range []string{"password", "secret", "token", "header", "metadata"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}

// finish returns the first error. An option that nobody has read does not exist.
func (f *fields) finish() error {
	if f.err != nil || f.lenient {
		return f.err
	}
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !f.known[key] {
			f.problem(key, "there is none of this name; there are "+strings.Join(slices.Sorted(maps.Keys(f.known)), ", "))
			return f.err
		}
	}
	return nil
}

// object reads a nested object; nil when it is not there.
func (f *fields) object(key string) *fields {
	raw, ok := f.value(key)
	if !ok {
		return nil
	}
	nested := &fields{what: f.what, path: f.path + key + ".", parent: f}
	if json.Unmarshal(raw, &nested.values) != nil {
		f.fail(key, "an object")
	}
	return nested
}

// end is finish of a nested object.
func (f *fields) end() {
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !f.known[key] {
			f.problem(key, "there is none of this name; there are "+strings.Join(slices.Sorted(maps.Keys(f.known)), ", "))
		}
	}
}

func (f *fields) text(key, absent string) string {
	raw, ok := f.value(key)
	if !ok {
		return absent
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || len(s) > maxText || s == "" {
		f.fail(key, fmt.Sprintf("a string of 1 to %d bytes", maxText))
		return absent
	}
	return s
}

// path reads an absolute path of a file; "" when it is not there.
func (f *fields) file(key string) string {
	s := f.text(key, "")
	if s != "" && s[0] != '/' {
		f.fail(key, "an absolute path")
	}
	return s
}

// choice reads one of several words, the first of which is the default.
func (f *fields) choice(key string, words ...string) string {
	s := f.text(key, words[0])
	if !slices.Contains(words, s) {
		f.fail(key, "one of "+strings.Join(words, ", "))
		return words[0]
	}
	return s
}

func (f *fields) flag(key string, absent bool) bool {
	raw, ok := f.value(key)
	if !ok {
		return absent
	}
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		if f.lenient {
			return isTruthy(raw)
		}
		f.fail(key, "true or false")
		return absent
	}
	return b
}

func (f *fields) number(key string, absent, least, most float64, what string) float64 {
	raw, ok := f.value(key)
	if !ok {
		return absent
	}
	var v float64
	if json.Unmarshal(raw, &v) != nil || v < least || v > most {
		f.fail(key, what)
		return absent
	}
	return v
}

func (f *fields) integer(key string, absent, least, most int64) int64 {
	raw, ok := f.value(key)
	if !ok {
		return absent
	}
	var v float64
	if json.Unmarshal(raw, &v) != nil || v != float64(int64(v)) || int64(v) < least || int64(v) > most {
		f.fail(key, fmt.Sprintf("an integer from %d to %d", least, most))
		return absent
	}
	return int64(v)
}

func (f *fields) millis(key string, absent, least, most time.Duration) time.Duration {
	return time.Duration(f.integer(key, absent.Milliseconds(), least.Milliseconds(), most.Milliseconds())) * time.Millisecond
}

// url reads a URL with a host and one of the schemes; nil when it is not there.
func (f *fields) url(key string, schemes ...string) *url.URL {
	raw, ok := f.value(key)
	if !ok {
		return nil
	}
	var text string
	u := &url.URL{}
	err := json.Unmarshal(raw, &text)
	if err == nil {
		u, err = url.Parse(text)
	}
	if err != nil || len(text) > maxText || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		f.fail(key, fmt.Sprintf("a URL with %s and a host, as \"%s://127.0.0.1:3000/health\"", strings.Join(schemes, " or "), schemes[0]))
		return nil
	}
	return u
}

// place is where a server listens.
type place struct {
	network, address string
}

func (p place) String() string { return p.address }

// host is what a certificate has to name.
func (p place) host() string {
	if host, _, err := net.SplitHostPort(p.address); err == nil && p.network == "tcp" {
		return host
	}
	return "localhost"
}

// place reads host and port, or socketPath.
func (f *fields) place(port int64) place {
	if path := f.file("socketPath"); path != "" {
		for _, key := range []string{"host", "port"} {
			if f.has(key) {
				f.problem(key, "it does not go together with socketPath; leave one out")
			}
		}
		return place{"unix", path}
	}
	host := f.text("host", "127.0.0.1")
	if !validHost(host) {
		f.fail("host", `an IP address or a host name, as "127.0.0.1"`)
	}
	if port == 0 && !f.has("port") {
		f.problem("port", "it is missing; give the port that is to be tried")
	}
	return place{"tcp", net.JoinHostPort(host, strconv.FormatInt(f.integer("port", port, 1, 65535), 10))}
}

// account is who a check logs in as.
type account struct {
	user, password, passwordFile string
}

func (f *fields) account(userKey string) account {
	a := account{user: f.text(userKey, ""), password: f.text("password", ""), passwordFile: f.file("passwordFile")}
	if a.password != "" && a.passwordFile != "" {
		f.problem("passwordFile", "it does not go together with password; leave one out")
	}
	return a
}

// secret returns the password, read again for each connection where it is in a file.
func (a account) secret() (string, error) {
	if a.passwordFile == "" {
		return a.password, nil
	}
	data, err := readLimited(a.passwordFile, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

func readLimited(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, err
}

// tlsOptions say whether and how a connection is encrypted.
type tlsOptions struct {
	on, insecure                          bool
	serverName, caFile, certFile, keyFile string
}

// tls reads true, false or an object.
func (f *fields) tls(absent bool) tlsOptions {
	o := tlsOptions{on: absent}
	raw, ok := f.value("tls")
	if !ok {
		return o
	}
	if json.Unmarshal(raw, &o.on) == nil {
		return o
	}
	nested := f.object("tls")
	o = tlsOptions{
		on: true, insecure: nested.flag("insecure", false), serverName: nested.text("serverName", ""),
		caFile: nested.file("caFile"), certFile: nested.file("certFile"), keyFile: nested.file("keyFile"),
	}
	if (o.certFile == "") != (o.keyFile == "") {
		nested.problem("keyFile", "certFile and keyFile go together; give both or none")
	}
	nested.end()
	return o
}

// config is what to connect with, nil without TLS. Files are read anew, as certificates change.
func (o tlsOptions) config(host string) (*tls.Config, error) {
	if !o.on {
		return nil, nil
	}
	c := &tls.Config{InsecureSkipVerify: o.insecure, ServerName: o.serverName, MinVersion: tls.VersionTLS12}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if o.caFile != "" {
		data, err := readLimited(o.caFile, maxPEMFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificates of tls.caFile: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("read the certificates of tls.caFile: %s holds none in PEM form", o.caFile)
		}
	}
	if o.certFile != "" {
		cert, err := readLimited(o.certFile, maxPEMFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.certFile: %w", err)
		}
		key, err := readLimited(o.keyFile, maxPEMFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.keyFile: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("use tls.certFile %s with tls.keyFile %s: %w", o.certFile, o.keyFile, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
