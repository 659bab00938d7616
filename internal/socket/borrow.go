package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Adopt makes a listener of a descriptor that Descriptor told of before this program replaced another one in the same
// process. The descriptor is taken over.
func Adopt(fd int, path string) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), path)
	if file == nil {
		return nil, fmt.Errorf("listen on %q: %d is no descriptor", path, fd)
	}
	generic, err := net.FileListener(file)
	file.Close()
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	inner, ok := generic.(*net.UnixListener)
	if !ok {
		generic.Close()
		return nil, fmt.Errorf("listen on %q: descriptor %d is no unix socket", path, fd)
	}
	l := &listener{UnixListener: inner, path: path}
	if info, err := os.Lstat(path); err == nil {
		l.file = info
	}
	return l, nil
}

// Descriptor is the descriptor of a listener of this package, which stays its owner.
func Descriptor(l net.Listener) (int, error) {
	own, ok := l.(*listener)
	if !ok {
		return -1, errors.New("this listener has no descriptor that could be handed over")
	}
	raw, err := own.SyscallConn()
	if err != nil {
		return -1, err
	}
	number := -1
	err = raw.Control(func(fd uintptr) { number = int(fd) })
	return number, err
}

// Hide renames the file of a listener of this package, so that nobody finds it any more, and returns the new path; whoever
// has connected is still served. Where the longer name is no path for a socket, the file is removed and the path is "".
func Hide(l net.Listener) (string, error) {
	own, ok := l.(*listener)
	if !ok {
		return "", errors.New("this listener has no file")
	}
	hidden := own.path + ".old"
	if len(hidden) > MaxPath {
		return "", os.Remove(own.path)
	}
	return hidden, os.Rename(own.path, hidden)
}

// Borrowed is a listener on a socket that stays open when it is closed: connections then wait until the next one accepts
// them. It knows which of its connections are still open.
type Borrowed struct {
	owner *listener
	keep  func() bool

	mu     sync.Mutex
	open   int
	closed bool
	// idle is closed once it is closed and no connection is open.
	idle chan struct{}
}

// Borrow makes one of a listener of this package. There may be one at a time. keep tells, when it is closed, whether the
// socket stays open; else that is closed as well.
func Borrow(l net.Listener, keep func() bool) (*Borrowed, error) {
	own, ok := l.(*listener)
	if !ok {
		return nil, errors.New("this listener cannot be borrowed")
	}
	return &Borrowed{owner: own, keep: keep, idle: make(chan struct{})}, own.SetDeadline(time.Time{})
}

// Accept returns the next connection of an allowed peer, or net.ErrClosed after Close.
func (b *Borrowed) Accept() (net.Conn, error) {
	conn, err := b.owner.Accept()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if b.closed {
			err = net.ErrClosed
		}
		return nil, err
	}
	b.open++
	return &borrowedConn{Conn: conn, of: b}, nil
}

// Close ends Accept, and leaves the socket listening if it is to be kept.
func (b *Borrowed) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	b.tellIdle()
	if !b.keep() {
		return b.owner.Close()
	}
	return b.owner.SetDeadline(time.Unix(1, 0))
}

// Addr is where it listens.
func (b *Borrowed) Addr() net.Addr { return b.owner.Addr() }

// Drained waits until it is closed and all its connections are, or ctx ends.
func (b *Borrowed) Drained(ctx context.Context) error {
	select {
	case <-b.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tellIdle closes idle when it is time; mu is held.
func (b *Borrowed) tellIdle() {
	if !b.closed || b.open > 0 {
		return
	}
	select {
	case <-b.idle:
	default:
		close(b.idle)
	}
}

// borrowedConn counts itself out.
type borrowedConn struct {
	net.Conn
	of   *Borrowed
	once sync.Once
}

// Close closes the connection.
func (c *borrowedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.of.open--
		c.of.tellIdle()
	})
	return err
}
