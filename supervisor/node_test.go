package supervisor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/js"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// guarded is a supervisor of real Node processes.
type guarded struct {
	*supervisor.Supervisor
	t      *testing.T
	plan   *supervisor.Plan
	roster string
	end    func()
}

// guard makes a supervisor for an application of files (name and text) and processes; it is stopped with the test.
func guard(t *testing.T, files map[string]string, processes ...procfile.Process) *guarded {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI has no node")
		}
		t.Skip("no node")
	}
	home, err := os.MkdirTemp("", "pandora-sup-") // short, because socket paths are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	app := filepath.Join(home, "app")
	for name, text := range files {
		path := filepath.Join(app, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := files["procfile.js"]; !ok {
		os.WriteFile(filepath.Join(app, "procfile.js"), []byte("module.exports = () => {};"), 0o644)
	}
	dir, err := js.Install(filepath.Join(home, "js"))
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{t: t, roster: filepath.Join(home, "roster.json"), plan: &supervisor.Plan{
		App: procfile.Application{AppName: "app", AppDir: app, DefaultServiceCategory: "worker", Services: []procfile.Service{}, Applets: []procfile.Service{}},
		Env: os.Environ(), Cwd: home, JSDir: dir, RunDir: filepath.Join(home, "run"), Home: home, LogsDir: filepath.Join(home, "logs"),
	}}
	os.Mkdir(g.plan.RunDir, 0o700)
	for _, p := range processes {
		p.AppName, p.AppDir = "app", app
		p.Scale = max(p.Scale, 1)
		if p.Env == nil {
			p.Env = map[string]string{}
		}
		if p.Kind == "" {
			p.Kind = procfile.KindPlain
		}
		p.EntryFileBaseDir = &app
		g.plan.App.Processes = append(g.plan.App.Processes, p)
		g.plan.App.DefinedProcesses = append(g.plan.App.DefinedProcesses, p.ProcessName)
	}
	g.serve(supervisor.Config{RosterPath: g.roster})
	return g
}

// serve runs a supervisor until the end of the test.
func (g *guarded) serve(c supervisor.Config) {
	g.Supervisor = supervisor.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	g.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			g.t.Errorf("Run: %v", err)
		}
	})
	g.t.Cleanup(g.end)
}

// perform does an operation and returns its end.
func (g *guarded) perform(kind supervisor.OpKind) (last supervisor.Operation) {
	g.t.Helper()
	op, err := g.Submit(supervisor.Request{Kind: kind, Plan: g.plan})
	if err != nil {
		g.t.Fatalf("%s: %v", kind, err)
	}
	for last = range g.Watch(g.t.Context(), op.ID) {
	}
	return last
}

// must does an operation that has to succeed.
func (g *guarded) must(kind supervisor.OpKind) {
	g.t.Helper()
	if op := g.perform(kind); op.State != supervisor.OpSucceeded {
		text, _ := json.MarshalIndent(op, "", " ")
		g.t.Fatalf("%s: %s\n%s", kind, text, g.log())
	}
}

// log is the application's merged log.
func (g *guarded) log() string {
	data, _ := os.ReadFile(filepath.Join(g.plan.LogsDir, "app", "nodejs_stdout.log"))
	return string(data)
}

// workers are all workers.
func (g *guarded) workers() (all []supervisor.WorkerStatus) {
	for _, p := range g.Status().Processes {
		all = append(all, p.Workers...)
	}
	return all
}

// until waits for a condition.
func (g *guarded) until(what string, limit time.Duration, ok func() bool) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			text, _ := json.MarshalIndent(g.Status().Processes, "", " ")
			g.t.Fatalf("%s: not within %v\n%s\n%s", what, limit, text, g.log())
		case <-tick.C:
		}
	}
}

// port is the only port the guard holds.
func (g *guarded) port() int {
	for _, s := range g.Status().Sockets {
		return s.Port
	}
	return 0
}

// get fetches a page over a connection of its own.
func get(port int) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	rest := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return rest[0] != "Z" && rest[0] != "X"
}

const webSource = `
require('http').createServer((q, r) => r.end(String(process.pid))).listen(0, '127.0.0.1');
process.send({ hello: 'from user code' });
`

func TestForkAndOutput(t *testing.T) {
	g := guard(t, map[string]string{"app.js": `
console.log(JSON.stringify({
  argv: process.argv.slice(2), execArgv: process.execArgv, cwd: process.cwd(), primary: require('cluster').isPrimary,
  env: [process.env.A, process.env.B, process.env.NODE_APP_INSTANCE, process.env.PANDORA_CWD, process.env.NODE_UNIQUE_ID],
}));
setInterval(() => {}, 1000);`},
		procfile.Process{ProcessName: "web", EntryFile: "./app.js", Args: []string{"--one", "two"}, ExecArgv: []string{"--no-deprecation"}, Env: map[string]string{"A": "from process"}})
	g.plan.Env = append(g.plan.Env, "A=from plan", "B=from plan", "NODE_UNIQUE_ID=7")
	g.must(supervisor.OpStart)
	pid := g.workers()[0].PID
	for _, want := range []string{
		`"argv":["--one","two"]`, `"execArgv":["--no-deprecation"]`, `"primary":true`,
		`["from process","from plan","0",` + strconv.Quote(g.plan.Cwd) + `,null]`,
		fmt.Sprintf("Process [name = web, pid = %d] Started successfully!", pid),
	} {
		if !strings.Contains(g.log(), want) {
			t.Errorf("no %s in\n%s", want, g.log())
		}
	}
	data, err := os.ReadFile(g.roster)
	if err != nil || !strings.Contains(string(data), fmt.Sprintf(`"pid":%d,`, pid)) {
		t.Errorf("roster: %s %v", data, err)
	}
	if info, err := os.Stat(g.roster); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("roster: %v %v", info.Mode(), err)
	}
	g.must(supervisor.OpStop)
	if alive(pid) || !strings.Contains(g.log(), "Exit with code ") {
		t.Errorf("after stop: alive %v\n%s", alive(pid), g.log())
	}
}

// TestClusterSharesAPort: two workers answer on one port of the guard; a killed one is replaced and nobody is refused.
func TestClusterSharesAPort(t *testing.T) {
	g := guard(t, map[string]string{"app.js": webSource}, procfile.Process{ProcessName: "web", EntryFile: "./app.js", Scale: 2, Kind: procfile.KindWorker})
	g.must(supervisor.OpStart)
	g.until("a socket", 10*time.Second, func() bool { return g.port() != 0 })
	port := g.port()
	seen := map[string]bool{}
	g.until("answers of both workers", 10*time.Second, func() bool {
		body, err := get(port)
		if err != nil {
			t.Fatal(err)
		}
		seen[body] = true
		return len(seen) == 2
	})
	var before []int
	for _, w := range g.workers() {
		before = append(before, w.PID)
		if !seen[strconv.Itoa(w.PID)] {
			t.Errorf("worker %d has not answered, %v have", w.PID, seen)
		}
		if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	// With no worker alive a connection waits in the queue of the guard's socket.
	if body, err := get(port); err != nil || slices.Contains(before, atoi(body)) {
		t.Errorf("answer after the kill: %q %v", body, err)
	}
	g.until("both replaced", 20*time.Second, func() bool {
		return !slices.ContainsFunc(g.workers(), func(w supervisor.WorkerStatus) bool { return w.State != supervisor.StateRunning || w.Generation != 2 })
	})
	w := g.workers()[0]
	if w.LastExit == nil || w.LastExit.Signal != "SIGKILL" || w.LastExit.Code != -1 || w.Restarts != 1 || g.Status().RestartCount != 2 {
		t.Errorf("worker: %+v", w)
	}
	if g.port() != port {
		t.Errorf("port %d became %d", port, g.port())
	}
	g.must(supervisor.OpStop)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	l.Close()
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// TestCrashesLeakNothing kills workers fifty times.
func TestCrashesLeakNothing(t *testing.T) {
	const scale, rounds = 10, 5
	g := guard(t, map[string]string{"app.js": webSource}, procfile.Process{ProcessName: "web", EntryFile: "./app.js", Scale: scale, Kind: procfile.KindWorker})
	g.must(supervisor.OpStart)
	running := func(generation int) func() bool {
		return func() bool {
			return !slices.ContainsFunc(g.workers(), func(w supervisor.WorkerStatus) bool {
				return w.State != supervisor.StateRunning || w.Generation < generation
			})
		}
	}
	g.until("all running", 30*time.Second, running(1))
	before := descriptors(t)
	for round := range rounds {
		for _, w := range g.workers() {
			syscall.Kill(w.PID, syscall.SIGKILL)
		}
		g.until("all replaced", 60*time.Second, running(round+2))
	}
	g.until("descriptors as before", 5*time.Second, func() bool { return descriptors(t) <= before })
	out, err := exec.Command("ps", "--ppid", strconv.Itoa(os.Getpid()), "-o", "state=,pid=").Output()
	if err != nil || strings.Contains(string(out), "Z") {
		t.Errorf("zombies: %v\n%s", err, out)
	}
	begin := time.Now()
	g.must(supervisor.OpStop)
	t.Logf("stop of %d workers took %v", scale, time.Since(begin))
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestStopEndsTheTree: also a grandchild in a session of its own, and one without our mark in its environment.
func TestStopEndsTheTree(t *testing.T) {
	g := guard(t, map[string]string{"app.js": `
const { spawn } = require('child_process');
const quiet = { detached: true, stdio: 'ignore' };
const pids = [
  spawn('sleep', ['300'], quiet), spawn('sleep', ['300'], { stdio: 'ignore', env: { PATH: process.env.PATH } }),
  spawn('sh', ['-c', 'env -i sleep 300 & echo $! > bare; wait'], quiet), spawn('sleep', ['300'], { stdio: 'ignore' }),
].map((c) => c.pid);
require('fs').writeFileSync('pids.json', JSON.stringify(pids));
process.on('SIGTERM', () => {});
setInterval(() => {}, 1000);`}, procfile.Process{ProcessName: "web", EntryFile: "./app.js"})
	g.must(supervisor.OpStart)
	kids := func() (pids []int) {
		data, err := os.ReadFile(filepath.Join(g.plan.App.AppDir, "pids.json"))
		if err == nil {
			err = json.Unmarshal(data, &pids)
		}
		if err != nil {
			t.Fatal(err)
		}
		bare := filepath.Join(g.plan.App.AppDir, "bare")
		g.until("the pid of the child of a child", 5*time.Second, func() bool {
			data, _ := os.ReadFile(bare)
			if pid := atoi(strings.TrimSpace(string(data))); pid > 0 {
				pids = append(pids, pid)
				return true
			}
			return false
		})
		os.Remove(bare)
		return pids
	}
	first := kids()
	// A crash takes the tree along as well.
	syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
	g.until("replaced", 20*time.Second, func() bool { w := g.workers()[0]; return w.Generation == 2 && w.State == supervisor.StateRunning })
	second := kids()
	for _, pid := range second {
		if !alive(pid) {
			t.Errorf("child %d of the second process is gone", pid)
		}
	}
	g.must(supervisor.OpStop)
	for _, pid := range append(first, second...) {
		if alive(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
}

func TestFailingStartShowsOutput(t *testing.T) {
	g := guard(t, map[string]string{
		"first.js":  `setInterval(() => {}, 1000);`,
		"second.js": `for (let i = 0; i < 30; i++) console.log('line ' + i); throw new TypeError('cannot open the treasure chest');`,
	}, procfile.Process{ProcessName: "first", EntryFile: "./first.js"}, procfile.Process{ProcessName: "second", EntryFile: "./second.js"})
	op := g.perform(supervisor.OpStart)
	if op.State != supervisor.OpFailed || op.Failure.Process != "second" || op.Failure.Exit == nil {
		t.Fatalf("%+v", op)
	}
	exit := op.Failure.Exit
	if exit.Code != 1 || !strings.Contains(exit.Error, "cannot open the treasure chest") || len(exit.Output) > 20 ||
		!strings.Contains(strings.Join(exit.Output, "\n"), "cannot open the treasure chest") || op.Failure.LogPath == "" {
		t.Errorf("exit: %+v, log %q", exit, op.Failure.LogPath)
	}
	if !strings.Contains(op.Failure.Message, "cannot open the treasure chest") {
		t.Errorf("message: %s", op.Failure.Message)
	}
	for _, w := range g.workers() {
		if w.State != supervisor.StateStopped || w.PID != 0 {
			t.Errorf("not rolled back: %+v", w)
		}
	}
}

func TestWhatIsMissing(t *testing.T) {
	web := procfile.Process{ProcessName: "web", EntryFile: "./nowhere.js"}
	g := guard(t, map[string]string{"app.js": "setInterval(() => {}, 1000)"}, web)
	if op := g.perform(supervisor.OpStart); op.State != supervisor.OpFailed || !strings.Contains(op.Failure.Message, "nowhere.js") {
		t.Errorf("missing entry: %+v", op.Failure)
	}
	g.plan.App.Processes[0].EntryFile = "./app.js"
	path := g.plan.Env
	g.plan.Env = []string{"PATH=/nowhere"}
	if op := g.perform(supervisor.OpStart); op.State != supervisor.OpFailed || !strings.Contains(op.Failure.Message, `no "node" in PATH "/nowhere"`) {
		t.Errorf("missing node: %+v", op.Failure)
	}
	g.plan.Env, g.plan.Node = path, "/nowhere/node"
	if op := g.perform(supervisor.OpStart); op.State != supervisor.OpFailed || !strings.Contains(op.Failure.Message, `"/nowhere/node": no such file`) {
		t.Errorf("missing node: %+v", op.Failure)
	}
	g.plan.Node = ""
	g.must(supervisor.OpStart)
	// An entry that goes away while the application runs ends the tries at once.
	if err := os.Remove(filepath.Join(g.plan.App.AppDir, "app.js")); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
	g.until("fatal", 20*time.Second, func() bool { return g.workers()[0].State == supervisor.StateFatal })
	if w := g.workers()[0]; w.Generation != 2 || !strings.Contains(w.Reason, "app.js") {
		t.Errorf("worker: %+v", w)
	}
}

// TestGarbageCostsOnlyItsSender: a worker that writes nonsense into its channel is replaced; the other does not notice.
func TestGarbageCostsOnlyItsSender(t *testing.T) {
	g := guard(t, map[string]string{
		"good.js": `setInterval(() => {}, 1000);`,
		"bad.js": `
for (const services of ['many', {}, null, -1]) process.send({ cmd: 'NODE_PANDORA', act: 'ready', services });
process.send({ cmd: 'NODE_PANDORA' }); process.send({ cmd: 'NODE_PANDORA', act: 'drained' });
setTimeout(() => require('fs').writeSync(3, 'this is no JSON\n'), 300);
setInterval(() => {}, 1000);`,
	}, procfile.Process{ProcessName: "good", EntryFile: "./good.js"}, procfile.Process{ProcessName: "bad", EntryFile: "./bad.js"})
	g.must(supervisor.OpStart)
	g.until("replaced", 20*time.Second, func() bool { return g.workers()[1].Generation > 1 })
	if w := g.workers()[1]; !strings.Contains(w.LastExit.Error, "its IPC channel broke") {
		t.Errorf("bad: %+v", w.LastExit)
	}
	if w := g.workers()[0]; w.Generation != 1 || w.State != supervisor.StateRunning {
		t.Errorf("good: %+v", w)
	}
}

// TestDevOutput: lines instead of files.
func TestDevOutput(t *testing.T) {
	g := guard(t, map[string]string{"app.js": `
console.log('out ' + process.env.NODE_ENV + ' ' + process.env.PANDORA_DEV); console.error('err');
process.stdout.write('x'.repeat(100000) + '\nno end'); setTimeout(() => process.exit(5), 500);`}, procfile.Process{ProcessName: "web", EntryFile: "./app.js"})
	g.end()
	var mu sync.Mutex
	var lines []string
	g.plan.Dev = true
	g.plan.Env = slices.DeleteFunc(g.plan.Env, func(e string) bool { return strings.HasPrefix(e, "NODE_ENV=") })
	g.serve(supervisor.Config{Output: func(process string, worker int, line string, stderr bool) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintf("%s %d %v %s", process, worker, stderr, line))
	}})
	g.must(supervisor.OpStart)
	g.until("an exit", 10*time.Second, func() bool { return g.workers()[0].LastExit != nil })
	exit := g.workers()[0].LastExit
	if exit.Code != 5 || !slices.Contains(exit.Output, "no end") || len(exit.Output) > 20 {
		t.Errorf("exit: %+v", exit)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"web 0 false out local true", "web 0 true err", "web 0 false no end"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %.300q", want, lines)
		}
	}
	for _, line := range lines {
		if len(line) > 70000 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if st := g.Status(); st.StdoutLogPath != "" || st.Processes[0].Workers[0].LogPath != "" {
		t.Errorf("log paths in dev: %+v", st)
	}
}

// TestRosterEndsWhatALostGuardLeft: live entries are ended before anything is started, others with their pid are not.
func TestRosterEndsWhatALostGuardLeft(t *testing.T) {
	g := guard(t, map[string]string{"app.js": `
const kid = require('child_process').spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
require('fs').writeFileSync('kid', String(kid.pid));
setInterval(() => {}, 1000);`}, procfile.Process{ProcessName: "web", EntryFile: "./app.js"})
	g.must(supervisor.OpStart)
	pid := g.workers()[0].PID
	data, err := os.ReadFile(filepath.Join(g.plan.App.AppDir, "kid"))
	if err != nil {
		t.Fatal(err)
	}
	roster, err := os.ReadFile(g.roster)
	if err != nil {
		t.Fatal(err)
	}
	bystander := exec.Command("sleep", "300")
	bystander.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer bystander.Wait()
	defer bystander.Process.Kill()
	// The roster as the lost guard left it, with an entry whose pid now belongs to another.
	left := filepath.Join(t.TempDir(), "roster.json")
	text := strings.Replace(string(roster), `"entries":[`, fmt.Sprintf(`"entries":[{"pid":%d,"start":"1","appId":""},`, bystander.Process.Pid), 1)
	if err := os.WriteFile(left, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := supervisor.New(supervisor.Config{RosterPath: left}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if alive(pid) && g.workers()[0].PID == pid || alive(atoi(string(data))) {
		t.Errorf("worker %d or its child %s lives on", pid, data)
	}
	if !alive(bystander.Process.Pid) {
		t.Error("a process that only has the pid of an entry was killed")
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("roster: %v", err)
	}
	for name, content := range map[string]string{"garbage": "{", "another boot": strings.Replace(text, `"boot":"`, `"boot":"x`, 1), "empty": "{}"} {
		os.WriteFile(left, []byte(content), 0o600)
		if err := supervisor.New(supervisor.Config{RosterPath: left}).Run(ctx); err != nil || !alive(bystander.Process.Pid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
