package nodeipc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	cmdHandle      = "NODE_HANDLE"
	cmdHandleAck   = "NODE_HANDLE_ACK"
	cmdHandleNack  = "NODE_HANDLE_NACK"
	cmdGetCount    = "NODE_SOCKET_GET_COUNT"
	cmdNotifyClose = "NODE_SOCKET_NOTIFY_CLOSE"
)

// read is the reading half of Serve.
func (c *Channel) read(handle func(Message)) error {
	buf := make([]byte, firstReadSize)
	oob := make([]byte, unix.CmsgSpace(maxPendingFDs*4))
	defer func() {
		for _, fd := range c.fds {
			unix.Close(fd)
		}
		c.fds = nil
	}()
	for {
		n, oobn, _, _, err := c.conn.ReadMsgUnix(buf, oob)
		if oobn > 0 {
			c.fds = append(c.fds, receivedFDs(oob[:oobn])...)
			for len(c.fds) > maxPendingFDs {
				unix.Close(c.fds[0])
				c.fds = c.fds[1:]
			}
		}
		if err != nil && c.park(err) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		rest := buf[:n]
		for len(rest) > 0 {
			var line []byte
			line, rest = c.lines.next(rest)
			if line == nil {
				break
			}
			if err := c.receive(line, &c.fds, handle); err != nil {
				return err
			}
		}
		if n == len(buf) && n < readSize { // it has much to say
			buf = make([]byte, readSize)
		}
	}
}

// receivedFDs lists the descriptors of a control message. Go receives them close-on-exec.
func receivedFDs(oob []byte) []int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	var all []int
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			all = append(all, fds...)
		}
	}
	return all
}

// splitter cuts a stream into lines.
type splitter struct {
	// partial is the beginning of a line whose end has not arrived.
	partial []byte
}

// next returns the first line of data without its newline, and what follows it. line is nil when data holds no end of
// a line; data is then kept. Of a line that is too long the first maxLine bytes are kept and returned. A returned line
// is valid until the next call.
func (s *splitter) next(data []byte) (line, rest []byte) {
	i := bytes.IndexByte(data, '\n')
	size := i
	if i < 0 {
		size = len(data)
	}
	line = data[:size:size]
	line = line[:min(size, maxLine-len(s.partial))]
	if i < 0 {
		s.partial = append(s.partial, line...)
		return nil, nil
	}
	if len(s.partial) > 0 {
		line = append(s.partial, line...)
		s.partial = nil
	}
	return line, data[i+1:]
}

// frame is what a line says.
type frame struct {
	cmd string
	// fields are the members of an internal message; nil for a user's.
	fields map[string]json.RawMessage
}

// parse reads one line. Only an object whose "cmd" is a string that is longer than "NODE_" and begins with it is an
// internal message, which is Node's own test.
func parse(line []byte) (frame, error) {
	if !json.Valid(line) {
		return frame{}, fmt.Errorf("read an IPC message: not JSON: %.80q", line)
	}
	// A user's message, the common case, is not decoded.
	if !bytes.Contains(line, []byte(`"NODE_`)) {
		return frame{}, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return frame{}, nil
	}
	var cmd string
	if json.Unmarshal(fields["cmd"], &cmd) != nil || !strings.HasPrefix(cmd, "NODE_") || len(cmd) == len("NODE_") {
		return frame{}, nil
	}
	return frame{cmd: cmd, fields: fields}, nil
}

// receive answers or delivers one line. fds are the descriptors that arrived and have not found their line.
func (c *Channel) receive(line []byte, fds *[]int, handle func(Message)) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	if len(line) >= maxLine {
		return c.receiveLong(line, fds)
	}
	f, err := parse(line)
	if err != nil {
		return err
	}
	switch f.cmd {
	case cmdHandleAck, cmdHandleNack:
		c.acknowledged(f.cmd)
		return nil
	case cmdHandle:
		return c.receiveHandle(f, fds, handle)
	case cmdGetCount, cmdNotifyClose:
		return c.receiveCount(f)
	}
	handle(Message{Cmd: f.cmd, Raw: bytes.Clone(line), FD: -1})
	return nil
}

// receiveCount answers a child that asks about the connections of a server of which it gave some away: we keep none.
func (c *Channel) receiveCount(f frame) error {
	key := f.fields["key"]
	switch {
	case len(key) > maxKey:
		return nil
	case f.cmd == cmdGetCount:
		return c.answer(map[string]any{"cmd": "NODE_SOCKET_COUNT", "key": key, "count": 0}, false)
	}
	return c.answer(map[string]any{"cmd": "NODE_SOCKET_ALL_CLOSED", "key": key}, false)
}

// receiveLong reads past a message of which only the beginning was kept. Node writes cmd first.
func (c *Channel) receiveLong(line []byte, fds *[]int) error {
	if !bytes.HasPrefix(line, []byte(`{"cmd":"`+cmdHandle+`",`)) {
		return nil
	}
	if len(*fds) == 0 {
		return c.answer(map[string]any{"cmd": cmdHandleNack}, true)
	}
	unix.Close((*fds)[0])
	*fds = (*fds)[1:]
	return c.answer(map[string]any{"cmd": cmdHandleAck}, true)
}

// receiveHandle acknowledges a message with a descriptor, delivers it and closes the descriptor.
func (c *Channel) receiveHandle(f frame, fds *[]int, handle func(Message)) error {
	if len(*fds) == 0 {
		return c.answer(map[string]any{"cmd": cmdHandleNack}, true)
	}
	fd := (*fds)[0]
	*fds = (*fds)[1:]
	defer unix.Close(fd)
	// Until it is acknowledged the child holds back everything else it sends.
	if err := c.answer(map[string]any{"cmd": cmdHandleAck}, true); err != nil {
		return err
	}
	m := Message{Raw: bytes.Clone(f.fields["msg"]), FD: fd}
	if m.Raw == nil {
		m.Raw = json.RawMessage("null")
	}
	// A type that is no string is no type we know; the message is still the user's.
	_ = json.Unmarshal(f.fields["type"], &m.Type)
	inner, err := parse(m.Raw)
	if err != nil {
		return err
	}
	m.Cmd = inner.cmd
	handle(m)
	return nil
}

// answer queues a reply of the protocol itself. A closed channel needs none, and a child that asks without reading the
// answers is given up.
func (c *Channel) answer(v any, urgent bool) error {
	c.mu.Lock()
	unread := c.queued > maxAnswers
	c.mu.Unlock()
	if unread {
		return ErrQueueFull
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an IPC answer: %w", err)
	}
	err = c.enqueue(&outgoing{data: append(data, '\n'), fd: -1}, urgent)
	if err == ErrClosed {
		return nil
	}
	return err
}
