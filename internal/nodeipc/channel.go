// Package nodeipc is the parent's end of the channel that Node calls IPC: process.send, process.on('message'),
// process.disconnect and the passing of sockets.
//
//	ch, child, err := nodeipc.Pair()
//	cmd.ExtraFiles = []*os.File{child}                     // becomes fd 3
//	cmd.Env = append(env, "NODE_CHANNEL_FD=3", "NODE_CHANNEL_SERIALIZATION_MODE=json")
//	err = cmd.Start(); child.Close()
//	err = ch.Serve(func(m nodeipc.Message) { … })          // returns when the child is gone or Close was called
//
// The format is one JSON value per line. A line may come with one descriptor; the receiver acknowledges it, and a sender
// has at most one descriptor unacknowledged, because Node may attach a second one to the wrong line.
//
// Concurrency: every method may be called from any goroutine. Serve runs the handler in its own goroutine, one message
// at a time; its second goroutine, the writer, has ended when Serve returns. A Channel that is never served writes nothing.
//
// It knows no message but those of the handle protocol, and starts and ends no process.
package nodeipc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxLine is from which size a received message is read past, which bounds what a child can make us keep. Node has
	// no limit, and so a long message is no error.
	maxLine = 2 << 20
	// maxQueue bounds everything that waits to be sent, maxAnswers what may wait when the child asks for another answer;
	// both in bytes, and each message counts messageCost more.
	maxQueue    = 16 << 20
	maxAnswers  = 1 << 20
	messageCost = 256
	// maxKey bounds the key of a server that a child asks about; Node's are short.
	maxKey = 1 << 10
	// maxPendingFDs bounds descriptors that arrived before their line. A correct peer never has more than one.
	maxPendingFDs = 8
	// maxRetransmits is how often a handle is sent again after a NACK, as in Node.
	maxRetransmits = 3
	// firstReadSize is how much is read at once from a child that says little, as most do; readSize from others.
	firstReadSize = 4 << 10
	readSize      = 64 << 10
)

// Errors that callers tell apart.
var (
	// ErrClosed: the channel was closed, by either side, before the message could be delivered.
	ErrClosed = errors.New("the IPC channel is closed")
	// ErrQueueFull: the child has not read for so long that 16 MiB are waiting.
	ErrQueueFull = errors.New("the IPC queue is full: the child does not read its channel")
	// ErrNotDelivered: the child answered four times that the descriptor did not arrive.
	ErrNotDelivered = errors.New("the descriptor did not reach the child")
)

// Message is one message from the child.
type Message struct {
	// Cmd is the "cmd" of an internal message ("NODE_CLUSTER", "NODE_PANDORA"); "" for a message the user sent.
	Cmd string
	// Raw is the whole JSON value; for a message with a handle, the user's part of it. A message of 2 MiB or more is not
	// delivered; one that came with a handle is acknowledged all the same.
	Raw json.RawMessage
	// FD is the descriptor that came with it, -1 for none. It is valid while the handler runs and closed by Serve
	// afterwards, so that one nobody wanted cannot leak; a handler that wants to keep it duplicates it.
	FD int
	// Type is Node's name for what FD is ("net.Socket", "net.Server", "net.Native", "dgram.Socket", "dgram.Native");
	// "" without one.
	Type string
}

// Channel is the parent's end of one child's channel.
type Channel struct {
	conn *net.UnixConn
	// wake has a token when the writer has something to look at.
	wake chan struct{}

	mu sync.Mutex
	// urgent holds acknowledgements, which overtake everything; else two sides waiting for each other would wait for ever.
	urgent []*outgoing
	queue  []*outgoing
	// queued counts the cost of both, and of the handle in flight.
	queued int
	// inFlight is the handle that was written, or is being written, and not yet acknowledged; nothing of queue passes it.
	inFlight *outgoing
	// writing is true while inFlight is being written, resend when it is to be written again.
	writing, resend bool
	// early is an answer that came while writing, which the writer then handles; "" for none.
	early  string
	closed bool
	// serving is true once Serve was called; over is closed when it has returned, closing when the channel is closed.
	serving       bool
	over, closing chan struct{}
	// thawed is closed by Thaw, nil unless frozen; the reader and the writer tell parked that they stand still.
	thawed, parked chan struct{}

	// current is the message whose beginning may have been written; it belongs to the writer. lines and fds are what
	// was read and not delivered yet: a part of a line, and descriptors without one; they belong to the reader.
	current *outgoing
	lines   splitter
	fds     []int
}

// outgoing is one message on its way to the child.
type outgoing struct {
	data []byte
	// fd is our duplicate, -1 for none.
	fd int
	// sent counts the bytes that are written; the descriptor goes with the first.
	sent    int
	retries int
	done    func(error)
}

// Pair makes a channel. child is what the Node process inherits; the caller closes it after the spawn.
func Pair() (parent *Channel, child *os.File, err error) {
	fds, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("make an IPC channel: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "ipc")
	child = os.NewFile(uintptr(fds[1]), "ipc-child")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		child.Close()
		return nil, nil, fmt.Errorf("make an IPC channel: %w", err)
	}
	return newChannel(conn.(*net.UnixConn)), child, nil
}

func newChannel(conn *net.UnixConn) *Channel {
	return &Channel{conn: conn, wake: make(chan struct{}, 1), over: make(chan struct{}), closing: make(chan struct{})}
}

// Send queues v, marshalled as JSON, behind everything sent before. It does not wait for the child.
func (c *Channel) Send(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an IPC message: %w", err)
	}
	return c.enqueue(&outgoing{data: append(data, '\n'), fd: -1}, false)
}

// SendHandle queues payload together with a duplicate of fd, of the Node type typ; the caller keeps fd. done, if not
// nil, is called once: with nil when the child has acknowledged the descriptor, else with the reason. It runs in the
// goroutine of Serve or Close and may call any method. When SendHandle returns an error, done is not called.
//
// The descriptor must be non-blocking: libuv does not set that on what it receives, and a child that accepts from a
// blocking socket stands still.
func (c *Channel) SendHandle(payload any, typ string, fd int, done func(error)) error {
	type handleMessage struct {
		Cmd  string `json:"cmd"`
		Type string `json:"type"`
		Msg  any    `json:"msg"`
		// DgramType is mandatory for dgram.Socket: a child without it throws.
		DgramType string `json:"dgramType,omitempty"`
	}
	msg := handleMessage{Cmd: "NODE_HANDLE", Type: typ, Msg: payload}
	if typ == "dgram.Socket" {
		var err error
		if msg.DgramType, err = dgramType(fd); err != nil {
			return fmt.Errorf("send a %s over IPC: %w", typ, err)
		}
	}
	data, err := json.Marshal(msg)
	if err != nil {
		return fmt.Errorf("encode an IPC message: %w", err)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("duplicate a descriptor for IPC: %w", err)
	}
	if err := c.enqueue(&outgoing{data: append(data, '\n'), fd: dup, done: done}, false); err != nil {
		unix.Close(dup)
		return err
	}
	return nil
}

// dgramType says which of Node's two kinds of UDP socket fd is.
func dgramType(fd int) (string, error) {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	if _, six := addr.(*unix.SockaddrInet6); six {
		return "udp6", nil
	}
	return "udp4", nil
}

// enqueue adds o to the queue, or to the front lane when urgent.
func (c *Channel) enqueue(o *outgoing, urgent bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if c.queued+o.cost() > maxQueue {
		return ErrQueueFull
	}
	c.queued += o.cost()
	if urgent {
		c.urgent = append(c.urgent, o)
	} else {
		c.queue = append(c.queue, o)
	}
	c.signal()
	return nil
}

// signal wakes the writer.
func (c *Channel) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Close closes the channel: Serve returns, the child sees a disconnect, queued messages are dropped. It does not wait
// for Serve, so a handler may call it. Closing again does nothing.
func (c *Channel) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.closing)
	dropped := append(c.urgent, c.queue...)
	if c.inFlight != nil {
		dropped = append(dropped, c.inFlight)
	}
	c.urgent, c.queue, c.inFlight, c.resend, c.queued = nil, nil, nil, false, 0
	c.signal()
	c.mu.Unlock()
	// The socket goes first, and waits for a write that is under way: after it nobody uses a dropped descriptor.
	err := c.conn.Close()
	for _, o := range dropped {
		o.finish(ErrClosed)
	}
	return err
}

// cost is what o counts while it waits.
func (o *outgoing) cost() int { return len(o.data) + messageCost }

// finish releases o's descriptor and tells its sender.
func (o *outgoing) finish(err error) {
	if o.fd >= 0 {
		unix.Close(o.fd)
	}
	if o.done != nil {
		o.done(err)
	}
}

// Serve reads until the child closes its end or Close is called (nil), or the channel breaks or carries what is not
// the protocol (the reason). It calls handle for every message that is not part of the handle protocol itself, and
// closes the channel before it returns. It is called once.
func (c *Channel) Serve(handle func(Message)) error {
	c.mu.Lock()
	c.serving = true
	c.mu.Unlock()
	defer close(c.over)
	written := make(chan error, 1)
	go func() { written <- c.write() }()
	err := c.read(handle)
	c.Close()
	if werr := <-written; err == nil {
		err = werr
	}
	// A child that died with something unread resets the connection instead of ending it.
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}
