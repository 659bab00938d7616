package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pandora-go/pandora/internal/wire"
	"go.uber.org/zap"
)

const (
	// pullInterval is how long the values of one worker are shared between readers.
	pullInterval = time.Second
	// pullTimeout is how long one worker may take to tell all its gauges.
	pullTimeout = time.Second
	// pullsAtOnce bounds the questions that are open at one worker.
	pullsAtOnce = 64
	// maxClientMetrics bounds the metrics of one client, maxAppMetrics the names of one application, maxConnClients the
	// clients of one connection.
	maxClientMetrics = 10_000
	maxAppMetrics    = 100_000
	maxConnClients   = 64
	// maxValue bounds one gauge's value, in bytes of JSON.
	maxValue = 1 << 20
)

// The actions of the protocol.
const (
	actionDiscover = "METRIC_DISCOVER_KEY_PANDORA_METRIC"
	uplinkPrefix   = "MESSENGER_UPLINK_"
	downlinkPrefix = "MESSENGER_DOWNLINK_"
)

// Messenger is the part of the daemon's message server that ServeClients needs; *wire.Server is one.
type Messenger interface {
	Handle(action string, h func(c *wire.Conn, data json.RawMessage, reply func(any)))
	HandleFunc(match func(action string) bool, h func(c *wire.Conn, action string, data json.RawMessage, reply func(any)))
	OnClose(func(c *wire.Conn))
}

// ClientOptions is what ServeClients may be told.
type ClientOptions struct {
	// Log gets what was refused, the first of each kind and client as a warning, the rest at debug level; nil for
	// nothing.
	Log *zap.Logger
	// Missed is called after each reading of a worker that did not answer completely in time; nil for nothing. It must
	// not wait.
	Missed func(app string)
	// Refused is called for each thing that was not taken; nil for nothing. It must not wait.
	Refused func(Refusal)
	// Worker tells which worker the process with that id is; nil where nobody knows. It must not wait.
	Worker func(pid int) (process string, worker int, ok bool)
	// Remembered keeps, for the next daemon, what clients have registered that do not do so again by themselves; nil for nobody.
	Remembered Remembered
}

// Remembered keeps announcements of peers that announce themselves only once, and says them again when such a peer is back:
// to the next daemon, or on another connection. A connection is known by its ID.
type Remembered interface {
	// Keep keeps a frame. The peer, and no other of its process, answers frames of the action ask.
	Keep(conn uint64, action string, data json.RawMessage, ask string)
	// Renews tells that the peer of a connection announces itself on each: nothing need be kept of it.
	Renews(conn uint64)
	// Knows tells whether frames of an action are kept of somebody who is away.
	Knows(action string) bool
	// Recall says again what a peer has announced that frames of that action come from, and tells whether there was anything.
	Recall(conn uint64, action string) bool
}

// forgetful remembers nothing.
type forgetful struct{}

// Keep implements Remembered.
func (forgetful) Keep(uint64, string, json.RawMessage, string) {}

// Renews implements Remembered.
func (forgetful) Renews(uint64) {}

// Knows implements Remembered.
func (forgetful) Knows(string) bool { return false }

// Recall implements Remembered.
func (forgetful) Recall(uint64, string) bool { return false }

// ServeClients lets the workers that connect to server keep their metrics in r, from now until server is closed. When a
// connection ends, what it registered goes, unless another worker has registered the same. Messages that make no sense
// are refused and cost nothing else.
//
// Gauges live in the workers: a reading asks all workers at once, each at most once a second however many readers there
// are, and waits at most a second; what did not come is left out. Everything else is counted here.
func ServeClients(server Messenger, r *Registry, o ClientOptions) { serveClients(server, r, o) }

func serveClients(server Messenger, r *Registry, o ClientOptions) *receiver {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Missed == nil {
		o.Missed = func(string) {}
	}
	if o.Refused == nil {
		o.Refused = func(Refusal) {}
	}
	if o.Worker == nil {
		o.Worker = func(int) (string, int, bool) { return "", 0, false }
	}
	if o.Remembered == nil {
		o.Remembered = forgetful{}
	}
	rc := &receiver{
		registry: r, options: o, conns: map[uint64][]*client{}, uplinks: map[string]int{},
		ledgers: newLedgers(), apps: map[string]map[string]int{},
	}
	server.Handle(actionDiscover, rc.discover)
	server.HandleFunc(rc.isUplink, rc.uplink)
	series := newSeriesSet(r, o)
	server.Handle(actionSeries, func(conn *wire.Conn, data json.RawMessage, _ func(any)) {
		series.discover(seriesPeer{conn.ID(), conn.PeerPID(), conn.Request}, data)
	})
	server.OnClose(func(conn *wire.Conn) {
		rc.close(conn)
		series.close(conn.ID())
	})
	return rc
}

// receiver turns frames into metrics.
type receiver struct {
	registry *Registry
	options  ClientOptions

	mu    sync.Mutex           // guards everything below
	conns map[uint64][]*client // by connection
	// uplinks counts the clients that use an action, on whatever connection.
	uplinks map[string]int
	ledgers *ledgers
	// apps counts by application who has registered a name.
	apps map[string]map[string]int
}

// client is one MetricsClient in a worker, on one connection.
type client struct {
	app, id string
	pid     int
	// action is what it sends under.
	action string
	// request asks the worker.
	request  func(ctx context.Context, action string, data any) (json.RawMessage, error)
	owner    Owner
	receiver *receiver
	ledger   *ledger

	// creating is held while a place is taken: what is said again for a client comes beside what it says itself.
	creating sync.Mutex

	mu sync.Mutex // guards everything below
	// together: it answers for many gauges in one request.
	together bool
	// renews: it registers again on a new connection.
	renews bool
	gauges map[string]string // by our serialised name, the name as the worker spells it
	// targets are the other metrics by type and the name as the worker spells it.
	targets map[string][]target
	// registered are the places that have been taken.
	registered map[string]bool
	warned     map[Refusal]bool
	last       *pull
	labels     map[string]string // of the worker, nil before they are known
}

// frame is what a client says.
type frame struct {
	Action, Name, Type, Group, Method string
	Value                             json.RawMessage
}

// discover handles the message that announces a client.
func (rc *receiver) discover(conn *wire.Conn, data json.RawMessage, _ func(any)) {
	var m struct {
		AppName, ClientID string
		Together          bool
	}
	if err := json.Unmarshal(data, &m); err != nil || m.ClientID == "" || len(m.ClientID)+len(m.AppName) > maxKey {
		rc.refused(conn, nil, refuse(RefusedMalformed, "announcement without appName or clientId"))
		return
	}
	c, err := rc.attach(conn, m.AppName, m.ClientID)
	if err != nil {
		rc.refused(conn, nil, err)
		return
	}
	c.mu.Lock()
	c.together = m.Together
	c.mu.Unlock()
	if m.Together {
		rc.renewing(conn.ID()) // npm's client does not know that
		rc.options.Remembered.Renews(conn.ID())
	} else {
		rc.options.Remembered.Keep(conn.ID(), actionDiscover, data, c.downlink())
	}
}

// renewing is for a connection of ours: all its clients register again on the next one.
func (rc *receiver) renewing(conn uint64) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for _, c := range rc.conns[conn] {
		c.mu.Lock()
		c.renews = true
		c.mu.Unlock()
	}
}

// attach makes a client of a connection, unless there is one.
func (rc *receiver) attach(conn *wire.Conn, app, id string) (*client, error) {
	action := uplinkPrefix + app + "_metrics_" + id
	rc.mu.Lock()
	defer rc.mu.Unlock()
	clients := rc.conns[conn.ID()]
	if i := slices.IndexFunc(clients, func(o *client) bool { return o.action == action }); i >= 0 {
		return clients[i], nil
	}
	if len(clients) >= maxConnClients {
		return nil, refuse(RefusedClient, "more than %d clients on one connection", maxConnClients)
	}
	c := &client{
		app: app, id: id, pid: conn.PeerPID(), action: action, request: conn.Request, receiver: rc,
		owner: rc.registry.NewOwner(), ledger: rc.ledgers.open(action, app, id),
		gauges: map[string]string{}, targets: map[string][]target{}, registered: map[string]bool{}, warned: map[Refusal]bool{},
	}
	c.renews = slices.ContainsFunc(clients, func(o *client) bool { return !o.announcesOnce() })
	rc.conns[conn.ID()] = append(clients, c)
	rc.uplinks[action]++
	return c, nil
}

// isUplink tells the actions of clients that are there or have been. Application and client names may hold anything, so
// the action is compared as a whole.
func (rc *receiver) isUplink(action string) bool {
	if !strings.HasPrefix(action, uplinkPrefix) {
		return false
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.uplinks[action] > 0 || rc.ledgers.byAction[action] != nil || rc.options.Remembered.Knows(action)
}

// uplink handles what a client says.
func (rc *receiver) uplink(conn *wire.Conn, action string, data json.RawMessage, _ func(any)) {
	var m frame
	c := rc.client(conn, action)
	if err := json.Unmarshal(data, &m); err != nil || c == nil {
		rc.refused(conn, c, refuse(RefusedMalformed, "message %.80s", data))
		return
	}
	var err error
	switch m.Action {
	case "METRIC_CREATE":
		if err = c.create(m); err == nil && c.announcesOnce() {
			rc.options.Remembered.Keep(conn.ID(), action, data, "")
		}
	case "METRIC_UPDATE":
		err = c.update(m)
	case "METRIC_REFUSED": // by the client itself, which counts all it has not taken
		err = c.refusedItself(m)
	default:
		err = errors.New("unknown action")
	}
	if err != nil {
		rc.refused(conn, c, err, zap.String("name", clip(m.Name)), zap.String("type", clip(m.Type)))
	}
}

// find returns the client of a connection that sends under an action, nil if there is none.
func (rc *receiver) find(conn *wire.Conn, action string) *client {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for _, c := range rc.conns[conn.ID()] {
		if c.action == action {
			return c
		}
	}
	return nil
}

// client returns who sends under an action on a connection, nil for a stranger. npm's client does not announce itself
// again on a new connection: what it had registered on the one before, or with the daemon before, is registered for it.
func (rc *receiver) client(conn *wire.Conn, action string) *client {
	if c := rc.find(conn, action); c != nil {
		return c
	}
	if rc.options.Remembered.Recall(conn.ID(), action) {
		if c := rc.find(conn, action); c != nil {
			return c
		}
	}
	rc.mu.Lock()
	l := rc.ledgers.byAction[action]
	if rc.uplinks[action] > 0 {
		l = nil // another connection has it
	}
	rc.mu.Unlock()
	if l == nil {
		return nil
	}
	c, err := rc.attach(conn, l.app, l.id)
	if err != nil {
		return nil
	}
	for _, m := range l.registrations() {
		if err := c.create(m); err != nil {
			rc.refused(conn, c, err)
		}
	}
	return c
}

// refused counts and tells what was not taken: the first of its kind from a client loudly.
func (rc *receiver) refused(conn *wire.Conn, c *client, err error, fields ...zap.Field) {
	reason := refusalOf(err)
	rc.options.Refused(reason)
	fields = append(fields, zap.String("reason", string(reason)), zap.Int("pid", conn.PeerPID()), zap.Error(err))
	if c != nil {
		fields = append(fields, zap.String("app", clip(c.app)))
		c.mu.Lock()
		first := !c.warned[reason]
		c.warned[reason] = true
		c.mu.Unlock()
		if first {
			rc.options.Log.Warn("metric of a worker refused, more of this kind are told at debug level", fields...)
			return
		}
	}
	rc.options.Log.Debug("metric of a worker refused", fields...)
}

// clip shortens what a worker sent for the log.
func clip(s string) string { return s[:min(len(s), 200)] }

// close removes what came over a connection.
func (rc *receiver) close(conn *wire.Conn) {
	rc.mu.Lock()
	clients := rc.conns[conn.ID()]
	rc.mu.Unlock()
	for _, c := range clients {
		rc.giveBack(c.app, c.places())
		rc.registry.Remove(c.owner)
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	delete(rc.conns, conn.ID())
	for _, c := range clients {
		if rc.uplinks[c.action]--; rc.uplinks[c.action] == 0 {
			delete(rc.uplinks, c.action)
		}
		rc.ledgers.leave(c.ledger)
	}
}

// giveBack is for places of an application that one client needs no more.
func (rc *receiver) giveBack(app string, places map[string]bool) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for place := range places {
		if rc.apps[app][place]--; rc.apps[app][place] == 0 {
			delete(rc.apps[app], place)
		}
	}
	if len(rc.apps[app]) == 0 {
		delete(rc.apps, app)
	}
}

// downlink is the action of what it is asked.
func (c *client) downlink() string { return downlinkPrefix + c.app + "_metrics_" + c.id }

// announcesOnce tells clients that do not register again on a new connection.
func (c *client) announcesOnce() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.renews
}

func (c *client) places() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.registered)
}

// take makes room for a place of an application.
func (rc *receiver) take(app, place string) error {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	places := rc.apps[app]
	if places == nil {
		places = map[string]int{}
		rc.apps[app] = places
	}
	if places[place] == 0 && len(places) >= maxAppMetrics {
		return refuse(RefusedApplication, "more than %d metrics of one application", maxAppMetrics)
	}
	places[place]++
	return nil
}

// maxRefusedAtOnce bounds what one frame counts.
const maxRefusedAtOnce = 1_000_000

// refusedItself counts what a client has refused since it told so last.
func (c *client) refusedItself(m frame) error {
	var value []float64
	if err := json.Unmarshal(m.Value, &value); err != nil || len(value) != 1 {
		return fmt.Errorf("refusals %.40s: expected an array of one number", m.Value)
	}
	for range int(min(c.ledger.refusals(value[0]), maxRefusedAtOnce)) {
		c.receiver.options.Refused(RefusedClient)
	}
	return nil
}

// create registers one metric.
func (c *client) create(m frame) error {
	if len(m.Name) > maxKey {
		return refuse(RefusedName, "name of %d bytes: expected at most %d", len(m.Name), maxKey)
	}
	place := m.Group + partSeparator + m.Type + partSeparator + m.Name
	c.creating.Lock()
	defer c.creating.Unlock()
	c.mu.Lock()
	taken, full := c.registered[place], len(c.registered) >= maxClientMetrics
	c.mu.Unlock()
	if !taken {
		if full {
			return refuse(RefusedClient, "more than %d metrics of one client", maxClientMetrics)
		}
		name := ParseName(m.Name)
		if name.Key == "" {
			return refuse(RefusedName, "name %.80q: expected a key", m.Name)
		}
		if err := c.receiver.take(c.app, place); err != nil {
			return err
		}
		// What is kept of the frame is kept in the memory of place.
		m.Name = place[len(place)-len(m.Name):]
		if err := c.register(m, name, place[len(m.Group)+len(partSeparator):]); err != nil {
			c.receiver.giveBack(c.app, map[string]bool{place: true})
			return err
		}
		c.mu.Lock()
		c.registered[place] = true
		c.mu.Unlock()
		if c.announcesOnce() {
			c.ledger.remember(m)
		}
	}
	if len(m.Value) == 0 {
		return nil
	}
	return c.merge(m, false)
}

// register makes the metric, or makes this client one of its owners. id is type and name as the worker spells them.
func (c *client) register(m frame, name Name, id string) error {
	switch m.Type {
	case typeGauge, "": // the npm client sends the members of a set without a type
		if err := c.receiver.registry.addGauge(m.Group, name, source{owner: c.owner, batch: c}); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gauges[name.String()] = m.Name
		return nil
	}
	t, err := c.receiver.registry.targetOf(c.owner, m.Type, m.Group, name)
	if err != nil {
		return err
	}
	if t == nil {
		return refuse(RefusedMalformed, "type %.40q: there is no such type of metrics", m.Type)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.targets[id], t) {
		c.targets[id] = append(c.targets[id], t)
	}
	return nil
}

// update changes a metric. There is none where create has refused it, and said so.
func (c *client) update(m frame) error {
	if m.Method == methodMerge {
		return c.merge(m, true)
	}
	c.mu.Lock()
	targets := c.targets[m.Type+partSeparator+m.Name]
	c.mu.Unlock()
	var args []json.RawMessage
	if len(targets) > 0 && json.Unmarshal(m.Value, &args) != nil {
		args = []json.RawMessage{m.Value} // not a list but the argument itself
	}
	for _, t := range targets {
		if err := t.call(m.Method, args); err != nil {
			return fmt.Errorf("method %.40q: %w", m.Method, err)
		}
	}
	return nil
}

// merge applies what a client has counted. What comes with the announcement of a metric that is not known of this
// client was counted at another daemon's time, anything else just now.
func (c *client) merge(m frame, now bool) error {
	// The frame was valid JSON, so an array begins and ends so; what has two elements will be no state. Decoding it would
	// go through all samples twice more.
	state := trim(m.Value)
	if len(state) < 2 || state[0] != '[' {
		return fmt.Errorf("state %.40s: expected an array of one state", m.Value)
	}
	state = state[1 : len(state)-1]
	id := m.Type + partSeparator + m.Name
	c.mu.Lock()
	targets := c.targets[id]
	c.mu.Unlock()
	return c.ledger.merge(id, targets, state, now)
}

// late tells whether a worker has not answered in time.
func late(err error) bool { return errors.Is(err, wire.ErrTimeout) || errors.Is(err, wire.ErrSlowPeer) }
