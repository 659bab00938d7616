package nodecluster

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func decode(t *testing.T, text string) *message {
	t.Helper()
	var q message
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &q
}

func TestQueries(t *testing.T) {
	for text, want := range map[string]struct {
		key   string
		spec  spec
		errno unix.Errno
	}{
		`{"address":null,"port":3000,"addressType":4,"fd":-1,"backlog":false,"index":2}`: {
			"null:3000:4:-1", spec{network: "tcp", port: 3000}, 0},
		`{"address":"::1","port":0,"addressType":6,"flags":1,"backlog":10,"index":2}`: {
			"::1:0:6::2", spec{network: "tcp", address: "::1", six: true, flags: 1, backlog: 10}, 0},
		`{"address":"/a/s","port":-1,"addressType":-1,"fd":null,"readableAll":true}`: {
			"/a/s:-1:-1:null", spec{network: "unix", address: "/a/s", port: -1, readableAll: true}, 0},
		`{"address":"/cwd/\u0000name","port":-1,"addressType":-1}`: {
			"/cwd/\x00name:-1:-1:", spec{network: "unix", address: "@name", abstract: true, port: -1}, 0},
		`{"address":"127.0.0.1","port":"53","addressType":"udp4","fd":-1,"flags":4}`: {
			"127.0.0.1:53:udp4:-1", spec{network: "udp", address: "127.0.0.1", port: 53, flags: 4}, 0},
		`{"address":null,"port":null,"addressType":null,"fd":5}`: {"null:0:null:5:0", spec{}, unix.EINVAL},
		`{"address":null,"port":70000,"addressType":4}`:          {"null:70000:4:", spec{}, unix.EINVAL},
		`{"address":null,"port":-1,"addressType":-1}`:            {"null:-1:-1:", spec{}, unix.EINVAL},
	} {
		q := decode(t, text)
		if got := q.key(); got != want.key {
			t.Errorf("%s: key %q, want %q", text, got, want.key)
		}
		if got, errno := q.spec(); got != want.spec || errno != want.errno {
			t.Errorf("%s: %+v %v, want %+v %v", text, got, errno, want.spec, want.errno)
		}
	}
}

// TestNonblocking holds what a worker's event loop depends on: every socket that is made or accepted is non-blocking
// and close-on-exec, and one that is not is set right before it is sent.
func TestNonblocking(t *testing.T) {
	for _, s := range []spec{
		{network: "tcp"}, {network: "tcp", address: "127.0.0.1"}, {network: "udp", address: "127.0.0.1"},
		{network: "unix", address: filepath.Join(t.TempDir(), "s")},
	} {
		fd, at, err := listen(s)
		if err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		defer unix.Close(fd)
		if s.network != "unix" && at.port == 0 {
			t.Errorf("%v is bound to %+v", s, at)
		}
		status, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if status&unix.O_NONBLOCK == 0 || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%v: status %x, flags %x", s, status, flags)
		}
		if err := unix.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
		if err := ensureNonblock(fd); err != nil {
			t.Fatal(err)
		}
		if status, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); status&unix.O_NONBLOCK == 0 {
			t.Errorf("%v would be sent blocking", s)
		}
	}
	if ensureNonblock(-1) == nil {
		t.Error("no descriptor at all is non-blocking")
	}
}

// FuzzMessage decodes anything a worker might say: it is understood or refused, and never bound to what nobody asked.
func FuzzMessage(f *testing.F) {
	f.Add(`{"act":"queryServer","seq":1,"address":null,"port":3000,"addressType":4,"backlog":false,"flags":null}`)
	f.Add(`{"ack":3,"accepted":true,"seq":9}`)
	f.Add(`{"address":"a\u0000","port":"-1","addressType":"udp6","fd":"7"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var q message
		if json.Unmarshal([]byte(text), &q) != nil {
			return
		}
		q.key()
		s, errno := q.spec()
		if errno == 0 && (s.port > 65535 || s.port < 0 && s.network != "unix" || s.network == "") {
			t.Fatalf("%s: %+v", text, s)
		}
	})
}
