package nodeipc

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// write sends what is queued until the channel closes. A write error closes the channel.
func (c *Channel) write() error {
	for {
		if c.current == nil {
			o, closed := c.next()
			if closed {
				return nil
			}
			if o == nil {
				if !c.park(nil) {
					<-c.wake
				}
				continue
			}
			c.current = o
		}
		o := c.current
		if err := c.writeOne(o); err != nil {
			if c.park(err) {
				continue
			}
			c.Close()
			// A child that closed its end, or is gone, is no news: the reader sees the end as well.
			if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("write to an IPC channel: %w", err)
		}
		c.current = nil
		if o.fd >= 0 {
			c.handleWritten()
		}
	}
}

// next takes the next message to write; nil when there is none now. A message with a descriptor becomes the one in
// flight, behind which the queue waits.
func (c *Channel) next() (o *outgoing, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, true
	case c.thawed != nil:
		return nil, false
	case len(c.urgent) > 0:
		o, c.urgent = c.urgent[0], c.urgent[1:]
	case c.resend:
		c.resend, c.writing = false, true
		c.inFlight.sent = 0
		return c.inFlight, false
	case c.inFlight != nil || len(c.queue) == 0:
		return nil, false
	default:
		o, c.queue = c.queue[0], c.queue[1:]
	}
	if o.fd >= 0 {
		c.inFlight, c.writing = o, true
	} else {
		c.queued -= o.cost()
	}
	return o, false
}

// writeOne writes what is left of o. The kernel may take a part; the descriptor goes with the first one only, else the
// child would get it twice.
func (c *Channel) writeOne(o *outgoing) error {
	if o.fd >= 0 && o.sent == 0 {
		n, _, err := c.conn.WriteMsgUnix(o.data, unix.UnixRights(o.fd), nil)
		o.sent += n
		if err != nil {
			return err
		}
	}
	if o.sent == len(o.data) {
		return nil
	}
	n, err := c.conn.Write(o.data[o.sent:])
	o.sent += n
	return err
}

// handleWritten notes that the handle in flight is with the kernel, and takes the answer if that was quicker.
func (c *Channel) handleWritten() {
	c.mu.Lock()
	early := c.early
	c.writing, c.early = false, ""
	c.mu.Unlock()
	if early != "" {
		c.acknowledged(early)
	}
}

// acknowledged handles the child's answer, cmdHandleAck or cmdHandleNack, to the handle in flight. An answer nobody
// waits for is ignored.
func (c *Channel) acknowledged(answer string) {
	c.mu.Lock()
	o := c.inFlight
	switch {
	case o == nil || c.resend:
		c.mu.Unlock()
		return
	case c.writing:
		c.early = answer
		c.mu.Unlock()
		return
	case answer == cmdHandleNack && o.retries < maxRetransmits:
		o.retries++
		c.resend = true
		c.signal()
		c.mu.Unlock()
		return
	}
	c.inFlight = nil
	c.queued -= o.cost()
	c.signal()
	c.mu.Unlock()
	if answer == cmdHandleNack {
		o.finish(ErrNotDelivered)
		return
	}
	o.finish(nil)
}
