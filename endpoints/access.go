package endpoints

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/fserr"
)

// minToken is how long a token must be: a shorter one can be guessed.
const minToken = 16

const (
	// maxTokenFile bounds what is read of a token's file.
	maxTokenFile = 4 << 10
	// tokenCheck is how often a token's file is looked at.
	tokenCheck = time.Second
)

// CheckBind reports why nothing may be served where the options say: an address that other machines reach needs TLS, or
// the explicit word that it may go without. nil means that it may.
func (o Options) CheckBind() error {
	if o.local() || o.TLS != nil || o.Insecure {
		return nil
	}
	return fmt.Errorf("actuator.http.host is %q, which other machines reach, without TLS: give actuator.http.tls {cert, key}, "+
		"or actuator.http.insecure: true if the network is trusted", o.Host)
}

// local reports whether the options bind to this machine only.
func (o Options) local() bool { return isLocal(o.Host) }

func isLocal(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return host == "localhost"
}

// access decides who may see what. Probes, /health without details and the banner are for everybody who can connect; the
// rest is for trusted clients: those with the token, those of a unix socket, and, where neither a token is configured nor
// another machine can connect, those of the loopback address that no proxy speaks for.
type access struct {
	hosts []string
	host  string
	local bool
	token *tokenSource // nil when none is configured
}

func newAccess(o Options, log *zap.Logger) *access {
	a := &access{hosts: o.AllowedHosts, host: o.Host, local: o.local()}
	if o.Token != "" || o.TokenFile != "" {
		a.token = &tokenSource{fixed: o.Token, path: o.TokenFile, log: log}
	}
	return a
}

// errHost and errOrigin refuse a browser that was led here by another site.
var (
	errHost   = errors.New("the Host header names a host that is not served here; add it to actuator.http.allowedHosts")
	errOrigin = errors.New("requests from pages of another origin are not answered")
)

// check refuses requests that a page of another site makes a browser send: by a name that was made to point here, or
// across origins.
func (a *access) check(r *http.Request) error {
	if !a.allowsHost(r.Host) {
		return errHost
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return errOrigin
		}
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		return errOrigin
	}
	return nil
}

// allowsHost accepts a Host header. An address cannot be made to point elsewhere, and neither can no name.
func (a *access) allowsHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.EqualFold(host, a.host) {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if slices.Contains(a.hosts, host) {
		return true
	}
	return !a.local && len(a.hosts) == 0
}

// trusts reports whether a client may see what is not for everybody.
func (a *access) trusts(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return true // a unix socket, whose file mode has decided
	}
	if a.token != nil {
		given, found := bearer(r.Header.Get("Authorization"))
		return found && a.token.is(given)
	}
	if !a.local {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false // a proxy on this machine speaks for somebody else
		}
	}
	address, err := netip.ParseAddr(peer)
	return err == nil && address.Unmap().IsLoopback()
}

// refusal is the answer to a client that may not see a route.
func (a *access) refusal() (answer, http.Header) {
	if a.token == nil {
		return text(http.StatusForbidden, "Forbidden: this is shown to clients of this machine, or with a token (actuator.http.token)"), nil
	}
	return text(http.StatusUnauthorized, "Unauthorized"), http.Header{"Www-Authenticate": {`Bearer realm="pandora"`}}
}

// bearer returns the token of an Authorization header.
func bearer(header string) (token string, found bool) {
	scheme, token, found := strings.Cut(header, " ")
	return strings.TrimSpace(token), found && strings.EqualFold(scheme, "Bearer")
}

// tokenSource is the configured token, or what is in a file now.
type tokenSource struct {
	fixed, path string
	log         *zap.Logger

	mu sync.Mutex
	// The fields below are guarded by mu.
	looked time.Time
	read   string
	failed bool
}

// is compares in a time that does not depend on the token.
func (t *tokenSource) is(given string) bool {
	want := t.current()
	if len(want) < minToken {
		return false
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// current returns the token; "" when its file cannot be read.
func (t *tokenSource) current() string {
	if t.path == "" {
		return t.fixed
	}
	t.mu.Lock()
	fresh := !t.looked.IsZero() && time.Since(t.looked) < tokenCheck
	token := t.read
	if !fresh {
		t.looked = time.Now()
	}
	t.mu.Unlock()
	if fresh {
		return token
	}
	token, err := readToken(t.path)
	t.mu.Lock()
	t.read = token
	news := err != nil && !t.failed
	t.failed = err != nil
	t.mu.Unlock()
	if news {
		t.log.Warn("token not read", zap.String("path", t.path), zap.Error(err))
	}
	return token
}

// readToken reads a token from a file.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the token of actuator.http.tokenFile %q: %w", path, fserr.Bare(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxTokenFile {
		return "", fmt.Errorf("read the token of actuator.http.tokenFile: %q is not a file of at most %d bytes", path, maxTokenFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the token of actuator.http.tokenFile %q: %w", path, fserr.Bare(err))
	}
	token := strings.TrimSpace(string(data))
	if len(token) < minToken {
		return "", fmt.Errorf("read the token of actuator.http.tokenFile: %q holds fewer than %d characters", path, minToken)
	}
	return token, nil
}
