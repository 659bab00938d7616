package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/nodecluster"
	"github.com/pandora-go/pandora/internal/nodeipc"
	"github.com/pandora-go/pandora/internal/rotate"
)

// handoverSession is what a NodeSpawner holds between Begin and End, besides its children.
type handoverSession struct {
	Cluster nodecluster.State `json:"cluster"`
	Donated []handoverSocket  `json:"donated"`
	Output  *handoverOutput   `json:"output,omitempty"`
}

// handoverSocket is a socket that a plain process listens on.
type handoverSocket struct {
	Process string `json:"process"`
	Slot    int    `json:"slot"`
	Key     string `json:"key"`
	FD      int    `json:"fd"`
	ID      int    `json:"id"`
	Socket  Socket `json:"socket"`
}

// handoverOutput is where the log files are.
type handoverOutput struct {
	Single  bool              `json:"single"`
	Base    int64             `json:"base"`
	Sources []handoverSource  `json:"sources"`
	Writers []handoverWriters `json:"writers"`
}

// handoverSource is a worker's file.
type handoverSource struct {
	Path   string        `json:"path"`
	Worker rotate.Source `json:"worker"`
	Copied int64         `json:"copied"`
	Base   int64         `json:"base"`
}

// handoverWriters are the processes that hold a file.
type handoverWriters struct {
	Path   string         `json:"path"`
	Worker rotate.Source  `json:"worker"`
	Opens  int            `json:"opens"`
	Live   map[int]string `json:"live"`
}

// handoverChild is one live process.
type handoverChild struct {
	PID int `json:"pid"`
	ID  int `json:"id"`
	// Channel is nil when the process has closed it. Member says that it is a worker of the cluster.
	Channel   *nodeipc.State `json:"channel,omitempty"`
	Member    bool           `json:"member,omitempty"`
	Logs      []childLog     `json:"logs"`
	Drifted   bool           `json:"drifted,omitempty"`
	Started   bool           `json:"started,omitempty"`
	Finished  bool           `json:"finished,omitempty"`
	Listening []string       `json:"listening,omitempty"`
	Exclusive []string       `json:"exclusive,omitempty"`
	Unheld    []string       `json:"unheld,omitempty"`
	Report    *errorReport   `json:"report,omitempty"`
	Uncaught  string         `json:"uncaught,omitempty"`
	Handled   bool           `json:"handled,omitempty"`
	SaidAt    time.Time      `json:"saidAt,omitzero"`
	Broken    string         `json:"broken,omitempty"`
	OOMBefore int            `json:"oomBefore,omitempty"`
	// Abandon says that the sockets it has not taken are to be closed soon.
	Abandon bool `json:"abandon,omitempty"`
}

// freeze brings children, cluster and log files to rest, in this order: what stands still first calls what comes next.
func (n *NodeSpawner) freeze(ctx context.Context, children []Child) (err error) {
	s := n.current()
	if s == nil {
		return nil
	}
	if s.output == nil {
		return errors.New("an application without log files cannot be handed over")
	}
	var undo []func()
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			undo[i]()
		}
	}()
	if !s.output.turn.TryLock() {
		return unsettled("a log file is being rotated")
	}
	undo = append(undo, s.output.turn.Unlock)
	for _, child := range children {
		c := child.(*nodeChild)
		if !c.ending.TryLock() {
			return unsettled("process %d is just ending", c.pid)
		}
		undo = append(undo, c.ending.Unlock)
	}
	for _, child := range children {
		c := child.(*nodeChild)
		undo = append(undo, c.channel.Thaw)
		if c.channel.Freeze() {
			continue
		}
		select {
		case <-c.served: // it has closed its channel
		case <-ctx.Done():
			return unsettled("the channel of process %d is just ending", c.pid)
		}
	}
	s.primary.Freeze()
	s.donated.mu.Lock()
	s.output.mu.Lock()
	undo = append(undo, s.primary.Thaw, s.donated.mu.Unlock, s.output.mu.Unlock)
	n.undo = undo
	return nil
}

// thaw lets everything go on.
func (n *NodeSpawner) thaw() {
	for i := len(n.undo) - 1; i >= 0; i-- {
		n.undo[i]()
	}
	n.undo = nil
}

// export describes the session; null outside Begin and End.
func (n *NodeSpawner) export() (any, []int) {
	s := n.current()
	if s == nil {
		return nil, nil
	}
	h := handoverSession{Cluster: s.primary.Export(), Output: s.output.export()}
	descriptors := h.Cluster.Descriptors()
	for k, sockets := range s.donated.slots {
		for key, d := range sockets {
			h.Donated = append(h.Donated, handoverSocket{Process: k.process, Slot: k.slot, Key: key, FD: d.fd, ID: d.id, Socket: d.socket})
			descriptors = append(descriptors, d.fd)
		}
	}
	return h, descriptors
}

// exportChild describes a child whose channel is frozen or has ended.
func (n *NodeSpawner) exportChild(child Child) (*handoverChild, []int, error) {
	c, ok := child.(*nodeChild)
	if !ok || c.spec.Output != nil {
		return nil, nil, errors.New("a process whose output goes through pipes cannot be handed over")
	}
	h := &handoverChild{
		PID: c.pid, ID: c.spec.ID, Member: c.member != nil, Logs: c.logs, Drifted: c.drifted,
		Started: c.started, Finished: c.finished, Abandon: c.abandon != nil, OOMBefore: c.oomBefore,
	}
	c.mu.Lock()
	h.Listening, h.Exclusive, h.Unheld, h.Broken = c.listening, c.exclusive, c.unheld, c.broken
	h.Report, h.Uncaught, h.Handled, h.SaidAt = c.said.report, c.said.uncaught, c.said.handled, c.said.at
	c.mu.Unlock()
	if s, open := c.channel.Export(); open {
		h.Channel = &s
		return h, s.Descriptors(), nil
	}
	return h, nil, nil
}

// export describes the log files. mu is held.
func (o *output) export() *handoverOutput {
	h := &handoverOutput{Single: o.single, Base: o.base}
	for _, path := range slices.Sorted(maps.Keys(o.sources)) {
		s := o.sources[path]
		h.Sources = append(h.Sources, handoverSource{Path: path, Worker: s.worker, Copied: s.copied, Base: s.base})
	}
	for _, path := range slices.Sorted(maps.Keys(o.writers)) {
		w := o.writers[path]
		h.Writers = append(h.Writers, handoverWriters{Path: path, Worker: w.worker, Opens: w.opens, Live: w.live})
	}
	return h
}

// adopt makes the output what it was in the build before; run and runRotation then go on.
func (o *output) adopt(h *handoverOutput) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rotate.Sweep(o.stdoutPath()) // of an archive that was being compressed
	o.base = h.Base
	o.openMarks()
	for _, s := range h.Sources {
		o.sources[s.Path] = &outputSource{path: s.Path, worker: s.Worker, copied: s.Copied, seen: s.Copied, base: s.Base}
	}
	for _, w := range h.Writers {
		live := w.Live
		if live == nil {
			live = map[int]string{}
		}
		o.writers[w.Path] = &outputWriters{worker: w.Worker, opens: w.Opens, live: live}
	}
	notify(o.opened)
	notify(o.due)
}

// adopt makes a session and its children of what the build before has left.
func (n *NodeSpawner) adopt(plan *Plan, state json.RawMessage, specs []SpawnSpec, states []*handoverChild) ([]Child, error) {
	var h handoverSession
	if err := json.Unmarshal(state, &h); err != nil {
		return nil, fmt.Errorf("read what is taken over of the cluster: %w", err)
	}
	if h.Output == nil {
		return nil, errors.New("what is taken over has no log files")
	}
	s := &session{donated: newDonated(n.log, n.onChange)}
	s.output = newOutput(filepath.Join(plan.LogsDir, plan.App.AppName), h.Output.Single, n.log)
	s.output.setPolicy(n.rotationOf(plan))
	s.output.adopt(h.Output)
	for _, d := range h.Donated {
		k := slotKey{process: d.Process, slot: d.Slot}
		if s.donated.slots[k] == nil {
			s.donated.slots[k] = map[string]*donatedSocket{}
		}
		unix.CloseOnExec(d.FD)
		s.donated.slots[k][d.Key] = &donatedSocket{fd: d.FD, id: d.ID, socket: d.Socket}
	}
	children := make([]*nodeChild, len(specs))
	channels := map[int]*nodeipc.Channel{}
	for i := range specs {
		c, err := n.adoptChild(s, specs[i], states[i])
		if err != nil {
			return nil, err
		}
		children[i] = c
		channels[c.spec.ID] = c.channel
	}
	var err error
	s.primary, err = nodecluster.Import(h.Cluster, nodecluster.Options{Log: n.log, OnChange: n.onChange},
		func(id int) *nodeipc.Channel { return channels[id] })
	if err != nil {
		return nil, err
	}
	s.keepOutput()
	n.mu.Lock()
	n.session = s
	n.mu.Unlock()
	all := make([]Child, len(children))
	for i, c := range children {
		if states[i].Member {
			if c.member = s.primary.Member(c.spec.ID); c.member == nil {
				return nil, fmt.Errorf("take over: process %d is no member of its cluster", c.pid)
			}
		}
		all[i] = c
	}
	for i, c := range children {
		if states[i].Channel == nil {
			close(c.served)
		}
		c.follow(&files{}, states[i].Channel != nil)
	}
	return all, nil
}

// adoptChild makes a child that nobody listens to yet.
func (n *NodeSpawner) adoptChild(s *session, spec SpawnSpec, h *handoverChild) (*nodeChild, error) {
	c := &nodeChild{
		spawner: n, spec: spec, output: s.output, donated: s.donated, events: make(chan ChildEvent, 4), served: make(chan struct{}),
		pid: h.PID, logs: h.Logs, drifted: h.Drifted, started: h.Started, finished: h.Finished,
		listening: h.Listening, exclusive: h.Exclusive, unheld: h.Unheld, broken: h.Broken, oomBefore: h.OOMBefore,
		said:    said{report: h.Report, uncaught: h.Uncaught, handled: h.Handled, at: h.SaidAt},
		channel: nodeipc.Closed(),
	}
	process, err := os.FindProcess(h.PID) // our child, and not yet waited for
	if err != nil {
		return nil, fmt.Errorf("take over process %d: %w", h.PID, err)
	}
	c.process = process
	if h.Channel != nil {
		c.channel, err = nodeipc.Import(*h.Channel, func(line []byte, err error) {
			if c.member != nil {
				c.member.Told(line, err)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	if h.Abandon {
		c.abandonLater()
	}
	return c, nil
}
