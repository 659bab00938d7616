package nodecluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/nodeipc"
	"golang.org/x/sys/unix"
)

const patience = 60 * time.Second

// cluster is a Primary with real workers.
type cluster struct {
	*Primary
	policy Policy // of the workers that start next
	t      *testing.T
	node   string
	// dir holds one script per process: the name of the script is part of what TLS sessions depend on.
	dir string
	id  int
}

func newCluster(t *testing.T, policy Policy) *cluster {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	c := &cluster{Primary: New(Options{}), policy: policy, t: t, node: node, dir: t.TempDir()}
	t.Cleanup(func() { c.Close() })
	return c
}

// worker is one Node process.
type worker struct {
	*Member
	t        *testing.T
	pid      int
	channel  *nodeipc.Channel
	messages chan json.RawMessage
	// ended is closed when the process is gone and detached; exit is then its end.
	ended chan struct{}
	exit  error
}

// start runs script as a worker of process.
func (c *cluster) start(process, script string, env ...string) *worker {
	c.t.Helper()
	file := filepath.Join(c.dir, process+".js")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		c.t.Fatal(err)
	}
	ch, theirs, err := nodeipc.Pair()
	if err != nil {
		c.t.Fatal(err)
	}
	c.id++
	cmd := exec.Command(c.node, file)
	cmd.Env = append(os.Environ(), "NODE_CHANNEL_FD=3", "NODE_CHANNEL_SERIALIZATION_MODE=json", fmt.Sprintf("NODE_UNIQUE_ID=%d", c.id))
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	w := &worker{Member: c.Attach(c.id, process, c.policy, ch), t: c.t, channel: ch, messages: make(chan json.RawMessage, 1000), ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	theirs.Close()
	w.pid = cmd.Process.Pid
	go func() {
		ch.Serve(func(m nodeipc.Message) {
			if !w.Receive(m) {
				w.messages <- m.Raw
			}
		})
		w.Detach()
		w.exit = cmd.Wait()
		close(w.ended)
	}()
	c.t.Cleanup(func() {
		cmd.Process.Kill()
		<-w.ended
	})
	return w
}

// next is the worker's next message to its parent.
func (w *worker) next() string {
	w.t.Helper()
	select {
	case m := <-w.messages:
		return strings.Trim(string(m), `"`)
	case <-w.ended:
		w.t.Fatalf("worker ended: %v", w.exit)
	case <-time.After(patience):
		w.t.Fatal("no message from the worker")
	}
	return ""
}

// want reads the next message and compares it.
func (w *worker) want(text string) {
	w.t.Helper()
	if got := w.next(); got != text {
		w.t.Fatalf("the worker says %q, want %q", got, text)
	}
}

func (w *worker) kill() {
	unix.Kill(w.pid, unix.SIGKILL)
	w.waitEnd()
}

func (w *worker) waitEnd() {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		w.t.Fatal("the worker does not end")
	}
}

// get makes one request on a connection of its own; network and address are those of net.Dial.
func get(network, address string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		Dial:              func(string, string) (net.Conn, error) { return net.Dial(network, address) },
	}}
	return getWith(&client, "http://app/")
}

func getWith(client *http.Client, url string) (string, error) {
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// freePort finds a port that nobody listens on, on any address. It is none of those that the system gives to clients, so
// that none of them has it a moment later.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10000 + mathrand.IntN(20000)
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

func both(t *testing.T, test func(t *testing.T, policy Policy)) {
	for name, policy := range map[string]Policy{"rr": RoundRobin, "shared": Shared} {
		t.Run(name, func(t *testing.T) { test(t, policy) })
	}
}

// httpWorker answers with its pid on what the environment names, and says "listening <port>" or the error's code.
const httpWorker = `
const http = require('node:http'), cluster = require('node:cluster');
if (!cluster.isWorker || cluster.worker.id < 1) throw new Error('no worker');
const server = http.createServer((req, res) => res.end(String(process.pid)));
server.on('error', (e) => process.send(e.code + ' ' + e.syscall));
const where = JSON.parse(process.env.WHERE);
server.listen(where, () => process.send('listening ' + (server.address().port || server.address())));
process.on('message', (m) => {
  if (m === 'close') server.close(() => process.send('closed'));
  if (m === 'disconnect') cluster.worker.disconnect();
  if (m === 'kill') cluster.worker.kill();
});`

func where(v any) string {
	data, _ := json.Marshal(v)
	return "WHERE=" + string(data)
}

func TestTwoWorkersShareAPort(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		a := c.start("web", httpWorker, where(port))
		b := c.start("web", httpWorker, where(port))
		for _, w := range []*worker{a, b} {
			w.want(fmt.Sprintf("listening %d", port))
			eventually(t, "online and listening", func() bool { return w.Online() && w.Listening() })
		}
		sockets := c.Sockets()
		if len(sockets) != 1 || sockets[0].Network != "tcp" || sockets[0].Port != port || sockets[0].Process != "web" {
			t.Errorf("sockets %+v", sockets)
		}
		count := map[string]int{}
		for range 100 {
			pid, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			count[pid]++
		}
		if total := count[fmt.Sprint(a.pid)] + count[fmt.Sprint(b.pid)]; total != 100 {
			t.Errorf("answers %v", count)
		}
		// Only round robin promises a balance.
		if policy == RoundRobin && (count[fmt.Sprint(a.pid)] < 40 || count[fmt.Sprint(b.pid)] < 40) {
			t.Errorf("answers %v", count)
		}
		// The socket is for all addresses, of IPv6 as well where there is any.
		if l, err := net.Listen("tcp6", "[::1]:0"); err == nil {
			l.Close()
			if _, err := get("tcp6", fmt.Sprintf("[::1]:%d", port)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPortZero(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		a, b := c.start("web", httpWorker, where(0)), c.start("web", httpWorker, where(0))
		said := a.next()
		b.want(said)
		a.kill()
		b.kill()
		// The port outlives its workers, and a suspension.
		w := c.start("web", httpWorker, where(0))
		w.want(said)
		w.kill()
		c.Suspend()
		if len(c.Sockets()) != 0 {
			t.Errorf("sockets %v", c.Sockets())
		}
		if err := c.Resume(); err != nil {
			t.Fatal(err)
		}
		c.start("web", httpWorker, where(0)).want(said)
	})
}

func TestSuspendedPortIsRefused(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	w := c.start("web", httpWorker, where(port))
	w.want(fmt.Sprintf("listening %d", port))
	w.kill()
	c.Suspend("other")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("suspending another process: %v", err)
	}
	conn.Close()
	c.Suspend("web")
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("a suspended port is not refused")
	}
	// A worker that asks needs no Resume.
	c.start("web", httpWorker, where(port)).want(fmt.Sprintf("listening %d", port))
	if _, err := get("tcp", address); err != nil {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		path := filepath.Join(t.TempDir(), "app.sock")
		// A file that a dead process left is no obstacle.
		stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err != nil {
			t.Fatal(err)
		}
		stale.SetUnlinkOnClose(false)
		stale.Close()
		options := where(map[string]any{"path": path, "readableAll": true, "writableAll": true})
		a, b := c.start("web", httpWorker, options), c.start("web", httpWorker, options)
		a.want("listening " + path)
		b.want("listening " + path)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("%v, %v", info, err)
		}
		for range 10 {
			if _, err := get("unix", path); err != nil {
				t.Fatal(err)
			}
		}
		// Another process of the application does not get it, although it is only a file.
		c.start("other", httpWorker, options).want("EADDRINUSE bind")
		a.kill()
		b.kill()
		if _, err := os.Stat(path); err != nil {
			t.Errorf("after the workers: %v", err)
		}
		c.Close()
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestLongUnixPathAndAbstract(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("a Linux feature")
	}
	c := newCluster(t, RoundRobin)
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	c.start("web", httpWorker, where(map[string]string{"path": path})).want("listening " + path)
	if info, err := os.Stat(path); err != nil || info.Mode().Type() != os.ModeSocket {
		t.Errorf("%v, %v", info, err)
	}
	name := fmt.Sprintf("nodecluster-test-%d", os.Getpid())
	c.start("abstract", httpWorker, where(map[string]string{"path": "\x00" + name})).next()
	if _, err := get("unix", "@"+name); err != nil {
		t.Error(err)
	}
}

func TestUDP(t *testing.T) {
	c := newCluster(t, RoundRobin)
	script := `
const s = require('node:dgram').createSocket(process.env.KIND);
s.on('message', (m, r) => s.send(process.pid + ' ' + m, r.port, r.address));
s.bind(0, process.env.HOST, () => process.send(String(s.address().port)));`
	v4 := []string{"KIND=udp4", "HOST=127.0.0.1"}
	a, b := c.start("dns", script, v4...), c.start("dns", script, v4...)
	port := a.next()
	b.want(port)
	conn, err := net.Dial("udp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	ask := func() string {
		conn.Write([]byte("hello"))
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	if got := ask(); got != fmt.Sprintf("%d hello", a.pid) && got != fmt.Sprintf("%d hello", b.pid) {
		t.Errorf("answer %q", got)
	}
	a.kill()
	if got := ask(); got != fmt.Sprintf("%d hello", b.pid) {
		t.Errorf("answer %q", got)
	}
	if s := c.Sockets(); len(s) != 1 || s[0].Network != "udp" || fmt.Sprint(s[0].Port) != port {
		t.Errorf("sockets %v", s)
	}
}

func TestErrorsReachTheWorker(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		taken, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		port := taken.Addr().(*net.TCPAddr).Port
		c.start("web", httpWorker, where(port)).want("EADDRINUSE bind")
		c.start("web", httpWorker, where(map[string]any{"port": 0, "host": "203.0.113.1"})).want("EADDRNOTAVAIL bind")
		c.start("web", httpWorker, where(map[string]any{"path": "/nonexistent/app.sock"})).want("EACCES bind")
		c.start("web", httpWorker, where(map[string]any{"fd": 5})).want("EINVAL bind")
		if s := c.Sockets(); len(s) != 0 {
			t.Errorf("sockets %v", s)
		}
		// One process's port is taken for another, also one of the same application.
		mine := freePort(t)
		c.start("web", httpWorker, where(mine)).want(fmt.Sprintf("listening %d", mine))
		c.start("other", httpWorker, where(mine)).want("EADDRINUSE bind")
		// And a second time in the same worker.
		c.start("twice", `
const net = require('node:net');
const a = net.createServer().listen(0, '127.0.0.1', () => {
  const { port } = a.address();
  const b = net.createServer().listen(port, '127.0.0.1', () => {
    const d = net.createServer().on('error', (e) => process.send(e.code)).listen(port, '127.0.0.1');
  });
  b.on('error', (e) => process.send(e.code));
});`).want("EADDRINUSE")
	})
}

func TestVoluntaryEnds(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		said := fmt.Sprintf("listening %d", port)
		for _, way := range []string{"disconnect", "kill"} {
			w := c.start("web", httpWorker, where(port))
			w.want(said)
			w.channel.Send(way)
			w.waitEnd()
			if w.exit != nil || !w.Voluntary() {
				t.Errorf("%s: exit %v, voluntary %v", way, w.exit, w.Voluntary())
			}
		}
		w := c.start("web", httpWorker, where(port))
		w.want(said)
		w.Disconnect()
		w.waitEnd()
		if w.exit != nil || w.Voluntary() {
			t.Errorf("Disconnect: exit %v, voluntary %v", w.exit, w.Voluntary())
		}
		if s := c.Sockets(); len(s) != 1 || s[0].Port != port {
			t.Errorf("sockets %v", s)
		}
	})
}

// TestAllWorkersKilled kills every worker under load. No connection is refused, and the replacement answers those that
// came while nobody was there.
func TestAllWorkersKilled(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		said := fmt.Sprintf("listening %d", port)
		a, b := c.start("web", httpWorker, where(port)), c.start("web", httpWorker, where(port))
		a.want(said)
		b.want(said)
		a.kill()
		b.kill()
		answers := make(chan string, 50)
		for range cap(answers) {
			go func() {
				pid, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					pid = err.Error()
				}
				answers <- pid
			}()
		}
		w := c.start("web", httpWorker, where(port))
		w.want(said)
		for range cap(answers) {
			if got := <-answers; got != fmt.Sprint(w.pid) {
				t.Errorf("answer %q", got)
			}
		}
	})
}

// TestUnackedConnection stops a worker, gives it a connection, and kills it: another one answers.
func TestUnackedConnection(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	said := fmt.Sprintf("listening %d", port)
	a := c.start("web", httpWorker, where(port))
	a.want(said)
	unix.Kill(a.pid, unix.SIGSTOP)
	answer := make(chan string, 1)
	go func() {
		pid, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		answer <- fmt.Sprint(pid, err)
	}()
	eventually(t, "connection given", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(a.unacked) == 1
	})
	b := c.start("web", httpWorker, where(port))
	b.want(said)
	a.kill()
	if got := <-answer; got != fmt.Sprint(b.pid, "<nil>") {
		t.Errorf("answer %q", got)
	}
}

// TestMaxConnections has a worker that refuses connections: they wait until another takes them.
func TestMaxConnections(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	script := `
const s = require('node:net').createServer((c) => { c.write('hi'); });
s.maxConnections = 1;
s.listen(+process.env.PORT, () => process.send('up'));`
	env := fmt.Sprintf("PORT=%d", port)
	c.start("web", script, env).want("up")
	greet := func() (net.Conn, chan error) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		done := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(conn, make([]byte, 2))
			done <- err
		}()
		return conn, done
	}
	_, first := greet()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	_, second := greet()
	c.start("web", script, env).want("up")
	if err := <-second; err != nil {
		t.Errorf("the second worker did not get what the first refused: %v", err)
	}
}

func TestCloseLingers(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	said := fmt.Sprintf("listening %d", port)
	w := c.start("web", httpWorker, where(port))
	w.want(said)
	w.channel.Send("close")
	w.want("closed")
	lingering := func() (lingers bool) {
		for _, s := range c.selectShares(func(*share) bool { return true }) {
			c.mu.Lock()
			lingers = lingers || s.linger != nil
			c.mu.Unlock()
		}
		return lingers
	}
	eventually(t, "the socket lingers", lingering)
	again := c.start("web", httpWorker, where(port))
	again.want(said)
	if lingering() {
		t.Error("a socket in use lingers")
	}
	again.Retire()
	again.channel.Send("close")
	again.want("closed")
	if lingering() {
		t.Error("a retired worker's close releases the socket")
	}
}

// certificate makes a self-signed one as PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, data []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER)
}

// TestHTTPS has a TLS session of one worker resumed by another and by a successor, which needs common ticket keys.
func TestHTTPS(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		cert, key := certificate(t)
		script := `
const server = require('node:https').createServer({ cert: process.env.CERT, key: process.env.KEY },
  (req, res) => res.end(String(process.pid) + ' ' + req.socket.isSessionReused()));
server.listen(+process.env.PORT, () => process.send('up'));`
		env := []string{"CERT=" + cert, "KEY=" + key, fmt.Sprintf("PORT=%d", port)}
		client := http.Client{Timeout: patience, Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4)},
		}}
		url := fmt.Sprintf("https://127.0.0.1:%d/", port)
		resumed := "false"
		for range 2 {
			a, b := c.start("web", script, env...), c.start("web", script, env...)
			a.want("up")
			b.want("up")
			for range 6 {
				body, err := getWith(&client, url)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(body, " "+resumed) {
					t.Errorf("answer %q, want resumed %s", body, resumed)
				}
				resumed = "true"
			}
			a.kill()
			b.kill()
		}
	})
}

// TestNothingLeaks crashes workers under load and counts descriptors.
func TestNothingLeaks(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		before := openFDs(t)
		for range 8 {
			w := c.start("web", httpWorker, where(port))
			w.want(fmt.Sprintf("listening %d", port))
			conns := make([]net.Conn, 20)
			for i := range conns {
				conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					t.Fatal(err)
				}
				conns[i] = conn
			}
			if _, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
				t.Error(err)
			}
			w.kill()
			for _, conn := range conns {
				conn.Close()
			}
		}
		c.Close()
		if len(c.members) != 0 || len(c.shares) != 0 {
			t.Errorf("%d members, %d shares are left", len(c.members), len(c.shares))
		}
		eventually(t, "descriptors are closed", func() bool { return openFDs(t) <= before })
	})
}

// TestKillsUnderLoad kills all workers again and again under load. What a dead worker had accepted breaks; nobody is
// refused and nobody waits for ever.
func TestKillsUnderLoad(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		stop, failures := make(chan struct{}), make(chan error, 1000)
		var clients sync.WaitGroup
		answered := atomic.Int64{}
		load := func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
					answered.Add(1)
				} else if errors.Is(err, unix.ECONNREFUSED) || os.IsTimeout(err) {
					failures <- err
					return
				}
			}
		}
		for round := range 4 {
			a, b := c.start("web", httpWorker, where(port)), c.start("web", httpWorker, where(port))
			a.want(fmt.Sprintf("listening %d", port))
			b.want(fmt.Sprintf("listening %d", port))
			if round == 0 {
				for range 4 {
					clients.Go(load)
				}
			}
			before := answered.Load()
			eventually(t, "requests are answered", func() bool { return answered.Load() > before+50 })
			if round < 3 {
				unix.Kill(a.pid, unix.SIGKILL)
				b.kill()
				a.waitEnd()
			}
		}
		close(stop)
		clients.Wait()
		close(failures)
		for err := range failures {
			t.Error(err)
		}
	})
}

func TestIPv6Only(t *testing.T) {
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		l.Close()
	}
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	w := c.start("web", httpWorker, where(map[string]any{"port": port, "host": "::", "ipv6Only": true}))
	w.want(fmt.Sprintf("listening %d", port))
	if _, err := get("tcp", fmt.Sprintf("[::1]:%d", port)); err != nil {
		t.Error(err)
	}
	if _, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("over IPv4: %v", err)
	}
}
