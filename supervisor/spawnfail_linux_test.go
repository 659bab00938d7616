package supervisor_test

import (
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

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// lameSource listens and leaves a child behind when it dies.
const lameSource = `
const child = require('child_process').spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
require('fs').writeFileSync('child', String(child.pid));
require('http').createServer((q, r) => r.end(String(process.pid))).listen(0, '127.0.0.1');`

// lame runs one worker of lameSource and waits until it listens.
func lame(t *testing.T, kind procfile.Kind, change func(*supervisor.Plan)) *guarded {
	t.Helper()
	g := guard(t, map[string]string{"web.js": lameSource}, procfile.Process{ProcessName: "web", EntryFile: "./web.js", Kind: kind})
	if change != nil {
		change(g.plan)
	}
	g.must(supervisor.OpStart)
	g.until("listening", 20*time.Second, func() bool { return g.port() != 0 })
	return g
}

// answers waits until the worker answers on its port.
func (g *guarded) answers() {
	g.t.Helper()
	g.until("an answer", 30*time.Second, func() bool {
		w := g.workers()[0]
		if w.State != supervisor.StateRunning || g.port() == 0 {
			return false
		}
		body, err := get(g.port())
		return err == nil && body == strconv.Itoa(w.PID)
	})
}

// limitDescriptors leaves the process free descriptors beside those it has; restore ends that.
func limitDescriptors(t *testing.T, free int) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, e := range entries {
		used[e.Name()] = true
	}
	limit := 3
	for left := free; left > 0; limit++ {
		if !used[strconv.Itoa(limit)] {
			left--
		}
	}
	set := func(l unix.Rlimit) {
		if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &l, nil); err != nil {
			t.Error(err)
		}
	}
	set(unix.Rlimit{Cur: uint64(limit), Max: old.Max})
	restore = sync.OnceFunc(func() { set(old) })
	t.Cleanup(restore)
	return restore
}

// TestNoDescriptors takes all descriptors away while a worker is killed: what it has left behind is ended as soon as it
// can be looked for, and then another one is there.
func TestNoDescriptors(t *testing.T) {
	g := lame(t, procfile.KindPlain, nil)
	text, err := os.ReadFile(filepath.Join(g.plan.App.AppDir, "child"))
	child, _ := strconv.Atoi(string(text))
	if err != nil || !alive(child) {
		t.Fatalf("child %q, %v", text, err)
	}
	before := descriptors(t)
	restore := limitDescriptors(t, 0)
	syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
	time.Sleep(300 * time.Millisecond) // the kernel's time, not ours
	restore()
	g.answers()
	if alive(child) {
		t.Error("what the worker has left behind still lives")
	}
	g.until("descriptors as before", 10*time.Second, func() bool { return descriptors(t) <= before })
}

// TestFewDescriptors leaves too few descriptors for a spawn: that is tried again, with the reason, until there are enough.
func TestFewDescriptors(t *testing.T) {
	for _, kind := range []procfile.Kind{procfile.KindPlain, procfile.KindWorker} {
		t.Run(string(kind), func(t *testing.T) {
			g := lame(t, kind, nil)
			before := descriptors(t)
			restore := limitDescriptors(t, 1)
			syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
			g.until("a reason", 10*time.Second, func() bool { return strings.Contains(g.reasons(), "too many open files") })
			restore()
			g.answers()
			g.until("descriptors as before", 10*time.Second, func() bool { return descriptors(t) <= before })
		})
	}
}

// reasons are the events that say why a worker does not run.
func (g *guarded) reasons() string {
	var all []string
	for _, e := range g.Events(0) {
		if e.Kind == "backoff" || e.Kind == "fatal" {
			all = append(all, e.Kind+": "+e.Message)
		}
	}
	return strings.Join(all, "\n")
}

// TestWhatIsMissingIsNamed takes away what a worker needs and kills it: the reason names it, and once it is back the
// application can be brought back, or comes by itself.
func TestWhatIsMissingIsNamed(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not in PATH")
		}
		t.Skip("no node")
	}
	link := filepath.Join(t.TempDir(), "node")
	if err := os.Symlink(node, link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path   func(*supervisor.Plan) string
		reason string
		itself bool // comes back by itself
	}{
		"node":                {func(*supervisor.Plan) string { return link }, "Node binary", false},
		"application folder":  {func(p *supervisor.Plan) string { return p.App.AppDir }, "application folder", true},
		"scripts of pandora":  {func(p *supervisor.Plan) string { return p.JSDir }, "the workers' main script", false},
		"entry of the worker": {func(p *supervisor.Plan) string { return filepath.Join(p.App.AppDir, "web.js") }, "web.js", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := lame(t, procfile.KindPlain, func(p *supervisor.Plan) { p.Node = link })
			path := test.path(g.plan)
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
			g.until("a reason", 20*time.Second, func() bool { return strings.Contains(g.reasons(), test.reason) })
			w := g.workers()[0]
			if !slices.Contains([]supervisor.State{supervisor.StateBackoff, supervisor.StateFatal, supervisor.StateStarting}, w.State) {
				t.Errorf("worker: %+v", w)
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			if !test.itself {
				g.until("given up", 20*time.Second, func() bool { return g.workers()[0].State == supervisor.StateFatal })
				g.must(supervisor.OpReload)
			}
			g.answers()
		})
	}
}
