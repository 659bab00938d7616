package nodecluster

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// shareKey names a share: workers of one process share by key, two processes never do.
type shareKey struct{ process, key string }

// share is one socket that workers asked for, open or suspended.
type share struct {
	primary *Primary
	key     shareKey
	spec    spec

	// wake has a token when the accept loop has something to look at.
	wake chan struct{}

	// The rest is guarded by primary.mu.

	// fd is the socket, -1 while closed; loop accepts from it once a worker has asked that is given its connections
	// (directed).
	fd       int
	directed bool
	loop     *acceptLoop
	// bound is where it is, or was, bound; its port is tried first when it is opened again.
	bound bound
	// data is what the first worker sent along, the ticket keys of a TLS server. Never logged.
	data []byte
	// holders are the workers that have it; free those of them that may get a connection, longest waiting first.
	holders map[*Member]bool
	free    []*Member
	// pending are accepted connections that wait for a worker.
	pending []*connection
	// linger runs while nobody holds the share and it will be released.
	linger *time.Timer
}

// connection is an accepted connection that no worker has taken yet.
type connection struct {
	share *share
	fd    int
}

// acceptLoop is the running goroutine of an open round-robin share.
type acceptLoop struct {
	file *os.File
	raw  syscall.RawConn
	// stop is closed to end it, done when it has ended.
	stop, done chan struct{}
	// turn is held while a connection is between the kernel's queue and pending.
	turn sync.Mutex
}

func (s *share) open() bool { return s.fd >= 0 }

func (s *share) socket() Socket {
	return Socket{Network: s.spec.network, Address: s.bound.address, Port: s.bound.port, Process: s.key.process}
}

// sockname is nil for a unix socket, which has none in Node either.
func (s *share) sockname() *sockname {
	if s.spec.network == "unix" {
		return nil
	}
	family := "IPv4"
	if s.bound.six {
		family = "IPv6"
	}
	return &sockname{Address: s.bound.address, Family: family, Port: s.bound.port}
}

// shareFor finds or opens the socket of a query. With an error, the share is the one that exists, or nil. opening is
// held, and the caller makes m a holder before releasing it.
func (p *Primary) shareFor(m *Member, q *message) (*share, error) {
	spec, errno := q.spec()
	if errno != 0 {
		return nil, errno
	}
	key := shareKey{m.process, q.key()}
	p.mu.Lock()
	s := p.shares[key]
	refused := p.closed || m.gone
	twice := s != nil && s.holders[m]
	open := s != nil && s.open()
	shares := 0
	for other := range p.shares {
		if other.process == m.process {
			shares++
		}
	}
	p.mu.Unlock()
	switch {
	case refused:
		return s, unix.EINVAL
	case twice:
		// A second handle under the same key would break the worker's own table.
		return s, unix.EADDRINUSE
	case s == nil && shares >= maxShares:
		return nil, unix.EMFILE
	case s == nil:
		s = &share{primary: p, key: key, spec: spec, fd: -1, wake: make(chan struct{}, 1), holders: map[*Member]bool{}}
		s.directed = m.roundRobin(s)
		if err := p.openShare(s); err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.shares[key] = s
		p.mu.Unlock()
		return s, nil
	}
	s.directed = s.directed || m.roundRobin(s)
	if open {
		return s, p.startLoop(s)
	}
	return s, p.openShare(s)
}

// openShare binds and listens; opening is held. A share whose port the system chose keeps it if it is still free.
func (p *Primary) openShare(s *share) error {
	want := s.spec
	if want.port == 0 && s.bound.port != 0 {
		want.port = s.bound.port
	}
	fd, at, err := listen(want)
	if err != nil && want.port != s.spec.port {
		fd, at, err = listen(s.spec)
	}
	if err != nil {
		return fmt.Errorf("listen on %s %s: %w", s.spec.network, s.spec, err)
	}
	p.mu.Lock()
	s.fd, s.bound = fd, at
	p.mu.Unlock()
	return p.startLoop(s)
}

// startLoop makes an open share accept by itself, if a worker is to be given connections; opening is held.
func (p *Primary) startLoop(s *share) error {
	if !s.directed || s.loop != nil {
		return nil
	}
	// A non-blocking descriptor makes a file that the runtime polls. Its Fd method must never be called: it would make
	// the socket blocking.
	file := os.NewFile(uintptr(s.fd), "listener")
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("listen on %s %s: %w", s.spec.network, s.spec, err)
	}
	loop := &acceptLoop{file: file, raw: raw, stop: make(chan struct{}), done: make(chan struct{})}
	p.mu.Lock()
	s.loop = loop
	p.mu.Unlock()
	go s.accept(loop)
	return nil
}

// closeShare closes the socket and the connections nobody took, and waits for the accept loop; opening is held.
func (p *Primary) closeShare(s *share) {
	p.mu.Lock()
	fd, loop, pending, at := s.fd, s.loop, s.pending, s.bound
	s.fd, s.loop, s.pending = -1, nil, nil
	if s.linger != nil {
		s.linger.Stop()
		s.linger = nil
	}
	p.mu.Unlock()
	if fd < 0 {
		return
	}
	if s.spec.network == "unix" && !s.spec.abstract {
		at.unlink(s.spec.address)
	}
	if loop != nil {
		close(loop.stop)
		loop.file.Close()
		<-loop.done
	} else {
		unix.Close(fd)
	}
	for _, c := range pending {
		unix.Close(c.fd)
	}
}

// startLinger releases s after a while, unless somebody asks for it; mu is held.
func (p *Primary) startLinger(s *share) {
	after := lingerTime
	if s.spec.port == 0 {
		after = lingerTimePort
	}
	if s.linger != nil {
		s.linger.Stop()
	}
	var t *time.Timer
	t = time.AfterFunc(after, func() {
		p.opening.Lock()
		p.mu.Lock()
		// t is read under mu, under which it was set.
		due := s.linger == t && len(s.holders) == 0 && p.shares[s.key] == s
		if due {
			delete(p.shares, s.key)
		}
		p.mu.Unlock()
		if due {
			p.closeShare(s)
		}
		p.opening.Unlock()
		if due {
			p.changed()
		}
	})
	s.linger = t
}

// join makes m a holder; mu is held.
func (s *share) join(m *Member) {
	if s.linger != nil {
		s.linger.Stop()
		s.linger = nil
	}
	s.holders[m] = true
	m.holds[s] = true
	s.addFree(m)
}

// addFree makes m available for one connection, if it still holds s; mu is held.
func (s *share) addFree(m *Member) {
	if !s.holders[m] || m.dismissed || slices.Contains(s.free, m) {
		return
	}
	if m.roundRobin(s) {
		s.free = append(s.free, m)
	}
	s.dispatch(nil)
}

// addFreeLater is addFree after a pause, for a worker that did not take a connection.
func (s *share) addFreeLater(m *Member) {
	time.AfterFunc(refusalPause, func() {
		s.primary.mu.Lock()
		s.addFree(m)
		s.primary.mu.Unlock()
	})
}

// dropFree makes m unavailable; mu is held.
func (s *share) dropFree(m *Member) {
	s.free = slices.DeleteFunc(s.free, func(other *Member) bool { return other == m })
}

// giveBack puts a connection in front of those that wait for a worker; false when the socket is closed and the caller
// closes the connection. refused is the worker that did not take it, nil if that is gone. mu is held.
func (s *share) giveBack(c *connection, refused *Member) bool {
	if !s.open() {
		return false
	}
	s.pending = slices.Insert(s.pending, 0, c)
	s.dispatch(refused)
	return true
}

// takeFree takes the next worker for a connection, nil when none is free; mu is held. A connection that was accepted
// for a worker that is gone may find only such as accept for themselves: these take it as well, but not the one that
// has just refused it.
func (s *share) takeFree(refused *Member) *Member {
	if len(s.free) > 0 {
		m := s.free[0]
		s.free = s.free[1:]
		return m
	}
	var other *Member
	for m := range s.holders {
		if m.roundRobin(s) {
			return nil
		}
		if !m.dismissed && m != refused {
			other = m
		}
	}
	return other
}

// dispatch gives waiting connections to free workers and wakes the accept loop; refused, if not nil, has just refused
// one. mu is held.
func (s *share) dispatch(refused *Member) {
	for len(s.pending) > 0 {
		c, m := s.pending[0], s.takeFree(refused)
		if m == nil {
			break
		}
		msg := m.next(reply{Act: "newconn", Key: s.key.key})
		err := m.channel.SendHandle(msg, "net.Native", c.fd, func(err error) {
			if err != nil {
				m.answered(msg.Seq, false)
			}
		})
		if err != nil {
			// Its channel is closed, and Detach about to be called; or it is full, or we are out of descriptors.
			s.addFreeLater(m)
			if !m.roundRobin(s) {
				break
			}
			continue
		}
		m.unacked[msg.Seq] = c
		s.pending = s.pending[1:]
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// accept is the accept loop: it takes a connection out of the kernel's queue only when a worker is free for it, so that
// the queue, and with it the backlog the user asked for, is where connections wait.
func (s *share) accept(loop *acceptLoop) {
	defer close(loop.done)
	for {
		if !s.canTake() {
			select {
			case <-s.wake:
			case <-loop.stop:
				return
			}
			continue
		}
		var failure error
		err := loop.raw.Read(func(fd uintptr) bool {
			loop.turn.Lock()
			defer loop.turn.Unlock()
			// Time has passed since the last look, and the worker may be gone.
			if !s.canTake() {
				return true
			}
			conn, err := acceptSocket(int(fd))
			switch {
			case err == nil:
				s.arrived(conn)
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			default:
				failure = err
			}
			return true
		})
		if err != nil {
			return
		}
		if failure != nil {
			// No descriptors or memory are left; the connection waits in the queue.
			s.primary.log.Warn("connection not accepted", zap.String("process", s.key.process), zap.Error(failure))
			select {
			case <-time.After(100 * time.Millisecond):
			case <-loop.stop:
				return
			}
		}
	}
}

// canTake reports whether an accepted connection would find a worker at once.
func (s *share) canTake() bool {
	s.primary.mu.Lock()
	defer s.primary.mu.Unlock()
	return len(s.pending) == 0 && len(s.free) > 0
}

// arrived takes over an accepted connection.
func (s *share) arrived(fd int) {
	s.primary.mu.Lock()
	open := s.open()
	if open {
		s.pending = append(s.pending, &connection{share: s, fd: fd})
		s.dispatch(nil)
	}
	s.primary.mu.Unlock()
	if !open {
		unix.Close(fd)
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
