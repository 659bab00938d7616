// Package wire speaks the original's framed message protocol over unix sockets: the way workers reach the daemon for
// metrics and indicators.
//
// A frame is a header of nine bytes (flags, packet id, body length, big-endian) and a JSON body
// {"action":"…","data":…}. The answer to packet 7 is a frame with the action response_callback_7.
//
//	s, err := wire.Listen("/home/u/.pandora/run/pandorajs_pandora_metric.sock", log)
//	s.Handle("PING", func(c *wire.Conn, data json.RawMessage, reply func(any)) { reply("pong") })
//	go s.Serve()
//	defer s.Close()
//
// Concurrency: everything may be called concurrently. The handlers of one connection run one after the other, in the
// order of its frames; those of different connections run at once. A handler that waits holds up its connection, so a
// Request to the same connection belongs into another goroutine.
//
// A Hub on top of a Server passes messages between its clients, by what they are known by.
//
// A malformed frame ends its connection; a peer that does not read is cut off when its bounded queue is full; neither
// harms the server or other peers. Beside those of the hub the package does not know what messages mean.
package wire

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pandora-go/pandora/internal/socket"
	"go.uber.org/zap"
)

const (
	// maxConns bounds the connections of one server; later ones are closed at once.
	maxConns = 4096
	// acceptPause is how long accepting rests when the process is short of descriptors.
	acceptPause = 100 * time.Millisecond
)

// matcher is a handler for the actions that match accepts.
type matcher struct {
	match  func(action string) bool
	handle Handler
}

// Server accepts connections and hands their messages to handlers. Make it with Listen.
type Server struct {
	ln      net.Listener
	log     *zap.Logger
	closing chan struct{}
	// running counts the accept loop and the connections.
	running sync.WaitGroup

	mu       sync.Mutex // guards everything below
	exact    map[string]Handler
	matchers []matcher
	onOpen   []func(c *Conn)
	onClose  []func(c *Conn)
	conns    map[*Conn]struct{}
	lastID   uint64
	closed   bool
}

// Listen makes a server on a unix socket at path, mode 0600, for peers of the same user and root. Handlers are set
// before Serve; connections made meanwhile wait.
func Listen(path string, log *zap.Logger) (*Server, error) {
	ln, err := socket.Listen(path)
	if err != nil {
		return nil, err
	}
	return newServer(ln, log), nil
}

func newServer(ln net.Listener, log *zap.Logger) *Server {
	return &Server{
		ln: ln, log: log, closing: make(chan struct{}),
		exact: map[string]Handler{}, conns: map[*Conn]struct{}{},
	}
}

// Handle sets the handler of one action. It comes before those of HandleFunc; a second one replaces the first.
func (s *Server) Handle(action string, h func(c *Conn, data json.RawMessage, reply func(any))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exact[action] = func(c *Conn, _ string, data json.RawMessage, reply func(any)) { h(c, data, reply) }
}

// HandleFunc adds a handler for the actions match accepts. The first one that matches gets the message; a message that
// none matches is dropped. match is called for every such message and must be quick.
func (s *Server) HandleFunc(match func(action string) bool, h func(c *Conn, action string, data json.RawMessage, reply func(any))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.matchers = append(s.matchers, matcher{match, h})
}

// OnOpen adds a function that is called once for each new connection, before its first handler.
func (s *Server) OnOpen(f func(c *Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onOpen = append(s.onOpen, f)
}

// OnClose adds a function that is called once for each connection that has ended, after its last handler.
func (s *Server) OnClose(f func(c *Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onClose = append(s.onClose, f)
}

// Again handles a frame as if c had sent it, on the goroutine of the caller, beside the frames that c does send; nobody gets
// the reply. Nothing happens once c has ended. OnClose functions wait for it, so it must not be called from one.
func (s *Server) Again(c *Conn, action string, data json.RawMessage) {
	s.mu.Lock()
	_, open := s.conns[c]
	if open {
		c.again.Add(1)
	}
	s.mu.Unlock()
	if !open {
		return
	}
	defer c.again.Done()
	if h := s.handler(action); h != nil {
		h(c, action, data, func(any) {})
	}
}

// Serve accepts connections until Close, which gives nil, or until the listener breaks.
func (s *Server) Serve() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	for {
		raw, err := s.ln.Accept()
		if err == nil {
			s.accept(raw)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		s.log.Warn("accept message connection", zap.Duration("after", acceptPause), zap.Error(err))
		select {
		case <-s.closing:
			return nil
		case <-time.After(acceptPause):
		}
	}
}

// accept starts one connection.
func (s *Server) accept(raw net.Conn) {
	s.mu.Lock()
	refused := s.closed || len(s.conns) >= maxConns
	if refused {
		s.mu.Unlock()
		_ = raw.Close()
		return
	}
	s.lastID++
	c := newConn(raw, s.lastID, s.log)
	s.conns[c] = struct{}{}
	s.running.Add(1)
	onOpen := s.onOpen
	s.mu.Unlock()
	for _, f := range onOpen {
		f(c)
	}
	go s.serveConn(c)
}

// serveConn runs one connection to its end.
func (s *Server) serveConn(c *Conn) {
	defer s.running.Done()
	c.run(func(f frame, reply func(any)) {
		if h := s.handler(f.action); h != nil {
			h(c, f.action, f.data, reply)
		} else {
			s.log.Debug("message without a handler", zap.String("action", f.action), zap.Int("pid", c.pid))
		}
	})
	s.mu.Lock()
	delete(s.conns, c)
	cause := c.cause
	onClose := s.onClose
	s.mu.Unlock()
	c.again.Wait()
	switch {
	case errors.Is(cause, errMalformed), errors.Is(cause, ErrSlowPeer):
		s.log.Warn("message connection cut off", zap.Int("pid", c.pid), zap.Error(cause))
	case !errors.Is(cause, io.EOF):
		s.log.Debug("message connection ended", zap.Int("pid", c.pid), zap.Error(cause))
	}
	for _, f := range onClose {
		f(c)
	}
}

// handler returns who gets the action, nil for nobody.
func (s *Server) handler(action string) Handler {
	s.mu.Lock()
	h := s.exact[action]
	matchers := s.matchers
	s.mu.Unlock()
	if h != nil {
		return h
	}
	for _, m := range matchers {
		if m.match(action) {
			return m.handle
		}
	}
	return nil
}

// Close stops listening, lets queued frames go out for at most a second, closes all connections and waits for their
// handlers and OnClose functions. It must not be called from one of them.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	var err error
	if first {
		close(s.closing)
		err = s.ln.Close()
		for _, c := range conns {
			_ = c.Close()
		}
	}
	s.running.Wait()
	return err
}
