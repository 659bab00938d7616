package endpoints

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secret = "0123456789abcdef-token"

// ask sends a request from an address, for a Host.
func (b *bed) ask(target, from, host string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr, r.Host = from, host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w
}

func TestAccess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const local, far = "127.0.0.1:5", "192.0.2.7:5"
	for _, c := range []struct {
		name, http, target, from, host string
		header                         []string
		want                           int
	}{
		{name: "local", target: "/daemon", from: local, host: "localhost:7002", want: 200},
		{name: "local by IPv6", target: "/daemon", from: "[::1]:5", host: "[::1]:7002", want: 200},
		{name: "unix socket", target: "/daemon", from: "@", host: "", want: 200},
		{name: "no Host", target: "/health", from: local, host: "", want: 200},
		{name: "a name made to point here", target: "/daemon", from: local, host: "evil.example:7002", want: 403},
		{name: "also for health", target: "/health", from: local, host: "evil.example", want: 403},
		{name: "an allowed name", http: `"allowedHosts":["Status.example"]`, target: "/daemon", from: local, host: "status.EXAMPLE:7002", want: 200},
		{name: "another origin", target: "/daemon", from: local, host: "localhost", header: []string{"Origin", "http://evil.example"}, want: 403},
		{name: "no origin", target: "/daemon", from: local, host: "localhost", header: []string{"Origin", "null"}, want: 403},
		{name: "own origin", target: "/daemon", from: local, host: "localhost:1", header: []string{"Origin", "http://localhost:1"}, want: 200},
		{name: "own machine, other port", target: "/daemon", from: local, host: "localhost:1", header: []string{"Origin", "http://localhost:2"}, want: 403},
		{name: "image of another site", target: "/daemon", from: local, host: "localhost", header: []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, want: 403},
		{name: "link from another site", target: "/daemon", from: local, host: "localhost", header: []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, want: 200},
		{name: "through a proxy", target: "/daemon", from: local, host: "localhost", header: []string{"X-Forwarded-For", "203.0.113.1"}, want: 403},
		{name: "health through a proxy", target: "/health", from: local, host: "localhost", header: []string{"X-Forwarded-For", "203.0.113.1"}, want: 200},
		{name: "far without token", http: `"host":"0.0.0.0","insecure":true`, target: "/info", from: far, host: "h", want: 403},
		{name: "near without token", http: `"host":"0.0.0.0","insecure":true`, target: "/info", from: local, host: "h", want: 403},
		{name: "far, health", http: `"host":"0.0.0.0","insecure":true`, target: "/health", from: far, host: "h", want: 200},
		{name: "far, metrics", http: `"host":"0.0.0.0","insecure":true`, target: "/process?appName=x", from: far, host: "h", want: 403},
		{name: "no token", http: `"token":"` + secret + `"`, target: "/info", from: local, host: "localhost", want: 401},
		{name: "wrong token", http: `"token":"` + secret + `"`, target: "/info", from: local, host: "localhost", header: []string{"Authorization", "Bearer x" + secret}, want: 401},
		{name: "token", http: `"token":"` + secret + `"`, target: "/info", from: far, host: "localhost", header: []string{"Authorization", "bearer " + secret}, want: 200},
		{name: "token of a file", http: `"tokenFile":"` + file + `"`, target: "/info", from: local, host: "localhost", header: []string{"Authorization", "Bearer " + secret}, want: 200},
		{name: "no such file", http: `"tokenFile":"/no/such"`, target: "/info", from: local, host: "localhost", header: []string{"Authorization", "Bearer "}, want: 401},
		{name: "banner", http: `"token":"` + secret + `"`, target: "/", from: far, host: "localhost", want: 200},
	} {
		b := newBed(t, `{"actuator":{"http":{`+c.http+`}}}`, func(c *Config) { c.Log = nil })
		w := b.ask(c.target, c.from, c.host, c.header...)
		if w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
		if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: nothing says how", c.name)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: allows origin %q", c.name, got)
		}
	}
}

func TestTokenOfAFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	source := &tokenSource{path: file}
	for _, token := range []string{"first-token-0123456", "second-token-0123456"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		source.looked = time.Time{}
		if !source.is(token) || source.is("third-token-0123456") {
			t.Errorf("token %q", source.current())
		}
	}
}

func TestCheckBind(t *testing.T) {
	for config, ok := range map[string]bool{
		`{}`:                                 true,
		`{"host":"127.8.9.1"}`:               true,
		`{"host":"::1"}`:                     true,
		`{"host":"localhost"}`:               true,
		`{"host":"0.0.0.0"}`:                 false,
		`{"host":"::"}`:                      false,
		`{"host":"example.org"}`:             false,
		`{"host":"0.0.0.0","insecure":true}`: true,
		`{"host":"0.0.0.0","tls":{"cert":"/c.pem","key":"/k"}}`:  true,
		`{"host":"::ffff:127.0.0.1","token":"0123456789abcdef"}`: true,
	} {
		options, err := DecodeOptions(json.RawMessage(`{"actuator":{"http":` + config + `}}`))
		if err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		if err := options.CheckBind(); (err == nil) != ok {
			t.Errorf("%s: %v", config, err)
		}
	}
	for _, config := range []string{
		`{"token":"short"}`, `{"token":12345678901234567}`, `{"tokenFile":"relative"}`, `{"tls":{"cert":"/c"}}`, `{"tls":{"cert":"c","key":"/k"}}`,
		`{"tls":7}`, `{"allowedHosts":"x"}`, `{"allowedHosts":["a b"]}`,
	} {
		if _, err := DecodeOptions(json.RawMessage(`{"actuator":{"http":` + config + `}}`)); err == nil {
			t.Errorf("%s is accepted", config)
		} else if strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "1234567890") {
			t.Errorf("the token is shown: %v", err)
		}
	}
}

// writeCertificate makes a certificate for 127.0.0.1 with a serial number, and returns a pool that trusts it.
func writeCertificate(t *testing.T, files TLSFiles, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	files := TLSFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	b := newBed(t, `{"actuator":{"http":{"tls":{"cert":"`+files.Cert+`","key":"`+files.Key+`"}}}}`, func(c *Config) { c.Log = nil })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), files.Cert) {
		t.Errorf("without a certificate: %v", err)
	}
	pool := writeCertificate(t, files, 1)
	l, _ = start(t, b, "tcp", "127.0.0.1:0")
	get := func(scheme string, c *tls.Config) (string, error) {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}, Timeout: 5 * time.Second}
		response, err := client.Get(scheme + "://" + l.Addr().String() + "/")
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	if body, err := get("https", &tls.Config{RootCAs: pool}); err != nil || body != banner {
		t.Errorf("%q %v", body, err)
	}
	if body, err := get("http", nil); err == nil && body == banner {
		t.Error("answers without TLS")
	}
	if _, err := get("https", &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("speaks TLS 1.1")
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	c := &certificate{files: TLSFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
	for serial := int64(1); serial < 4; serial++ {
		writeCertificate(t, c.files, serial)
		stamp := time.Now().Add(time.Duration(serial) * time.Hour)
		if err := os.Chtimes(c.files.Cert, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		c.looked = time.Time{}
		pair, err := c.get()
		if err != nil || pair.Leaf.SerialNumber.Int64() != serial {
			t.Fatalf("serial %v, %v", pair.Leaf.SerialNumber, err)
		}
	}
	if err := os.WriteFile(c.files.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.looked = time.Time{}
	if pair, err := c.get(); err != nil || pair.Leaf.SerialNumber.Int64() != 3 {
		t.Errorf("half renewed: %v", err)
	}
}

// scripts is an External with one route.
type scripts struct{ got ExternalRequest }

func (s *scripts) Answer(_ context.Context, r ExternalRequest) (ExternalAnswer, bool, error) {
	s.got = r
	switch r.Path {
	case "/prometheus", "/prometheus/a%2Fb":
		return ExternalAnswer{Status: 201, ContentType: "text/plain", Body: []byte("up 1")}, true, nil
	case "/prometheus/slow":
		return ExternalAnswer{}, false, context.DeadlineExceeded
	case "/prometheus/odd":
		return ExternalAnswer{Status: 99, ContentType: "a\r\nb: c"}, true, nil
	}
	return ExternalAnswer{}, false, nil
}

func TestExternalEndPoints(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) { c.Log = nil })
	b.want(t, "/prometheus", 404, "Not Found")
	host := &scripts{}
	b.Mount(host, []ExternalEndPoint{{Name: "prometheus", Prefixes: []string{"/prometheus", "/p"}}, {Name: "mine", Prefixes: []string{"/prometheus/own"}}})
	b.want(t, "/prometheus?appName=x", 201, "up 1")
	if host.got.EndPoint != "prometheus" || host.got.Method != "GET" || host.got.RawQuery != "appName=x" {
		t.Errorf("asked %+v", host.got)
	}
	b.want(t, "/prometheus/a%2Fb", 201, "up 1")
	b.want(t, "/prometheus/own/x", 404, "Not Found")
	if host.got.EndPoint != "mine" {
		t.Errorf("asked %+v", host.got)
	}
	b.want(t, "/prometheuses", 404, "Not Found")
	b.want(t, "/prometheus/slow", 504, "Gateway Timeout")
	b.want(t, "/prometheus/odd", 502, "Bad Gateway")
	b.want(t, "/", 200, banner)
	if w := b.ask("/prometheus", "192.0.2.1:1", "localhost"); w.Code != 403 {
		t.Errorf("a stranger gets %d", w.Code)
	}
	r := httptest.NewRequest("POST", "/prometheus", strings.NewReader("body"))
	r.RemoteAddr, r.Host = "127.0.0.1:1", "localhost"
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	if w.Code != 201 || string(host.got.Body) != "body" || host.got.Method != "POST" {
		t.Errorf("POST: %d, asked %+v", w.Code, host.got)
	}
	if _, body := b.get(t, "/daemon"); !strings.Contains(body, `"process","runtime","prometheus","mine"]`) {
		t.Errorf("daemon: %s", body)
	}
	b.Mount(nil, nil)
	b.want(t, "/prometheus", 404, "Not Found")
}
