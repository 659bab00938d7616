package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pandora-go/pandora/internal/socket"
	"go.uber.org/zap"
)

const (
	// maxQueue bounds the bytes that wait for a peer that does not read; one frame always fits an empty queue.
	maxQueue = 16 << 20
	// maxOffered is where a message that others have for a peer is refused.
	maxOffered = maxQueue / 2
	// writeTimeout is how long a peer may leave one write unfinished.
	writeTimeout = 10 * time.Second
	// drainTimeout is how long Close lets queued frames go out.
	drainTimeout = time.Second
	// maxWaiting bounds the requests to one peer that wait for an answer.
	maxWaiting = 10_000
	// DefaultTimeout is how long Request waits when its context has no deadline.
	DefaultTimeout = 20 * time.Second
)

var (
	// ErrTimeout is wrapped by Request when the peer did not answer in time.
	ErrTimeout = errors.New("target no response")
	// ErrClosed is wrapped by Send and Request when the connection is closed.
	ErrClosed = errors.New("connection closed")
	// ErrSlowPeer is wrapped by Send and Request when the peer reads too slowly; the connection is then closed.
	ErrSlowPeer = errors.New("peer does not read")
	// ErrBusy is wrapped by Offer and Ask when the peer has enough to do; the message was not sent.
	ErrBusy = errors.New("peer is busy")
)

// Handler is called for each frame that is not an answer. data is nil where the frame has none. reply answers the
// frame: nil sends no data; only the first call counts, and it may come later and from any goroutine.
type Handler func(c *Conn, action string, data json.RawMessage, reply func(any))

// Conn is one connection, seen from either side. All methods may be called concurrently.
type Conn struct {
	id  uint64
	pid int
	raw net.Conn
	// direct is the descriptor of raw; nil where it has none.
	direct syscall.RawConn
	log    *zap.Logger
	// more tells handlers that the next frame has been read already, so that what they send may wait for what that one sends.
	more atomic.Bool
	// wake tells the writer that the queue or draining changed.
	wake chan struct{}
	// stop is closed when the socket is closed, done when all goroutines have ended.
	stop, done chan struct{}
	// again counts the calls of Server.Again; none is added once the server has forgotten the connection.
	again sync.WaitGroup

	mu       sync.Mutex // guards everything below
	queue    [][]byte
	queued   int  // bytes handed to Send and not yet written
	writing  bool // somebody writes what was taken from the queue; nobody else may
	draining bool
	cause    error // why the socket was closed; nil while it is open
	lastID   uint32
	pending  map[uint32]*pending
}

// pending is a request that waits for its answer.
type pending struct {
	done  func(json.RawMessage, error)
	timer *time.Timer // nil without a timeout of its own
}

func newConn(raw net.Conn, id uint64, log *zap.Logger) *Conn {
	c := &Conn{
		id: id, raw: raw, log: log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		pending: map[uint32]*pending{},
	}
	if uc, ok := raw.(*net.UnixConn); ok {
		if peer, err := socket.PeerOf(uc); err == nil {
			c.pid = peer.PID
		}
		if direct, err := uc.SyscallConn(); err == nil {
			c.direct = direct
		}
	}
	return c
}

// Dial connects to the server at path. The handlers, usually none or one, get every frame that is not an answer. The
// caller ends the connection with Close.
func Dial(ctx context.Context, path string, handlers ...Handler) (*Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", path, err)
	}
	c := newConn(raw, 1, zap.NewNop())
	go c.run(func(f frame, reply func(any)) {
		for _, h := range handlers {
			h(c, f.action, f.data, reply)
		}
	})
	return c, nil
}

// ID is the number of the connection, unique within its server, counted from 1.
func (c *Conn) ID() uint64 { return c.id }

// PeerPID is the process at the other end, as the kernel recorded it; 0 if unknown.
func (c *Conn) PeerPID() int { return c.pid }

// Done is closed when the connection is closed and its goroutines have ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Send queues a message that wants no answer. It never waits for the peer.
func (c *Conn) Send(action string, data any) error {
	c.mu.Lock()
	id := c.nextIDLocked()
	c.mu.Unlock()
	return c.send(id, action, data, sending{must: true})
}

// Offer is Send that refuses, with an error that wraps ErrBusy, where the peer does not read as fast as others write to it.
func (c *Conn) Offer(action string, data any) error {
	c.mu.Lock()
	id := c.nextIDLocked()
	c.mu.Unlock()
	return c.send(id, action, data, sending{})
}

// Ask offers a message and calls done once: with the data of the answer, or an error that wraps ErrTimeout, or ErrClosed at
// once when the connection ends. done must be quick and may be called before Ask returns nil; when Ask returns an error it
// is not called at all.
func (c *Conn) Ask(action string, data any, timeout time.Duration, done func(json.RawMessage, error)) error {
	return c.ask(action, data, timeout, false, done)
}

// ask is Ask; with gather the message may wait for the next ones.
func (c *Conn) ask(action string, data any, timeout time.Duration, gather bool, done func(json.RawMessage, error)) error {
	id, err := c.expect(done)
	if err != nil {
		return fmt.Errorf("request %q: %w", action, err)
	}
	if err := c.send(id, action, data, sending{gather: gather}); err != nil {
		if c.take(id) != nil {
			return err
		}
		return nil // the end of the connection was told
	}
	c.mu.Lock()
	if p := c.pending[id]; p != nil {
		p.timer = time.AfterFunc(timeout, func() {
			if p := c.take(id); p != nil {
				p.done(nil, fmt.Errorf("request %q: %w", action, ErrTimeout))
			}
		})
	}
	c.mu.Unlock()
	return nil
}

// expect makes a request that waits, and its packet id.
func (c *Conn) expect(done func(json.RawMessage, error)) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return 0, ErrClosed
	}
	if len(c.pending) >= maxWaiting {
		return 0, fmt.Errorf("%w: %d requests wait for its answers", ErrBusy, len(c.pending))
	}
	id := c.nextIDLocked()
	c.pending[id] = &pending{done: done}
	return id, nil
}

// take ends the wait for an answer; nil when it had ended before.
func (c *Conn) take(id uint32) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[id]
	delete(c.pending, id)
	if p != nil && p.timer != nil {
		p.timer.Stop()
	}
	return p
}

// Request sends a message and returns the data of the answer, nil if the answer has none. It ends with an error that
// wraps ErrTimeout when the context's deadline (DefaultTimeout if it has none) passes, ErrClosed when the connection
// ends first, or the context's error. It must not be called from a handler of the same connection, which could never
// see the answer.
func (c *Conn) Request(ctx context.Context, action string, data any) (json.RawMessage, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	type result struct {
		data json.RawMessage
		err  error
	}
	answer := make(chan result, 1)
	id, err := c.expect(func(data json.RawMessage, err error) { answer <- result{data, err} })
	if err != nil {
		return nil, fmt.Errorf("request %q: %w", action, err)
	}
	defer c.take(id)
	if err := c.send(id, action, data, sending{must: true}); err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		if r.err != nil {
			return nil, fmt.Errorf("request %q: %w", action, r.err)
		}
		return r.data, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("request %q: %w", action, ErrTimeout)
		}
		return nil, fmt.Errorf("request %q: %w", action, ctx.Err())
	}
}

// Close lets queued frames go out, for at most a second, and closes the connection. It returns at once; Done tells the
// end. It may be called from a handler.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.draining = true
	_ = c.raw.SetWriteDeadline(time.Now().Add(drainTimeout))
	c.mu.Unlock()
	c.wakeWriter()
	return nil
}

// nextIDLocked returns the next packet id; c.mu is held.
func (c *Conn) nextIDLocked() uint32 {
	for {
		c.lastID++
		if c.lastID >= maxPacketID {
			c.lastID = 1
		}
		// After a wrap an old request may still wait for its answer.
		if _, taken := c.pending[c.lastID]; !taken {
			return c.lastID
		}
	}
}

// sending is how a frame is sent.
type sending struct {
	// must cuts a peer off that has let its queue fill up; without it the frame is refused well before.
	must bool
	// gather leaves the frame to the writer, which sends it together with the next ones. Otherwise it is written at once if
	// nothing else waits, which spares it the way through another goroutine.
	gather bool
}

// gathered is data of an answer that may wait for the next ones.
type gathered struct{ data json.RawMessage }

// send queues one frame, or writes it.
func (c *Conn) send(id uint32, action string, data any, how sending) error {
	bytes, err := encodeFrame(id, action, data)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.cause != nil || c.draining {
		c.mu.Unlock()
		return fmt.Errorf("send %q: %w", action, ErrClosed)
	}
	limit := maxQueue
	if !how.must {
		limit = maxOffered
	}
	full := c.queued > 0 && c.queued+len(bytes) > limit
	now := !full && !how.gather && c.direct != nil && !c.writing && len(c.queue) == 0
	if now {
		c.writing = true
	} else if !full {
		c.queue = append(c.queue, bytes)
	}
	if !full {
		c.queued += len(bytes)
	}
	c.mu.Unlock()
	if full && !how.must {
		return fmt.Errorf("send %q: %w: it does not read what it is sent", action, ErrBusy)
	}
	if full {
		c.cut(ErrSlowPeer)
		return fmt.Errorf("send %q: %w", action, ErrSlowPeer)
	}
	if now {
		c.writeNow(bytes)
	} else {
		c.wakeWriter()
	}
	return nil
}

// writeNow writes as much of a frame as the socket takes without waiting, and leaves the rest, and every error, to the
// writer. The caller has set c.writing.
func (c *Conn) writeNow(frame []byte) {
	n := 0
	_ = c.direct.Control(func(fd uintptr) { n, _ = syscall.Write(int(fd), frame) })
	n = max(n, 0)
	c.mu.Lock()
	c.writing = false
	if c.cause == nil {
		c.queued -= n
		if n < len(frame) {
			c.queue = append([][]byte{frame[n:]}, c.queue...)
		}
	}
	left := len(c.queue) > 0 || c.draining
	c.mu.Unlock()
	if left {
		c.wakeWriter()
	}
}

func (c *Conn) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// cut closes the socket at once. The first cause is kept.
func (c *Conn) cut(cause error) {
	c.mu.Lock()
	first := c.cause == nil
	var waiting map[uint32]*pending
	if first {
		c.cause = cause
		c.queue, c.queued = nil, 0
		waiting, c.pending = c.pending, map[uint32]*pending{}
		close(c.stop)
	}
	c.mu.Unlock()
	if !first {
		return
	}
	_ = c.raw.Close()
	for _, p := range waiting {
		if p.timer != nil {
			p.timer.Stop()
		}
		p.done(nil, ErrClosed)
	}
}

// run serves the connection until it is closed: it reads here and writes in a goroutine of its own.
func (c *Conn) run(dispatch func(f frame, reply func(any))) {
	defer close(c.done)
	var writer sync.WaitGroup
	writer.Go(c.write)
	c.cut(c.read(dispatch))
	writer.Wait()
}

// read dispatches frames until the stream ends or is malformed, and returns why it stopped, never nil.
func (c *Conn) read(dispatch func(f frame, reply func(any))) error {
	frames := newFrameReader(c.raw)
	for {
		f, err := frames.next()
		if err != nil {
			return err
		}
		c.more.Store(frames.r.Buffered() > 0)
		if id, ok := f.answers(); ok {
			c.deliver(id, f.data)
			continue
		}
		c.dispatchSafely(dispatch, f)
	}
}

// dispatchSafely keeps a defect in one handler from ending everybody's daemon.
func (c *Conn) dispatchSafely(dispatch func(f frame, reply func(any)), f frame) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("message handler panicked", zap.String("action", f.action), zap.Int("pid", c.pid),
				zap.Any("err", r), zap.Stack("stack"))
		}
	}()
	var once sync.Once
	dispatch(f, func(data any) {
		once.Do(func() { c.reply(f, data) })
	})
}

// reply answers one frame.
func (c *Conn) reply(f frame, data any) {
	c.mu.Lock()
	id := c.nextIDLocked()
	c.mu.Unlock()
	how := sending{must: true}
	if g, ok := data.(gathered); ok {
		data, how.gather = g.data, true
	}
	if err := c.send(id, replyPrefix+strconv.FormatUint(uint64(f.id), 10), data, how); err != nil {
		c.log.Debug("answer dropped", zap.String("action", f.action), zap.Int("pid", c.pid), zap.Error(err))
	}
}

// deliver hands an answer to the waiting Request; a late one is dropped.
func (c *Conn) deliver(id uint32, data json.RawMessage) {
	if p := c.take(id); p != nil {
		p.done(data, nil)
	}
}

// write sends what is queued until the connection ends.
func (c *Conn) write() {
	for {
		batch, size, draining, idle := c.takeBatch()
		if len(batch) == 0 {
			if draining && idle {
				c.cut(ErrClosed)
				return
			}
			select {
			case <-c.wake:
				continue
			case <-c.stop:
				return
			}
		}
		if _, err := batch.WriteTo(c.raw); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() && !draining {
				err = ErrSlowPeer
			}
			c.cut(err)
			return
		}
		c.mu.Lock()
		c.writing = false
		if c.cause == nil {
			c.queued -= size
		}
		c.mu.Unlock()
	}
}

// takeBatch takes all that is queued, and so many bytes, for the writer, unless another one writes, who wakes the writer
// afterwards. It also tells whether the connection is to be closed, and whether nobody writes.
func (c *Conn) takeBatch() (batch net.Buffers, size int, draining, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing || len(c.queue) == 0 {
		return nil, 0, c.draining, !c.writing
	}
	batch, c.queue, c.writing = c.queue, nil, true
	for _, frame := range batch {
		size += len(frame)
	}
	if !c.draining {
		_ = c.raw.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	return batch, size, c.draining, true
}
