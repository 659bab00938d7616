package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// opLimit is how long an operation may take here: a few processes, each with a start that hangs and a stop that is
// ignored.
const opLimit = time.Hour

// walk is a random walk through the life of a supervisor, in virtual time: random operations, plans and policies, and
// children that misbehave at random. It holds the invariants at every step.
type walk struct {
	t    *testing.T
	seed uint64
	r    *rand.Rand // of the walk's own goroutine
	s    *Supervisor
	f    *walkSpawner
	// harsh is true in a walk in which next to nothing goes right.
	harsh bool

	mu     sync.Mutex
	trace  []string
	failed bool
	began  time.Time

	// what was seen so far, by the walk's own goroutine
	appID      string
	seq        uint64
	performing bool
	starts     int
	restarts   int
	replaced   map[string]int // restarts by slot
	plans      int
}

// note keeps a line for whoever has to understand a failure.
func (w *walk) note(format string, args ...any) {
	line := time.Since(w.began).String() + " " + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, line)
	if len(w.trace) > 400 {
		w.trace = append([]string{}, w.trace[200:]...)
	}
}

// fail reports what must not be, once, with what came before.
func (w *walk) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed {
		return
	}
	w.failed = true
	w.t.Errorf("seed %d (PANDORA_WALK=%d walks it again) after %v: %s\n%s", w.seed, w.seed, time.Since(w.began),
		fmt.Sprintf(format, args...), strings.Join(w.trace[max(0, len(w.trace)-120):], "\n"))
}

func (w *walk) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// chance is true once in n, always the same for a seed and a key.
func (w *walk) chance(key uint64, n int) bool { return rand.New(rand.NewPCG(w.seed, key)).IntN(n) == 0 }

// walkOnce takes a walk of so many steps.
func walkOnce(t *testing.T, seed uint64, steps int) {
	synctest.Test(t, func(t *testing.T) {
		w := &walk{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 0)), began: time.Now(), replaced: map[string]int{}}
		w.harsh = w.r.IntN(4) == 0
		w.f = &walkSpawner{w: w, live: map[string][]*walkChild{}, ids: map[int]bool{}}
		w.s = New(Config{Spawner: w.f, Probe: w.probe})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.s.Run(ctx) }()
		for range steps {
			if w.broken() {
				break
			}
			w.act()
			time.Sleep([]time.Duration{0, time.Millisecond, 90 * time.Millisecond, 2 * time.Second, 7 * time.Second, 31 * time.Second,
				100 * time.Second}[w.r.IntN(7)])
			if w.r.IntN(4) > 0 {
				synctest.Wait()
				w.check(true)
			} else {
				w.check(false)
			}
		}
		if w.r.IntN(3) > 0 && !w.broken() {
			w.settle()
		}
		if w.r.IntN(5) == 0 {
			w.s.Hurry()
		}
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.fail("Run: %v", err)
			}
		case <-time.After(opLimit):
			w.fail("Run does not end: %+v", w.s.Status())
			<-ended
		}
		w.f.children.Wait()
		if w.f.begun {
			w.fail("no End after Run")
		}
		w.check(true)
		if _, err := w.s.Submit(Request{Kind: OpStop}); !errors.Is(err, ErrClosed) {
			w.fail("Submit after Run: %v", err)
		}
	})
}

// settle waits for the end of what is under way.
func (w *walk) settle() {
	time.Sleep(opLimit)
	synctest.Wait()
	w.check(true)
	if op := w.s.Status().Operation; op != nil && op.State == OpRunning && op.Kind != OpReplace {
		w.fail("%s still runs: %+v", op.Kind, op)
	}
}

// probe is a readiness check that takes its time, gives up, or never answers.
func (w *walk) probe(ctx context.Context, _ procfile.ReadyCheck) error {
	var n uint64
	w.f.mu.Lock()
	n = uint64(w.f.lastID)
	w.f.mu.Unlock()
	wait := time.Duration(rand.New(rand.NewPCG(w.seed, n<<8+7)).Int64N(int64(5 * time.Second)))
	if w.chance(n<<8+8, 8) {
		wait = time.Hour
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		if w.chance(n<<8+9, 10) {
			return errors.New("no answer")
		}
		return nil
	}
}

// act asks for something at random.
func (w *walk) act() {
	r := Request{Parallel: w.r.IntN(4)}
	switch n := w.r.IntN(24); {
	case n < 5:
		r.Kind, r.Plan = OpStart, w.plan()
	case n < 7:
		r.Kind = OpStop
	case n < 9:
		r.Kind, r.Plan = OpRestart, w.plan()
	case n < 13:
		r.Kind, r.Plan = OpReload, w.plan()
	case n < 15:
		r.Kind, r.Plan = OpScale, w.scaled()
	case n < 20:
		r.Kind = []OpKind{OpStart, OpStop, OpRestart, OpReload, OpReload}[w.r.IntN(5)]
		r.Process = string(rune('a' + w.r.IntN(4)))
		if w.r.IntN(2) == 0 {
			r.Plan = w.plan()
		}
	default:
		return
	}
	before := time.Now()
	op, err := w.s.Submit(r)
	if time.Since(before) != 0 {
		w.fail("Submit of %s took %v", r.Kind, time.Since(before))
	}
	cwd := ""
	if r.Plan != nil {
		cwd = r.Plan.Cwd
	}
	w.note("submit %s %s %s: %s %v", r.Kind, r.Process, cwd, op.Kind, err)
	if err == nil && r.Kind == OpStop && r.Process == "" && op.Kind != OpStop {
		w.fail("stop became %s", op.Kind)
	}
}

// plan draws a plan: some processes in some order, each with a policy of its own.
func (w *walk) plan() *Plan {
	w.plans++
	p := testPlan()
	p.Cwd = fmt.Sprintf("plan %04d", w.plans)
	for _, i := range w.r.Perm(4)[:1+w.r.IntN(4)] {
		process := procfile.Process{
			AppName: "app", ProcessName: string(rune('a' + i)), Scale: 1 + w.r.IntN(3), Kind: procfile.KindWorker, Policy: w.policy(),
		}
		if w.r.IntN(5) == 0 {
			process.Kind = procfile.KindPlain
		}
		if w.r.IntN(3) == 0 {
			process.Args = []string{strconv.Itoa(w.plans)}
		}
		p.App.Processes = append(p.App.Processes, process)
		if w.r.IntN(10) == 0 {
			p.Stopped = append(p.Stopped, process.ProcessName)
		}
	}
	return p
}

// scaled is the running plan with other scales, or any plan when none runs.
func (w *walk) scaled() *Plan {
	running := w.s.Plan()
	if running == nil {
		return w.plan()
	}
	p := *running
	p.App = *running.App.Clone()
	for i := range p.App.Processes {
		p.App.Processes[i].Scale = 1 + w.r.IntN(4)
	}
	return &p
}

// policy draws a policy; nil is the default.
func (w *walk) policy() *procfile.Policy {
	if w.r.IntN(3) == 0 {
		return nil
	}
	p := &procfile.Policy{}
	if w.r.IntN(4) == 0 {
		p.Reload = procfile.ReloadStopFirst
	}
	if w.r.IntN(3) == 0 {
		p.LivenessTimeoutMs = int64(1000 + w.r.IntN(20000))
	}
	if w.r.IntN(4) == 0 {
		p.MaxRestarts = &procfile.RestartLimit{Count: 1 + w.r.IntN(4), WindowMs: int64(1000 + w.r.IntN(100000))}
	}
	if w.r.IntN(4) == 0 {
		p.MaxMemoryBytes = 8 << 20
	}
	if w.r.IntN(3) == 0 {
		p.StartTimeoutMs = int64(100 + w.r.IntN(10000))
		p.StopTimeoutMs, p.DrainTimeoutMs = int64(w.r.IntN(3000)), int64(w.r.IntN(9000))
		p.GraceMs = int64(w.r.IntN(20000))
	}
	switch w.r.IntN(6) {
	case 0:
		p.Ready = &procfile.ReadyCheck{TCP: "localhost:1", TimeoutMs: int64(w.r.IntN(3000))}
	case 1:
		p.Ready = &procfile.ReadyCheck{Message: "up"}
	}
	return p
}

// walks takes the walks from one seed to another, or the one that PANDORA_WALK names.
func walks(t *testing.T, from, to uint64, steps int) {
	if text := os.Getenv("PANDORA_WALK"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		walkOnce(t, seed, steps)
		return
	}
	const lanes = 4
	for lane := range uint64(lanes) {
		t.Run(strconv.FormatUint(lane, 10), func(t *testing.T) {
			t.Parallel()
			for seed := from + lane; seed < to && !t.Failed(); seed += lanes {
				walkOnce(t, seed, steps)
			}
		})
	}
}

// TestSupervisorWalks takes random walks through operations and faults; the slow tests take far more of them.
func TestSupervisorWalks(t *testing.T) {
	walks(t, 0, 400, 40)
}

// sameSet reports whether two lists have the same members.
func sameSet(a, b []int) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
