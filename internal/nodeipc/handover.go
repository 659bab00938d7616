package nodeipc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// State is a frozen channel, for the program that replaces this one in the same process. It holds what was read and not
// understood yet and what waits to be sent, which may be secret.
type State struct {
	FD int `json:"fd"`
	// Partial is the beginning of a line, FDs are descriptors that came and have not found their line.
	Partial []byte `json:"partial,omitempty"`
	FDs     []int  `json:"fds,omitempty"`
	// Urgent and Queue wait; Current was written in part, if it is not InFlight.
	Urgent  []Outgoing `json:"urgent,omitempty"`
	Queue   []Outgoing `json:"queue,omitempty"`
	Current *Outgoing  `json:"current,omitempty"`
	// InFlight is the handle that waits for its acknowledgement; Writing says that it is not written wholly, Resend that
	// it is to be written again.
	InFlight *Outgoing `json:"inFlight,omitempty"`
	Writing  bool      `json:"writing,omitempty"`
	Resend   bool      `json:"resend,omitempty"`
	Early    string    `json:"early,omitempty"`
}

// Outgoing is one message on its way.
type Outgoing struct {
	Data []byte `json:"data"`
	// FD is the descriptor that goes along, -1 for none.
	FD      int `json:"fd"`
	Sent    int `json:"sent,omitempty"`
	Retries int `json:"retries,omitempty"`
	// Told says that its sender wants to know what became of it.
	Told bool `json:"told,omitempty"`
}

// Freeze makes the channel stand still between two messages: when it returns, nothing is read and nothing written until
// Thaw. Messages sent meanwhile wait. The handler must not wait for the caller. It returns false when the channel has
// ended, or does so instead; what is to be done then is what follows the end of Serve.
func (c *Channel) Freeze() bool {
	c.mu.Lock()
	if c.closed || c.thawed != nil {
		frozen := !c.closed
		c.mu.Unlock()
		return frozen
	}
	c.thawed, c.parked = make(chan struct{}), make(chan struct{}, 2)
	serving, parked := c.serving, c.parked
	c.signal()
	c.mu.Unlock()
	// A deadline that has passed also ends a read or write that is under way.
	_ = c.conn.SetDeadline(time.Unix(1, 0))
	if !serving {
		return true
	}
	for range 2 {
		select {
		case <-parked:
		case <-c.over:
			return false
		}
	}
	return true
}

// Thaw undoes Freeze.
func (c *Channel) Thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thawed == nil {
		return
	}
	_ = c.conn.SetDeadline(time.Time{})
	close(c.thawed)
	c.thawed, c.parked = nil, nil
	c.signal()
}

// park waits for Thaw or Close, if the channel is frozen and err is what freezing it made of a read or write, or nil;
// otherwise it returns false at once.
func (c *Channel) park(err error) bool {
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.mu.Lock()
	thawed, parked := c.thawed, c.parked
	c.mu.Unlock()
	if thawed == nil {
		// The deadline was that of a freeze that is over.
		return err != nil
	}
	select {
	case parked <- struct{}{}:
	case <-c.closing:
		// Until Close has closed the socket the deadline is met again and again, and nobody counts who stands still.
		return true
	}
	select {
	case <-thawed:
	case <-c.closing:
	}
	return true
}

// Export describes a frozen channel; false for one that is closed. Its descriptors stay the channel's.
func (c *Channel) Export() (State, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.thawed == nil {
		return State{}, false
	}
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return State{}, false
	}
	s := State{Partial: c.lines.partial, FDs: c.fds, Writing: c.writing, Resend: c.resend, Early: c.early}
	if raw.Control(func(fd uintptr) { s.FD = int(fd) }) != nil {
		return State{}, false
	}
	for _, o := range c.urgent {
		s.Urgent = append(s.Urgent, *o.export())
	}
	for _, o := range c.queue {
		s.Queue = append(s.Queue, *o.export())
	}
	if c.inFlight != nil {
		s.InFlight = c.inFlight.export()
	}
	if c.current != nil && c.current != c.inFlight {
		s.Current = c.current.export()
	}
	return s, true
}

func (o *outgoing) export() *Outgoing {
	return &Outgoing{Data: o.data, FD: o.fd, Sent: o.sent, Retries: o.retries, Told: o.done != nil}
}

// Descriptors lists every descriptor of a state.
func (s *State) Descriptors() []int {
	all := append([]int{s.FD}, s.FDs...)
	add := func(o *Outgoing) {
		if o != nil && o.FD >= 0 {
			all = append(all, o.FD)
		}
	}
	for i := range s.Urgent {
		add(&s.Urgent[i])
	}
	for i := range s.Queue {
		add(&s.Queue[i])
	}
	add(s.Current)
	add(s.InFlight)
	return all
}

// Import makes the channel of a state, whose descriptors it takes over; Serve then goes on where the other one stood
// still. told is called in place of the function that SendHandle was given, with the line of the message.
func Import(s State, told func(line []byte, err error)) (*Channel, error) {
	file := os.NewFile(uintptr(s.FD), "ipc")
	if file == nil {
		return nil, fmt.Errorf("take an IPC channel over: descriptor %d is none", s.FD)
	}
	generic, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return nil, fmt.Errorf("take an IPC channel over: %w", err)
	}
	conn, ok := generic.(*net.UnixConn)
	if !ok {
		generic.Close()
		return nil, fmt.Errorf("take an IPC channel over: descriptor %d is no unix socket", s.FD)
	}
	c := newChannel(conn)
	c.lines.partial, c.fds = s.Partial, s.FDs
	c.writing, c.resend, c.early = s.Writing, s.Resend, s.Early
	for i := range s.Urgent {
		c.urgent = append(c.urgent, c.restore(&s.Urgent[i], told))
	}
	for i := range s.Queue {
		c.queue = append(c.queue, c.restore(&s.Queue[i], told))
	}
	if s.InFlight != nil {
		c.inFlight = c.restore(s.InFlight, told)
	}
	switch {
	case s.Current != nil:
		// It does not count as queued any more.
		c.current = c.restore(s.Current, told)
		c.queued -= len(s.Current.Data)
	case s.Writing:
		c.current = c.inFlight
	}
	for _, fd := range s.FDs {
		unix.CloseOnExec(fd)
	}
	return c, nil
}

// restore makes a message of its description.
func (c *Channel) restore(o *Outgoing, told func([]byte, error)) *outgoing {
	c.queued += len(o.Data)
	out := &outgoing{data: o.Data, fd: o.FD, sent: o.Sent, retries: o.Retries}
	if o.Told && told != nil {
		out.done = func(err error) { told(o.Data, err) }
	}
	if o.FD >= 0 {
		unix.CloseOnExec(o.FD)
	}
	return out
}

// Closed is the channel of a child that has none any more: nothing can be sent on it.
func Closed() *Channel {
	c := newChannel(nil)
	c.closed, c.serving = true, true
	close(c.closing)
	close(c.over)
	return c
}
