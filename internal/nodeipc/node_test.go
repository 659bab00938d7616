package nodeipc

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 60 * time.Second

// child is a Node process with a served channel.
type child struct {
	*Channel
	messages chan Message
	served   chan error
	exited   chan error
	pid      int
}

// startNode runs script with a channel. handle, if not nil, sees every message before it is put into messages.
func startNode(t *testing.T, script string, handle func(Message)) *child {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "child.js")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	ch, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, file)
	cmd.Env = append(os.Environ(), "NODE_CHANNEL_FD=3", "NODE_CHANNEL_SERIALIZATION_MODE=json")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	c := &child{ch, make(chan Message, 10_000), make(chan error, 1), make(chan error, 1), cmd.Process.Pid}
	go func() {
		c.served <- ch.Serve(func(m Message) {
			if handle != nil {
				handle(m)
			}
			c.messages <- m
		})
	}()
	go func() { c.exited <- cmd.Wait() }()
	t.Cleanup(func() {
		ch.Close()
		cmd.Process.Kill()
	})
	return c
}

func (c *child) next(t *testing.T) Message {
	t.Helper()
	select {
	case m := <-c.messages:
		return m
	case err := <-c.served:
		t.Fatalf("the channel ended: %v", err)
	case <-time.After(patience):
		t.Fatal("no message")
	}
	return Message{}
}

func wait(t *testing.T, what string, ch <-chan error) error {
	t.Helper()
	select {
	case err := <-ch:
		return err
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		return nil
	}
}

func TestNodeMessages(t *testing.T) {
	c := startNode(t, `
process.on('message', (m) => { if (m === 'bye') process.disconnect(); else process.send(m); });
process.send({ hello: process.connected, env: process.env.NODE_CHANNEL_FD === undefined });`, nil)
	if m := c.next(t); string(m.Raw) != `{"hello":true,"env":true}` || m.Cmd != "" || m.FD != -1 {
		t.Errorf("got %+v %s", m, m.Raw)
	}
	values := []string{`{"a":[1,"zwölf",null]}`, `"text\nwith \"NODE_ in it"`, `12.5`, `true`, `[]`,
		`{"cmd":"NODE_"}`, `{"CMD":"NODE_HANDLE"}`, `{"cmd":["NODE_HANDLE"]}`, `"` + strings.Repeat("x", 1_400_000) + `"`}
	for _, v := range values {
		if err := c.Send(json.RawMessage(v)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range values {
		if m := c.next(t); string(m.Raw) != v || m.Cmd != "" {
			t.Errorf("echo of %.60s is %.60s with cmd %q", v, m.Raw, m.Cmd)
		}
	}
	c.Send("bye")
	if err := wait(t, "end of the channel", c.served); err != nil {
		t.Errorf("after disconnect: %v", err)
	}
	if err := wait(t, "exit", c.exited); err != nil {
		t.Errorf("exit: %v", err)
	}
	if err := c.Send(1); err != ErrClosed {
		t.Errorf("send after the end: %v", err)
	}
}

func TestNodePrivateLane(t *testing.T) {
	c := startNode(t, `
process.on('message', (m) => process.send({ visible: m }));
process.on('internalMessage', (m) => process.send({ cmd: 'NODE_PANDORA', act: 'pong', id: m.id }));`, nil)
	c.Send(map[string]any{"cmd": "NODE_PANDORA", "act": "ping", "id": 7})
	c.Send(1)
	if m := c.next(t); m.Cmd != "NODE_PANDORA" || string(m.Raw) != `{"cmd":"NODE_PANDORA","act":"pong","id":7}` {
		t.Errorf("got %+v %s", m, m.Raw)
	}
	if m := c.next(t); string(m.Raw) != `{"visible":1}` {
		t.Errorf("got %s", m.Raw)
	}
}

func TestNodeSeesDisconnect(t *testing.T) {
	c := startNode(t, `
process.on('disconnect', () => process.exit(process.connected ? 1 : 5));
process.on('message', () => {});
process.send('up');`, nil)
	c.next(t)
	c.Close()
	c.Close()
	if err := wait(t, "end of the channel", c.served); err != nil {
		t.Error(err)
	}
	if err := wait(t, "exit", c.exited); err == nil || err.Error() != "exit status 5" {
		t.Errorf("exit: %v", err)
	}
}

func TestNodeKilled(t *testing.T) {
	c := startNode(t, `process.send('up'); setInterval(() => {}, 1000);`, nil)
	c.next(t)
	for range 1000 {
		c.Send(strings.Repeat("unread", 1000))
	}
	unix.Kill(c.pid, unix.SIGKILL)
	if err := wait(t, "end of the channel", c.served); err != nil {
		t.Error(err)
	}
}

// listener is a listening TCP socket and its port.
func listener(t *testing.T) (fd, port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 5); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, name.(*unix.SockaddrInet4).Port
}

func TestHandlesToNode(t *testing.T) {
	c := startNode(t, `
process.on('message', (m, handle) => {
  if (m.kind === 'server') { handle.on('connection', (s) => s.end('hi')); process.send(handle.address().port); }
  else process.send([m.kind, handle.constructor.name, handle.address().port]);
});`, nil)
	fd, port := listener(t)
	done := make(chan error, 2)
	if err := c.SendHandle(map[string]string{"kind": "server"}, "net.Server", fd, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if m := c.next(t); string(m.Raw) != fmt.Sprint(port) {
		t.Errorf("port %s, want %d", m.Raw, port)
	}
	if err := wait(t, "acknowledgement", done); err != nil {
		t.Error(err)
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 10)
	if n, err := conn.Read(buf); string(buf[:n]) != "hi" {
		t.Errorf("read %q, %v", buf[:n], err)
	}

	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	raw, _ := udp.(*net.UDPConn).SyscallConn()
	raw.Control(func(fd uintptr) {
		err = c.SendHandle(map[string]string{"kind": "udp"}, "dgram.Socket", int(fd), func(err error) { done <- err })
	})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`["udp","Socket",%d]`, udp.LocalAddr().(*net.UDPAddr).Port)
	if m := c.next(t); string(m.Raw) != want {
		t.Errorf("got %s, want %s", m.Raw, want)
	}
	if err := wait(t, "acknowledgement", done); err != nil {
		t.Error(err)
	}
	if err := c.SendHandle(1, "net.Server", 1<<20, nil); err == nil {
		t.Error("a descriptor that is none was sent")
	}
}

func TestHandlesFromNode(t *testing.T) {
	// The runtime opens its poller's own descriptors with the first pipe or socket.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	before := openFDs(t)
	ports := make(chan int, 10)
	c := startNode(t, `
const net = require('node:net');
const server = net.createServer((socket) => {
  process.send('socket', socket);
  server.getConnections((err, n) => process.send({ connections: n, err }));
  server.close(() => process.send('closed'));
});
server.listen(0, '127.0.0.1', () => {
  process.send('listening', server);
  process.send('after');
});
process.on('message', (m) => {
  if (m === 'exit') process.exit(0);
  net.connect(server.address().port, '127.0.0.1').on('close', () => {});
});`, func(m Message) {
		if m.FD < 0 {
			return
		}
		if name, err := unix.Getsockname(m.FD); err == nil {
			port := 0
			switch name := name.(type) {
			case *unix.SockaddrInet4:
				port = name.Port
			case *unix.SockaddrInet6:
				port = name.Port
			}
			ports <- port
		}
		flags, err := unix.FcntlInt(uintptr(m.FD), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("received descriptor: flags %x, %v", flags, err)
		}
	})
	if m := c.next(t); string(m.Raw) != `"listening"` || m.Type != "net.Server" || m.FD < 0 {
		t.Errorf("got %+v %s", m, m.Raw)
	}
	if m := c.next(t); string(m.Raw) != `"after"` || m.FD != -1 {
		t.Errorf("got %+v %s", m, m.Raw)
	}
	// Node never closes a server whose socket still waited for the answer to the handle before it when close was called. The
	// line after that handle shows that Node has our answer.
	c.Send("connect")
	if m := c.next(t); string(m.Raw) != `"socket"` || m.Type != "net.Socket" {
		t.Errorf("got %+v %s", m, m.Raw)
	}
	if a, b := <-ports, <-ports; a != b || a == 0 {
		t.Errorf("ports %d and %d", a, b)
	}
	// The count and the close callback both wait for our answer. The order between them is Node's affair.
	got := string(c.next(t).Raw) + " " + string(c.next(t).Raw)
	if !strings.Contains(got, `{"connections":0,"err":null}`) || !strings.Contains(got, `"closed"`) {
		t.Errorf("got %s", got)
	}
	c.Send("exit")
	wait(t, "end of the channel", c.served)
	wait(t, "exit", c.exited)
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// openFDs counts this process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if entries, err := os.ReadDir(dir); err == nil {
			return len(entries)
		}
	}
	t.Fatal("no list of descriptors")
	return 0
}

// TestStraddle sends many handles between large messages, so that handle lines lie across the borders of Node's reads,
// where an impatient sender's descriptors would be mixed up.
func TestStraddle(t *testing.T) {
	c := startNode(t, `
let pad = 0;
process.on('message', (m, handle) => {
  if (m.pad) { pad += m.pad.length; return; }
  process.send([m.want, handle.address().port]);
  handle.close();
});`, nil)
	const handles = 60
	acknowledged := make(chan error, handles)
	for i := range handles {
		fd, port := listener(t)
		if err := c.Send(map[string]string{"pad": strings.Repeat("p", 65_536-200+i*7)}); err != nil {
			t.Fatal(err)
		}
		err := c.SendHandle(map[string]int{"want": port}, "net.Server", fd, func(err error) { acknowledged <- err })
		if err != nil {
			t.Fatal(err)
		}
	}
	for range handles {
		if err := wait(t, "acknowledgement", acknowledged); err != nil {
			t.Error(err)
		}
		var pair [2]int
		if m := c.next(t); json.Unmarshal(m.Raw, &pair) != nil || pair[0] != pair[1] {
			t.Errorf("got %s", m.Raw)
		}
	}
}
