package metrics

import (
	"context"
	"encoding/json"
	"errors"
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
	// maxClientMetrics bounds the metrics of one client, maxConnClients the clients of one connection.
	maxClientMetrics = 10_000
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
	// Log gets what was ignored, at debug level; nil for nothing.
	Log *zap.Logger
	// Missed is called after each reading of a worker that did not answer completely in time; nil for nothing. It must
	// not wait.
	Missed func(app string)
}

// ServeClients lets the workers that connect to server keep their gauges and counters in r, from now until server is
// closed. Other types of metrics are ignored. When a connection ends, what it registered goes, unless another worker
// has registered the same. Messages that make no sense are ignored.
//
// Gauges live in the workers: a reading asks all workers at once, each at most once a second however many readers there
// are, and waits at most a second; what did not come is left out.
func ServeClients(server Messenger, r *Registry, o ClientOptions) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Missed == nil {
		o.Missed = func(string) {}
	}
	rc := &receiver{registry: r, options: o, conns: map[uint64][]*client{}, uplinks: map[string]int{}}
	server.Handle(actionDiscover, rc.discover)
	server.HandleFunc(rc.isUplink, rc.uplink)
	server.OnClose(rc.close)
}

// receiver turns frames into metrics.
type receiver struct {
	registry *Registry
	options  ClientOptions

	mu    sync.Mutex           // guards everything below
	conns map[uint64][]*client // by connection
	// uplinks counts the clients that use an action, on whatever connection.
	uplinks map[string]int
}

// client is one MetricsClient in a worker.
type client struct {
	app, id string
	// request asks the worker.
	request  func(ctx context.Context, action string, data any) (json.RawMessage, error)
	owner    Owner
	receiver *receiver

	mu       sync.Mutex        // guards everything below
	gauges   map[string]string // by our serialised name, the name as the worker spells it
	counters map[string][]*Counter
	last     *pull
}

// pull is one reading of all gauges of a client.
type pull struct {
	began  time.Time
	done   chan struct{}
	values map[string]any // complete when done is closed
}

func (c *client) uplinkAction() string { return uplinkPrefix + c.app + "_metrics_" + c.id }

// discover handles the message that announces a client.
func (rc *receiver) discover(conn *wire.Conn, data json.RawMessage, _ func(any)) {
	var m struct{ AppName, ClientID string }
	if err := json.Unmarshal(data, &m); err != nil || m.ClientID == "" || len(m.ClientID)+len(m.AppName) > maxKey {
		rc.ignore(conn, "metrics client without appName or clientId", err)
		return
	}
	c := &client{
		app: m.AppName, id: m.ClientID, request: conn.Request, receiver: rc,
		owner: rc.registry.NewOwner(), gauges: map[string]string{}, counters: map[string][]*Counter{},
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	clients := rc.conns[conn.ID()]
	known := slices.ContainsFunc(clients, func(o *client) bool { return o.uplinkAction() == c.uplinkAction() })
	if known || len(clients) >= maxConnClients {
		return
	}
	rc.conns[conn.ID()] = append(clients, c)
	rc.uplinks[c.uplinkAction()]++
}

// isUplink tells the actions of announced clients. Application and client names may hold anything, so the action is
// compared as a whole.
func (rc *receiver) isUplink(action string) bool {
	if !strings.HasPrefix(action, uplinkPrefix) {
		return false
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.uplinks[action] > 0
}

// uplink handles what an announced client says.
func (rc *receiver) uplink(conn *wire.Conn, action string, data json.RawMessage, _ func(any)) {
	var c *client
	rc.mu.Lock()
	for _, o := range rc.conns[conn.ID()] {
		if o.uplinkAction() == action {
			c = o
		}
	}
	rc.mu.Unlock()
	var m struct {
		Action, Name, Type, Group, Method string
		Value                             json.RawMessage
	}
	if err := json.Unmarshal(data, &m); err != nil || c == nil {
		rc.ignore(conn, "metrics message", err)
		return
	}
	var err error
	switch m.Action {
	case "METRIC_CREATE":
		err = c.create(m.Type, m.Group, m.Name)
	case "METRIC_UPDATE":
		err = c.update(m.Name, m.Method, m.Value)
	default:
		err = errors.New("unknown action")
	}
	if err != nil {
		rc.ignore(conn, "metrics message", err, zap.String("name", m.Name), zap.String("type", m.Type))
	}
}

func (rc *receiver) ignore(conn *wire.Conn, what string, err error, fields ...zap.Field) {
	rc.options.Log.Debug("ignored", append(fields, zap.String("what", what), zap.Int("pid", conn.PeerPID()), zap.Error(err))...)
}

// close removes what came over a connection.
func (rc *receiver) close(conn *wire.Conn) {
	rc.mu.Lock()
	clients := rc.conns[conn.ID()]
	delete(rc.conns, conn.ID())
	for _, c := range clients {
		if rc.uplinks[c.uplinkAction()]--; rc.uplinks[c.uplinkAction()] == 0 {
			delete(rc.uplinks, c.uplinkAction())
		}
	}
	rc.mu.Unlock()
	for _, c := range clients {
		rc.registry.Remove(c.owner)
	}
}

// create registers one metric.
func (c *client) create(kind, group, rawName string) error {
	name := ParseName(rawName)
	if name.Key == "" {
		return errors.New("no metric name")
	}
	key := name.String()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.gauges)+len(c.counters) >= maxClientMetrics {
		return errors.New("too many metrics of one client")
	}
	switch kind {
	case "GAUGE", "": // the npm client sends the members of a set without a type
		if err := c.receiver.registry.addGauge(group, name, source{owner: c.owner, batch: c}); err != nil {
			return err
		}
		c.gauges[key] = rawName
	case "COUNTER":
		counter, err := c.receiver.registry.Counter(c.owner, group, name)
		if err != nil {
			return err
		}
		if !slices.Contains(c.counters[key], counter) {
			c.counters[key] = append(c.counters[key], counter)
		}
	default:
		return errors.New("this type of metric is not kept")
	}
	return nil
}

// update changes the counters of that name. There is none where create has ignored the metric, and said so.
func (c *client) update(rawName, method string, value json.RawMessage) error {
	c.mu.Lock()
	counters := c.counters[ParseName(rawName).String()]
	c.mu.Unlock()
	if len(counters) == 0 {
		return nil
	}
	n, err := amount(value)
	if err != nil {
		return err
	}
	for _, counter := range counters {
		switch method {
		case "inc", "update":
			counter.Inc(n)
		case "dec", "desc": // the npm client calls dec "desc"
			counter.Dec(n)
		default:
			return errors.New("unknown method of a counter")
		}
	}
	return nil
}

// amount reads the argument of a counter's method: a list of arguments, or the argument itself. As in the original an
// absent, null or zero argument counts as 1.
func amount(value json.RawMessage) (float64, error) {
	var args []json.RawMessage
	if json.Unmarshal(value, &args) == nil {
		if len(args) == 0 {
			return 1, nil
		}
		value = args[0]
	}
	if len(value) == 0 || string(value) == "null" {
		return 1, nil
	}
	var n float64
	if err := json.Unmarshal(value, &n); err != nil {
		return 0, err
	}
	if n == 0 {
		return 1, nil
	}
	return n, nil
}

// read returns the values of all gauges, at most a second old. It implements batch.
func (c *client) read(ctx context.Context) map[string]any {
	c.mu.Lock()
	p := c.last
	mine := p == nil || time.Since(p.began) >= pullInterval
	var gauges map[string]string
	if mine {
		p = &pull{began: time.Now(), done: make(chan struct{})}
		c.last = p
		gauges = maps.Clone(c.gauges)
	}
	c.mu.Unlock()
	if mine {
		// Others may wait for this reading, so it does not end with this reader.
		p.values = c.ask(context.WithoutCancel(ctx), gauges)
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
				missed = missed || errors.Is(err, wire.ErrTimeout) || errors.Is(err, wire.ErrSlowPeer)
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
