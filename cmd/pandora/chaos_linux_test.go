//go:build slow

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/load"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// chaosTime is how long the chaos lasts.
	chaosTime = 75 * time.Second
	// chaosClients is how many requests each application has under way.
	chaosClients = 16 + 8
	// wellTime is how long everything may take to be well again after a fault.
	wellTime = 20 * time.Second
	// killSlack is how long after a kill a request may still reach the process that was killed.
	killSlack = 500 * time.Millisecond
	// guardTime is how long an application may be away after the loss of its guard: three seconds until its processes are
	// started, and the time of a start on a busy machine.
	guardTime = 3*time.Second + 5*time.Second
	// chaosClock is how the times of faults and failures are shown.
	chaosClock = "04:05.000"
)

// chaosApp is an application under clients that count every request.
type chaosApp struct {
	name, dir, address string

	mu       sync.Mutex
	kills    []time.Time // of one worker: what was in flight in it may fail
	outages  []window    // of all workers: what is asked meanwhile may fail
	failures []failedRequest
}

// window is a time during which requests may fail.
type window struct{ from, to time.Time }

type failedRequest struct {
	began, ended time.Time
	err          error
}

// killed notes that a worker is about to be killed.
func (a *chaosApp) killed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kills = append(a.kills, time.Now())
}

// out notes a time without workers.
func (a *chaosApp) out(from, to time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outages = append(a.outages, window{from, to})
}

// unexplained returns the failures that no fault explains, and how many more than can have been in flight.
func (a *chaosApp) unexplained() (strange []failedRequest, tooMany int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	inFlight := 0
	for _, f := range a.failures {
		out := slices.ContainsFunc(a.outages, func(w window) bool {
			return f.ended.After(w.from) && f.began.Before(w.to)
		})
		killed := slices.ContainsFunc(a.kills, func(at time.Time) bool {
			return f.ended.After(at) && f.began.Before(at.Add(killSlack))
		})
		switch {
		case out:
		case killed:
			inFlight++
		default:
			strange = append(strange, f)
		}
	}
	return strange, inFlight - len(a.kills)*chaosClients
}

// chaos does things to two applications and waits until they are well again.
type chaos struct {
	*bench
	r    *rand.Rand
	apps []*chaosApp
	done map[string]int
}

// write makes the application, whose workers log whole lines and start as slowly as the file "delay" says.
func (c *chaos) write(name, procfile string) *chaosApp {
	c.t.Helper()
	a := &chaosApp{name: name, dir: filepath.Join(c.dir, name), address: freeAddress(c.t)}
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(a.address)
	c.bench.write(filepath.Join(a.dir, "app.js"), fmt.Sprintf(`'use strict';
const http = require('node:http'), fs = require('node:fs');
let delay = 0, seq = 0;
try { delay = Number(fs.readFileSync(__dirname + '/delay', 'utf8')); } catch { /* none */ }
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
http.createServer((request, response) => {
  if (seq++ %% 5 === 0) console.log('chaos ' + process.pid + ' ' + seq + ' ' + 'x'.repeat(seq %% 300) + ' end');
  setTimeout(() => response.end(process.pid + ' \n'), Math.random() * 50);
}).listen(%s, '127.0.0.1');
`, port))
	c.bench.write(filepath.Join(a.dir, "procfile.js"), procfile)
	c.bench.write(filepath.Join(a.dir, "package.json"), `{"name":"`+name+`"}`)
	return a
}

// list is what list says; with neither daemon nor patience it tries again.
func (c *chaos) list() map[string]control.AppStatus {
	c.t.Helper()
	var err error
	for deadline := time.Now().Add(wellTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var out string
		var list struct{ Applications []control.AppStatus }
		if out, err = c.try("list", "--json"); err == nil {
			if err = json.Unmarshal([]byte(out), &list); err == nil {
				apps := map[string]control.AppStatus{}
				for _, a := range list.Applications {
					apps[a.AppName] = a
				}
				return apps
			}
		}
		err = fmt.Errorf("%w: %s", err, out)
	}
	c.t.Fatalf("list: %v", err)
	return nil
}

// well waits until all workers of both applications run and nothing else is going on.
func (c *chaos) well() map[string]control.AppStatus {
	c.t.Helper()
	var apps map[string]control.AppStatus
	for deadline := time.Now().Add(wellTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		apps = c.list()
		if !slices.ContainsFunc(c.apps, func(a *chaosApp) bool { return !isWell(apps[a.name]) }) {
			return apps
		}
	}
	c.t.Fatalf("not well again after %v: %+v", wellTime, apps)
	return nil
}

func isWell(a control.AppStatus) bool {
	if a.GuardPID == 0 || a.State != supervisor.AppComplete || a.Operation != nil && a.Operation.State == supervisor.OpRunning {
		return false
	}
	for _, p := range a.Processes {
		for _, w := range p.Workers {
			if w.State != supervisor.StateRunning {
				return false
			}
		}
	}
	return len(a.PIDs) > 0
}

// one picks an application.
func (c *chaos) one() *chaosApp { return c.apps[c.r.IntN(len(c.apps))] }

// anyWorker picks a live worker.
func (c *chaos) anyWorker(a *chaosApp) int {
	pids := c.list()[a.name].PIDs
	if len(pids) == 0 {
		return 0
	}
	return pids[c.r.IntN(len(pids))]
}

func (c *chaos) signal(pid int, s syscall.Signal) {
	if pid > 1 {
		syscall.Kill(pid, s)
	}
}

// The faults. Each notes what it may cost.

func (c *chaos) killWorker() {
	a := c.one()
	pid := c.anyWorker(a)
	a.killed()
	c.signal(pid, syscall.SIGKILL)
}

func (c *chaos) pauseWorker() {
	a := c.one()
	pid := c.anyWorker(a)
	c.signal(pid, syscall.SIGSTOP)
	time.Sleep(time.Duration(200+c.r.IntN(1500)) * time.Millisecond) // less than a client's patience
	c.signal(pid, syscall.SIGCONT)
}

func (c *chaos) killGuard() {
	a := c.one()
	guard := c.list()[a.name].GuardPID
	from := time.Now()
	c.signal(guard, syscall.SIGKILL)
	for c.well()[a.name].GuardPID == guard && time.Since(from) < wellTime { // nobody has noticed yet
		time.Sleep(50 * time.Millisecond)
	}
	c.well()
	a.out(from, time.Now())
	if took := time.Since(from); took > guardTime {
		c.t.Errorf("after the loss of its guard %s was not well again for %v, want %v at most", a.name, took, guardTime)
	}
}

func (c *chaos) killDaemon() {
	out, err := c.try("daemon", "status", "--json")
	var info control.DaemonInfo
	if err == nil && json.Unmarshal([]byte(out), &info) == nil {
		c.signal(info.PID, syscall.SIGKILL)
	}
}

func (c *chaos) reload() {
	a := c.one()
	c.verb("reload", a.name)
}

// upgrade replaces daemon and guards, here by the same build; that costs nothing.
func (c *chaos) upgrade() { c.verb("daemon", "upgrade") }

// crashInReload kills a worker while another takes over.
func (c *chaos) crashInReload() {
	a := c.one()
	pid := c.anyWorker(a)
	var wg sync.WaitGroup
	wg.Go(func() { c.verb("reload", a.name) })
	time.Sleep(time.Duration(c.r.IntN(400)) * time.Millisecond)
	a.killed()
	c.signal(pid, syscall.SIGKILL)
	wg.Wait()
}

func (c *chaos) scale() { c.verb("scale", c.apps[1].name, "web", strconv.Itoa(1+c.r.IntN(4))) }

func (c *chaos) restartProcess() {
	a := c.one()
	from := time.Now()
	c.verb("restart", a.name+"/web")
	a.out(from, time.Now())
}

// slowStart makes the next start of a worker slow.
func (c *chaos) slowStart() {
	a := c.one()
	path := filepath.Join(a.dir, "delay")
	c.bench.write(path, strconv.Itoa(500+c.r.IntN(1000)))
	c.verb("reload", a.name)
	os.Remove(path)
}

// fullDisk lets no worker of an application write to a file for a while, as on a full disk.
func (c *chaos) fullDisk() {
	pids := c.list()[c.one().name].PIDs
	limit := func(cur uint64) {
		for _, pid := range pids {
			unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: cur, Max: unix.RLIM_INFINITY}, nil)
		}
	}
	limit(0)
	time.Sleep(time.Second)
	limit(unix.RLIM_INFINITY)
}

// noDescriptors takes the descriptors of a guard away while one of its workers is killed.
func (c *chaos) noDescriptors() {
	a := c.one()
	status := c.list()[a.name]
	var old unix.Rlimit
	if err := unix.Prlimit(status.GuardPID, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		return
	}
	unix.Prlimit(status.GuardPID, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}, nil)
	a.killed()
	c.signal(status.PIDs[c.r.IntN(len(status.PIDs))], syscall.SIGKILL)
	time.Sleep(700 * time.Millisecond)
	unix.Prlimit(status.GuardPID, unix.RLIMIT_NOFILE, &old, nil)
}

// verb runs a command, which may fail for what is done to it: the daemon or the guard may just have died.
func (c *chaos) verb(args ...string) {
	if out, err := c.try(args...); err != nil {
		c.t.Logf("pandora %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestChaos does random things to two applications for more than a minute while clients count every request. Only what
// was in flight in a worker that was killed, or was asked while an application had none, may fail, and nothing hangs.
func TestChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("PANDORA_CHAOS"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PANDORA_CHAOS=%d repeats the schedule", seed)
	c := &chaos{bench: newBenchAlone(t), r: rand.New(rand.NewPCG(seed, 1)), done: map[string]int{}}
	c.apps = []*chaosApp{
		c.write("one", `module.exports = (pandora) => { pandora.fork('web', './app.js'); };`),
		c.write("two", `module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`),
	}
	for _, a := range c.apps {
		c.run("start", a.dir)
	}
	for _, a := range c.apps { // what is opened once is open now
		c.verb("reload", a.name)
	}
	before := c.footprint()
	results := c.underChaos()
	c.verb("scale", "two", "web", "2")
	c.well()
	for _, a := range c.apps {
		for kind, r := range results[a.name] {
			t.Logf("%s, %s: %v", a.name, kind, r)
			if r.Hung > 0 || r.OK == 0 {
				t.Errorf("%s, %s: %v", a.name, kind, r)
			}
		}
		strange, tooMany := a.unexplained()
		t.Logf("%s: %d failed, %d kills, %d outages", a.name, len(a.failures), len(a.kills), len(a.outages))
		if len(strange) > 0 {
			t.Errorf("%s: %d failures that nothing explains", a.name, len(strange))
			for _, f := range strange[:min(len(strange), 40)] {
				t.Logf("asked at %s, failed at %s: %v", f.began.Format(chaosClock), f.ended.Format(chaosClock), f.err)
			}
		}
		if tooMany > 0 {
			t.Errorf("%s: %d more failures than can have been in flight in the workers that were killed", a.name, tooMany)
		}
	}
	t.Logf("done: %v", c.done)
	c.checkProcesses()
	c.checkLines()
	c.checkFootprint(before)
}

// underChaos runs the schedule under load.
func (c *chaos) underChaos() map[string]map[string]load.Result {
	ctx, cancel := context.WithCancel(context.Background())
	results := map[string]map[string]load.Result{}
	var mu sync.Mutex
	var clients sync.WaitGroup
	for _, a := range c.apps {
		results[a.name] = map[string]load.Result{}
		for kind, o := range map[string]load.Options{
			"keep-alive": {Connections: 16, KeepAlive: true, Think: 20 * time.Millisecond},
			"close":      {Connections: 8, Think: 20 * time.Millisecond},
		} {
			o.Address = a.address
			o.Failed = func(began time.Time, err error) {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.failures = append(a.failures, failedRequest{began, time.Now(), err})
				if errors.Is(err, syscall.ECONNREFUSED) {
					time.Sleep(5 * time.Millisecond) // refusals come faster than anybody needs to count them
				}
			}
			clients.Go(func() {
				r := load.Run(ctx, o)
				mu.Lock()
				defer mu.Unlock()
				results[a.name][kind] = r
			})
		}
	}
	faults := []struct {
		name   string
		weight int
		do     func()
	}{
		{"kill worker", 5, c.killWorker}, {"pause worker", 3, c.pauseWorker}, {"kill guard", 2, c.killGuard},
		{"kill daemon", 3, c.killDaemon}, {"reload", 3, c.reload}, {"crash in reload", 3, c.crashInReload}, {"scale", 3, c.scale},
		{"restart process", 1, c.restartProcess}, {"slow start", 2, c.slowStart}, {"full disk", 2, c.fullDisk},
		{"no descriptors", 2, c.noDescriptors}, {"upgrade", 2, c.upgrade},
	}
	var deck []int
	for i, f := range faults {
		deck = append(deck, slices.Repeat([]int{i}, f.weight)...)
	}
	end := time.Now().Add(chaosTime)
	for round := 0; time.Now().Before(end) && !c.t.Failed(); round++ {
		f := faults[deck[c.r.IntN(len(deck))]]
		if round < len(faults) {
			f = faults[round] // each at least once
		}
		c.t.Logf("%s: %s", time.Now().Format(chaosClock), f.name)
		f.do()
		c.done[f.name]++
		if c.r.IntN(3) > 0 {
			c.well()
		}
		time.Sleep(time.Duration(c.r.IntN(300)) * time.Millisecond)
	}
	c.well()
	cancel()
	clients.Wait()
	return results
}

// footprint counts the descriptors of the daemon and of each guard.
func (c *chaos) footprint() map[string]int {
	c.t.Helper()
	apps := c.well()
	time.Sleep(2 * time.Second) // connections of commands that have just ended are still being closed
	counts := map[string]int{}
	for name, a := range apps {
		counts["guard of "+name] = descriptors(c.t, a.GuardPID)
	}
	var info control.DaemonInfo
	if err := json.Unmarshal([]byte(c.run("daemon", "status", "--json")), &info); err != nil {
		c.t.Fatal(err)
	}
	counts["daemon"] = descriptors(c.t, info.PID)
	return counts
}

func (c *chaos) checkFootprint(before map[string]int) {
	c.t.Helper()
	after := c.footprint()
	c.t.Logf("descriptors: %v before, %v after", before, after)
	for who, n := range after {
		if n > before[who]+3 {
			c.t.Errorf("%s has %d descriptors, had %d", who, n, before[who])
		}
	}
}

// checkProcesses holds that what list shows is all there is, and that each port has one socket.
func (c *chaos) checkProcesses() {
	c.t.Helper()
	known := map[int]string{}
	for _, a := range c.well() {
		known[a.GuardPID] = "guard of " + a.AppName
		for _, pid := range a.PIDs {
			known[pid] = "worker of " + a.AppName
		}
	}
	var info control.DaemonInfo
	if err := json.Unmarshal([]byte(c.run("daemon", "status", "--json")), &info); err != nil {
		c.t.Fatal(err)
	}
	known[info.PID] = "daemon"
	mark := []byte("PANDORA_DIR=" + filepath.Join(c.dir, "p") + "\x00")
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	found := 0
	for _, path := range paths {
		environ, err := os.ReadFile(path)
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil || !bytes.Contains(environ, mark) {
			continue
		}
		found++
		if known[pid] == "" {
			command, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			c.t.Errorf("process %d is nobody's: %q", pid, bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
		}
	}
	if found != len(known) {
		c.t.Errorf("%d processes live, want %v", found, known)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, a := range c.apps {
		_, port, _ := net.SplitHostPort(a.address)
		n, _ := strconv.Atoi(port)
		listeners := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: 0100007F:%04X 00000000:0000 0A `, n)).FindAll(table, -1)
		if len(listeners) != 1 {
			c.t.Errorf("port %s has %d listening sockets, want one", port, len(listeners))
		}
	}
}

// checkLines holds that every line that a worker has written is whole.
func (c *chaos) checkLines() {
	c.t.Helper()
	whole := regexp.MustCompile(`^chaos \d+ \d+ x* end$`)
	lines := 0
	err := filepath.WalkDir(filepath.Join(c.dir, "p", "logs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".log") {
			return err
		}
		data, err := os.ReadFile(path)
		for line := range strings.Lines(string(data)) {
			if !strings.Contains(line, "chaos ") {
				continue
			}
			lines++
			if text := strings.TrimSuffix(line, "\n"); text == line || !whole.MatchString(text) {
				c.t.Errorf("%s: broken line %q", path, line)
			}
		}
		return err
	})
	if err != nil || lines == 0 {
		c.t.Errorf("%d lines in the logs, %v", lines, err)
	}
	c.t.Logf("%d lines, all whole", lines)
}
