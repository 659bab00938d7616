package supervisor_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// endsBy are applications that run until they are told how to end by a file "end", and then do it once.
const endsBy = `
const fs = require('fs');
if (fs.existsSync('ended')) return setInterval(() => {}, 1000);
setInterval(() => {
  if (!fs.existsSync('end')) return;
  fs.renameSync('end', 'ended');
  const how = fs.readFileSync('ended', 'utf8');
  new Function('require', how)(require);
}, 10);`

// TestReasonsOfRealProcesses: a worker that runs ends in every way, and its exit says why.
func TestReasonsOfRealProcesses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the parallel ones
	port := taken.Addr().(*net.TCPAddr).Port
	for name, test := range map[string]struct {
		how, code string
		message   []string
		hint      string
		execArgv  []string
	}{
		"throw":   {`throw new TypeError('no treasure')`, supervisor.ReasonUncaught, []string{"exited with code 1: TypeError: no treasure"}, "", nil},
		"reject":  {`Promise.reject(new Error('no treasure'))`, supervisor.ReasonRejection, []string{"exited with code 1, unhandled rejection: Error: no treasure"}, "", nil},
		"handler": {`process.on('uncaughtException', () => process.exit(5)); throw new Error('mine')`, supervisor.ReasonUncaught, []string{"exited with code 5: Error: mine"}, "", nil},
		"exit":    {`console.log('good bye'); process.exit(3)`, supervisor.ReasonExit, []string{"exited with code 3"}, "", nil},
		"zero":    {`process.exit()`, supervisor.ReasonExitZero, []string{"exited with code 0, although it is to go on running"}, "process.exit()", nil},
		"abort":   {`process.abort()`, supervisor.ReasonCrash, []string{"was ended by SIGABRT"}, "", nil},
		"kill":    {`process.kill(process.pid, 'SIGKILL')`, supervisor.ReasonSignal, []string{"was ended by SIGKILL, which somebody else sent"}, "", nil},
		"term":    {`process.kill(process.pid, 'SIGTERM')`, supervisor.ReasonSignal, []string{"was ended by SIGTERM, which somebody else sent"}, "", nil},
		"heap": {`const a = []; for (;;) a.push(new Array(1000).fill(a.length + 0.5))`, supervisor.ReasonHeap,
			[]string{"ran out of its JavaScript heap at ", " MB"}, "--max-old-space-size", []string{"--max-old-space-size=20"}},
		"address": {fmt.Sprintf(`require('net').createServer().listen(%d, '127.0.0.1')`, port), supervisor.ReasonAddress,
			[]string{"EADDRINUSE", fmt.Sprintf("port %d is held for another process of this application", port)}, "choose another address", nil},
		"module": {`require('no-such-package')`, supervisor.ReasonModule, []string{"Cannot find module 'no-such-package'"}, "npm install no-such-package", nil},
		"emit": {`process.emit = () => { throw new Error('no events here') }; throw new Error('mine')`, supervisor.ReasonUncaught,
			[]string{"exited with code 7: Error: no events here"}, "", nil},
		"before the channel is told": {`process.removeAllListeners('uncaughtExceptionMonitor'); throw new RangeError('from the output')`,
			supervisor.ReasonUncaught, []string{"exited with code 1: RangeError: from the output"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, map[string]string{"app.js": endsBy}, procfile.Process{ProcessName: "web", EntryFile: "./app.js", ExecArgv: test.execArgv})
			g.must(supervisor.OpStart)
			end := filepath.Join(g.plan.App.AppDir, "end")
			if err := os.WriteFile(end+".new", []byte(test.how), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(end+".new", end); err != nil {
				t.Fatal(err)
			}
			g.until("an exit", 30*time.Second, func() bool { return g.workers()[0].LastExit != nil })
			exit := g.workers()[0].LastExit
			if exit.Reason != test.code || !strings.Contains(exit.Hint, test.hint) {
				t.Errorf("got %s %q (%s), want %s (%s)", exit.Reason, exit.Message, exit.Hint, test.code, test.hint)
			}
			for _, want := range test.message {
				if !strings.Contains(exit.Message, want) {
					t.Errorf("got %q, want %q in it", exit.Message, want)
				}
			}
			if name == "exit" && (len(exit.Output) == 0 || exit.Output[len(exit.Output)-1] != "good bye") {
				t.Errorf("last output %q", exit.Output)
			}
			if len(exit.Output) > 20 {
				t.Errorf("%d lines of output", len(exit.Output))
			}
		})
	}
}

// TestReasonsOfAStart: what keeps a worker from becoming ready is in the failure of the operation.
func TestReasonsOfAStart(t *testing.T) {
	for name, test := range map[string]struct {
		source, code string
		message      []string
	}{
		"syntax": {"const x = 1;\nconst = 2;", supervisor.ReasonSyntax, []string{"SyntaxError", "app.js:2)"}},
		"module": {"require('./lib/none')", supervisor.ReasonModule, []string{"Cannot find module './lib/none'", "check the path"}},
		"option": {"", supervisor.ReasonExit, []string{"exited with code 9", "options"}},
		"emit":   {"process.emit = () => { throw new Error('no events here') };", supervisor.ReasonStart, []string{"exited with code 7: Error: no events here", "app.js:1:"}},
		"throw":  {"\nthrow new Error('no treasure')", supervisor.ReasonStart, []string{"Error: no treasure (at ", "app.js:2:7)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := procfile.Process{ProcessName: "web", EntryFile: "./app.js"}
			if name == "option" {
				p.ExecArgv = []string{"--no-such-option"}
			}
			g := guard(t, map[string]string{"app.js": test.source}, p)
			op := g.perform(supervisor.OpStart)
			if op.Failure == nil || op.Failure.Exit == nil || op.Failure.Exit.Reason != test.code {
				t.Fatalf("%+v", op.Failure)
			}
			for _, want := range test.message {
				if !strings.Contains(op.Failure.Message, want) {
					t.Errorf("got %q, want %q in it", op.Failure.Message, want)
				}
			}
		})
	}
}

// TestOurOwnSignals: a stop tells which of its steps ended the process.
func TestOurOwnSignals(t *testing.T) {
	for name, test := range map[string]struct{ source, code, message string }{
		"signal": {"setInterval(() => {}, 1000);", supervisor.ReasonStopped, "was ended by SIGTERM of its stop"},
		"asked":  {"process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);", supervisor.ReasonStopped, "exited with code 0, as it was asked to"},
		"deaf":   {"process.on('SIGTERM', () => {}); process.removeAllListeners('disconnect'); process.on('disconnect', () => {}); setInterval(() => {}, 1000);", supervisor.ReasonKilled, "was ended by SIGKILL: it did not end in its time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, map[string]string{"app.js": test.source}, procfile.Process{ProcessName: "web", EntryFile: "./app.js", Policy: &procfile.Policy{StopTimeoutMs: 200}})
			g.must(supervisor.OpStart)
			g.must(supervisor.OpStop)
			if exit := g.workers()[0].LastExit; exit == nil || exit.Reason != test.code || exit.Message != test.message {
				t.Errorf("got %+v, want %s %s", exit, test.code, test.message)
			}
		})
	}
}

// TestAddressOfAnotherProcess: two processes of one application want the same port, and so does somebody else's worker.
func TestAddressOfAnotherProcess(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	source := fmt.Sprintf(`require('http').createServer().listen(%d, '127.0.0.1');`, port)
	g := guard(t, map[string]string{"app.js": source, "idle.js": "setInterval(() => {}, 1000);"},
		procfile.Process{ProcessName: "web", EntryFile: "./app.js"}, procfile.Process{ProcessName: "api", EntryFile: "./app.js"})
	op := g.perform(supervisor.OpStart)
	want := fmt.Sprintf(`port %d is held by worker 0 of process "web" of this application (pid `, port)
	if op.Failure == nil || op.Failure.Process != "api" || !strings.Contains(op.Failure.Message, want) {
		t.Fatalf("got %+v, want %q", op.Failure, want)
	}
	g.plan.App.Processes = g.plan.App.Processes[:1]
	g.must(supervisor.OpStart)
	if holder := g.workers()[0].PID; syscall.Kill(holder, 0) != nil {
		t.Fatalf("worker %d is gone", holder)
	}
	other := guard(t, map[string]string{"app.js": source}, procfile.Process{ProcessName: "third", EntryFile: "./app.js"})
	op = other.perform(supervisor.OpStart)
	want = fmt.Sprintf(`port %d is held by worker 0 of process "web" of the application "app" (pid %d)`, port, g.workers()[0].PID)
	if op.Failure == nil || !strings.Contains(op.Failure.Message, want) {
		t.Fatalf("got %+v, want %q", op.Failure, want)
	}
	// A worker of a cluster hears of it from its guard, which wanted to listen for it.
	cluster := guard(t, map[string]string{"app.js": source}, procfile.Process{ProcessName: "fourth", EntryFile: "./app.js", Kind: procfile.KindWorker})
	op = cluster.perform(supervisor.OpStart)
	if op.Failure == nil || !strings.Contains(op.Failure.Message, want) || op.Failure.Exit.Reason != supervisor.ReasonAddress {
		t.Fatalf("got %+v, want %q", op.Failure, want)
	}
}
