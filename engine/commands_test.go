package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shown makes what a call of child_process gives comparable: buffers are text, process ids are left out.
const shown = `
const c = require('child_process');
const plain = (value) => Buffer.isBuffer(value) ? 'Buffer ' + value : value instanceof Error ? error(value) : Array.isArray(value) ? value.map(plain) :
  value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, k === 'pid' ? v > 0 : plain(v)])) : value;
const error = (e) => ({ name: e.name, message: e.message.split(dir).join('DIR'), ...Object.fromEntries(Object.entries(e).map(([k, v]) => [k, k === 'pid' ? v > 0 : k === 'error' ? v === e : plain(v)])) });
const dir = __dirname;
const all = (...calls) => calls.map((f) => { try { return plain(f()); } catch (e) { return error(e); } });
`

func TestCommandsLikeNode(t *testing.T) {
	tests := map[string]string{
		"execSync": `all(() => c.execSync('echo out; echo err >&2', { stdio: 'pipe' }), () => c.execSync('echo a', { encoding: 'utf8' }), () => c.execSync('exit 3'),
  () => c.execSync('echo out; echo err >&2; exit 3', { stdio: 'pipe' }), () => c.execSync('cat', { input: 'given' }), () => c.execSync('pwd', { encoding: 'utf8' }).trim() === dir,
  () => c.execSync('pwd', { cwd: '/', encoding: 'latin1' }), () => c.execSync('pwd', { cwd: '/nope' }), () => c.execSync('echo $A-$B', { env: { A: 1, B: undefined, PATH: '/bin' }, encoding: 'utf8' }),
  () => c.execSync('echo $0', { shell: '/bin/bash', encoding: 'utf8' }), () => c.execSync('kill -9 $$'), () => c.execSync(1), () => c.execSync('echo a', { encoding: 'nope' }))`,
		"environment": `(process.env.SET = 'here', delete process.env.A, all(() => c.execSync('echo $SET,$A,$HOME', { encoding: 'utf8' })))`,
		"execFileSync": `all(() => c.execFileSync('echo', ['a', 'b c'], { encoding: 'utf8' }), () => c.execFileSync('nope-nope', ['a']), () => c.execFileSync('sh', ['-c', 'exit 2']),
  () => c.execFileSync('sh', ['-c', 'echo bad >&2; exit 2'], { stdio: 'pipe' }), () => c.execFileSync('echo'), () => c.execFileSync('./tool', ['x'], { encoding: 'utf8' }),
  () => c.execFileSync('./script', ['y'], { encoding: 'utf8' }), () => c.execFileSync('./plain'), () => c.execFileSync('echo', { encoding: 'utf8' }))`,
		"spawnSync": `all(() => c.spawnSync('echo', ['a']), () => c.spawnSync('sh', ['-c', 'exit 7']), () => c.spawnSync('sh', ['-c', 'kill -TERM $$']), () => c.spawnSync('nope-nope', ['x', 1]),
  () => c.spawnSync('/'), () => c.spawnSync('echo a | tr a b', { shell: true, encoding: 'utf8' }), () => c.spawnSync('echo', ['a'], { stdio: ['ignore', 'pipe', 'ignore'] }),
  () => c.spawnSync('echo', ['a'], { stdio: 'ignore' }), () => c.spawnSync('cat', { input: Buffer.from('xyz'), encoding: 'buffer' }), () => c.spawnSync('sh', ['-c', 'echo $0'], { argv0: 'other', encoding: 'utf8' }))`,
		"limits": `all(() => c.spawnSync('sleep', ['20'], { timeout: 50 }), () => c.execSync('sleep 20', { timeout: 50, killSignal: 'SIGKILL' }), () => c.spawnSync('cat', ['/dev/zero'], { maxBuffer: 10 }).error,
  () => c.spawnSync('yes', { maxBuffer: 100, stdio: ['pipe', 'pipe', 'ignore'] }).error.code, () => c.spawnSync('sh', ['-c', 'sleep 2 & wait'], { timeout: 50 }))`,
		"arguments": `all(() => c.spawnSync(''), () => c.spawnSync('echo', ['a'], { timeout: -1 }), () => c.spawnSync('echo', [], { killSignal: 'NOPE' }), () => c.execSync('echo', { stdio: 'foo' }), () => c.spawnSync(), () => c.spawnSync('echo', 'a'))`,
	}
	for name, calls := range tests {
		t.Run(name, func(t *testing.T) {
			sameAsNode(t, map[string]string{
				"main.js": shown + "c.execSync('chmod +x tool script');\nmodule.exports = " + calls + ";",
				"tool":    "#!/bin/sh\necho tool $1\n", "script": "echo script $1\n", "plain": "",
			})
		})
	}
}

// The asynchronous forms are for Node, and they are there to be wrapped.
func TestCommandsAsync(t *testing.T) {
	for _, call := range []string{"exec('true')", "execFile('true')", "spawn('true')", "fork('./x')"} {
		source := "const run = require('util').promisify(require('child_process').exec);\nrequire('child_process')." + call
		_, e := isolate(t, source, 0, 0)
		if e == nil || e.Kind != KindUnsupported || e.Line != 2 || !strings.Contains(e.Message, "child_process.") {
			t.Errorf("%s: error %v, want unsupported at line 2", call, e)
		}
	}
}

// What a command inherits goes to the output of the evaluation.
func TestCommandOutput(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": `
const { execSync, spawnSync } = require('child_process');
execSync('echo quiet; echo loud >&2');
spawnSync('echo', ['inherited'], { stdio: 'inherit' });
module.exports = execSync('cat; echo done', { stdio: [0, 'pipe', 2], encoding: 'utf8' });`})
	rt := newRuntime(t, dir, map[string]string{"PATH": os.Getenv("PATH")})
	if got := run(t, rt, dir); got != "done\n" {
		t.Errorf("got %q", got)
	}
	if got := rt.Output(); got != "loud\ninherited\n" {
		t.Errorf("output %q", got)
	}
}

// A command ends with the evaluation that waits for it, and leaves no process behind.
func TestCommandDeadline(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": `require('child_process').execSync('echo $$ > pid; sleep 1000; true');`})
	rt := newRuntime(t, dir, map[string]string{"PATH": os.Getenv("PATH")})
	rt.options.Timeout = 300 * time.Millisecond
	arg, _ := json.Marshal(filepath.Join(dir, "main.js"))
	started := time.Now()
	_, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindTimeout {
		t.Fatalf("error %v, want a timeout", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	// They were killed, and are dying.
	tick, late := time.Tick(5*time.Millisecond), time.After(10*time.Second)
	for groupAlive(pid) {
		select {
		case <-tick:
		case <-late:
			t.Fatalf("the group of %d is alive", pid)
		}
	}
}

// groupAlive reports whether a process of the group is more than a zombie that nobody has waited for.
func groupAlive(group int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

// The end of the context ends a command, too.
func TestCommandCancelled(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": `require('child_process').execSync('sleep 1000');`})
	rt := newRuntime(t, dir, map[string]string{"PATH": os.Getenv("PATH")})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	arg, _ := json.Marshal(filepath.Join(dir, "main.js"))
	if _, err := rt.Invoke(ctx, "shared/x.js", "run", arg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// In the engine's child a command has the memory that the child itself has not, and ends with it.
func TestCommandInChild(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	result, failure := isolate(t, `
const { execSync } = require('child_process');
execSync('sleep 1000 > /dev/null 2>&1 & echo $! > `+file+`');
module.exports = (pandora) => { pandora.fork('a', './a').env({ LIMIT: execSync('ulimit -d', { encoding: 'utf8' }).trim() }); };`, 0, 0)
	if failure != nil {
		t.Fatal(failure)
	}
	own, err := exec.Command("sh", "-c", "ulimit -H -d").Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`"LIMIT":%q`, strings.TrimSpace(string(own))); !strings.Contains(string(result.Value), want) {
		t.Errorf("no %s in %s", want, result.Value)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(text))
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err == nil && !strings.Contains(string(stat), ") Z") && strings.Contains(string(stat), "(sleep)") {
		t.Errorf("the background process lives: %s", stat)
	}
}
