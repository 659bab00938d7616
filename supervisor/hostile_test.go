package supervisor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// TestHostileLane: a worker may say anything in the lane between bootstrap and guard. What it says is bounded, opens
// nothing that is not its own, and disturbs no other worker.
func TestHostileLane(t *testing.T) {
	g := guard(t, map[string]string{
		"good.js": `require('node:http').createServer((q, s) => s.end('good')).listen(0, '127.0.0.1');`,
		"bad.js": `
const say = (act, fields) => process.send({ cmd: 'NODE_PANDORA', act, ...fields });
for (let i = 0; i < 50; i++) for (const act of ['ready', 'drained', 'finish_shutdown', 'pong', 'socketClosed', 'no such act']) say(act, { services: i, error: { message: 'x' }, key: 'k' });
for (const fd of [0, 1, 2, 3, 4, -1, 99999, 2 ** 31, 1.5, '3', null, {}]) say('socket', { key: 'k' + fd, fd, address: 'tcp 9.9.9.9:9' });
const udp = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => say('socket', { key: 'udp', fd: udp._handle.fd, address: 'udp 1.1.1.1:1' }));
for (const bad of ['x', 7, [1], [null], { length: 1e9 }]) say('listening', { addresses: bad, exclusive: bad });
say('listening', { addresses: Array(1e6).fill('tcp 1.2.3.4:5') });
say('listening', { addresses: Array(50000).fill('a'.repeat(30)), exclusive: ['b'.repeat(1e6)] });
say('drift', { digest: 'x'.repeat(1e6) }); say('drift', 7);
process.send('x'.repeat(5e6), () => setTimeout(() => say('listening', { addresses: Array(1000).fill('c'.repeat(1000)), exclusive: ['last'] }), 300));
setInterval(() => {}, 1000);`,
	}, procfile.Process{ProcessName: "good", EntryFile: "./good.js"}, procfile.Process{ProcessName: "bad", EntryFile: "./bad.js"})
	before := descriptors(t)
	g.must(supervisor.OpStart)
	g.until("the last message has arrived", 20*time.Second, func() bool { return slices.Contains(g.workers()[1].Exclusive, "last") })
	bad := g.workers()[1]
	if bad.State != supervisor.StateRunning || bad.Generation != 1 || bad.LastExit != nil {
		t.Errorf("bad: %+v", bad)
	}
	for _, address := range bad.Listening {
		if len(address) > 512 {
			t.Fatalf("an address of %d bytes is kept", len(address))
		}
	}
	if len(bad.Listening) > 256 {
		t.Errorf("%d addresses are kept", len(bad.Listening))
	}
	for _, s := range g.Status().Sockets {
		if s.Process != "good" {
			t.Errorf("the guard holds %+v", s)
		}
	}
	if n := strings.Count(g.log(), "Started successfully!"); n != 2 {
		t.Errorf("two workers started successfully %d times", n)
	}
	if body, err := get(g.port()); err != nil || body != "good" {
		t.Errorf("good: %q %v", body, err)
	}
	g.must(supervisor.OpStop)
	g.until("no descriptor is left", 10*time.Second, func() bool { return descriptors(t) <= before })
}

// TestHostilePlain: a plain process that passes any of its own descriptors to its guard, and forges keys, gets back what
// it gave, and the guard keeps only listening sockets.
func TestHostilePlain(t *testing.T) {
	g := guard(t, map[string]string{"app.js": `
const net = require('node:net');
const say = (act, fields) => process.send({ cmd: 'NODE_PANDORA', act, ...fields });
const server = net.createServer().listen(0, '127.0.0.1', () => {
  for (let i = 0; i < 500; i++) say('socket', { key: 'key' + i, fd: server._handle.fd, address: 'tcp 127.0.0.1:' + i });
  const client = net.connect(server.address().port, '127.0.0.1', () => {
    say('socket', { key: 'client', fd: client._handle.fd, address: 'client' });
    say('listening', { addresses: ['told'] });
  });
});`}, procfile.Process{ProcessName: "web", EntryFile: "./app.js"})
	before := descriptors(t)
	g.must(supervisor.OpStart)
	g.until("told", 20*time.Second, func() bool { return slices.Contains(g.workers()[0].Listening, "told") })
	sockets := g.Status().Sockets
	if len(sockets) == 0 || len(sockets) > 64 {
		t.Errorf("the guard holds %d sockets of one process", len(sockets))
	}
	for _, s := range sockets {
		if s.Address == "client" {
			t.Error("the guard holds a connection")
		}
	}
	g.must(supervisor.OpStop)
	g.until("no descriptor is left", 10*time.Second, func() bool { return descriptors(t) <= before })
}
