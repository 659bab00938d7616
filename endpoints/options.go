package endpoints

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// The names of the EndPoints, in the order /daemon lists them.
const (
	nameDaemon  = "daemon"
	nameError   = "error"
	nameHealth  = "health"
	nameInfo    = "info"
	nameProcess = "process"
	nameMetrics = "metrics"
	nameRuntime = "runtime"
)

const (
	defaultHost = "127.0.0.1"
	defaultPort = 7002
	defaultRate = 80
	// defaultCheckURL is what the original ships; no application listens there, so it counts as not configured.
	defaultCheckURL = "http://127.1:6001"
	maxInterval     = 24 * time.Hour
)

// Options are the actuator's settings.
type Options struct {
	// Enabled is false when no HTTP is to be served.
	Enabled bool
	// Host is an IP address or host name.
	Host string
	// Port is 0 for any free port.
	Port int
	// TLS is nil without.
	TLS *TLSFiles
	// Insecure allows an address that other machines reach without TLS.
	Insecure bool
	// Token, or what is in TokenFile, is what clients give as "Authorization: Bearer …"; both are "" without.
	Token, TokenFile string
	// AllowedHosts are names, besides addresses, localhost and Host, that a Host header may have.
	AllowedHosts []string
	// LegacyStatus makes /health answer 200 whatever it says, as the original.
	LegacyStatus bool
	// EndPoints are the settings by EndPoint name: daemon, error, health, info, process, metrics.
	EndPoints map[string]EndPointOptions
	// ReporterInterval caps how long the buckets of metrics are.
	ReporterInterval time.Duration
	// ErrorCapacity is how many different errors of one application are kept.
	ErrorCapacity int

	health healthOptions
	view   healthView
}

// TLSFiles are the paths of a certificate with its chain and of its key, both PEM. They are read again when they change.
type TLSFiles struct {
	Cert, Key string
}

// EndPointOptions are the settings of one EndPoint.
type EndPointOptions struct {
	// Enabled is false when its routes do not exist and its Indicators are ignored.
	Enabled bool
	// InitConfig is the JSON object that a registering Indicator gets.
	InitConfig json.RawMessage
}

// DefaultOptions are the settings of a daemon without configuration: every EndPoint, on 127.0.0.1:7002.
func DefaultOptions() Options {
	o, err := DecodeOptions(nil)
	if err != nil {
		panic("endpoints: the default options are invalid: " + err.Error())
	}
	return o
}

// Address is host:port, for net.Listen.
func (o Options) Address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// DecodeOptions reads actuator.http.{enabled,host,port,legacyStatus,tls,insecure,token,tokenFile,allowedHosts}, actuator.endPoint.<name>.{enabled,initConfig} and
// reporterInterval of the merged global configuration, a JSON object. Missing keys have the original's defaults, unknown keys are left
// alone, and a value that cannot be meant is an error that names its key. Empty data means all defaults.
func DecodeOptions(config json.RawMessage) (Options, error) {
	o := Options{Enabled: true, Host: defaultHost, Port: defaultPort, EndPoints: map[string]EndPointOptions{}}
	root, err := object("", config)
	if err != nil {
		return Options{}, err
	}
	actuator, err := root.object("actuator")
	if err != nil {
		return Options{}, err
	}
	web, err := actuator.object("http")
	if err != nil {
		return Options{}, err
	}
	if err := o.decodeHTTP(web); err != nil {
		return Options{}, err
	}
	points, err := actuator.object("endPoint")
	if err != nil {
		return Options{}, err
	}
	for _, name := range []string{nameDaemon, nameError, nameHealth, nameInfo, nameProcess, nameMetrics, nameRuntime} {
		if o.EndPoints[name], err = decodeEndPoint(points, name); err != nil {
			return Options{}, err
		}
	}
	if o.view, err = decodeView(points); err != nil {
		return Options{}, err
	}
	if o.ReporterInterval, err = decodeInterval(root); err != nil {
		return Options{}, err
	}
	if o.ErrorCapacity, err = decodeErrorCapacity(o.EndPoints[nameError].InitConfig); err != nil {
		return Options{}, err
	}
	o.health, err = decodeHealth(o.EndPoints[nameHealth].InitConfig)
	return o, err
}

// decodeInterval reads reporterInterval, in seconds. As in the original a negative one means the default.
func decodeInterval(root section) (time.Duration, error) {
	raw, ok := root.value("reporterInterval")
	if !ok {
		return metrics.DefaultReporterInterval, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || seconds >= 0 && seconds < 1 || seconds > maxInterval.Seconds() {
		return 0, root.wrong("reporterInterval", raw, "a number of seconds from 1 to 86400")
	}
	if seconds < 0 {
		return metrics.DefaultReporterInterval, nil
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func (o *Options) decodeHTTP(web section) error {
	o.Enabled = web.truthy("enabled", true)
	o.LegacyStatus = web.truthy("legacyStatus", false)
	if raw, ok := web.value("port"); ok {
		port, err := strconv.Atoi(string(bytes.Trim(raw, `"`)))
		if err != nil || port < 0 || port > 65535 {
			return web.wrong("port", raw, "an integer from 0 (any free port) to 65535")
		}
		o.Port = port
	}
	if raw, ok := web.value("host"); ok {
		if json.Unmarshal(raw, &o.Host) != nil || !validHost(o.Host) {
			return web.wrong("host", raw, `an IP address or a host name, as "127.0.0.1"`)
		}
	}
	return o.decodeAccess(web)
}

// decodeAccess reads what decides who may connect and see.
func (o *Options) decodeAccess(web section) error {
	o.Insecure = web.truthy("insecure", false)
	files, err := web.object("tls")
	if err != nil {
		return err
	}
	if len(files.values) > 0 {
		o.TLS = &TLSFiles{}
		for key, path := range map[string]*string{"cert": &o.TLS.Cert, "key": &o.TLS.Key} {
			raw, _ := files.value(key)
			if json.Unmarshal(raw, path) != nil || !strings.HasPrefix(*path, "/") {
				return files.wrong(key, raw, "the absolute path of a PEM file")
			}
		}
	}
	if raw, ok := web.value("token"); ok {
		if json.Unmarshal(raw, &o.Token) != nil || len(o.Token) < minToken {
			return fmt.Errorf("read config %q: the value is not valid; give a string of at least %d characters", web.join("token"), minToken)
		}
	}
	if raw, ok := web.value("tokenFile"); ok {
		if json.Unmarshal(raw, &o.TokenFile) != nil || !strings.HasPrefix(o.TokenFile, "/") {
			return web.wrong("tokenFile", raw, "the absolute path of a file that holds the token")
		}
	}
	if raw, ok := web.value("allowedHosts"); ok {
		if json.Unmarshal(raw, &o.AllowedHosts) != nil || slices.ContainsFunc(o.AllowedHosts, func(h string) bool { return !validHost(h) }) {
			return web.wrong("allowedHosts", raw, `a list of host names, as ["status.example.org"]`)
		}
		for i, name := range o.AllowedHosts {
			o.AllowedHosts[i] = strings.ToLower(name)
		}
	}
	return nil
}

func decodeEndPoint(points section, name string) (EndPointOptions, error) {
	if raw, ok := points.values[name]; ok && !isTruthy(raw) {
		return EndPointOptions{InitConfig: json.RawMessage("{}")}, nil
	}
	point, err := points.object(name)
	if err != nil {
		return EndPointOptions{}, err
	}
	init, err := point.object("initConfig")
	if err != nil {
		return EndPointOptions{}, err
	}
	merged := map[string]any{}
	for key, raw := range init.values {
		if merged[key], err = decodeAny(raw); err != nil {
			return EndPointOptions{}, init.wrong(key, raw, "JSON")
		}
	}
	if name == nameHealth {
		merged = overlay(map[string]any{
			"port":       map[string]any{"enabled": true, "checkUrl": defaultCheckURL},
			"disk_space": map[string]any{"enabled": true, "rate": defaultRate},
		}, merged)
	}
	data, err := encodeJSON(merged)
	if err != nil {
		return EndPointOptions{}, fmt.Errorf("read config %q: %w", init.path, err)
	}
	return EndPointOptions{Enabled: point.truthy("enabled", true), InitConfig: data}, nil
}

// section is a JSON object of the configuration, with the dotted path that error messages name.
type section struct {
	path   string
	values map[string]json.RawMessage
}

// object decodes a JSON object; absent and null are empty ones.
func object(path string, raw json.RawMessage) (section, error) {
	s := section{path: path}
	if len(bytes.TrimSpace(raw)) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(raw, &s.values); err != nil {
		name := path
		if name == "" {
			name = "(the whole)"
		}
		return s, fmt.Errorf("read config %q: %s is not an object", name, shorten(raw))
	}
	return s, nil
}

func (s section) object(key string) (section, error) { return object(s.join(key), s.values[key]) }

func (s section) join(key string) string {
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

// value returns the raw value of a key that is there and not null.
func (s section) value(key string) (json.RawMessage, bool) {
	raw, ok := s.values[key]
	raw = bytes.TrimSpace(raw)
	return raw, ok && string(raw) != "null"
}

// truthy reads a flag the way JavaScript would.
func (s section) truthy(key string, absent bool) bool {
	raw, ok := s.values[key]
	if !ok {
		return absent
	}
	return isTruthy(raw)
}

func (s section) wrong(key string, raw json.RawMessage, want string) error {
	return fmt.Errorf("read config %q: %s is not valid; give %s", s.join(key), shorten(raw), want)
}

func isTruthy(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", "false", `""`, "0", "-0":
		return false
	}
	var number float64
	return json.Unmarshal(raw, &number) != nil || number != 0
}

// shorten keeps an error message readable whatever was configured.
func shorten(raw json.RawMessage) string {
	const limit = 80
	if len(raw) <= limit {
		return string(raw)
	}
	return string(bytes.ToValidUTF8(raw[:limit], nil)) + "…"
}

// decodeAny decodes JSON and keeps numbers as they are written.
func decodeAny(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// overlay returns base with the values of top over it, objects merged key by key.
func overlay(base, top map[string]any) map[string]any {
	merged := maps.Clone(base)
	for key, value := range top {
		upper, isObject := value.(map[string]any)
		lower, wasObject := merged[key].(map[string]any)
		if isObject && wasObject {
			value = overlay(lower, upper)
		}
		merged[key] = value
	}
	return merged
}

// maxHost is the length of the longest host name.
const maxHost = 253

// validHost accepts addresses and host names. No regular expression: this one would be compiled by every process of the
// program, and a bounded repetition takes long.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }
	if host == "" || len(host) > maxHost || !letter(host[0]) || !letter(host[len(host)-1]) {
		return false
	}
	for i := range len(host) {
		if c := host[i]; !letter(c) && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
