package endpoints

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start serves b on a listener and returns a function that stops it and gives Serve's error.
func start(t *testing.T, b *bed, network, address string) (net.Listener, func() error) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	stop := func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(10 * time.Second):
			return errors.New("Serve did not return")
		}
	}
	t.Cleanup(func() { _ = stop() })
	return l, stop
}

func TestServeOnTCPAndUnix(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.source.set(demo())
	tcp, stopTCP := start(t, b, "tcp", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "http.sock")
	_, stopUnix := start(t, b, "unix", path)
	for _, transport := range []*http.Transport{
		{},
		{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}},
	} {
		client := http.Client{Transport: transport, Timeout: 5 * time.Second}
		response, err := client.Get("http://" + tcp.Addr().String() + "/health?appName=demo")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if got := stamp.ReplaceAllString(string(body), `"timestamp":T`); response.StatusCode != 200 || got != envelope(`{"status":"UP"}`) {
			t.Errorf("%d %s", response.StatusCode, got)
		}
		transport.CloseIdleConnections()
	}
	if err := stopTCP(); err != nil {
		t.Error(err)
	}
	if _, err := net.DialTimeout("tcp", tcp.Addr().String(), time.Second); err == nil {
		t.Error("the port is still open")
	}
	if err := stopUnix(); err != nil {
		t.Error(err)
	}
}

// TestStopWaitsForAnswers: a request under way when the server ends is answered.
func TestStopWaitsForAnswers(t *testing.T) {
	b := newBed(t, noDisk, nil)
	asked, reply := make(chan struct{}), make(chan struct{})
	b.frames.announce(&fakePeer{1, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
		close(asked)
		<-reply
		return json.RawMessage(`[{"key":"k","data":1}]`), nil
	}}, "process", "demo", "P", "c", "multiton")
	l, stop := start(t, b, "tcp", "127.0.0.1:0")
	got := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + l.Addr().String() + "/process?appName=demo")
		if err != nil {
			got <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		got <- string(body)
	}()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// The listener closes before the answer is there.
	for {
		c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
		if err != nil {
			break
		}
		c.Close()
	}
	close(reply)
	if body := <-got; !strings.Contains(body, `"data":[1]`) {
		t.Errorf("got %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestBrokenListenerIsAnError(t *testing.T) {
	b := newBed(t, noDisk, nil)
	l, stop := start(t, b, "tcp", "127.0.0.1:0")
	response, err := http.Get("http://" + l.Addr().String() + "/") // it serves
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	l.Close()
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(t.Context(), l) }()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "serve endpoints on 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
	_ = stop()
}

// TestRawRequests talks to a real listener below the level of a client library.
func TestRawRequests(t *testing.T) {
	b := newBed(t, noDisk, nil)
	l, _ := start(t, b, "tcp", "127.0.0.1:0")
	for _, c := range []struct{ request, status string }{
		{"GET / HTTP/1.0\r\n\r\n", "200"},
		{"GET /HEALTH/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
		{"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"GET /process?appName=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
		{"GET /process?a=b;c HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 32<<10) + "\r\n\r\n", "431"},
		{"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", "413"},
		{"nonsense\r\n\r\n", "400"},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprint(conn, c.request)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, " "+c.status+" ") {
			t.Errorf("%.40q: %q %v, want %s", c.request, line, err, c.status)
		}
		conn.Close()
	}
}

func TestTooManyRequests(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) { c.Log = nil })
	release := make(chan struct{})
	b.frames.announce(&fakePeer{1, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		<-release
		return json.RawMessage(`[]`), nil
	}}, "process", "demo", "P", "c", "multiton")
	done := make(chan *http.Response, 2*maxRequests)
	for range 2 * maxRequests {
		go func() { done <- b.do("GET", "/process?appName=demo") }()
	}
	for range maxRequests { // the others wait
		if response := <-done; response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
		}
	}
	close(release)
	for range maxRequests {
		if response := <-done; response.StatusCode != 200 {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	if response := b.do("GET", "/"); response.StatusCode != 200 {
		t.Errorf("afterwards: %d", response.StatusCode)
	}
}
