// Package remember lets peers of the daemon's message socket that announce themselves only once, as npm's pandora-metrics
// does, get over the loss of a daemon: what they have announced is kept in a file, and said again for them when they come
// back to another daemon, or on another connection.
//
//	m := remember.Open(server, filepath.Join(home.State, "announced.json"), log)
//	m.Keep(conn.ID(), "METRIC_DISCOVER_KEY_", data, "MESSENGER_DOWNLINK_shop_health_1a2b") // by who handles the frame
//	m.Run(ctx) // writes until ctx ends
//
// A peer comes back when a connection of the same process (id and time of its start) answers one of the questions it was
// kept with, or sends what only it sends. Then the frames are handled as if they had just arrived, by the same handlers;
// their replies go nowhere.
//
// Concurrency: all methods may be called concurrently. Handlers of frames that are kept must bear to be called beside
// others of the same connection. The questions have goroutines, which Run waits for.
//
// It does not know what the frames mean, and does not tell which ones to keep.
package remember

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/pandora-go/pandora/internal/procid"
	"github.com/pandora-go/pandora/internal/wire"
	"go.uber.org/zap"
)

// Bounds. What is beyond is not remembered.
const (
	maxPeers  = 1024
	maxFrames = 10_512 // of one peer: 10,000 metrics, and Indicators
	maxAsks   = 64     // of one peer
	maxFrame  = 8 << 10
	maxBytes  = 16 << 20 // of all
)

const (
	// patience is how long a peer may be away: npm's client gives up after ten tries, one a second.
	patience = time.Minute
	// askTimeout is how long a peer may take to answer.
	askTimeout = 20 * time.Second
	// settle is the least time between a change and the next writing of the file; a file that takes long is written less often.
	settle = 200 * time.Millisecond
	// sweepInterval is how often those that are away are looked after.
	sweepInterval = 5 * time.Second
)

// Server is the message server; *wire.Server is one.
type Server interface {
	OnOpen(func(c *wire.Conn))
	OnClose(func(c *wire.Conn))
	// Again handles a frame as if the connection had sent it.
	Again(c *wire.Conn, action string, data json.RawMessage)
}

// Memory is what has been announced. Make it with Open.
type Memory struct {
	server Server
	path   string
	log    *zap.Logger
	boot   string
	// start tells when a process has started, "" when there is none.
	start func(pid int) string
	dirty chan struct{}

	mu     sync.Mutex // guards everything below
	here   map[uint64]*peer
	conns  map[uint64]connection
	away   []*peer // the latest last
	bytes  int
	full   bool // that was logged
	ended  bool
	asking sync.WaitGroup // nothing is added once ended is set
}

// connection is one that is open.
type connection struct {
	*wire.Conn
	start string // of its process
	// renews tells that it announces itself again.
	renews bool
}

// peer is what one process has announced on one connection.
type peer struct {
	pid   int
	start string
	// asks are the actions that it answers.
	asks   []string
	frames []frame // only appended to: copies of the slice may be read without the lock
	known  map[frame]bool
	// actions are those of the frames.
	actions map[string]bool
	until   time.Time // of one that is away
}

func newPeer(pid int, start string) *peer {
	return &peer{pid: pid, start: start, known: map[frame]bool{}, actions: map[string]bool{}}
}

// frame is an announcement. Data is JSON.
type frame struct{ action, data string }

func (f frame) size() int { return len(f.action) + len(f.data) }

// Open reads what was announced to the daemon before, and watches the connections of server from now on. A file that
// cannot be read counts as empty, and is logged.
func Open(server Server, path string, log *zap.Logger) *Memory {
	m := &Memory{
		server: server, path: path, log: log, boot: procid.Boot(), start: procid.Start, dirty: make(chan struct{}, 1),
		here: map[uint64]*peer{}, conns: map[uint64]connection{},
	}
	m.load()
	server.OnOpen(m.opened)
	server.OnClose(func(c *wire.Conn) { m.closed(c.ID()) })
	return m
}

// Keep remembers a frame of a connection, until that has ended and its process is gone or has not come back for a minute.
// ask is an action that this peer, and no other of its process, answers when it is sent {}. A frame that is known already
// changes nothing; one without data or beyond the bounds is not kept.
func (m *Memory) Keep(conn uint64, action string, data json.RawMessage, ask string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.conns[conn]
	if c.start == "" || c.renews || len(data) == 0 || m.ended {
		return
	}
	p := m.here[conn]
	f := frame{action, string(data)}
	if p != nil && p.known[f] {
		return
	}
	if p == nil {
		p = newPeer(c.PeerPID(), c.start)
	}
	size := f.size()
	if len(m.here)+len(m.away) >= maxPeers || len(p.frames) >= maxFrames || size+len(ask) > maxFrame || m.bytes+size > maxBytes {
		if !m.full {
			m.full = true
			m.log.Warn("announcement of a worker not remembered, it is lost with this daemon", zap.Int("pid", p.pid))
		}
		return
	}
	m.here[conn] = p
	m.addLocked(p, f, ask)
	m.changed()
}

// addLocked adds a frame that is not known. m.mu is held.
func (m *Memory) addLocked(p *peer, f frame, ask string) {
	p.frames = append(p.frames, f)
	p.known[f] = true
	p.actions[f.action] = true
	m.bytes += f.size()
	if ask != "" && len(p.asks) < maxAsks && !slices.Contains(p.asks, ask) {
		p.asks = append(p.asks, ask)
	}
}

// Renews is for a connection whose peer announces itself again on each: nothing is kept of it, and what was is forgotten.
func (m *Memory) Renews(conn uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, open := m.conns[conn]
	if !open || c.renews {
		return
	}
	c.renews = true
	m.conns[conn] = c
	if p := m.here[conn]; p != nil {
		delete(m.here, conn)
		m.forgetLocked(p)
	}
}

// forgetLocked is for a peer that is in no list any more. m.mu is held.
func (m *Memory) forgetLocked(p *peer) {
	for _, f := range p.frames {
		m.bytes -= f.size()
	}
	m.changed()
}

// Knows tells whether somebody who is away has announced with frames of that action.
func (m *Memory) Knows(action string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.away, func(p *peer) bool { return p.actions[action] })
}

// is tells whether a connection is of the same process.
func (p *peer) is(c connection) bool {
	return c.Conn != nil && p.pid == c.PeerPID() && p.start == c.start
}

// Recall says all again that who uses an action has announced, for a connection that has sent a frame of it, if its process
// is the same; and tells whether there was anything. The action must be one that only that peer sends.
func (m *Memory) Recall(conn uint64, action string) bool {
	m.mu.Lock()
	c := m.conns[conn]
	var p *peer
	for _, one := range m.away {
		if one.is(c) && one.actions[action] {
			p = one
		}
	}
	m.mu.Unlock()
	return p != nil && m.recall(c.Conn, p)
}

// opened asks a new connection whether it is one of those that its process had.
func (m *Memory) opened(c *wire.Conn) {
	now := connection{Conn: c, start: m.start(c.PeerPID())}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[c.ID()] = now
	for _, p := range m.away {
		if !p.is(now) || m.ended {
			continue
		}
		for _, ask := range p.asks {
			m.asking.Go(func() { m.ask(c, p, ask) })
		}
	}
}

// ask sends one question. Any answer will do.
func (m *Memory) ask(c *wire.Conn, p *peer, action string) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if _, err := c.Request(ctx, action, struct{}{}); err == nil {
		m.recall(c, p)
	}
}

// recall is for a peer that has come back on a connection.
func (m *Memory) recall(c *wire.Conn, p *peer) bool {
	m.mu.Lock()
	i := slices.Index(m.away, p)
	if now, open := m.conns[c.ID()]; i < 0 || !open || now.renews {
		m.mu.Unlock()
		return false // another question was answered before, or it is not wanted on this connection any more
	}
	m.away = slices.Delete(m.away, i, i+1)
	frames := p.frames
	if now := m.here[c.ID()]; now == nil {
		m.here[c.ID()] = p
	} else {
		for _, f := range frames {
			if m.bytes -= f.size(); !now.known[f] {
				m.addLocked(now, f, "")
			}
		}
		now.asks = append(now.asks, p.asks...)[:min(maxAsks, len(now.asks)+len(p.asks))]
	}
	m.changed()
	m.mu.Unlock()
	m.log.Debug("a worker is back, what it had announced is announced again", zap.Int("pid", p.pid), zap.Int("frames", len(frames)))
	for _, f := range frames {
		m.server.Again(c, f.action, json.RawMessage(f.data))
	}
	return true
}

// closed is for a connection that has ended: who was there may come back.
func (m *Memory) closed(conn uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, conn)
	p := m.here[conn]
	if p == nil {
		return
	}
	delete(m.here, conn)
	p.until = time.Now().Add(patience)
	m.away = append(m.away, p)
	m.changed()
}

// sweep forgets who will not come back.
func (m *Memory) sweep(now time.Time) {
	m.mu.Lock()
	away := slices.Clone(m.away)
	m.mu.Unlock()
	gone := map[*peer]bool{}
	for _, p := range away {
		gone[p] = !now.Before(p.until) || p.start != m.start(p.pid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = slices.DeleteFunc(m.away, func(p *peer) bool {
		if gone[p] {
			m.forgetLocked(p)
		}
		return gone[p]
	})
}

// changed makes Run write.
func (m *Memory) changed() {
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// Run writes what changes until ctx ends, and then a last time. It returns when no question is open any more: they end with
// their connections.
func (m *Memory) Run(ctx context.Context) {
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	var due <-chan time.Time
	pause := settle
	for {
		select {
		case <-m.dirty:
			if due == nil {
				due = time.After(pause)
			}
		case <-due:
			due = nil
			began := time.Now()
			m.save()
			pause = max(settle, 20*time.Since(began))
		case <-sweep.C:
			m.sweep(time.Now())
		case <-ctx.Done():
			m.mu.Lock()
			m.ended = true
			m.mu.Unlock()
			m.asking.Wait()
			m.sweep(time.Now())
			m.save()
			return
		}
	}
}
