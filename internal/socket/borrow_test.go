package socket

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestBorrowAndAdopt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	keep := func() bool { return true }
	b, err := Borrow(ln, keep)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first, err := b.Accept()
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := b.Accept()
		failed <- err
	}()
	b.Close()
	b.Close()
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept on a closed one: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if b.Drained(over) == nil {
		t.Error("drained with an open connection")
	}
	first.Close()
	first.Close()
	if err := b.Drained(t.Context()); err != nil {
		t.Error(err)
	}

	// Whoever comes now waits for the next one, which here is made of a duplicate, as another program would.
	waiting := dial()
	waiting.Write([]byte("x"))
	fd, err := Descriptor(ln)
	if err != nil {
		t.Fatal(err)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	heir, err := Adopt(dup, path)
	if err != nil {
		t.Fatal(err)
	}
	next, err := Borrow(heir, func() bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	conn, err := next.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if got := make([]byte, 1); mustRead(conn, got) != nil || got[0] != 'x' {
		t.Errorf("the connection that waited says %q", got)
	}
	next.Close()
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("a socket that is not kept did not go")
	}
}

func mustRead(c net.Conn, into []byte) error {
	_, err := c.Read(into)
	return err
}

func TestAdoptRefuses(t *testing.T) {
	r, w, err := unixPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(w)
	if _, err := Adopt(r, "a"); err == nil {
		t.Error("a pipe was adopted")
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if _, err := Borrow(tcp, nil); err == nil {
		t.Error("a foreign listener was borrowed")
	}
	if _, err := Descriptor(tcp); err == nil {
		t.Error("a foreign listener has a descriptor")
	}
}

func unixPipe() (int, int, error) {
	var p [2]int
	err := unix.Pipe(p[:])
	return p[0], p[1], err
}

func TestHide(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	early, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	hidden, err := Hide(ln)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("a hidden socket is found")
	}
	next, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	last, err := net.Dial("unix", hidden)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	for range 2 {
		if conn, err := ln.Accept(); err != nil {
			t.Error(err)
		} else {
			conn.Close()
		}
	}
	ln.Close()
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the next listener lost its file: %v", err)
	} else {
		conn.Close()
	}
}
