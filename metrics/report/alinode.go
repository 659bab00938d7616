package report

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" // what the protocol signs with
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/shirou/gopsutil/v4/host"
)

const (
	// alinodeAddress is where npm's agentx connects to.
	alinodeAddress = "wss://agentserver.node.aliyun.com:8080/"
	// maxAlinode bounds a message of the server, in bytes.
	maxAlinode = 64 << 10
	// maxMissed is how many heartbeats without an answer end a connection.
	maxMissed = 3
	kibibyte  = 1 << 10
)

// alinodeSink speaks the protocol of npm's agentx: it tells the figures of the machine. What else that agent tells is of
// alinode's own Node.
type alinodeSink struct {
	server, appid, secret string
	heartbeat             time.Duration
	version               string
	conn                  *alinodeConn // nil before the first report and after an error
}

// alinodeMessage is what the agent says, in the order in which it is signed.
type alinodeMessage struct {
	Type      string `json:"type"`
	Params    any    `json:"params"`
	AppID     string `json:"appid"`
	AgentID   string `json:"agentid,omitempty"`
	Timestamp int64  `json:"timestamp,omitempty"`
	ID        int64  `json:"id"`
	Signature string `json:"signature,omitempty"`
}

// alinodeSystem is the figures of the machine: bytes, seconds, shares.
type alinodeSystem struct {
	CPUCount float64 `json:"cpu_count"`
	Uptime   float64 `json:"uptime"`
	TotalMem float64 `json:"totalmem"`
	FreeMem  float64 `json:"freemem"`
	Load1    float64 `json:"load1"`
	Load5    float64 `json:"load5"`
	Load15   float64 `json:"load15"`
	CPU      float64 `json:"cpu"`
}

// newAlinode makes the reporter for alinode.
func (s *Set) newAlinode(o *options) taker {
	sink := &alinodeSink{
		server: o.text("server", alinodeAddress), appid: o.text("appid", ""), secret: o.text("secret", ""),
		heartbeat: o.duration("heartbeatIntervalMs", time.Minute, time.Hour), version: s.config.Version,
	}
	if !strings.HasPrefix(sink.server, "ws://") && !strings.HasPrefix(sink.server, "wss://") {
		o.wrong("server", "an address with ws or wss")
	}
	if sink.appid == "" || sink.secret == "" {
		o.wrong("appid and secret", "those of the application at alinode, as texts")
	}
	if o.app != "" {
		o.problems = append(o.problems, "it tells figures of the machine, so it belongs into the global configuration")
	}
	return sink
}

func (*alinodeSink) shape() shape { return full }

func (s *alinodeSink) take(ctx context.Context, b *batch) error {
	system, ok := alinodeSystemOf(b)
	if !ok {
		return Permanent(errors.New("tell alinode: there are no figures of the machine"))
	}
	if s.conn != nil && s.conn.failed() != nil {
		s.Close()
	}
	if s.conn == nil {
		conn, err := s.connect(ctx)
		if err != nil {
			return fmt.Errorf("connect to alinode: %w", err)
		}
		s.conn = conn
	}
	err := s.conn.say(ctx, alinodeMessage{
		Type: "log", AgentID: hostname(), Timestamp: b.at.UnixMilli(),
		Params: map[string]any{"type": "system", "metrics": system},
	})
	if err != nil {
		s.Close()
		return fmt.Errorf("tell alinode: %w", err)
	}
	return nil
}

// alinodeSystemOf are the figures of a report.
func alinodeSystemOf(b *batch) (alinodeSystem, bool) {
	values := map[string]float64{}
	for _, row := range b.rows {
		if value, ok := number(row.Value); ok && strings.HasPrefix(row.Metric, "system.") {
			values[row.Metric] = value
		}
	}
	_, known := values["system.mem.total"]
	system := alinodeSystem{
		CPUCount: float64(runtime.NumCPU()),
		TotalMem: values["system.mem.total"] * kibibyte,
		FreeMem:  max(0, values["system.mem.total"]-values["system.mem.used"]) * kibibyte,
		Load1:    values["system.load.1min"], Load5: values["system.load.5min"], Load15: values["system.load.15min"],
		CPU: values["system.cpu.usage"],
	}
	if uptime, err := host.Uptime(); err == nil {
		system.Uptime = float64(uptime)
	}
	return system, known
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// Close ends the connection.
func (s *alinodeSink) Close() error {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
	return nil
}

// alinodeConn is a connection that the server has taken. A goroutine reads, another one says that it is alive.
type alinodeConn struct {
	sink   *alinodeSink
	socket *websocket.Conn
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// taken gets what the server says to the registration.
	taken chan error

	mu sync.Mutex // guards everything below
	// id is that of the next message but heartbeats.
	id     int64
	missed int
	err    error
}

// connect makes a connection and waits until the server has taken it.
func (s *alinodeSink) connect(ctx context.Context) (*alinodeConn, error) {
	socket, response, err := websocket.Dial(ctx, s.server, &websocket.DialOptions{HTTPHeader: http.Header{}})
	if err != nil {
		if response != nil {
			return nil, fmt.Errorf("status %d", response.StatusCode)
		}
		return nil, err
	}
	socket.SetReadLimit(maxAlinode)
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &alinodeConn{sink: s, socket: socket, cancel: cancel, taken: make(chan error, 1), id: 1000}
	c.wg.Go(func() { c.read(living) })
	if err := c.say(ctx, alinodeMessage{Type: "register", Params: struct {
		Version string `json:"version"`
		AgentID string `json:"agentid"`
		PID     int    `json:"pid"`
	}{s.version, hostname(), os.Getpid()}}); err != nil {
		c.close()
		return nil, err
	}
	select {
	case err = <-c.taken:
	case <-ctx.Done():
		err = fmt.Errorf("no answer to the registration: %w", ctx.Err())
	}
	if err != nil {
		c.close()
		return nil, err
	}
	c.wg.Go(func() { c.beat(living) })
	return c, nil
}

// say signs and sends a message; one without an id gets the next.
func (c *alinodeConn) say(ctx context.Context, m alinodeMessage) error {
	m.AppID = c.sink.appid
	if m.ID == 0 {
		c.mu.Lock()
		m.ID = c.id
		c.id++
		c.mu.Unlock()
	}
	plain, err := alinodeJSON(m)
	if err != nil {
		return err
	}
	m.Signature = c.sink.sign(plain)
	data, err := alinodeJSON(m)
	if err != nil {
		return err
	}
	return c.socket.Write(ctx, websocket.MessageText, data)
}

// alinodeJSON is JSON as JSON.stringify writes it.
func alinodeJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func (s *alinodeSink) sign(data []byte) string {
	mac := hmac.New(sha1.New, []byte(s.secret))
	mac.Write(data) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// read takes what the server says until the connection ends.
func (c *alinodeConn) read(ctx context.Context) {
	for {
		_, data, err := c.socket.Read(ctx)
		if err == nil {
			err = c.heard(ctx, data)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// heard takes one message. One that is not signed as it should be is nobody's, unless it says that ours are not.
func (c *alinodeConn) heard(ctx context.Context, data []byte) error {
	var m struct {
		Type   string `json:"type"`
		Params struct {
			Result string `json:"result"`
			Error  any    `json:"error"`
		} `json:"params"`
		ID        int64  `json:"id"`
		Signature string `json:"signature"`
	}
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	if m.Signature == "" && m.Type == "error" {
		return fmt.Errorf("the server says: %.200q", fmt.Sprint(m.Params.Error))
	}
	plain, err := unsigned(data)
	if err != nil || !hmac.Equal([]byte(c.sink.sign(plain)), []byte(m.Signature)) {
		return nil
	}
	switch {
	case m.Type == "error":
		return fmt.Errorf("the server says: %.200q", fmt.Sprint(m.Params.Error))
	case m.Type == "command":
		// Nobody may run programs here: the answer is the agent's for a command that is not installed.
		return c.say(ctx, alinodeMessage{Type: "result", ID: m.ID, Params: map[string]string{"error": "No such file"}})
	case m.Params.Result == "REG_OK":
		select {
		case c.taken <- nil:
		default:
		}
	case strings.HasPrefix(m.Params.Result, "REG_NOK"):
		return fmt.Errorf("the server says: %.200q", m.Params.Result)
	case m.Params.Result == "HEARTBEAT_ACK":
		c.mu.Lock()
		defer c.mu.Unlock()
		c.missed = 0
	}
	return nil
}

// unsigned is a message without its signature, as it was signed: its keys in their order.
func unsigned(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.Join(err, errors.New("read a message: it is not an object"))
	}
	out := bytes.NewBufferString("{")
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if name == "signature" {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		text, err := alinodeJSON(name)
		if err != nil {
			return nil, err
		}
		out.Write(text)
		out.WriteByte(':')
		if err := json.Compact(out, value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// beat says that the agent is alive until the connection ends, and ends it when nobody says that he has heard.
func (c *alinodeConn) beat(ctx context.Context) {
	tick := time.NewTicker(c.sink.heartbeat)
	defer tick.Stop()
	for id := int64(100); ; id++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.mu.Lock()
		late := c.missed >= maxMissed
		c.missed++
		c.mu.Unlock()
		if late {
			c.fail(fmt.Errorf("%d heartbeats were not answered", maxMissed))
			return
		}
		limited, cancel := context.WithTimeout(ctx, defaultTimeout)
		err := c.say(limited, alinodeMessage{Type: "heartbeat", ID: id, Params: map[string]int64{"interval": c.sink.heartbeat.Milliseconds()}})
		cancel()
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// fail notes why the connection is over.
func (c *alinodeConn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	select {
	case c.taken <- err:
	default:
	}
	c.cancel()
}

func (c *alinodeConn) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// close ends the connection and waits for its goroutines.
func (c *alinodeConn) close() {
	c.cancel()
	_ = c.socket.CloseNow()
	c.wg.Wait()
}
