package endpoints

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// maxDials bounds the connections that one check makes at a time.
const maxDials = 16

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

// checkSockets connects to every socket; UP when all accept.
func checkSockets(ctx context.Context, sockets []Socket) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots := make(chan struct{}, maxDials)
	failed := make(chan struct{}, len(sockets))
	var wg sync.WaitGroup
	for _, s := range sockets {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if !accepts(ctx, s) {
				failed <- struct{}{}
				cancel() // one is enough to know
			}
		})
	}
	wg.Wait()
	if len(failed) > 0 {
		return statusDown
	}
	return statusUp
}

// accepts reports whether a socket accepts a connection. One bound to all addresses is tried on the loopback ones.
func accepts(ctx context.Context, s Socket) bool {
	dialer := net.Dialer{Timeout: portLimit}
	for _, target := range targets(s) {
		network := "tcp"
		if s.Network == "unix" {
			network = "unix"
		}
		conn, err := dialer.DialContext(ctx, network, target)
		if err == nil {
			conn.Close()
			return true
		}
	}
	return false
}

// targets returns what to dial for a socket, in the order to try.
func targets(s Socket) []string {
	if s.Network == "unix" {
		if path, abstract := strings.CutPrefix(s.Address, "\x00"); abstract {
			return []string{"@" + path}
		}
		return []string{s.Address}
	}
	port := strconv.Itoa(s.Port)
	address, err := netip.ParseAddr(s.Address)
	switch {
	case s.Address == "" || err == nil && address.IsUnspecified() && address.Is6():
		// "::" is usually open for IPv4 too, and reachable that way where the loopback has no IPv6 address.
		return []string{net.JoinHostPort("::1", port), net.JoinHostPort("127.0.0.1", port)}
	case err == nil && address.IsUnspecified():
		return []string{net.JoinHostPort("127.0.0.1", port)}
	}
	return []string{net.JoinHostPort(s.Address, port)}
}

// checkURL is UP when a GET answers exactly 200: a redirect is not followed and not success. No proxy is used.
func checkURL(ctx context.Context, target *url.URL) string {
	dialer := net.Dialer{Timeout: portLimit}
	transport := &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, expandAddress(address))
		},
	}
	client := http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return statusDown
	}
	request.Header.Set("User-Agent", "pandora-health")
	response, err := client.Do(request)
	if err != nil {
		return statusDown
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return statusDown
	}
	return statusUp
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
