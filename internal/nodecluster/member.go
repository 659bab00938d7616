package nodecluster

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pandora-go/pandora/internal/nodeipc"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	cmdCluster = "NODE_CLUSTER"

	// What a worker asks for is bounded, so that what it costs is: sockets of one process, and the bytes of an address
	// and of the data that comes with it (Node's are the ticket keys of TLS).
	maxShares  = 512
	maxAddress = 4 << 10
	maxData    = 64 << 10
	// ticketKeysSize is the size of the ticket keys of a TLS server.
	ticketKeysSize = 48
	// maxComplaints is how much one worker can make us log.
	maxComplaints = 20
)

// Member is one worker process in its cluster.
type Member struct {
	primary *Primary
	id      int
	process string
	policy  Policy
	channel *nodeipc.Channel

	// The rest is guarded by primary.mu.

	seq int
	// holds are the shares this worker has and has not closed.
	holds map[*share]bool
	// unacked are the connections it was given and has neither accepted nor refused, by the seq of the message.
	unacked                      map[int]*connection
	online, listening, voluntary bool
	// leaving: what it closes from now on releases no socket.
	leaving    bool
	complaints int
	// dismissed: it was told to disconnect and gets no connections.
	dismissed bool
	gone      bool
}

// roundRobin tells whether the worker is given its connections. Datagrams know none, so UDP is always shared.
func (m *Member) roundRobin(s *share) bool { return m.policy == RoundRobin && s.spec.network != "udp" }

// Online tells whether the worker's cluster module has started, which is before any user code.
func (m *Member) Online() bool { return m.flag(&m.online) }

// Listening tells whether the worker has listened on at least one socket of the primary.
func (m *Member) Listening() bool { return m.flag(&m.listening) }

// Voluntary tells whether the worker announced that it is going by itself (worker.disconnect, worker.kill).
func (m *Member) Voluntary() bool { return m.flag(&m.voluntary) }

func (m *Member) flag(f *bool) bool {
	m.primary.mu.Lock()
	defer m.primary.mu.Unlock()
	return *f
}

// Retire says that the worker is about to be stopped: sockets it closes from now on are kept for its successor.
func (m *Member) Retire() {
	m.primary.mu.Lock()
	m.leaving = true
	m.primary.mu.Unlock()
}

// Disconnect tells the worker to close its servers and its channel, and gives it no more connections.
func (m *Member) Disconnect() {
	m.primary.mu.Lock()
	m.leaving, m.dismissed = true, true
	for s := range m.holds {
		s.dropFree(m)
	}
	err := m.channel.Send(m.next(reply{Act: "disconnect"}))
	m.primary.mu.Unlock()
	m.sent(err)
}

// Detach forgets the worker, whose process is gone or whose channel is closed, and gives the connections it had not
// accepted to others. Its sockets stay. Call it after Channel.Serve has returned, so that all its answers were heard.
func (m *Member) Detach() {
	p := m.primary
	p.mu.Lock()
	if m.gone {
		p.mu.Unlock()
		return
	}
	m.gone, m.leaving, m.online, m.listening = true, true, false, false
	delete(p.members, m.id)
	for s := range m.holds {
		delete(s.holders, m)
		s.dropFree(m)
	}
	held := m.holds
	m.holds = map[*share]bool{}
	var lost []int
	for seq, c := range m.unacked {
		delete(m.unacked, seq)
		if !c.share.giveBack(c, nil) {
			lost = append(lost, c.fd)
		}
	}
	for s := range held {
		s.dispatch(nil) // who waits may be meant for others now
	}
	p.mu.Unlock()
	closeAll(lost)
	p.changed()
}

// next numbers a message of this member; mu is held.
func (m *Member) next(r reply) reply {
	r.Cmd, r.Seq = cmdCluster, m.seq
	m.seq++
	return r
}

// sent notes a message that could not be sent. A closed channel is what the owner learns from Serve.
func (m *Member) sent(err error) {
	if err != nil && !errors.Is(err, nodeipc.ErrClosed) {
		m.complain("cluster message not sent", zap.Error(err))
	}
}

// complain logs what a worker has caused, so often that it is known and so seldom that it fills no log.
func (m *Member) complain(what string, fields ...zap.Field) {
	m.primary.mu.Lock()
	m.complaints++
	heard := m.complaints <= maxComplaints
	m.primary.mu.Unlock()
	if heard {
		m.primary.log.Warn(what, append([]zap.Field{zap.String("process", m.process), zap.Int("id", m.id)}, fields...)...)
	}
}

// message is anything a worker's cluster module says.
type message struct {
	Act string `json:"act"`
	Seq int    `json:"seq"`
	// Ack is the seq of our message that this answers, Accepted the answer.
	Ack      *int   `json:"ack"`
	Accepted truth  `json:"accepted"`
	Key      string `json:"key"`

	Address     *string         `json:"address"`
	Port        number          `json:"port"`
	AddressType json.RawMessage `json:"addressType"`
	FD          json.RawMessage `json:"fd"`
	Flags       number          `json:"flags"`
	Backlog     number          `json:"backlog"`
	Index       number          `json:"index"`
	Data        json.RawMessage `json:"data"`
	ReadableAll truth           `json:"readableAll"`
	WritableAll truth           `json:"writableAll"`
}

// truth is what JavaScript takes for true.
type truth bool

// UnmarshalJSON never fails.
func (t *truth) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "false", "null", "0", `""`:
		*t = false
	default:
		*t = true
	}
	return nil
}

// number is an integer, also one written as a string; everything else, such as Node's false for no backlog, is 0.
type number int

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(string(bytes.Trim(data, `"`)), 64)
	if err != nil || f != f || f < -1<<31 || f > 1<<31-1 {
		f = 0
	}
	*n = number(f)
	return nil
}

// key is the name that all workers of a process, also a later one, use for the same request: Node 22's form, where the
// position of the listen call counts only for port 0.
func (q *message) key() string {
	address := "null"
	if q.Address != nil {
		address = *q.Address
	}
	key := fmt.Sprintf("%s:%d:%s:%s", address, q.Port, bytes.Trim(q.AddressType, `"`), q.FD)
	if q.Port == 0 {
		key += ":" + strconv.Itoa(int(q.Index))
	}
	return key
}

// spec says what socket the query asks for. A query for a descriptor of the parent names one we do not have.
func (q *message) spec() (spec, unix.Errno) {
	if len(q.AddressType) > 32 || len(q.FD) > 32 || len(q.Data) > maxData {
		return spec{}, unix.EINVAL
	}
	if q.Address != nil && len(*q.Address) > maxAddress {
		return spec{}, unix.ENAMETOOLONG
	}
	var fd number
	if len(q.FD) > 0 && string(q.FD) != "null" && (fd.UnmarshalJSON(q.FD) != nil || fd >= 0) {
		return spec{}, unix.EINVAL
	}
	s := spec{
		port: int(q.Port), flags: int(q.Flags), backlog: int(q.Backlog),
		readableAll: bool(q.ReadableAll), writableAll: bool(q.WritableAll),
	}
	if q.Address != nil {
		s.address = *q.Address
	}
	switch kind := string(bytes.Trim(q.AddressType, `"`)); {
	case strings.HasPrefix(kind, "udp"):
		s.network, s.six = "udp", kind == "udp6"
	case q.Port < 0 || kind == "-1":
		s.network = "unix"
		// An abstract name arrives behind the worker's folder.
		if i := strings.IndexByte(s.address, 0); i >= 0 {
			s.address, s.abstract = "@"+s.address[i+1:], true
		}
	default:
		s.network, s.six = "tcp", kind == "6"
	}
	if s.port > 65535 || s.network == "unix" && s.address == "" {
		return spec{}, unix.EINVAL
	}
	return s, 0
}

// Receive handles what the worker's cluster module sent; it reports false for every other message.
func (m *Member) Receive(msg nodeipc.Message) (handled bool) {
	if msg.Cmd != cmdCluster {
		return false
	}
	var q message
	// The message may hold TLS ticket keys, so that not even an error may quote it.
	if json.Unmarshal(msg.Raw, &q) != nil {
		m.complain("cluster message not understood")
		return true
	}
	if q.Ack != nil {
		m.answered(*q.Ack, bool(q.Accepted))
		return true
	}
	switch q.Act {
	case "online":
		m.set(&m.online)
	case "listening":
		m.set(&m.listening)
	case "queryServer":
		m.query(&q)
	case "close":
		m.closed(q.Key)
	case "exitedAfterDisconnect":
		m.primary.mu.Lock()
		m.voluntary, m.leaving = true, true
		// The worker waits for this before it closes its channel.
		err := m.channel.Send(m.next(reply{Ack: &q.Seq}))
		m.primary.mu.Unlock()
		m.sent(err)
	}
	return true
}

func (m *Member) set(f *bool) {
	m.primary.mu.Lock()
	news := !*f && !m.gone
	*f = *f || news
	m.primary.mu.Unlock()
	if news {
		m.primary.changed()
	}
}

// query answers queryServer: with the socket, with its name, or with the error of bind.
func (m *Member) query(q *message) {
	p := m.primary
	answer := queryReply{reply: reply{Ack: &q.Seq}}
	p.opening.Lock()
	s, refused := p.shareFor(m, q)
	err := refused
	p.mu.Lock()
	if refused != unix.EINVAL && refused != unix.ENAMETOOLONG {
		answer.Key, answer.Data = q.key(), q.Data
	}
	if s != nil {
		if s.data == nil && isTicketKeys(q.Data) {
			s.data = q.Data
		}
		if s.data != nil {
			answer.Data = s.data
		}
	}
	answer.reply = m.next(answer.reply)
	switch {
	case err != nil:
		errno := -int(errnoOf(err))
		answer.Errno = &errno
		err = m.channel.Send(answer)
	case m.roundRobin(s):
		answer.Sockname = s.sockname()
		if err = m.channel.Send(answer); err == nil {
			s.join(m)
		}
	default:
		zero := 0
		answer.Errno = &zero
		typ := "net.Native"
		if s.spec.network == "udp" {
			typ = "dgram.Native"
		}
		if err = ensureNonblock(s.fd); err == nil {
			err = m.channel.SendHandle(answer, typ, s.fd, nil)
		}
		if err == nil {
			s.join(m)
		}
	}
	p.mu.Unlock()
	p.opening.Unlock()
	m.sent(err)
	if refused != nil {
		m.complain("socket not opened", zap.Error(refused))
		return
	}
	p.changed()
}

// isTicketKeys reports whether data is what Node's TLS servers share. Other data is not passed on, because a worker would
// fail with what another one made up.
func isTicketKeys(data []byte) bool {
	var d struct {
		TicketKeys string `json:"ticketKeys"`
	}
	if json.Unmarshal(data, &d) != nil {
		return false
	}
	keys, err := hex.DecodeString(d.TicketKeys)
	return err == nil && len(keys) == ticketKeysSize
}

// closed handles a worker's close of one of its servers.
func (m *Member) closed(key string) {
	p := m.primary
	p.mu.Lock()
	s := p.shares[shareKey{m.process, key}]
	if s == nil || !s.holders[m] {
		p.mu.Unlock()
		return
	}
	delete(s.holders, m)
	delete(m.holds, s)
	s.dropFree(m)
	s.dispatch(nil)
	if len(s.holders) == 0 && !m.leaving {
		p.startLinger(s)
	}
	p.mu.Unlock()
	p.changed()
}

// answered handles the worker's word on a connection it was given.
func (m *Member) answered(seq int, accepted bool) {
	p := m.primary
	p.mu.Lock()
	c := m.unacked[seq]
	if c == nil {
		p.mu.Unlock()
		return
	}
	delete(m.unacked, seq)
	finished := -1
	if accepted {
		finished = c.fd
		c.share.addFree(m)
	} else {
		if !c.share.giveBack(c, m) {
			finished = c.fd
		}
		// It refuses because it has all the connections it wants: asking again at once would spin.
		c.share.addFreeLater(m)
	}
	p.mu.Unlock()
	if finished >= 0 {
		unix.Close(finished)
	}
}
