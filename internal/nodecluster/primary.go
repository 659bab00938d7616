// Package nodecluster is the primary of Node's cluster module, without a Node process: workers ask it for listening
// sockets, it opens them, keeps them and shares them out.
//
//	primary := nodecluster.New(nodecluster.Options{Log: log})
//	member := primary.Attach(id, "web", policy, channel)   // id is the worker's NODE_UNIQUE_ID
//	err := channel.Serve(func(m nodeipc.Message) {
//		if !member.Receive(m) { … a user's message or another lane … }
//	})
//	member.Detach()                                   // after Serve: its unfinished connections go to another worker
//	err = primary.Close()                             // the application has stopped: every socket goes
//
// A socket belongs to the process (the role) whose worker first asked for it and outlives its workers: while none is
// there, connections wait in the kernel's queue. It goes at Close or Suspend, or some seconds after the last worker
// closed it on its own account.
//
// Each worker has the policy it was attached with, so that the workers of one socket may differ: while a reload changes
// the policy, the old ones are given connections and the new ones accept for themselves, or the other way round.
//
// Concurrency: every method may be called from any goroutine. A socket that a worker with RoundRobin has asked for has
// one goroutine; the one who closes the socket waits for it.
//
// It starts, watches and ends no process, and does not decide when a worker is ready.
package nodecluster

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pandora-go/pandora/internal/nodeipc"
	"go.uber.org/zap"
)

// Policy is how connections find their worker.
type Policy int

const (
	// RoundRobin: the primary accepts and gives each connection to the next free worker.
	RoundRobin Policy = iota
	// Shared: the workers accept from one shared socket; cheaper per connection, badly balanced for few long ones.
	Shared
)

const (
	// lingerTime is how long a socket stays that its last worker closed while it lived on; a worker that drains closes
	// its sockets too, and its successor is to find them. Port 0 is shorter: such ports may be opened by the dozen.
	lingerTime     = 30 * time.Second
	lingerTimePort = 10 * time.Second
	// refusalPause is how long a worker that refused a connection (its maxConnections is reached) gets no other.
	refusalPause = 20 * time.Millisecond
)

// Options configure a Primary; the zero value is usable.
type Options struct {
	// Log may be nil.
	Log *zap.Logger
	// OnChange, if not nil, is called after Sockets, or Online or Listening of a member, have changed. It runs in the
	// goroutine that caused the change and must not wait for another call to this package.
	OnChange func()
}

// Socket tells of one open socket.
type Socket struct {
	// Network is "tcp", "udp" or "unix".
	Network string
	// Address is the bound IP address, or the path of a unix socket ("@name" for an abstract one).
	Address string
	// Port is 0 for a unix socket.
	Port int
	// Process is the process whose worker asked for it.
	Process string
}

// Primary owns the sockets of one application.
type Primary struct {
	options Options
	log     *zap.Logger

	// opening serialises the opening and closing of sockets, so that no key is bound twice. It is taken before mu, and
	// held over bind and listen, which do not wait for anybody.
	opening sync.Mutex

	mu      sync.Mutex
	members map[int]*Member
	shares  map[shareKey]*share
	closed  bool
}

// New makes a Primary without sockets or goroutines.
func New(options Options) *Primary {
	log := options.Log
	if log == nil {
		log = zap.NewNop()
	}
	return &Primary{options: options, log: log, members: map[int]*Member{}, shares: map[shareKey]*share{}}
}

// Attach makes the worker with NODE_UNIQUE_ID id, of the named process, a member that gets its connections by policy.
// ids are never reused.
func (p *Primary) Attach(id int, process string, policy Policy, ch *nodeipc.Channel) *Member {
	m := &Member{
		primary: p, id: id, process: process, policy: policy, channel: ch,
		holds: map[*share]bool{}, unacked: map[int]*connection{},
	}
	p.mu.Lock()
	p.members[id] = m
	p.mu.Unlock()
	return m
}

// changed tells the owner. It is called without locks.
func (p *Primary) changed() {
	if p.options.OnChange != nil {
		p.options.OnChange()
	}
}

// Sockets lists the open sockets, ordered by process, network, port and address.
func (p *Primary) Sockets() []Socket {
	p.mu.Lock()
	all := make([]Socket, 0, len(p.shares))
	for _, s := range p.shares {
		if s.open() {
			all = append(all, s.socket())
		}
	}
	p.mu.Unlock()
	slices.SortFunc(all, func(a, b Socket) int {
		return cmp.Or(cmp.Compare(a.Process, b.Process), cmp.Compare(a.Network, b.Network),
			cmp.Compare(a.Port, b.Port), cmp.Compare(a.Address, b.Address))
	})
	return all
}

// Suspend closes the sockets of the named processes, of all without a name, and remembers them: clients are refused
// instead of waiting for nobody. A worker that asks for one, or Resume, opens it again with the same port.
func (p *Primary) Suspend(processes ...string) {
	p.closeShares(func(s *share) bool { return len(processes) == 0 || slices.Contains(processes, s.key.process) }, false)
}

// Resume opens what Suspend closed. Sockets that cannot be opened stay suspended and are named in the error.
func (p *Primary) Resume(processes ...string) error {
	p.opening.Lock()
	var errs []error
	for _, s := range p.selectShares(func(s *share) bool {
		return !s.open() && (len(processes) == 0 || slices.Contains(processes, s.key.process))
	}) {
		errs = append(errs, p.openShare(s))
	}
	p.opening.Unlock()
	p.changed()
	return errors.Join(errs...)
}

// Forget closes the sockets of a process and forgets them.
func (p *Primary) Forget(process string) {
	p.closeShares(func(s *share) bool { return s.key.process == process }, true)
}

// Close closes and forgets every socket and removes unix socket files. Members' channels stay as they are; whoever
// asks for a socket afterwards is answered with EINVAL.
func (p *Primary) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.closeShares(func(*share) bool { return true }, true)
	return nil
}

// selectShares lists the shares that match, decided under the lock.
func (p *Primary) selectShares(match func(*share) bool) []*share {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*share
	for _, s := range p.shares {
		if match(s) {
			all = append(all, s)
		}
	}
	return all
}

// closeShares closes the shares that match and waits for their goroutines; forget also drops them from the table.
func (p *Primary) closeShares(match func(*share) bool, forget bool) {
	p.opening.Lock()
	all := p.selectShares(match)
	for _, s := range all {
		if forget {
			p.mu.Lock()
			delete(p.shares, s.key)
			p.mu.Unlock()
		}
		p.closeShare(s)
	}
	p.opening.Unlock()
	if len(all) > 0 {
		p.changed()
	}
}

// reply is what every message of the primary carries.
type reply struct {
	Cmd string `json:"cmd"`
	Seq int    `json:"seq"`
	// Ack is the seq of the request that this answers.
	Ack *int   `json:"ack,omitempty"`
	Act string `json:"act,omitempty"`
	Key string `json:"key,omitempty"`
}

// queryReply answers queryServer.
type queryReply struct {
	reply
	// Errno is 0 with a handle, null with a sockname or a unix path, else negative.
	Errno    *int            `json:"errno"`
	Data     json.RawMessage `json:"data"`
	Sockname *sockname       `json:"sockname,omitempty"`
}

// sockname is Node's form of an address.
type sockname struct {
	Address string `json:"address"`
	Family  string `json:"family"`
	Port    int    `json:"port"`
}
