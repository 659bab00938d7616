package nodecluster

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/nodeipc"
)

// State is a frozen Primary, for the program that replaces this one in the same process. It may hold the ticket keys of
// TLS servers.
type State struct {
	Shares  []ShareState  `json:"shares,omitempty"`
	Members []MemberState `json:"members,omitempty"`
}

// ShareState is one socket that workers asked for.
type ShareState struct {
	Process string `json:"process"`
	Key     string `json:"key"`
	// FD is -1 while the socket is closed.
	FD       int  `json:"fd"`
	Directed bool `json:"directed,omitempty"`

	Network     string `json:"network"`
	Address     string `json:"address,omitempty"`
	Abstract    bool   `json:"abstract,omitempty"`
	Port        int    `json:"port,omitempty"`
	Six         bool   `json:"six,omitempty"`
	Flags       int    `json:"flags,omitempty"`
	Backlog     int    `json:"backlog,omitempty"`
	ReadableAll bool   `json:"readableAll,omitempty"`
	WritableAll bool   `json:"writableAll,omitempty"`

	BoundAddress string `json:"boundAddress,omitempty"`
	BoundPort    int    `json:"boundPort,omitempty"`
	BoundSix     bool   `json:"boundSix,omitempty"`
	Device       uint64 `json:"device,omitempty"`
	Inode        uint64 `json:"inode,omitempty"`

	Data []byte `json:"data,omitempty"`
	// Holders and Free are ids of members, Pending descriptors of connections.
	Holders []int `json:"holders,omitempty"`
	Free    []int `json:"free,omitempty"`
	Pending []int `json:"pending,omitempty"`
	// Lingers says that nobody has it and it goes when nobody asks for it soon.
	Lingers bool `json:"lingers,omitempty"`
}

// MemberState is one worker.
type MemberState struct {
	ID        int            `json:"id"`
	Process   string         `json:"process"`
	Policy    Policy         `json:"policy"`
	Seq       int            `json:"seq"`
	Unacked   []UnackedState `json:"unacked,omitempty"`
	Online    bool           `json:"online,omitempty"`
	Listening bool           `json:"listening,omitempty"`
	Voluntary bool           `json:"voluntary,omitempty"`
	Leaving   bool           `json:"leaving,omitempty"`
	Dismissed bool           `json:"dismissed,omitempty"`
}

// UnackedState is a connection that a worker was given and has not answered for.
type UnackedState struct {
	Seq int `json:"seq"`
	FD  int `json:"fd"`
	// Key is that of its share, which is of the member's process.
	Key string `json:"key"`
}

// Freeze makes the primary stand still: no connection is accepted and every other method waits until Thaw. The channels
// of the members are frozen before, so that none of them is about to call one.
func (p *Primary) Freeze() {
	p.opening.Lock()
	for _, s := range p.shares { // nobody adds one without opening
		if s.loop != nil {
			s.loop.turn.Lock()
		}
	}
	p.mu.Lock()
}

// Thaw undoes Freeze.
func (p *Primary) Thaw() {
	p.mu.Unlock()
	for _, s := range p.shares {
		if s.loop != nil {
			s.loop.turn.Unlock()
		}
	}
	p.opening.Unlock()
}

// Export describes a frozen primary. Its descriptors stay the primary's.
func (p *Primary) Export() State {
	var state State
	for _, s := range p.shares {
		e := ShareState{
			Process: s.key.process, Key: s.key.key, FD: s.fd, Directed: s.directed,
			Network: s.spec.network, Address: s.spec.address, Abstract: s.spec.abstract, Port: s.spec.port, Six: s.spec.six,
			Flags: s.spec.flags, Backlog: s.spec.backlog, ReadableAll: s.spec.readableAll, WritableAll: s.spec.writableAll,
			BoundAddress: s.bound.address, BoundPort: s.bound.port, BoundSix: s.bound.six, Device: s.bound.device, Inode: s.bound.inode,
			Data: s.data, Lingers: s.linger != nil,
		}
		for m := range s.holders {
			e.Holders = append(e.Holders, m.id)
		}
		slices.Sort(e.Holders)
		for _, m := range s.free {
			e.Free = append(e.Free, m.id)
		}
		for _, c := range s.pending {
			e.Pending = append(e.Pending, c.fd)
		}
		state.Shares = append(state.Shares, e)
	}
	slices.SortFunc(state.Shares, func(a, b ShareState) int {
		return cmp.Or(cmp.Compare(a.Process, b.Process), cmp.Compare(a.Key, b.Key))
	})
	for _, id := range slices.Sorted(maps.Keys(p.members)) {
		m := p.members[id]
		e := MemberState{
			ID: m.id, Process: m.process, Policy: m.policy, Seq: m.seq, Online: m.online, Listening: m.listening,
			Voluntary: m.voluntary, Leaving: m.leaving, Dismissed: m.dismissed,
		}
		for _, seq := range slices.Sorted(maps.Keys(m.unacked)) {
			c := m.unacked[seq]
			e.Unacked = append(e.Unacked, UnackedState{Seq: seq, FD: c.fd, Key: c.share.key.key})
		}
		state.Members = append(state.Members, e)
	}
	return state
}

// Descriptors lists every descriptor of a state.
func (s *State) Descriptors() []int {
	var all []int
	for _, share := range s.Shares {
		if share.FD >= 0 {
			all = append(all, share.FD)
		}
		all = append(all, share.Pending...)
	}
	for _, m := range s.Members {
		for _, c := range m.Unacked {
			all = append(all, c.FD)
		}
	}
	return all
}

// Import makes the primary of a state, whose descriptors it takes over. channel finds the channel of a member, which is
// served only afterwards.
func Import(state State, options Options, channel func(id int) *nodeipc.Channel) (*Primary, error) {
	p := New(options)
	p.opening.Lock()
	defer p.opening.Unlock()
	p.mu.Lock()
	for _, e := range state.Shares {
		p.importShare(&e)
	}
	for _, e := range state.Members {
		if err := p.importMember(&e, channel(e.ID)); err != nil {
			p.mu.Unlock()
			return nil, err
		}
	}
	for _, e := range state.Shares {
		p.importHolders(&e)
	}
	p.mu.Unlock()
	for _, s := range p.shares {
		if s.open() {
			if err := p.startLoop(s); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// importShare makes a share without holders; mu is held.
func (p *Primary) importShare(e *ShareState) {
	s := &share{
		primary: p, key: shareKey{e.Process, e.Key}, wake: make(chan struct{}, 1), holders: map[*Member]bool{},
		fd: e.FD, directed: e.Directed, data: e.Data,
		spec: spec{
			network: e.Network, address: e.Address, abstract: e.Abstract, port: e.Port, six: e.Six, flags: e.Flags,
			backlog: e.Backlog, readableAll: e.ReadableAll, writableAll: e.WritableAll,
		},
		bound: bound{address: e.BoundAddress, port: e.BoundPort, six: e.BoundSix, device: e.Device, inode: e.Inode},
	}
	if s.fd >= 0 {
		unix.CloseOnExec(s.fd)
	}
	for _, fd := range e.Pending {
		unix.CloseOnExec(fd)
		s.pending = append(s.pending, &connection{share: s, fd: fd})
	}
	p.shares[s.key] = s
}

// importMember makes a member with the connections it has not answered for; mu is held.
func (p *Primary) importMember(e *MemberState, ch *nodeipc.Channel) error {
	if ch == nil {
		return fmt.Errorf("take a cluster over: worker %d of process %q has no channel", e.ID, e.Process)
	}
	m := &Member{
		primary: p, id: e.ID, process: e.Process, policy: e.Policy, channel: ch, seq: e.Seq,
		holds: map[*share]bool{}, unacked: map[int]*connection{},
		online: e.Online, listening: e.Listening, voluntary: e.Voluntary, leaving: e.Leaving, dismissed: e.Dismissed,
	}
	for _, c := range e.Unacked {
		s := p.shares[shareKey{e.Process, c.Key}]
		if s == nil {
			// The socket was closed since and forgotten; a connection of it has no other worker to go to.
			s = &share{primary: p, key: shareKey{e.Process, c.Key}, fd: -1, wake: make(chan struct{}, 1), holders: map[*Member]bool{}}
		}
		unix.CloseOnExec(c.FD)
		m.unacked[c.Seq] = &connection{share: s, fd: c.FD}
	}
	p.members[m.id] = m
	return nil
}

// importHolders gives a share its holders; those are free for a connection that were, and those whose pause after a
// refusal is lost. mu is held.
func (p *Primary) importHolders(e *ShareState) {
	s := p.shares[shareKey{e.Process, e.Key}]
	busy := map[int]bool{}
	for _, id := range e.Holders {
		m := p.members[id]
		if m == nil {
			continue
		}
		s.holders[m], m.holds[s] = true, true
		for _, c := range m.unacked {
			busy[id] = busy[id] || c.share == s
		}
	}
	for _, id := range slices.Concat(e.Free, e.Holders) {
		if m := p.members[id]; m != nil && !busy[id] {
			s.addFree(m)
		}
	}
	if e.Lingers && len(s.holders) == 0 {
		p.startLinger(s)
	}
}

// Member finds a worker; nil when there is none of that id.
func (p *Primary) Member(id int) *Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id]
}

// Told takes what became of a message with a handle that was sent before the member was imported; it is what
// nodeipc.Import wants.
func (m *Member) Told(line []byte, err error) {
	var sent struct {
		Msg struct {
			Act string `json:"act"`
			Seq int    `json:"seq"`
		} `json:"msg"`
	}
	if err != nil && json.Unmarshal(line, &sent) == nil && sent.Msg.Act == "newconn" {
		m.answered(sent.Msg.Seq, false)
	}
}
