package endpoints

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// portLimit bounds a connection, unless the check has a time limit of its own.
	portLimit = time.Second
	// maxDials bounds the connections that one check makes at a time.
	maxDials = 16
)

// portOptions are those of port: what the application listens on, or something else, takes connections, or answers to a
// request as it should.
type portOptions struct {
	// url is asked by HTTP; path is asked for at each socket of the application; at is connected to. With none of them each
	// socket of the application is connected to.
	url  *url.URL
	path string
	at   place
	// handshake is for at.
	handshake tlsOptions
	http      *httpOptions
	connect   time.Duration
}

func decodePort(f *fields) checkOptions {
	o := &portOptions{connect: portLimit}
	if f.has("timeoutMs") {
		o.connect = f.millis("timeoutMs", portLimit, minLimit, maxLimit)
	}
	key := "url"
	if f.has("checkUrl") {
		key = "checkUrl" // as the original calls it
	}
	if raw, _ := f.value(key); string(raw) != `""` || !f.lenient {
		o.url = f.url(key, "http", "https")
	}
	if o.url != nil && f.lenient && strings.TrimSuffix(o.url.String(), "/") == defaultCheckURL {
		o.url = nil // the original's default: no application listens there, so it counts as not configured
	}
	o.path = f.text("path", "")
	if o.path != "" && (o.path[0] != '/' || o.url != nil) {
		f.fail("path", `a path of the application's own port, as "/health", and no url beside it`)
	}
	if o.url != nil || o.path != "" {
		o.http = decodeHTTPOptions(f, "GET")
		f.skip("host", "port")
		return o
	}
	if f.has("port") || f.has("socketPath") {
		o.at = f.place(0)
		o.handshake = f.tls(false)
	}
	return o
}

func (o *portOptions) perApp() bool    { return o.url == nil && o.at.address == "" }
func (o *portOptions) process() string { return "" }

func (o *portOptions) probe(_ checkEnv, spec checkSpec) probe {
	return portProbe{options: o}
}

type portProbe struct {
	stateless
	options *portOptions
}

func (p portProbe) try(ctx context.Context, app Application) finding {
	o := p.options
	switch {
	case o.url != nil:
		a, err := o.http.ask(ctx, o.url, o.connect, false)
		return finding{err: err, details: a.details}
	case o.at.address != "":
		return finding{err: o.reach(ctx, o.at), details: map[string]any{"address": o.at.address}}
	}
	sockets := connectable(app.Sockets)
	if len(sockets) == 0 {
		return finding{absent: true}
	}
	return o.sockets(ctx, sockets)
}

// reach connects, and makes a TLS handshake if it is asked for.
func (o *portOptions) reach(ctx context.Context, at place) error {
	ctx, cancel := context.WithTimeout(ctx, o.connect)
	defer cancel()
	conn, err := dial(ctx, at)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", at, advice(err))
	}
	defer conn.Close()
	config, err := o.handshake.config(at.host())
	if err == nil && config != nil {
		err = tls.Client(&boundedConn{Conn: conn, left: maxAnswer}, config).HandshakeContext(ctx)
	}
	if err != nil {
		return fmt.Errorf("connect to %s with TLS: %w", at, advice(err))
	}
	return nil
}

// connectable returns the sockets that a connection can be made to.
func connectable(sockets []Socket) []Socket {
	var list []Socket
	for _, s := range sockets {
		if strings.HasPrefix(s.Network, "tcp") || s.Network == "unix" {
			list = append(list, s)
		}
	}
	return list
}

// sockets tries every socket of the application; UP when all are.
func (o *portOptions) sockets(ctx context.Context, sockets []Socket) finding {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, maxDials)
	var wg sync.WaitGroup
	for _, s := range sockets {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			if err := o.socket(ctx, s); err != nil {
				cancel(err) // one is enough to know, and the first one tells
			}
		})
	}
	wg.Wait()
	var names []string
	for _, s := range sockets[:min(len(sockets), maxDials)] {
		names = append(names, targets(s)[len(targets(s))-1].address)
	}
	return finding{err: context.Cause(ctx), details: map[string]any{"sockets": len(sockets), "addresses": names}}
}

// socket tries one. One bound to all addresses is tried on the loopback ones.
func (o *portOptions) socket(ctx context.Context, s Socket) error {
	var err error
	for _, at := range targets(s) {
		if o.http == nil {
			err = o.reach(ctx, at)
		} else {
			err = o.request(ctx, at)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// request asks a socket of the application for path.
func (o *portOptions) request(ctx context.Context, at place) error {
	request, host := *o.http, at.address
	if at.network == "unix" {
		request.socket, host = at.address, "localhost"
	}
	target := &url.URL{Scheme: "http", Host: host}
	reference, err := url.Parse(o.path)
	if err != nil {
		return fmt.Errorf("ask for %q: %w", o.path, err)
	}
	_, err = request.ask(ctx, target.ResolveReference(reference), o.connect, false)
	return err
}

// targets returns what to connect to for a socket, in the order to try.
func targets(s Socket) []place {
	if s.Network == "unix" {
		if path, abstract := strings.CutPrefix(s.Address, "\x00"); abstract {
			return []place{{"unix", "@" + path}}
		}
		return []place{{"unix", s.Address}}
	}
	port := strconv.Itoa(s.Port)
	address, err := netip.ParseAddr(s.Address)
	switch {
	case s.Address == "" || err == nil && address.IsUnspecified() && address.Is6():
		// "::" is usually open for IPv4 too, and reachable that way where the loopback has no IPv6 address.
		return []place{{"tcp", net.JoinHostPort("::1", port)}, {"tcp", net.JoinHostPort("127.0.0.1", port)}}
	case err == nil && address.IsUnspecified():
		return []place{{"tcp", net.JoinHostPort("127.0.0.1", port)}}
	}
	return []place{{"tcp", net.JoinHostPort(s.Address, port)}}
}

// expandAddress writes the short IPv4 forms that C programs take ("127.1", as in the original's default) in full.
func expandAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	parts := strings.Split(host, ".")
	if len(parts) > 3 {
		return address
	}
	var value uint64
	for i, part := range parts {
		number, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(part) > 1 && part[0] == '0' {
			return address
		}
		last := i == len(parts)-1
		if !last && number > 255 || last && number >= 1<<(8*(4-i)) {
			return address
		}
		if last {
			value |= number
		} else {
			value |= number << (8 * (3 - i))
		}
	}
	full := netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)})
	return net.JoinHostPort(full.String(), port)
}
