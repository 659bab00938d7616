package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
}

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

	mu sync.Mutex // guards everything below
	// together: it answers for many gauges in one request.
	together bool
	gauges   map[string]string // by our serialised name, the name as the worker spells it
	// targets are the other metrics by type and the name as the worker spells it.
	targets map[string][]target
	// registered are the places that have been taken.
	registered map[string]bool
	warned     map[Refusal]bool
	last       *pull
	labels     map[string]string // of the worker, nil before they are known
}

// pull is one reading of all gauges of a client.
type pull struct {
	began  time.Time
	done   chan struct{}
	values map[string]any // complete when done is closed
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
	defer c.mu.Unlock()
	c.together = m.Together
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
	return rc.uplinks[action] > 0 || rc.ledgers.byAction[action] != nil
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
		err = c.create(m)
	case "METRIC_UPDATE":
		err = c.update(m)
	default:
		err = errors.New("unknown action")
	}
	if err != nil {
		rc.refused(conn, c, err, zap.String("name", clip(m.Name)), zap.String("type", clip(m.Type)))
	}
}

// client returns who sends under an action on a connection, nil for a stranger. npm's client does not announce itself
// again on a new connection: what it had registered on the one before is registered for it.
func (rc *receiver) client(conn *wire.Conn, action string) *client {
	rc.mu.Lock()
	for _, o := range rc.conns[conn.ID()] {
		if o.action == action {
			rc.mu.Unlock()
			return o
		}
	}
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

// create registers one metric.
func (c *client) create(m frame) error {
	name := ParseName(m.Name)
	if name.Key == "" || len(m.Name) > maxKey {
		return refuse(RefusedName, "name of %d bytes: expected a key, and at most %d", len(m.Name), maxKey)
	}
	key := name.String()
	place := m.Group + partSeparator + m.Type + partSeparator + m.Name
	c.mu.Lock()
	taken, full := c.registered[place], len(c.registered) >= maxClientMetrics
	c.mu.Unlock()
	if !taken {
		if full {
			return refuse(RefusedClient, "more than %d metrics of one client", maxClientMetrics)
		}
		// The frames of a connection come one after the other, so nobody takes the place meanwhile.
		if err := c.receiver.take(c.app, place); err != nil {
			return err
		}
		if err := c.register(m, name, key); err != nil {
			c.receiver.giveBack(c.app, map[string]bool{place: true})
			return err
		}
		c.mu.Lock()
		c.registered[place] = true
		c.mu.Unlock()
		c.ledger.remember(m)
	}
	if len(m.Value) == 0 {
		return nil
	}
	return c.merge(m, false)
}

// register makes the metric, or makes this client one of its owners.
func (c *client) register(m frame, name Name, key string) error {
	switch m.Type {
	case typeGauge, "": // the npm client sends the members of a set without a type
		if err := c.receiver.registry.addGauge(m.Group, name, source{owner: c.owner, batch: c}); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gauges[key] = m.Name
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
	id := m.Type + partSeparator + m.Name
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

// worker implements batch. A process stays the worker that it is, but it may be known later than it speaks.
func (c *client) worker() map[string]string {
	c.mu.Lock()
	labels := c.labels
	c.mu.Unlock()
	if labels != nil {
		return labels
	}
	process, worker, ok := c.receiver.options.Worker(c.pid)
	if !ok {
		return nil
	}
	labels = map[string]string{"process": process, "worker": strconv.Itoa(worker)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.labels = labels
	return labels
}

// read returns the values of all gauges, at most a second old. It implements batch.
func (c *client) read(ctx context.Context) map[string]any {
	c.mu.Lock()
	p := c.last
	mine := p == nil || time.Since(p.began) >= pullInterval
	var gauges map[string]string
	ask := c.ask
	if c.together {
		ask = c.askTogether
	}
	if mine {
		p = &pull{began: time.Now(), done: make(chan struct{})}
		c.last = p
		gauges = maps.Clone(c.gauges)
	}
	c.mu.Unlock()
	if mine {
		// Others may wait for this reading, so it does not end with this reader.
		p.values = ask(context.WithoutCancel(ctx), gauges)
		close(p.done)
		return p.values
	}
	select {
	case <-p.done:
		return p.values
	case <-ctx.Done():
		return nil
	}
}

// ask reads the gauges from the worker.
func (c *client) ask(ctx context.Context, gauges map[string]string) map[string]any {
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	action := downlinkPrefix + c.app + "_metrics_" + c.id
	next := make(chan string)
	var mu sync.Mutex // guards values, missed
	values := make(map[string]any, len(gauges))
	missed := false
	var wg sync.WaitGroup
	for range min(len(gauges), pullsAtOnce) {
		wg.Go(func() {
			for key := range next {
				if ctx.Err() != nil {
					continue // too late to ask
				}
				data, err := c.request(ctx, action, map[string]string{"metricKey": gauges[key], "type": "GAUGE"})
				value := gaugeValue(data)
				mu.Lock()
				missed = missed || late(err)
				if err == nil && value != nil {
					values[key] = value
				}
				mu.Unlock()
			}
		})
	}
	for key := range gauges {
		next <- key
	}
	close(next)
	wg.Wait()
	if missed {
		c.receiver.options.Missed(c.app)
	}
	return values
}

// askTogether reads the gauges in one request: each value is where its name is in the question.
func (c *client) askTogether(ctx context.Context, gauges map[string]string) map[string]any {
	if len(gauges) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	keys := sortedKeys(gauges)
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = gauges[key]
	}
	data, err := c.request(ctx, downlinkPrefix+c.app+"_metrics_"+c.id, map[string]any{"metricKeys": names, "type": typeGauge})
	if late(err) {
		c.receiver.options.Missed(c.app)
	}
	var answers []json.RawMessage
	if err != nil || json.Unmarshal(data, &answers) != nil {
		return nil
	}
	values := make(map[string]any, len(keys))
	for i := range min(len(keys), len(answers)) {
		if value := gaugeValue(answers[i]); value != nil {
			values[keys[i]] = value
		}
	}
	return values
}

// late tells whether a worker has not answered in time.
func late(err error) bool { return errors.Is(err, wire.ErrTimeout) || errors.Is(err, wire.ErrSlowPeer) }

// gaugeValue decodes a worker's answer: a number, a string, a bool, or the JSON of anything else; nil for none.
func gaugeValue(data json.RawMessage) any {
	if len(data) == 0 || len(data) > maxValue {
		return nil
	}
	if data[0] == '{' || data[0] == '[' {
		return data
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil
	}
	return v
}
