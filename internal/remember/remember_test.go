package remember

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/procid"
	"github.com/pandora-go/pandora/internal/wire"
	"go.uber.org/zap"
)

// daemon is a message server with a memory. It keeps frames of the action say.
type daemon struct {
	*Memory
	server *wire.Server
	path   string

	mu    sync.Mutex // guards heard
	heard []string
	end   func()
}

// start starts a daemon in a folder. One before it must have ended.
func start(t *testing.T, dir string) *daemon {
	t.Helper()
	d := &daemon{path: filepath.Join(dir, "s")}
	var err error
	if d.server, err = wire.Listen(d.path, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	d.Memory = Open(d.server, filepath.Join(dir, "file"), zap.NewNop())
	d.server.Handle("say", func(c *wire.Conn, data json.RawMessage, reply func(any)) {
		d.mu.Lock()
		d.heard = append(d.heard, fmt.Sprintf("%d %s", c.ID(), data))
		d.mu.Unlock()
		d.Keep(c.ID(), "say", data, "ask")
		reply(1)
	})
	d.server.Handle("renew", func(c *wire.Conn, _ json.RawMessage, reply func(any)) {
		d.Renews(c.ID())
		reply(1)
	})
	d.server.Handle("recall", func(c *wire.Conn, _ json.RawMessage, reply func(any)) { reply(d.Recall(c.ID(), "say")) })
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = d.server.Serve() })
	running.Go(func() { d.Run(ctx) })
	d.end = sync.OnceFunc(func() {
		cancel()
		_ = d.server.Close()
		running.Wait()
	})
	t.Cleanup(d.end)
	return d
}

func (d *daemon) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.heard, ", ")
}

// folder is one short enough for a socket.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "remember")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// dial connects a peer that answers the questions.
func (d *daemon) dial(t *testing.T, answers ...string) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(t.Context(), d.path, func(_ *wire.Conn, action string, _ json.RawMessage, reply func(any)) {
		if slices.Contains(answers, action) {
			reply(nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); <-c.Done() })
	return c
}

func request(t *testing.T, c *wire.Conn, action string, data any) string {
	t.Helper()
	answer, err := c.Request(t.Context(), action, data)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// until waits for a value.
func until(t *testing.T, want string, got func() string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for got() != want {
		select {
		case <-deadline:
			t.Fatalf("got %q, want %q", got(), want)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// TestNextDaemonIsTold: a peer that is back at another daemon, or on another connection, is known by its answer.
func TestNextDaemonIsTold(t *testing.T) {
	dir := folder(t)
	one := start(t, dir)
	c := one.dial(t, "ask")
	for _, name := range []string{"a", "b", "a"} {
		request(t, c, "say", map[string]string{"name": name})
	}
	until(t, "true", func() string {
		info, err := os.Stat(filepath.Join(dir, "file"))
		return fmt.Sprint(err == nil && info.Mode() == 0o600)
	})
	one.end()

	two := start(t, dir)
	silent := two.dial(t)
	request(t, silent, "say", "own")
	back := two.dial(t, "ask")
	want := `1 "own", 2 {"name":"a"}, 2 {"name":"b"}`
	until(t, want, two.said)
	back.Close()
	<-back.Done()
	until(t, "1", func() string { two.mu.Lock(); defer two.mu.Unlock(); return fmt.Sprint(len(two.awayNow())) })
	two.dial(t, "ask")
	until(t, want+`, 3 {"name":"a"}, 3 {"name":"b"}`, two.said)
}

func (m *Memory) awayNow() []*peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.away)
}

// TestRecall: what only that peer sends is as good as an answer.
func TestRecall(t *testing.T) {
	dir := folder(t)
	one := start(t, dir)
	request(t, one.dial(t), "say", "x")
	one.end()
	two := start(t, dir)
	if !two.Knows("say") || two.Knows("other") {
		t.Error("the action is not known")
	}
	c := two.dial(t)
	if got := request(t, c, "recall", nil); got != "true" || two.said() != `1 "x"` {
		t.Errorf("%s, %s", got, two.said())
	}
	if got := request(t, c, "recall", nil); got != "false" || two.Knows("say") {
		t.Errorf("a second time: %s", got)
	}
}

// TestRenewedPeersAreNotKept: what announces itself each time needs no memory.
func TestRenewedPeersAreNotKept(t *testing.T) {
	dir := folder(t)
	d := start(t, dir)
	c := d.dial(t, "ask")
	request(t, c, "say", "before")
	request(t, c, "renew", nil)
	request(t, c, "say", "after")
	d.end()
	if _, err := os.Stat(filepath.Join(dir, "file")); !os.IsNotExist(err) {
		t.Error("there is a file:", err)
	}
	if d.bytes != 0 || len(d.away) != 0 {
		t.Errorf("%d bytes, %d away", d.bytes, len(d.away))
	}
}

// TestStale: who cannot come back is forgotten, and a file that makes no sense counts as none.
func TestStale(t *testing.T) {
	boot, own := procid.Boot(), procid.Start(os.Getpid())
	if boot == "" || own == "" {
		t.Skip("nothing tells processes apart here")
	}
	file := func(boot string, pid int, start string) string {
		return fmt.Sprintf(`{"version":1,"boot":%q,"peers":[{"pid":%d,"start":%q,"asks":["ask"],"frames":[{"action":"say","data":{"a":1}}]}]}`, boot, pid, start)
	}
	for name, c := range map[string]struct {
		content string
		peers   int
	}{
		"alive":           {file(boot, os.Getpid(), own), 1},
		"another process": {file(boot, os.Getpid(), own+"0"), 0},
		"no process":      {file(boot, -1, own), 0},
		"another boot":    {file("x"+boot, os.Getpid(), own), 0},
		"another version": {strings.Replace(file(boot, os.Getpid(), own), `"version":1`, `"version":2`, 1), 0},
		"torn":            {file(boot, os.Getpid(), own)[:90], 0},
		"nonsense":        {`[1,2]`, 0},
		"empty":           {``, 0},
		"no frames":       {fmt.Sprintf(`{"version":1,"boot":%q,"peers":[{"pid":%d,"start":%q}]}`, boot, os.Getpid(), own), 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			d := start(t, dir)
			if n := len(d.awayNow()); n != c.peers {
				t.Errorf("%d peers", n)
			}
			d.sweep(time.Now().Add(patience + time.Second))
			if n := len(d.awayNow()); n != 0 || d.bytes != 0 {
				t.Errorf("%d peers and %d bytes after a while", n, d.bytes)
			}
		})
	}
	dir := folder(t)
	if err := os.Mkdir(filepath.Join(dir, "file"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

// TestBounds: what is beyond is not kept, and what is kept goes through the file.
func TestBounds(t *testing.T) {
	dir := folder(t)
	d := start(t, dir)
	c := d.dial(t)
	request(t, c, "say", nil)
	request(t, c, "say", strings.Repeat("x", maxFrame))
	for i := range maxFrames + 5 {
		d.Keep(1, "say", json.RawMessage(fmt.Sprint(i)), fmt.Sprint("ask", i))
	}
	d.Keep(99, "say", json.RawMessage("1"), "")
	d.end()
	s, err := read(filepath.Join(dir, "file"))
	if err != nil || len(s.Peers) != 1 || len(s.Peers[0].Frames) != maxFrames || len(s.Peers[0].Asks) != maxAsks {
		t.Errorf("%v, %d peers", err, len(s.Peers))
	}
	d = start(t, folder(t))
	d.dial(t)
	until(t, "true", func() string {
		d.Keep(1, "say", json.RawMessage(`"`+strings.Repeat("x", maxFrame-10)+`"`), "")
		d.Memory.mu.Lock()
		defer d.Memory.mu.Unlock()
		return fmt.Sprint(d.bytes > 0)
	})
	for i := range 3 * maxBytes / maxFrame {
		d.Keep(1, "say", json.RawMessage(fmt.Sprintf(`"%s%d"`, strings.Repeat("x", maxFrame-20), i)), "")
	}
	d.Memory.mu.Lock()
	defer d.Memory.mu.Unlock()
	if d.bytes > maxBytes || d.bytes < maxBytes-maxFrame {
		t.Errorf("%d bytes", d.bytes)
	}
}

// FuzzFile: whatever is in the file, what is taken from it keeps the bounds.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot":"b","peers":[{"pid":7,"start":"s","asks":["ask"],"frames":[{"action":"say","data":{"a":1}},{"action":"say","data":null}]}]}`))
	f.Add([]byte(`{"version":1,"boot":"b","peers":[{"pid":7,"start":"s","frames":[{"action":"say"}]},null,{"pid":-1}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		m := &Memory{path: path, log: zap.NewNop(), boot: "b", start: func(int) string { return "s" }, dirty: make(chan struct{}, 1)}
		m.load()
		size := 0
		for _, p := range m.away {
			if p.pid <= 0 || len(p.frames) > maxFrames || len(p.frames) != len(p.known) || len(p.asks) > maxAsks {
				t.Errorf("peer %+v", p)
			}
			for _, f := range p.frames {
				size += f.size()
				if !json.Valid([]byte(f.data)) {
					t.Errorf("frame %+v", f)
				}
			}
		}
		if size != m.bytes || size > maxBytes || len(m.away) > maxPeers {
			t.Errorf("%d bytes, %d told, %d peers", size, m.bytes, len(m.away))
		}
		m.save()
	})
}
