package metrics

import (
	"container/list"
	"encoding/json"
	"maps"
	"sync"
)

const (
	// maxGoneClients bounds the clients that are remembered without a connection, maxGoneEntries what they had in all.
	maxGoneClients = 1024
	maxGoneEntries = 50_000
)

// ledger is what is known of one client, through all its connections: what it has registered and what it has counted.
type ledger struct {
	action, app, id string

	mu sync.Mutex // guards everything below
	// known is by type and name as the worker spells it.
	known map[string]*totals
	names map[string]frame
	// refused is what the client has refused itself.
	refused float64
}

// ledgers holds the ledgers of the clients that are there and of the latest ones that have gone. Whoever holds it
// guards it.
type ledgers struct {
	byAction map[string]*ledgerPlace
	gone     *list.List // of *ledgerPlace, the latest last
	entries  int        // of those that are gone
}

type ledgerPlace struct {
	*ledger
	conns   int
	gone    *list.Element // nil while there are connections
	entries int           // when it went
}

func newLedgers() *ledgers { return &ledgers{byAction: map[string]*ledgerPlace{}, gone: list.New()} }

// open returns the ledger of a client, made if there is none, for one more connection.
func (ls *ledgers) open(action, app, id string) *ledger {
	p := ls.byAction[action]
	if p == nil {
		p = &ledgerPlace{ledger: &ledger{action: action, app: app, id: id, known: map[string]*totals{}, names: map[string]frame{}}}
		ls.byAction[action] = p
	}
	if p.gone != nil {
		ls.gone.Remove(p.gone)
		ls.entries -= p.entries
		p.gone = nil
	}
	p.conns++
	return p.ledger
}

// leave is for a connection that has ended.
func (ls *ledgers) leave(l *ledger) {
	p := ls.byAction[l.action]
	if p.conns--; p.conns > 0 {
		return
	}
	p.entries = l.size()
	p.gone = ls.gone.PushBack(p)
	ls.entries += p.entries
	for ls.gone.Len() > maxGoneClients || ls.entries > maxGoneEntries {
		oldest := ls.gone.Remove(ls.gone.Front()).(*ledgerPlace)
		ls.entries -= oldest.entries
		delete(ls.byAction, oldest.action)
	}
}

// refusals takes how many refusals a client has counted, and returns how many of them are new.
func (l *ledger) refusals(n float64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.refused
	l.refused = max(before, n)
	return l.refused - before
}

func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known) + len(l.names)
}

// remember keeps a registration. Where a name is in several groups, each counts.
func (l *ledger) remember(m frame) {
	m.Value = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.names) < maxClientMetrics {
		l.names[m.Group+partSeparator+m.Type+partSeparator+m.Name] = m
	}
}

// registrations returns what was remembered, in order of the names.
func (l *ledger) registrations() []frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]frame, 0, len(l.names))
	for _, key := range sortedKeys(l.names) {
		all = append(all, l.names[key])
	}
	return all
}

// merge applies a state to the metrics of that name. now says that the difference is of now even if nothing is known.
func (l *ledger) merge(id string, targets []target, state json.RawMessage, now bool) error {
	if len(targets) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.known[id]
	if known == nil {
		known = &totals{}
	} else {
		now = true
	}
	var err error
	after := known
	for _, t := range targets {
		after = &totals{count: known.count, sum: known.sum, categories: known.categories}
		if len(targets) > 1 {
			after.categories = maps.Clone(known.categories)
		}
		if e := t.merge(after, state, now); e != nil {
			err = e
		}
	}
	if err == nil || after.count != 0 || after.categories != nil {
		l.known[id] = after
	}
	return err
}
