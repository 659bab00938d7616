package nodeipc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peer is the child's end, driven by hand.
type peer struct {
	*net.UnixConn
	lines  *bufio.Reader
	served chan error
}

func newPeer(t *testing.T, ch *Channel, theirs *os.File, handle func(Message)) *peer {
	t.Helper()
	conn, err := net.FileConn(theirs)
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	p := &peer{conn.(*net.UnixConn), bufio.NewReader(conn), make(chan error, 1)}
	go func() { p.served <- ch.Serve(handle) }()
	t.Cleanup(func() { ch.Close(); conn.Close() })
	return p
}

func (p *peer) say(t *testing.T, line string, fds ...int) {
	t.Helper()
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := p.WriteMsgUnix([]byte(line+"\n"), oob, nil); err != nil {
		t.Fatal(err)
	}
}

// sayAll is say for what the kernel does not take at once.
func (p *peer) sayAll(t *testing.T, line string, fds ...int) {
	t.Helper()
	first := min(len(line), 1000)
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	n, _, err := p.WriteMsgUnix([]byte(line[:first]), oob, nil)
	if err == nil {
		_, err = p.Write([]byte(line[n:] + "\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hear returns the next line that the channel wrote.
func (p *peer) hear(t *testing.T) string {
	t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

func pair(t *testing.T, handle func(Message)) (*Channel, *peer) {
	t.Helper()
	ch, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	return ch, newPeer(t, ch, theirs, handle)
}

func TestOneHandleInFlight(t *testing.T) {
	ch, p := pair(t, func(Message) {})
	fd, _ := listener(t)
	first, second := make(chan error, 1), make(chan error, 1)
	ch.SendHandle("a", "net.Server", fd, func(err error) { first <- err })
	ch.Send("b")
	ch.SendHandle("c", "net.Server", fd, func(err error) { second <- err })
	ch.Send("d")
	if got := p.hear(t); got != `{"cmd":"NODE_HANDLE","type":"net.Server","msg":"a"}` {
		t.Errorf("got %s", got)
	}
	// A handle of the peer's own is acknowledged although ours is not: everything else would be a deadlock. So the next
	// line is this, and not "b".
	p.say(t, `{"cmd":"NODE_HANDLE","type":"net.Native","msg":1}`, fd)
	if got := p.hear(t); got != `{"cmd":"NODE_HANDLE_ACK"}` {
		t.Errorf("got %s", got)
	}
	p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`)
	if err := wait(t, "acknowledgement", first); err != nil {
		t.Error(err)
	}
	if got := p.hear(t) + p.hear(t); got != `"b"{"cmd":"NODE_HANDLE","type":"net.Server","msg":"c"}` {
		t.Errorf("got %s", got)
	}
	// Refused four times, it is given up, and the queue moves on.
	for i := range maxRetransmits {
		p.say(t, `{"cmd":"NODE_HANDLE_NACK"}`)
		if got := p.hear(t); !strings.Contains(got, `"msg":"c"`) {
			t.Errorf("retransmission %d: %s", i+1, got)
		}
	}
	p.say(t, `{"cmd":"NODE_HANDLE_NACK"}`)
	if err := wait(t, "refusal", second); err != ErrNotDelivered {
		t.Errorf("got %v", err)
	}
	if got := p.hear(t); got != `"d"` {
		t.Errorf("got %s", got)
	}
	// Answers to nothing change nothing.
	p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`)
	p.say(t, `{"cmd":"NODE_HANDLE_NACK"}`)
	ch.Send("e")
	if got := p.hear(t); got != `"e"` {
		t.Errorf("got %s", got)
	}
}

func TestHandleWithoutDescriptor(t *testing.T) {
	_, p := pair(t, func(m Message) { t.Errorf("delivered %+v", m) })
	p.say(t, `{"cmd":"NODE_HANDLE","type":"net.Native","msg":1}`)
	if got := p.hear(t); got != `{"cmd":"NODE_HANDLE_NACK"}` {
		t.Errorf("got %s", got)
	}
}

func TestDescriptorsAreNotKept(t *testing.T) {
	before := openFDs(t)
	seen := make(chan Message, 100)
	ch, p := pair(t, func(m Message) { seen <- m })
	fd, _ := listener(t)
	for i := range 50 {
		p.say(t, fmt.Sprintf(`{"cmd":"NODE_HANDLE","type":"net.Native","msg":%d}`, i), fd)
		p.say(t, `"with descriptors that belong to nothing"`, fd, fd, fd, fd, fd)
		<-seen
		<-seen
	}
	ch.SendHandle("never acknowledged", "net.Server", fd, nil)
	ch.SendHandle("never sent", "net.Server", fd, nil)
	ch.Close()
	if err := wait(t, "end of the channel", p.served); err != nil {
		t.Error(err)
	}
	p.Close()
	if after := openFDs(t); after > before+1 { // the listener
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestPartialWrite sends a handle with a message far larger than the socket's buffer to a peer that reads slowly: the
// message arrives whole and the descriptor once.
func TestPartialWrite(t *testing.T) {
	ch, p := pair(t, func(Message) {})
	fd, port := listener(t)
	text := strings.Repeat("long ", 1_000_000)
	done := make(chan error, 1)
	if err := ch.SendHandle(text, "net.Server", fd, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	var all []byte
	var fds []int
	buf, oob := make([]byte, 50_000), make([]byte, 1000)
	for !bytes.HasSuffix(all, []byte("\n")) {
		n, oobn, _, _, err := p.ReadMsgUnix(buf, oob)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, buf[:n]...)
		fds = append(fds, receivedFDs(oob[:oobn])...)
	}
	for _, fd := range fds {
		if name, err := unix.Getsockname(fd); err != nil || name.(*unix.SockaddrInet4).Port != port {
			t.Errorf("received %v, %v", name, err)
		}
		unix.Close(fd)
	}
	if len(fds) != 1 {
		t.Errorf("%d descriptors", len(fds))
	}
	var m struct{ Msg string }
	if json.Unmarshal(all, &m) != nil || m.Msg != text {
		t.Errorf("message of %d bytes is damaged", len(all))
	}
	p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`)
	if err := wait(t, "acknowledgement", done); err != nil {
		t.Error(err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	ch, _ := pair(t, func(Message) {})
	text := strings.Repeat("x", 1<<20)
	var err error
	for i := 0; err == nil && i < 200; i++ {
		err = ch.Send(text)
	}
	if err != ErrQueueFull {
		t.Errorf("to a peer that does not read: %v", err)
	}
}

func TestCloseUnblocks(t *testing.T) {
	ch, p := pair(t, func(Message) {})
	fd, _ := listener(t)
	done := make(chan error, 2)
	report := func(err error) { done <- err }
	ch.SendHandle(strings.Repeat("x", 3<<20), "net.Server", fd, report)
	ch.SendHandle(2, "net.Server", fd, report)
	p.lines.Peek(1)
	ch.Close()
	if err := wait(t, "end of the channel", p.served); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := wait(t, "report", done); err != ErrClosed {
			t.Errorf("got %v", err)
		}
	}
	if err := ch.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestCloseUnserved(t *testing.T) {
	ch, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	fd, _ := listener(t)
	var got error
	ch.SendHandle(1, "net.Server", fd, func(err error) { got = err })
	ch.Close()
	if got != ErrClosed {
		t.Errorf("got %v", got)
	}
}

func TestNotTheProtocol(t *testing.T) {
	_, p := pair(t, func(m Message) { t.Errorf("delivered %+v", m) })
	p.say(t, `hello?`)
	if err := wait(t, "end of the channel", p.served); err == nil || !strings.Contains(err.Error(), `not JSON: "hello?"`) {
		t.Errorf("got %v", err)
	}
}

func TestLongLine(t *testing.T) {
	var got []Message
	_, p := pair(t, func(m Message) { got = append(got, m) })
	fd, _ := listener(t)
	long := strings.Repeat("x", maxLine)
	for _, line := range []string{`"` + long + `"`, "{" + long, long + long + long} {
		p.sayAll(t, line) // even what is no JSON: nobody has looked
	}
	p.sayAll(t, `{"cmd":"NODE_HANDLE","type":"net.Server","msg":"`+long+`"}`, fd)
	if said := p.hear(t); said != `{"cmd":"NODE_HANDLE_ACK"}` {
		t.Errorf("a long message with a descriptor is answered %s", said)
	}
	p.sayAll(t, `{"cmd":"NODE_HANDLE","type":"net.Server","msg":"`+long+`"}`)
	if said := p.hear(t); said != `{"cmd":"NODE_HANDLE_NACK"}` {
		t.Errorf("a long message without its descriptor is answered %s", said)
	}
	p.sayAll(t, `"`+long[:maxLine-3]+`"`)
	p.sayAll(t, `"short"`)
	p.Close()
	if err := wait(t, "end of the channel", p.served); err != nil {
		t.Error(err)
	}
	if len(got) != 2 || len(got[0].Raw) != maxLine-1 || string(got[1].Raw) != `"short"` {
		t.Errorf("%d messages", len(got))
	}
}

// FuzzFrames cuts any input into lines in two ways and parses them: both agree, and what is called internal is.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{"", "\n", "1\n", `{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"a":1}}` + "\n",
		`{"cmd":"NODE_"}` + "\n" + `{"cmd":7,"x":"NODE_A"}` + "\n", `"NODE_CLUSTER"` + "\n", "{\"cmd\":\"NODE_\\u0041\"}\nrest"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		cut := func(step int) [][]byte {
			var s splitter
			var all [][]byte
			for rest := data; len(rest) > 0; {
				part := rest[:min(step, len(rest))]
				rest = rest[len(part):]
				for len(part) > 0 {
					line, more := s.next(part)
					if line == nil {
						break
					}
					all = append(all, bytes.Clone(line))
					part = more
				}
			}
			return all
		}
		if size < 1 {
			size = 1
		}
		whole, pieces := cut(len(data)+1), cut(size)
		if !bytes.Equal(bytes.Join(whole, []byte("\n")), bytes.Join(pieces, []byte("\n"))) || len(whole) != len(pieces) {
			t.Fatalf("%q and %q", whole, pieces)
		}
		for _, line := range whole {
			frame, err := parse(line)
			if err != nil || frame.cmd == "" {
				continue
			}
			if len(frame.cmd) <= 5 || !strings.HasPrefix(frame.cmd, "NODE_") || frame.fields == nil {
				t.Fatalf("internal: %q of %q", frame.cmd, line)
			}
		}
	})
}
