package wire

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

const patience = 10 * time.Second

// start serves on a fresh path until the test ends.
func start(t *testing.T, set func(s *Server)) (path string, s *Server) {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "s")
	s, err = Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	set(s)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return path, s
}

func dial(t *testing.T, path string, handlers ...Handler) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), path, handlers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); wait(t, c.Done()) })
	return c
}

func wait[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func echo(s *Server) {
	s.Handle("echo", func(_ *Conn, data json.RawMessage, reply func(any)) { reply(data) })
}

func TestRequest(t *testing.T) {
	path, _ := start(t, func(s *Server) {
		echo(s)
		s.Handle("nothing", func(_ *Conn, _ json.RawMessage, reply func(any)) { reply(nil); reply("again") })
		s.Handle("silent", func(*Conn, json.RawMessage, func(any)) {})
		s.HandleFunc(func(a string) bool { return strings.HasPrefix(a, "p_") },
			func(c *Conn, a string, _ json.RawMessage, reply func(any)) {
				reply(fmt.Sprint(a, " ", c.ID(), " ", c.PeerPID()))
			})
		s.HandleFunc(func(string) bool { return true },
			func(_ *Conn, a string, _ json.RawMessage, reply func(any)) { reply("any " + a) })
	})
	c := dial(t, path)
	for _, tt := range []struct {
		action string
		data   any
		want   string
	}{
		{"echo", map[string]any{"a": []int{1, 2}}, `{"a":[1,2]}`},
		{"echo", json.RawMessage("null"), "null"},
		{"nothing", 1, ""},
		{"p_x", nil, fmt.Sprintf(`"p_x 1 %d"`, os.Getpid())},
		{"other", nil, `"any other"`},
	} {
		got, err := c.Request(t.Context(), tt.action, tt.data)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s %v, want %s", tt.action, got, err, tt.want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Request(ctx, "silent", nil); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := c.Request(ctx, "silent", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestManyConcurrentRequests(t *testing.T) {
	path, _ := start(t, echo)
	var wg sync.WaitGroup
	for range 8 {
		c := dial(t, path)
		for worker := range 8 {
			wg.Go(func() {
				for i := range 50 {
					want := fmt.Sprintf(`"%d %d %s"`, worker, i, strings.Repeat("x", i*100))
					got, err := c.Request(t.Context(), "echo", json.RawMessage(want))
					if err != nil || string(got) != want {
						t.Errorf("%.40s: %.40s %v", want, got, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestServerAsksClient(t *testing.T) {
	asked := make(chan string, 1)
	path, _ := start(t, func(s *Server) {
		s.Handle("hello", func(c *Conn, _ json.RawMessage, _ func(any)) {
			go func() {
				data, err := c.Request(context.Background(), "DOWN", 7)
				asked <- fmt.Sprint(string(data), err)
			}()
		})
	})
	c := dial(t, path, func(_ *Conn, action string, data json.RawMessage, reply func(any)) {
		reply(action + string(data))
	})
	if err := c.Send("hello", nil); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, asked); got != `"DOWN7"<nil>` {
		t.Errorf("got %s", got)
	}
}

func TestOrderAndOnClose(t *testing.T) {
	var seen []string
	ended := make(chan uint64, 1)
	path, _ := start(t, func(s *Server) {
		s.Handle("n", func(_ *Conn, data json.RawMessage, _ func(any)) { seen = append(seen, string(data)) })
		s.OnClose(func(c *Conn) { ended <- c.ID() })
	})
	c := dial(t, path)
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint(i))
		if err := c.Send("n", i); err != nil {
			t.Fatal(err)
		}
	}
	c.Close() // queued frames still go out
	if id := wait(t, ended); id != 1 {
		t.Errorf("connection %d ended", id)
	}
	if strings.Join(seen, " ") != strings.Join(want, " ") {
		t.Errorf("got %v", seen)
	}
	if err := c.Send("n", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestMalformedHarmsNobodyElse(t *testing.T) {
	path, _ := start(t, func(s *Server) {
		echo(s)
		s.Handle("panic", func(*Conn, json.RawMessage, func(any)) { panic("defect") })
	})
	good := dial(t, path)
	for _, v := range vectors(t) {
		if v.End != "malformed" {
			continue
		}
		raw, _ := hex.DecodeString(v.Hex)
		bad, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bad.Write(raw); err != nil {
			t.Fatal(err)
		}
		_ = bad.SetReadDeadline(time.Now().Add(patience))
		if n, err := bad.Read(make([]byte, 10)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: read %d %v, want a closed connection", v.Name, n, err)
		}
		bad.Close()
	}
	if err := good.Send("panic", nil); err != nil {
		t.Fatal(err)
	}
	// Late and invented answers are dropped.
	for _, action := range []string{"response_callback_99", "response_callback_x", "response_callback_"} {
		if err := good.Send(action, 1); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := good.Request(t.Context(), "echo", 5); err != nil || string(got) != "5" {
		t.Errorf("after all that: %s %v", got, err)
	}
}

func TestSlowPeerIsCutOff(t *testing.T) {
	cut := make(chan error, 1)
	path, _ := start(t, func(s *Server) {
		s.Handle("flood", func(c *Conn, _ json.RawMessage, _ func(any)) {
			block := strings.Repeat("x", 1<<20)
			for range 64 {
				if err := c.Send("block", block); err != nil {
					cut <- err
					return
				}
			}
			cut <- nil
		})
	})
	raw, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	ask, _ := encodeFrame(1, "flood", nil)
	if _, err := raw.Write(ask); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, cut); !errors.Is(err, ErrSlowPeer) {
		t.Errorf("got %v, want ErrSlowPeer", err)
	}
}

func TestCloseEndsRequestsAndIsRepeatable(t *testing.T) {
	arrived := make(chan struct{})
	var closed atomic.Int32
	path, s := start(t, func(s *Server) {
		s.Handle("wait", func(*Conn, json.RawMessage, func(any)) { close(arrived) })
		s.OnClose(func(*Conn) { closed.Add(1) })
	})
	c := dial(t, path)
	answer := make(chan error, 1)
	go func() {
		_, err := c.Request(context.Background(), "wait", nil)
		answer <- err
	}()
	wait(t, arrived)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if closed.Load() != 1 {
		t.Error("Close returned before OnClose")
	}
	if err := wait(t, answer); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := s.Serve(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := Dial(t.Context(), path); err == nil {
		t.Error("connected to a closed server")
	}
}
