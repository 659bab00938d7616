package endpoints

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// crowds connects clients that send the beginning of a request.
func crowds(t *testing.T, address string, n int, first string) {
	t.Helper()
	conns := make([]net.Conn, 0, n)
	t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if first != "" {
			if _, err := c.Write([]byte(first)); err != nil {
				t.Fatal(err)
			}
		}
		conns = append(conns, c)
	}
}

// idleClients is 10,000, or as many as this process may have descriptors for.
func idleClients(t *testing.T) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return min(10_000, max(2*maxConnections, int(limit.Cur)-2*maxConnections))
}

// TestCrowds: thousands of clients that say nothing, or half a request, keep nobody from being answered, and hold no more
// connections than there may be.
func TestCrowds(t *testing.T) {
	for _, c := range []struct {
		name, first string
		n           int
	}{
		{"idle", "", idleClients(t)},
		{"half a header", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", 2 * maxConnections},
		{"kept alive", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * maxConnections},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, noDisk, func(c *Config) { c.Log = nil })
			l, _ := start(t, b, "tcp", "127.0.0.1:0")
			before := runtime.NumGoroutine()
			crowds(t, l.Addr().String(), c.n, c.first)
			for range 20 {
				began := time.Now()
				response, err := http.Get("http://" + l.Addr().String() + "/")
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if took := time.Since(began); response.StatusCode != 200 || took > 2*time.Second {
					t.Fatalf("status %d after %v", response.StatusCode, took)
				}
			}
			if more := runtime.NumGoroutine() - before; more > 3*maxConnections {
				t.Errorf("%d goroutines for %d clients", more, c.n)
			}
		})
	}
}

// TestCrowdMakesRoomForTheNew: who waits longest goes first, and nobody who is being answered.
func TestCrowdMakesRoomForTheNew(t *testing.T) {
	c := newCrowd(2)
	var guests []*guest
	closed := map[int]bool{}
	for i := range 5 {
		server, client := net.Pipe()
		defer client.Close()
		conn := closing{Conn: server, told: func() { closed[i] = true }}
		g := c.enter(&conn)
		guests = append(guests, g)
		if i == 0 {
			c.answering(g) // stays
		}
	}
	if want := map[int]bool{1: true, 2: true, 3: true}; fmt.Sprint(closed) != fmt.Sprint(want) {
		t.Errorf("closed %v, want %v", closed, want)
	}
	c.idle(guests[0].conn)
	c.left(guests[4].conn)
	if len(c.all) != 1 || c.waiting.Len() != 1 {
		t.Errorf("%d connections, %d wait", len(c.all), c.waiting.Len())
	}
}

// closing tells when it is closed.
type closing struct {
	net.Conn
	told func()
}

func (c *closing) Close() error {
	c.told()
	return c.Conn.Close()
}
