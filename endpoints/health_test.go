package endpoints

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestHealth(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.want(t, "/health", 200, envelope(`{}`))
	b.want(t, "/health?appName=demo", 404, failure("Can't found an Application it named demo"))
	stopped := demo()
	stopped.Name, stopped.Running = "old", false
	b.source.set(demo(), stopped)
	b.want(t, "/health", 200, envelope(`{"demo":{"status":"UP"}}`))
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP"}`))
	b.want(t, "/health?appName=old", 503, failure("Application old is not running"))
	b.want(t, "/health?appName=DEFAULT_APP", 404, failure("Can't found an Application it named DEFAULT_APP"))

	b.frames.announce(fixed(1, `[{"key":"zeta","data":"UP","scope":"APP"}]`), "health", "demo", "zeta", "a", "singleton")
	b.frames.announce(fixed(2, `[{"key":"alpha","data":"DOWN"}]`), "health", "demo", "alpha", "a", "singleton")
	b.frames.announce(fixed(2, `[{"key":"status","data":"DOWN"}]`), "health", "old", "x", "a", "singleton")
	b.frames.announce(fixed(3, `[{"key":"status","data":"UP"},{"key":"odd","data":{"x":1}}]`), "health", "alien", "x", "a", "")
	b.want(t, "/health?appName=demo", 503, envelope(`{"status":"DOWN","zeta":{"status":"UP"},"alpha":{"status":"DOWN"}}`))
	b.want(t, "/health", 503, envelope(`{"demo":{"status":"DOWN","zeta":{"status":"UP"},"alpha":{"status":"DOWN"}},"alien":{"status":"UP","odd":{"status":{"x":1}}}}`))
	b.want(t, "/health?appName=alien", 200, envelope(`{"status":"UP","odd":{"status":{"x":1}}}`))
}

func TestLegacyStatus(t *testing.T) {
	b := newBed(t, `{"actuator":{"http":{"legacyStatus":true},"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false}}}}}}`, nil)
	app := demo()
	app.Running = false
	b.source.set(app)
	b.want(t, "/health?appName=none", 200, failure("Can't found an Application it named none"))
	b.want(t, "/health?appName=demo", 200, failure("Application demo is not running"))
	b.source.set(demo())
	b.frames.announce(fixed(2, `[{"key":"a","data":"DOWN"}]`), "health", "demo", "alpha", "a", "singleton")
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"DOWN","a":{"status":"DOWN"}}`))
	b.want(t, "/health", 200, envelope(`{"demo":{"status":"DOWN","a":{"status":"DOWN"}}}`))
}

func TestDiskSpace(t *testing.T) {
	for _, c := range []struct {
		settings, status string
		code             int
	}{
		{`{"rate":100}`, "UP", 200},
		{`{"rate":100,"path":"/no/such/mount"}`, "DOWN", 503},
	} {
		b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":`+c.settings+`}}}}}`, nil)
		b.source.set(demo())
		b.want(t, "/health?appName=demo", c.code, envelope(`{"status":"`+c.status+`","disk_space":{"status":"`+c.status+`"}}`))
	}
}

func TestUsePercent(t *testing.T) {
	negative := int64(-5)
	for _, c := range []struct {
		blocks, free, available uint64
		want                    int
	}{
		{100, 20, 20, 80},
		{1000, 199, 199, 81}, // rounded up
		{100, 20, 10, 89},    // 80/90
		{100, 0, 0, 100},
		{100, 100, 90, 0},
		{0, 0, 0, 0},
		{100, 5, uint64(negative), 100},
		{1 << 62, 1 << 61, 1 << 61, 50},
		{10, 20, 20, 0},
	} {
		if got := usePercent(c.blocks, c.free, c.available); got != c.want {
			t.Errorf("usePercent(%d, %d, %d) = %d, want %d", c.blocks, c.free, c.available, got, c.want)
		}
	}
	if percent, err := diskUse("/"); err != nil || percent < 0 || percent > 100 {
		t.Errorf("diskUse: %d %v", percent, err)
	}
}

// listen opens a listener that accepts everything, and returns it as a Socket.
func listen(t *testing.T, network, address string) (net.Listener, Socket) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	s := Socket{Network: network, Address: address}
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		s.Address, s.Port = a.IP.String(), a.Port
	}
	return l, s
}

func TestPortBySockets(t *testing.T) {
	_, tcp := listen(t, "tcp", "127.0.0.1:0")
	_, local := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
	closed, gone := listen(t, "tcp", "127.0.0.1:0")
	closed.Close()
	any := Socket{Network: "tcp", Address: "0.0.0.0", Port: tcp.Port}
	any6 := Socket{Network: "tcp", Address: "::", Port: tcp.Port}
	udp := Socket{Network: "udp", Address: "127.0.0.1", Port: 1}
	up, down := envelope(`{"status":"UP","port":{"status":"UP"}}`), envelope(`{"status":"DOWN","port":{"status":"DOWN"}}`)
	for _, c := range []struct {
		name    string
		sockets []Socket
		status  int
		body    string
	}{
		{"none", nil, 200, envelope(`{"status":"UP"}`)},
		{"udp only", []Socket{udp}, 200, envelope(`{"status":"UP"}`)},
		{"all open", []Socket{tcp, local, any, any6, udp}, 200, up},
		{"one closed", []Socket{tcp, gone}, 503, down},
		{"no such path", []Socket{{Network: "unix", Address: "/no/such"}}, 503, down},
	} {
		b := newBed(t, noDisk, nil)
		app := demo()
		app.Sockets = c.sockets
		b.source.set(app)
		if status, body := b.get(t, "/health?appName=demo"); status != c.status || body != c.body {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
}

func TestPortByURL(t *testing.T) {
	var status atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for code, want := range map[int]string{200: "UP", 204: "DOWN", 302: "DOWN", 500: "DOWN", 404: "DOWN"} {
		status.Store(int64(code))
		b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false},"port":{"checkUrl":"http://127.1:`+port+`/x"}}}}}}`, nil)
		b.source.set(demo()) // owns no socket: the URL alone decides
		http := 200
		if want == "DOWN" {
			http = 503
		}
		b.want(t, "/health?appName=demo", http, envelope(fmt.Sprintf(`{"status":"%s","port":{"status":"%s"}}`, want, want)))
	}
	server.Close()
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false},"port":{"checkUrl":"http://127.1:`+port+`"}}}}}}`, nil)
	b.source.set(demo())
	b.want(t, "/health?appName=demo", 503, envelope(`{"status":"DOWN","port":{"status":"DOWN"}}`))
}

func TestExpandAddress(t *testing.T) {
	for in, want := range map[string]string{
		"127.1:80": "127.0.0.1:80", "127.2.258:1": "127.2.1.2:1", "2130706433:5": "127.0.0.1:5", "10.0.0.1:2": "10.0.0.1:2",
		"localhost:1": "localhost:1", "300.1:1": "300.1:1", "127.16777216:1": "127.16777216:1", "[::1]:3": "[::1]:3", "x": "x", "01.1:2": "01.1:2",
	} {
		if got := expandAddress(in); got != want {
			t.Errorf("%s → %s, want %s", in, got, want)
		}
	}
}

// TestCheckIsShared runs a check in virtual time.
func TestCheckIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCheck(time.Second)
		var runs atomic.Int64
		run := func(took time.Duration) string {
			return c.status(t.Context(), func(context.Context) string {
				runs.Add(1)
				time.Sleep(took)
				return statusUp
			})
		}
		for range 10 {
			go run(100 * time.Millisecond)
		}
		synctest.Wait()
		time.Sleep(200 * time.Millisecond)
		if got := run(0); got != statusUp || runs.Load() != 1 {
			t.Errorf("%s after %d runs", got, runs.Load())
		}
		time.Sleep(checkTTL)
		began := time.Now()
		if got := run(time.Hour); got != statusDown || time.Since(began) != time.Second {
			t.Errorf("stuck check: %s after %v", got, time.Since(began))
		}
		began = time.Now()
		if got := run(0); got != statusDown || time.Since(began) != 0 || runs.Load() != 2 {
			t.Errorf("while it is stuck: %s after %v, %d runs", got, time.Since(began), runs.Load())
		}
		time.Sleep(2 * time.Hour)
		if got := run(0); got != statusUp || runs.Load() != 3 {
			t.Errorf("freed: %s, %d runs", got, runs.Load())
		}
	})
}

func TestBuiltinAndIndicatorOrder(t *testing.T) {
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"rate":100}}}}}}`, nil)
	_, tcp := listen(t, "tcp", "127.0.0.1:0")
	app := demo()
	app.Sockets = []Socket{tcp}
	b.source.set(app)
	got := b.frames.announce(fixed(1, `[{"key":"port","data":"DOWN"},{"key":"own","data":"UP"}]`), "health", "demo", "own", "c", "")
	if want := `{"disk_space":{"enabled":true,"rate":100},"port":{"checkUrl":"http://127.1:6001","enabled":true}}`; got != want {
		t.Errorf("config %s", got)
	}
	b.want(t, "/health", 503, envelope(`{"demo":{"status":"DOWN","disk_space":{"status":"UP"},"port":{"status":"DOWN"},"own":{"status":"UP"}}}`))
}
