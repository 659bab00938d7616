package endpoints

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// DiscoverAction is the frame with which an Indicator announces itself. (In the original the suffix is lost because
// the key is built before the group is known; that is what unmodified clients send.)
const DiscoverAction = "METRIC_DISCOVER_KEY_"

const (
	defaultInvokeTimeout = 3 * time.Second
	maxIndicators        = 4096
	maxPerPeer           = 256
	maxNameBytes         = 256
)

// Peer is a worker's connection.
type Peer interface {
	// ID is unique among the connections of a server.
	ID() uint64
	// Request sends a frame and waits for its reply, at most until ctx ends.
	Request(ctx context.Context, action string, data any) (json.RawMessage, error)
}

// Frames is the message server that Attach listens to, for connections of type C.
type Frames[C Peer] interface {
	Handle(action string, handle func(peer C, data json.RawMessage, reply func(any)))
	OnClose(func(peer C))
}

// Attach lets Indicators register with s over w. It is to be called before w serves.
func Attach[C Peer](w Frames[C], s *Server) {
	w.Handle(DiscoverAction, func(peer C, data json.RawMessage, reply func(any)) { s.groups.discover(peer, data, reply) })
	w.OnClose(func(peer C) { s.groups.forget(peer.ID()) })
}

// announcement is the data of a DiscoverAction frame.
type announcement struct {
	IndicatorName string `json:"indicatorName"`
	AppName       string `json:"appName"`
	Group         string `json:"group"`
	ClientID      string `json:"clientId"`
	Type          string `json:"type"`
	// Duplex announces reports that the worker will send by itself; no EndPoint here takes any.
	Duplex bool `json:"duplex"`
}

func (a announcement) valid() bool {
	for _, s := range []string{a.IndicatorName, a.AppName, a.Group, a.ClientID} {
		if s == "" || len(s) > maxNameBytes {
			return false
		}
	}
	return true
}

// registration is one Indicator of one connection.
type registration struct {
	peer   Peer
	client string
}

// seat is a place in the rows of a group: one multiton Indicator, or a singleton with its stand-bys.
type seat struct {
	group, app, name string
	singleton        bool
	// members are in the order of their announcement; the first one is asked. Guarded by groups.mu.
	members []registration
	// late is when it did not answer in time, in ms since 1970; 0 when it did.
	late atomic.Int64
	// failing keeps a broken Indicator from filling the log.
	failing atomic.Bool
	// reply is what it has said last, and healthBytes how long that was; of the group health only.
	reply       shared[healthReply]
	healthBytes atomic.Int64
}

// groups knows the registered Indicators.
type groups struct {
	timeout  time.Duration
	observer Observer
	log      *zap.Logger
	configs  map[string]json.RawMessage

	mu sync.Mutex
	// mounted are the configurations of groups that EndPoints from elsewhere have; early are announcements for groups that
	// nobody has yet, which such an EndPoint may come to have.
	mounted map[string]json.RawMessage
	early   []early
	seats   []*seat // in the order of the first announcement
	total   int
	perPeer map[uint64]int

	// version grows with every registration that comes or goes.
	version atomic.Uint64

	flights flights
}

func newGroups(configs map[string]json.RawMessage, timeout time.Duration, o Observer, log *zap.Logger) *groups {
	return &groups{timeout: timeout, observer: o, log: log, configs: configs, perPeer: map[uint64]int{}}
}

// discover registers the Indicator that data announces, and replies with the configuration of its group. An
// announcement for a group that does not exist here, or one that makes no sense, gets no reply, as in the original.
func (g *groups) discover(peer Peer, data json.RawMessage, reply func(any)) {
	var a announcement
	if err := json.Unmarshal(data, &a); err != nil || a.Duplex || !a.valid() {
		if !a.Duplex {
			g.log.Warn("indicator ignored, its announcement is malformed", zap.Uint64("peer", peer.ID()))
		}
		return
	}
	config, known := g.configOf(peer, a, reply)
	if !known {
		return
	}
	if !g.add(peer, a) {
		g.log.Warn("indicator ignored, there are too many", zap.String("app", a.AppName), zap.String("indicator", a.IndicatorName))
		return
	}
	reply(config)
}

// maxEarly bounds the announcements that wait for their group.
const maxEarly = 1024

// early is an announcement for a group that nobody has yet.
type early struct {
	peer  Peer
	a     announcement
	reply func(any)
}

// configOf is what an Indicator of a group is told. One whose group nobody has waits for it.
func (g *groups) configOf(peer Peer, a announcement, reply func(any)) (json.RawMessage, bool) {
	if config, known := g.configs[a.Group]; known {
		return config, true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	config, known := g.mounted[a.Group]
	if !known && len(g.early) < maxEarly {
		g.early = append(g.early, early{peer, a, reply})
	}
	return config, known
}

// mount gives groups to EndPoints from elsewhere, in place of those they had, and takes in who has waited for one.
func (g *groups) mount(configs map[string]json.RawMessage) {
	g.mu.Lock()
	g.mounted = configs
	var ready []early
	g.early = slices.DeleteFunc(g.early, func(e early) bool {
		_, known := configs[e.a.Group]
		if known {
			ready = append(ready, e)
		}
		return known
	})
	g.mu.Unlock()
	for _, e := range ready {
		if g.add(e.peer, e.a) {
			e.reply(configs[e.a.Group])
		}
	}
}

// add makes a the member of a seat; false when a bound is reached.
func (g *groups) add(peer Peer, a announcement) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	singleton := a.Type != "multiton"
	r := registration{peer: peer, client: a.ClientID}
	var place *seat
	for _, s := range g.seats {
		if s.group != a.Group || s.app != a.AppName || s.name != a.IndicatorName || s.singleton != singleton {
			continue
		}
		for _, m := range s.members {
			if m.peer.ID() == peer.ID() && m.client == a.ClientID {
				return true // announced again
			}
		}
		if singleton {
			place = s
		}
	}
	if g.total >= maxIndicators || g.perPeer[peer.ID()] >= maxPerPeer {
		return false
	}
	if place == nil {
		place = &seat{group: a.Group, app: a.AppName, name: a.IndicatorName, singleton: singleton}
		g.seats = append(g.seats, place)
	}
	place.members = append(place.members, r)
	g.total++
	g.perPeer[peer.ID()]++
	g.version.Add(1)
	return true
}

// forget removes the Indicators of a closed connection; stand-bys move up.
func (g *groups) forget(peer uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.early = slices.DeleteFunc(g.early, func(e early) bool { return e.peer.ID() == peer })
	kept := g.seats[:0]
	for _, s := range g.seats {
		var left []registration
		for _, m := range s.members {
			if m.peer.ID() != peer {
				left = append(left, m)
			}
		}
		if len(left) > 0 && left[0] != s.members[0] {
			s.reply.reset() // another one answers
		}
		s.members = left
		if len(left) > 0 {
			kept = append(kept, s)
		}
	}
	clear(g.seats[len(kept):])
	g.seats = kept
	if g.perPeer[peer] > 0 {
		g.version.Add(1)
	}
	g.total -= g.perPeer[peer]
	delete(g.perPeer, peer)
}

// list returns the seats of a group, of one application or, with app "", of all.
func (g *groups) list(group, app string) []*seat {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*seat
	for _, s := range g.seats {
		if s.group == group && (app == "" || s.app == app) {
			list = append(list, s)
		}
	}
	return list
}

// members returns a copy of who sits at s.
func (g *groups) members(s *seat) []registration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]registration(nil), s.members...)
}
