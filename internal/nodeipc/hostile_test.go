package nodeipc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestAnswersAreBounded: a child that asks and asks and never reads the answers is given up, with little kept for it.
func TestAnswersAreBounded(t *testing.T) {
	for name, line := range map[string]string{
		"counts":  `{"cmd":"NODE_SOCKET_GET_COUNT","key":"` + strings.Repeat("k", 500) + `"}`,
		"closes":  `{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":null}`,
		"handles": `{"cmd":"NODE_HANDLE","type":"net.Socket","msg":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			ch, p := pair(t, func(Message) {})
			lines := []byte(strings.Repeat(line+"\n", 100))
			for sent := 0; sent < 64<<20; sent += len(lines) {
				if _, err := p.Write(lines); err != nil {
					break
				}
			}
			if err := wait(t, "end of the channel", p.served); !errors.Is(err, ErrQueueFull) {
				t.Errorf("got %v", err)
			}
			if err := ch.Send(1); err != ErrClosed {
				t.Errorf("send after the end: %v", err)
			}
		})
	}
}

// TestUnknownKeys: a key of any JSON is repeated, an absurd one is not answered, and the next question is.
func TestUnknownKeys(t *testing.T) {
	_, p := pair(t, func(m Message) { t.Errorf("delivered %+v", m) })
	for _, key := range []string{`"a"`, `null`, `{"a":[1]}`, `7`} {
		p.say(t, `{"cmd":"NODE_SOCKET_GET_COUNT","key":`+key+`}`)
		if got, want := p.hear(t), fmt.Sprintf(`{"cmd":"NODE_SOCKET_COUNT","count":0,"key":%s}`, key); got != want {
			t.Errorf("answered %s, want %s", got, want)
		}
	}
	p.say(t, `{"cmd":"NODE_SOCKET_GET_COUNT","key":"`+strings.Repeat("k", maxKey)+`"}`)
	p.say(t, `{"cmd":"NODE_SOCKET_NOTIFY_CLOSE"}`)
	if got := p.hear(t); got != `{"cmd":"NODE_SOCKET_ALL_CLOSED","key":null}` {
		t.Errorf("answered %s", got)
	}
}

// TestStrayAcknowledgements: answers to nothing change nothing, also while a handle is in flight twice.
func TestStrayAcknowledgements(t *testing.T) {
	ch, p := pair(t, func(Message) {})
	for _, line := range []string{`{"cmd":"NODE_HANDLE_ACK"}`, `{"cmd":"NODE_HANDLE_NACK"}`} {
		p.say(t, strings.Repeat(line+"\n", 1000)+line)
	}
	// Whoever has answered this has read all before it.
	p.say(t, `{"cmd":"NODE_SOCKET_GET_COUNT","key":"read"}`)
	p.hear(t)
	fd, _ := listener(t)
	before := openFDs(t)
	done := make(chan error, 2)
	for range 2 {
		if err := ch.SendHandle(1, "net.Server", fd, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
	}
	p.hear(t)
	p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`+"\n"+`{"cmd":"NODE_HANDLE_ACK"}`)
	if err := wait(t, "first", done); err != nil {
		t.Error(err)
	}
	p.hear(t)
	select {
	case err := <-done:
		// The second acknowledgement may have come when the second handle was on its way already; it counts then.
		if err != nil {
			t.Error(err)
		}
	case <-time.After(100 * time.Millisecond):
		p.say(t, `{"cmd":"NODE_HANDLE_ACK"}`)
		if err := wait(t, "second", done); err != nil {
			t.Error(err)
		}
	}
	deadline := time.Now().Add(patience)
	for openFDs(t) > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if now := openFDs(t); now > before {
		t.Errorf("%d descriptors, %d before", now, before)
	}
}
