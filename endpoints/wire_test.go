package endpoints

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/wire"
	"go.uber.org/zap"
)

// worker is a raw client of the message socket.
type worker struct {
	t    *testing.T
	conn net.Conn
	id   uint32
}

// dialWorker connects to path.
func dialWorker(t *testing.T, path string) *worker {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return &worker{t: t, conn: conn}
}

// send writes a frame and returns its packet id.
func (w *worker) send(body string) uint32 {
	w.t.Helper()
	w.id++
	frame := make([]byte, 9, 9+len(body))
	binary.BigEndian.PutUint32(frame[1:], w.id)
	binary.BigEndian.PutUint32(frame[5:], uint32(len(body)))
	if _, err := w.conn.Write(append(frame, body...)); err != nil {
		w.t.Error(err)
	}
	return w.id
}

// receive reads a frame.
func (w *worker) receive() (id uint32, body string, err error) {
	header := make([]byte, 9)
	if _, err := io.ReadFull(w.conn, header); err != nil {
		return 0, "", err
	}
	raw := make([]byte, binary.BigEndian.Uint32(header[5:]))
	_, err = io.ReadFull(w.conn, raw)
	return binary.BigEndian.Uint32(header[1:]), string(raw), err
}

// register announces an Indicator and returns the frame that answers.
func (w *worker) register(group, name, client, kind string) string {
	w.t.Helper()
	id := w.send(fmt.Sprintf(`{"action":"METRIC_DISCOVER_KEY_","data":{"indicatorName":%q,"appName":"demo","group":%q,"clientId":%q,"type":%q}}`, name, group, client, kind))
	_, body, err := w.receive()
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(body, fmt.Sprintf(`"response_callback_%d"`, id)) {
		w.t.Errorf("answer %s to packet %d", body, id)
	}
	return body
}

// answer replies to every call with the rows until the connection ends, and reports the calls.
func (w *worker) answer(rows string, calls chan<- string) {
	for {
		id, body, err := w.receive()
		if err != nil {
			return
		}
		if calls != nil {
			calls <- body
		}
		w.send(fmt.Sprintf(`{"action":"response_callback_%d"%s}`, id, rows))
	}
}

func newWireBed(t *testing.T, config string) (*bed, string) {
	t.Helper()
	b := newBed(t, config, func(c *Config) { c.Log = nil })
	path := filepath.Join(t.TempDir(), "pandorajs_pandora_metric.sock")
	server, err := wire.Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	Attach(server, b.Server)
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return b, path
}

func TestIndicatorOverWire(t *testing.T) {
	b, path := newWireBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false},"raw_check":{"x":1}}}}}}`)
	b.source.set(demo())
	owner, standby, processes := dialWorker(t, path), dialWorker(t, path), dialWorker(t, path)

	got := owner.register("health", "RawCheck", "raw1", "singleton")
	if want := `"data":{"disk_space":{"enabled":false,"rate":80},"port":{"checkUrl":"http://127.1:6001","enabled":true},"raw_check":{"x":1}}`; !strings.Contains(got, want) {
		t.Errorf("configuration %s", got)
	}
	standby.register("health", "RawCheck", "raw2", "singleton")
	processes.register("process", "ProcessIndicator", "p1", "multiton")
	calls := make(chan string, 8)
	go owner.answer(`,"data":[{"key":"raw_check","data":"UP","scope":"APP"}]`, calls)
	go standby.answer(`,"data":[{"key":"raw_check","data":"DOWN","scope":"APP"}]`, nil)
	go processes.answer(`,"data":[{"key":"7","data":{"pid":7},"scope":"PROCESS"}]`, nil)

	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","raw_check":{"status":"UP"}}`))
	var call struct {
		Action string
		Data   json.RawMessage
	}
	if err := json.Unmarshal([]byte(<-calls), &call); err != nil || call.Action != "MESSENGER_DOWNLINK_demo_health_raw1" || string(call.Data) != `{"appName":"demo"}` {
		t.Errorf("called with %+v %v", call, err)
	}
	b.want(t, "/process?appName=demo", 200, envelope(`[{"pid":7}]`))

	owner.conn.Close()
	down := envelope(`{"status":"DOWN","raw_check":{"status":"DOWN"}}`)
	for deadline := time.Now().Add(5 * time.Second); ; {
		status, body := b.get(t, "/health?appName=demo")
		if status == 503 && body == down {
			break
		}
		if status != 200 || time.Now().After(deadline) {
			t.Fatalf("after the owner died: %d %s", status, body)
		}
	}
	processes.conn.Close()
	standby.conn.Close()
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, body := b.get(t, "/health?appName=demo"); body == envelope(`{"status":"UP"}`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the rows of closed connections stay")
		}
	}
}

// TestSilentWorkerOverWire: real sockets, a real deadline, partial rows.
func TestSilentWorkerOverWire(t *testing.T) {
	b, path := newWireBed(t, noDisk)
	b.source.set(demo())
	silent, quick, failing := dialWorker(t, path), dialWorker(t, path), dialWorker(t, path)
	silent.register("health", "Silent", "s", "singleton")
	quick.register("health", "Quick", "q", "singleton")
	failing.register("health", "Failing", "f", "singleton")
	go quick.answer(`,"data":[{"key":"quick","data":"UP"}]`, nil)
	go failing.answer(``, nil) // what an Indicator that throws answers
	began := time.Now()
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","quick":{"status":"UP"}}`))
	if took := time.Since(began); took < 2900*time.Millisecond || took > 3500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// TestGarbageOverWire: nothing a worker sends harms another one's rows.
func TestGarbageOverWire(t *testing.T) {
	b, path := newWireBed(t, noDisk)
	b.source.set(demo())
	good := dialWorker(t, path)
	good.register("health", "Good", "g", "singleton")
	go good.answer(`,"data":[{"key":"good","data":"UP"}]`, nil)
	for _, body := range []string{
		`{"action":"METRIC_DISCOVER_KEY_"}`, `{"action":"METRIC_DISCOVER_KEY_","data":7}`, `{"action":"nobody","data":{}}`,
		`{"action":"METRIC_DISCOVER_KEY_","data":{"appName":"demo","group":"health"}}`, `{`, ``, `[]`,
		`{"action":"MESSENGER_UPLINK_demo_error_x","data":{"method":"error"}}`,
	} {
		dialWorker(t, path).send(body)
	}
	bad := dialWorker(t, path)
	bad.register("health", "Bad", "b", "singleton")
	go bad.answer(`,"data":{"key":"bad","data":"UP"}`, nil)
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","good":{"status":"UP"}}`))
}
