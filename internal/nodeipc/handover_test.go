package nodeipc

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handOver freezes a channel and makes another of its state, as an exec would: the first is never thawed.
func handOver(t *testing.T, ch *Channel, told func([]byte, error)) *Channel {
	t.Helper()
	if !ch.Freeze() {
		t.Fatal("the channel has ended")
	}
	s, ok := ch.Export()
	if !ok {
		t.Fatal("the channel cannot be exported")
	}
	// The state travels as JSON. The descriptors would stay open over an exec; here the first channel goes on owning its own.
	for _, fd := range s.Descriptors() {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			t.Fatalf("descriptor %d: %v", fd, err)
		}
	}
	dup := func(fd int) int {
		if fd < 0 {
			return fd
		}
		mine, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		return mine
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again State
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	again.FD = dup(again.FD)
	for i := range again.FDs {
		again.FDs[i] = dup(again.FDs[i])
	}
	for _, o := range append(again.pointers(), again.Current, again.InFlight) {
		if o != nil {
			o.FD = dup(o.FD)
		}
	}
	next, err := Import(again, told)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// pointers are the messages that wait.
func (s *State) pointers() []*Outgoing {
	var all []*Outgoing
	for i := range s.Urgent {
		all = append(all, &s.Urgent[i])
	}
	for i := range s.Queue {
		all = append(all, &s.Queue[i])
	}
	return all
}

func TestHandOverInTheMiddle(t *testing.T) {
	got := make(chan string, 10)
	ch, p := pair(t, func(m Message) { got <- string(m.Raw) })
	fd, _ := listener(t)
	ch.SendHandle("one", "net.Server", fd, func(err error) {
		if err == nil {
			t.Error("the channel before the hand-over took the answer")
		}
	})
	ch.SendHandle("two", "net.Server", fd, func(error) {})
	ch.Send("three")
	p.hear(t)                                         // "one", not acknowledged
	if _, err := p.Write([]byte(`"ab`)); err != nil { // a part of a line
		t.Fatal(err)
	}
	if !ch.Freeze() {
		t.Fatal("ended")
	}
	ch.Thaw() // and again, so that a freeze that came to nothing is tested as well
	told := make(chan string, 10)
	next := handOver(t, ch, func(line []byte, err error) { told <- fmt.Sprint(strings.Contains(string(line), "one"), err) })
	p.served = make(chan error, 1)
	go func() { p.served <- next.Serve(func(m Message) { got <- "next " + string(m.Raw) }) }()
	t.Cleanup(func() { next.Close(); <-p.served })

	p.say(t, `cd"`)
	p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`)
	if s := <-got; s != `next "abcd"` {
		t.Errorf("got %s", s)
	}
	if s := <-told; s != "true <nil>" {
		t.Errorf("told %s", s)
	}
	if line := p.hear(t); !strings.Contains(line, `"two"`) {
		t.Errorf("got %s", line)
	}
	p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`)
	if s := <-told; s != "false <nil>" {
		t.Errorf("told %s", s)
	}
	if line := p.hear(t); line != `"three"` {
		t.Errorf("got %s", line)
	}
}

// TestHandOverOfPartOfAMessage freezes the writer while the child takes nothing.
func TestHandOverOfPartOfAMessage(t *testing.T) {
	ch, p := pair(t, func(Message) {})
	long := strings.Repeat("x", 8<<20)
	ch.Send(long)
	ch.Send("after")
	// The kernel has taken what fits when a byte can be read.
	first := make([]byte, 1)
	if _, err := p.Read(first); err != nil {
		t.Fatal(err)
	}
	next := handOver(t, ch, nil)
	served := make(chan error, 1)
	go func() { served <- next.Serve(func(Message) {}) }()
	t.Cleanup(func() { next.Close(); <-served })
	if line := p.hear(t); string(first)+line != `"`+long+`"` {
		t.Errorf("the message came with %d bytes, want %d", len(line)+1, len(long)+2)
	}
	if line := p.hear(t); line != `"after"` {
		t.Errorf("got %.80s", line)
	}
}

// TestFreezeHoldsMessages: what comes and goes while the channel stands still waits.
func TestFreezeHoldsMessages(t *testing.T) {
	got := make(chan string, 10)
	ch, p := pair(t, func(m Message) { got <- string(m.Raw) })
	for i := range 50 {
		if !ch.Freeze() {
			t.Fatal("ended")
		}
		p.say(t, fmt.Sprint(i))
		ch.Send(i)
		p.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := p.Read(make([]byte, 1)); !os.IsTimeout(err) {
			t.Fatalf("a frozen channel wrote: %v", err)
		}
		select {
		case s := <-got:
			t.Fatalf("a frozen channel read %s", s)
		default:
		}
		p.SetReadDeadline(time.Now().Add(patience))
		ch.Thaw()
		if s := <-got; s != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", s, i)
		}
		if line := p.hear(t); line != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", line, i)
		}
	}
	p.Close()
	<-p.served
	if ch.Freeze() {
		t.Error("a channel that has ended was frozen")
	}
	if _, ok := ch.Export(); ok {
		t.Error("a channel that has ended was exported")
	}
	if err := Closed().Send("x"); err != ErrClosed {
		t.Errorf("send on a closed channel: %v", err)
	}
}

// TestFrozenChannelCloses: Close ends it, frozen or not.
func TestFrozenChannelCloses(t *testing.T) {
	ch, p := pair(t, func(Message) {})
	ch.Freeze()
	ch.Close()
	if err := <-p.served; err != nil {
		t.Error(err)
	}
	ch.Thaw()
}

// TestHandOverKeepsEverything holds that whoever adds a field decides what becomes of it in a hand-over.
func TestHandOverKeepsEverything(t *testing.T) {
	for _, c := range []struct {
		of   any
		want []string
	}{
		{Channel{}, []string{"conn", "wake", "mu", "urgent", "queue", "queued", "inFlight", "writing", "resend", "early", "closed",
			"serving", "over", "closing", "thawed", "parked", "current", "lines", "fds"}},
		{outgoing{}, []string{"data", "fd", "sent", "retries", "done"}},
		{splitter{}, []string{"partial"}},
	} {
		var got []string
		typ := reflect.TypeOf(c.of)
		for i := range typ.NumField() {
			got = append(got, typ.Field(i).Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("the fields of %v are now %q: let Export and Import in handover.go carry what is new, then this list", typ, got)
		}
	}
}

// TestParkWhileClosing: between the word that a channel closes and the end of its socket, who meets the deadline of a
// freeze comes through, however often.
func TestParkWhileClosing(t *testing.T) {
	ch := newChannel(nil)
	ch.serving = true
	ch.thawed, ch.parked = make(chan struct{}), make(chan struct{}, 2)
	ch.closed = true
	close(ch.closing)
	done := make(chan error, 1)
	go func() {
		for range 10 {
			if !ch.park(os.ErrDeadlineExceeded) {
				t.Error("the deadline of a freeze is taken for a failure")
			}
		}
		done <- nil
	}()
	wait(t, "coming through", done)
}
