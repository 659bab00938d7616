package nodecluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/nodeipc"
	"golang.org/x/sys/unix"
)

// attacker is a worker's end of a channel, driven by hand.
type attacker struct {
	*Member
	conn  *net.UnixConn
	ended chan error
}

func (c *cluster) attack(process string) *attacker {
	c.t.Helper()
	ch, theirs, err := nodeipc.Pair()
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := net.FileConn(theirs)
	theirs.Close()
	if err != nil {
		c.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	c.id++
	a := &attacker{Member: c.Attach(c.id, process, c.policy, ch), conn: conn.(*net.UnixConn), ended: make(chan error, 1)}
	go func() {
		err := ch.Serve(func(m nodeipc.Message) { a.Receive(m) })
		a.Detach()
		a.ended <- err
	}()
	return a
}

// attacks are what hostile workers say, line by line; each line may come with descriptors.
var attacks = map[string]struct {
	lines []string
	fds   int
}{
	"unknown acks":     {[]string{`{"cmd":"NODE_CLUSTER","ack":0,"accepted":true}`, `{"cmd":"NODE_CLUSTER","ack":-1,"accepted":false}`, `{"cmd":"NODE_CLUSTER","ack":99999999,"accepted":"x"}`}, 0},
	"forged keys":      {[]string{`{"cmd":"NODE_CLUSTER","act":"close","key":"KEY","seq":0}`, `{"cmd":"NODE_CLUSTER","act":"close","key":7}`, `{"cmd":"NODE_CLUSTER","act":"close"}`}, 0},
	"stray handles":    {[]string{`{"a":1}`, `{"cmd":"NODE_HANDLE_ACK"}`, `{"cmd":"NODE_HANDLE_NACK"}`}, 3},
	"handles":          {[]string{`{"cmd":"NODE_HANDLE","type":"net.Server","msg":{"cmd":"NODE_CLUSTER","act":"online"}}`, `{"cmd":"NODE_HANDLE","type":7}`}, 1},
	"no handle":        {[]string{`{"cmd":"NODE_HANDLE","type":"net.Socket","msg":1}`}, 0},
	"broken JSON":      {[]string{`{"cmd":"NODE_CLUSTER","act":`}, 0},
	"invalid UTF-8":    {[]string{"\"\xff\xfe\"", "{\"cmd\":\"NODE_CLUSTER\",\"act\":\"\xff\"}"}, 0},
	"wrong types":      {[]string{`{"cmd":"NODE_CLUSTER","act":{"a":1}}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":"x"}`, `{"cmd":"NODE_CLUSTER","seq":1e99,"act":"online"}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","address":[],"port":{}}`}, 0},
	"absurd addresses": {[]string{`{"cmd":"NODE_CLUSTER","act":"queryServer","seq":1,"address":"` + strings.Repeat("a", 5000) + `","port":-1,"addressType":-1}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":1,"address":"999.1.1.1","port":1,"addressType":4}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":2,"port":1e9}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":3,"port":-7,"addressType":4}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":4,"fd":3}`}, 0},
	"other data":       {[]string{`{"cmd":"NODE_CLUSTER","act":"queryServer","seq":1,"address":"127.0.0.1","port":0,"addressType":4,"index":77,"data":{"ticketKeys":5}}`}, 0},
	"twice":            {[]string{`{"cmd":"NODE_CLUSTER","act":"queryServer","seq":1,"address":"127.0.0.1","port":0,"addressType":4,"index":78}`, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":2,"address":"127.0.0.1","port":0,"addressType":4,"index":78}`}, 0},
	"nothing":          {nil, 0},
}

// TestHostileWorkers: 200 workers that say anything but the protocol, some of the process of a good worker, cost no
// descriptor and do not disturb the good one.
func TestHostileWorkers(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		good := c.start("web", httpWorker, where(port))
		good.want(fmt.Sprintf("listening %d", port))
		spare, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer spare.Close()
		before := openFDs(t)
		var all sync.WaitGroup
		for i := 0; i < 200; {
			for name, attack := range attacks {
				process := "web"
				if i++; i%2 == 0 {
					process = "bad"
				}
				a := c.attack(process)
				all.Go(func() {
					for range 20 {
						for _, line := range attack.lines {
							line = strings.ReplaceAll(line, "KEY", fmt.Sprintf("null:%d:4:-1", port))
							var oob []byte
							for range attack.fds {
								oob = append(oob, unix.UnixRights(int(spare.Fd()))...)
							}
							if _, _, err := a.conn.WriteMsgUnix([]byte(line[:1]), oob, nil); err != nil {
								break
							}
							io.WriteString(a.conn, line[1:]+"\n")
						}
					}
					a.conn.Close()
					select {
					case err := <-a.ended:
						if broken := err != nil; broken != (name == "broken JSON") {
							t.Errorf("%s: %v", name, err)
						}
					case <-time.After(patience):
						t.Errorf("%s: its channel is still open", name)
					}
				})
			}
		}
		for range 50 {
			if pid, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil || pid != fmt.Sprint(good.pid) {
				t.Fatalf("the good worker: %s %v", pid, err)
			}
		}
		all.Wait()
		// What they opened lingers; suspending closes it.
		c.mu.Lock()
		for _, s := range c.shares {
			if strings.Contains(string(s.data), "ticketKeys") {
				t.Errorf("made up data is kept: %s", s.data)
			}
		}
		c.mu.Unlock()
		c.Suspend()
		runtime.GC()
		eventually(t, "no descriptor is left", func() bool { return openFDs(t) <= before })
	})
}

// TestFloodIsBounded: a worker that opens sockets and sends messages without end gets an error and costs little memory.
func TestFloodIsBounded(t *testing.T) {
	c := newCluster(t, RoundRobin)
	a := c.attack("bad")
	refused := make(chan int, 1)
	go func() {
		bad, dec := 0, json.NewDecoder(a.conn)
		for range maxShares + 50 {
			var m struct {
				Errno *int `json:"errno"`
			}
			if dec.Decode(&m) == nil && m.Errno != nil && *m.Errno == -int(unix.EMFILE) {
				bad++
			}
		}
		refused <- bad
	}()
	for i := range maxShares + 50 {
		fmt.Fprintf(a.conn, `{"cmd":"NODE_CLUSTER","act":"queryServer","seq":%d,"address":"127.0.0.1","port":0,"addressType":4,"index":%d}`+"\n", i, i)
	}
	if n := <-refused; n != 50 {
		t.Errorf("%d queries were refused with EMFILE, want 50", n)
	}
	var start, end runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&start)
	chunk := []byte(strings.Repeat(`{"cmd":"NODE_CLUSTER","act":"listening","address":"`+strings.Repeat("x", 1000)+`","seq":1}`+"\n", 64))
	for range 128 {
		if _, err := a.conn.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&end)
	if grown := int64(end.HeapAlloc) - int64(start.HeapAlloc); grown > 4<<20 {
		t.Errorf("8 MiB of messages cost %d bytes", grown)
	}
	a.conn.Close()
	<-a.ended
}

// TestHostileNode runs real workers that use the channel behind the back of their cluster module.
func TestHostileNode(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	good := c.start("web", httpWorker, where(port))
	good.want(fmt.Sprintf("listening %d", port))
	before := openFDs(t)
	for name, script := range map[string]string{
		"sends sockets nobody wants": `
const net = require('node:net'); const s = net.createServer(); s.listen({ port: 0, exclusive: true }, () => {
  let left = 30;
  const again = () => (left-- ? process.send({ left }, s, { keepOpen: true }, again) : process.exit(7));
  again();
});`,
		"sends connections": `
const net = require('node:net'); const s = net.createServer((c) => process.send('here', c, () => {
  s.getConnections((e, n) => s.close(() => process.exit(n === 0 ? 7 : 8)));
})); s.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => net.connect(s.address().port, '127.0.0.1'));`,
		"refuses everything": `
require('node:net').createServer().listen(+process.env.PORT, () => {
  process.on('internalMessage', (m) => { if (m.seq > 3) process.exit(7); });
  for (let i = 0; i < 5000; i++) process.send({ cmd: 'NODE_CLUSTER', ack: i, accepted: false });
  setInterval(() => process.send({ cmd: 'NODE_CLUSTER', act: 'close', key: 'null:1:4:-1' }), 1);
  setTimeout(() => process.exit(7), 300);
});`,
		"floods": `
const line = 'x'.repeat(1000); let n = 0;
const more = () => { if (n++ > 300) process.exit(7); for (let i = 0; i < 100; i++) process.send({ line }); setImmediate(more); };
more();`,
		"a huge message": `process.send('x'.repeat(20e6), () => process.exit(7));`,
		"writes over its channel": `
const fs = require('node:fs'); fs.writeSync(3, '}{ nonsense\n'); setTimeout(() => process.exit(7), 10000);`,
	} {
		t.Run(name, func(t *testing.T) {
			w := c.start("web", script, fmt.Sprintf("PORT=%d", port))
			w.t = t
			for open := true; open; {
				select {
				case <-w.messages:
				case <-w.ended:
					open = false
				case <-time.After(patience):
					t.Fatal("still there")
				}
			}
			if want := "exit status 7"; name != "writes over its channel" && fmt.Sprint(w.exit) != want {
				t.Errorf("exit: %v, want %s", w.exit, want)
			}
			if pid, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil || pid != fmt.Sprint(good.pid) {
				t.Errorf("the good worker: %s %v", pid, err)
			}
		})
	}
	runtime.GC()
	eventually(t, "no descriptor is left", func() bool { return openFDs(t) <= before })
}

// FuzzReceive lets a worker say anything that opens no socket, twice.
func FuzzReceive(f *testing.F) {
	for _, attack := range attacks {
		for _, line := range attack.lines {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var q message
		if json.Unmarshal(line, &q) == nil && q.Act == "queryServer" {
			if _, errno := q.spec(); errno == 0 {
				return // whatever it names would be opened
			}
		}
		p := New(Options{})
		ch, theirs, err := nodeipc.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		m := p.Attach(1, "web", RoundRobin, ch)
		for range 2 {
			if !m.Receive(nodeipc.Message{Cmd: cmdCluster, Raw: line, FD: -1}) {
				t.Fatal("not taken")
			}
		}
		m.Detach()
		ch.Close()
		if len(p.Sockets()) != 0 {
			t.Fatalf("%s opened %+v", line, p.Sockets())
		}
	})
}
