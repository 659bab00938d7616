package wire

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestFramesStayWhole: frames that a socket takes only in part, from several goroutines, some of them left to the writer,
// arrive whole, and those of one goroutine in its order.
func TestFramesStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := dial(t, path)
	raw, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	const senders, each = 4, 60
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for i := range each {
				// From a few bytes to more than a socket's buffer.
				text := strings.Repeat(fmt.Sprint(sender), []int{10, 3000, 150_000}[i%3])
				data, err := json.Marshal([]any{sender, i, text})
				if err != nil {
					t.Error(err)
				}
				c.mu.Lock()
				id := c.nextIDLocked()
				c.mu.Unlock()
				if err := c.send(id, "x", json.RawMessage(data), sending{must: true, gather: i%2 == 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	frames := newFrameReader(raw)
	next := make([]int, senders)
	for range senders * each {
		f, err := frames.next()
		if err != nil {
			t.Fatal(err)
		}
		var sender, i int
		var text string
		if err := json.Unmarshal(f.data, &[]any{&sender, &i, &text}); err != nil {
			t.Fatal(err)
		}
		if i != next[sender] || strings.Trim(text, fmt.Sprint(sender)) != "" {
			t.Fatalf("sender %d: frame %d, want %d", sender, i, next[sender])
		}
		next[sender]++
	}
	all.Wait()
}

// TestCloseSendsTheRest: Close lets also what was written in part go out.
func TestCloseSendsTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := dial(t, path)
	raw, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	text := strings.Repeat("x", 2<<20)
	if err := c.Send("x", text); err != nil {
		t.Fatal(err)
	}
	c.Close()
	f, err := newFrameReader(raw).next()
	if err != nil || len(f.data) != len(text)+2 {
		t.Fatalf("%d bytes, %v", len(f.data), err)
	}
	<-c.Done()
}
