// Package socket makes the unix sockets that the parts of pandora meet at: 0600 files in a 0700 folder, whose peers
// must run as the same user or as root.
//
//	ln, err := socket.Listen("/home/u/.pandora/run/control.sock")
//	for { conn, err := ln.Accept(); … } // only allowed peers arrive
//
// Concurrency: a listener may be closed while Accept waits, as any net.Listener.
//
// It does not speak any protocol and does not create folders.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// MaxPath is the longest path a unix socket can have on every supported system, in bytes.
const MaxPath = 103

// probeTimeout bounds the test whether a socket file still has a listener.
const probeTimeout = time.Second

// ErrInUse is returned by Listen when a live process already listens on the path.
var ErrInUse = errors.New("another process listens there")

// Listen listens on path with mode 0600. A file left behind by a dead process is replaced; a live one gives an error
// that wraps ErrInUse. Peers of another user (root excepted) are closed before Accept returns them.
func Listen(path string) (net.Listener, error) {
	if len(path) > MaxPath {
		return nil, fmt.Errorf("listen on %q: path of %d bytes, a unix socket can have %d", path, len(path), MaxPath)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The file must never exist with wider rights, so it is bound under a name nobody looks for and then renamed.
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if len(temp) > MaxPath {
		temp = path
	}
	_ = os.Remove(temp)
	inner, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	inner.SetUnlinkOnClose(false)
	if err := os.Chmod(temp, 0o600); err == nil && temp != path {
		err = os.Rename(temp, path)
		if err != nil {
			inner.Close()
			return nil, fmt.Errorf("listen on %q: %w", path, err)
		}
	} else if err != nil {
		inner.Close()
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	l := &listener{UnixListener: inner, path: path}
	if info, err := os.Lstat(path); err == nil {
		l.file = info
	}
	return l, nil
}

// removeStale removes a socket file that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen on %q: %w", path, err)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("listen on %q: the file exists and is not a socket; remove it", path)
	}
	conn, err := net.DialTimeout("unix", path, probeTimeout)
	if err == nil {
		conn.Close()
		return fmt.Errorf("listen on %q: %w; [ fuser %s ] tells which: end it, or remove the file", path, ErrInUse, path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listen on %q: a socket exists and does not answer: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listen on %q: remove the stale socket: %w", path, err)
	}
	return nil
}

// listener lets only allowed peers in and removes its own file on Close.
type listener struct {
	*net.UnixListener
	path string
	file fs.FileInfo
}

// Accept returns the next connection of an allowed peer.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if peer, err := PeerOf(conn); err == nil && peer.Allowed() {
			return conn, nil
		}
		conn.Close()
	}
}

// Close stops listening and removes the file, unless another listener has taken the name meanwhile.
func (l *listener) Close() error {
	if info, err := os.Lstat(l.path); err == nil && l.file != nil && os.SameFile(info, l.file) {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// Peer is who is at the other end of a unix connection.
type Peer struct {
	// PID is the process that connected; 0 where the system does not tell.
	PID int
	// UID is its user.
	UID int
}

// Allowed reports whether the peer may talk to us: the same user, or root.
func (p Peer) Allowed() bool { return p.UID == 0 || p.UID == os.Geteuid() }
