package endpoints

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
)

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
	if u, err := diskUse("/"); err != nil || u.percent < 0 || u.percent > 100 || u.total == 0 || u.free > u.total {
		t.Errorf("diskUse: %+v %v", u, err)
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
