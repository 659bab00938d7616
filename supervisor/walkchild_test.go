package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// walkSpawner makes children that misbehave at random, and holds what must be true of processes and sockets at any time.
type walkSpawner struct {
	w *walk

	mu          sync.Mutex
	begun       bool
	appID       string
	live        map[string][]*walkChild // by process and slot, in the order they came
	generations map[string]int          // of the start at hand
	restarts    map[string]int
	suspended   map[string]bool
	made        map[string]bool // processes with a child since Begin
	ids         map[int]bool
	lastID      int
	lastPID     int
	spawned     int // of the start at hand
	children    sync.WaitGroup
}

// slotName names a slot of a process.
func slotName(process string, slot int) string { return fmt.Sprintf("%s/%d", process, slot) }

// Begin fails now and then.
func (f *walkSpawner) Begin(plan *Plan, appID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun {
		f.w.fail("Begin twice")
	}
	if f.w.chance(uint64(f.lastID)<<8+1, 30) {
		f.w.note("begin fails")
		return errors.New("no log folder")
	}
	f.begun, f.appID, f.spawned = true, appID, 0
	f.live, f.suspended, f.made = map[string][]*walkChild{}, map[string]bool{}, map[string]bool{}
	f.generations, f.restarts = map[string]int{}, map[string]int{}
	return nil
}

func (f *walkSpawner) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.begun {
		f.w.fail("End before Begin")
	}
	for name, children := range f.live {
		if len(children) > 0 {
			f.w.fail("End while a process lives in %s", name)
		}
	}
	f.begun = false
}

func (f *walkSpawner) Update(*Plan) {}

func (f *walkSpawner) Sockets() []Socket { return nil }

func (f *walkSpawner) Suspend(process string) { f.suspend(process, true) }
func (f *walkSpawner) Resume(process string)  { f.suspend(process, false) }

func (f *walkSpawner) suspend(process string, closed bool) {
	f.w.note("sockets of %s closed: %v", process, closed)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.begun {
		f.w.fail("the sockets of %s change after End", process)
	}
	f.suspended[process] = closed
}

// Spawn checks that the process may come to be, and makes it or refuses.
func (f *walkSpawner) Spawn(spec SpawnSpec) (Child, error) {
	op := f.w.s.Status().Operation
	f.mu.Lock()
	defer f.mu.Unlock()
	name := slotName(spec.Process.ProcessName, spec.Worker)
	if !f.begun || spec.AppID != f.appID {
		f.w.fail("spawn in %s outside Begin and End", name)
	}
	if f.ids[spec.ID] {
		f.w.fail("id %d of %s is not new", spec.ID, name)
	}
	f.ids[spec.ID], f.lastID = true, spec.ID
	if f.w.chance(uint64(spec.ID)<<8+2, 25) {
		f.w.note("spawn %s.%d refused", name, spec.Generation)
		if f.w.chance(uint64(spec.ID)<<8+3, 3) {
			return nil, &PermanentError{errors.New("no node")}
		}
		return nil, errors.New("too many open files")
	}
	f.checkOthers(name, spec, op)
	if spec.Generation <= f.generations[name] {
		f.w.fail("generation %d of %s after %d", spec.Generation, name, f.generations[name])
	}
	f.generations[name] = spec.Generation
	f.lastPID++
	f.spawned++
	f.made[spec.Process.ProcessName] = true
	c := newWalkChild(f, name, spec, 1000+f.lastPID)
	f.live[name] = append(f.live[name], c)
	f.w.note("spawn %s.%d pid %d", name, spec.Generation, c.pid)
	f.children.Go(c.run)
	return c, nil
}

// checkOthers holds what may live in a slot beside a new process; the caller holds mu.
func (f *walkSpawner) checkOthers(name string, spec SpawnSpec, op *Operation) {
	others := f.live[name]
	if len(others) == 0 {
		return
	}
	if len(others) > 1 {
		f.w.fail("a third process in slot %s", name)
	}
	replacing := op != nil && op.State == OpRunning && slices.Contains([]OpKind{OpReload, OpScale, OpReplace}, op.Kind)
	if other := others[0]; !replacing && !other.leaving() {
		f.w.fail("two live processes in slot %s without a reload: pid %d", name, other.pid)
	}
	fresh := spec.Plan.Cwd > others[0].spec.Plan.Cwd // of a later plan
	if fresh && spec.Process.PolicyOrDefault().Reload == procfile.ReloadStopFirst {
		f.w.fail("stop-first, yet %s was spawned while pid %d lives", name, others[0].pid)
	}
	if held := others[0].heldSince(); fresh && !held.IsZero() && op != nil && held.Before(op.StartedAt) {
		f.w.fail("%s was spawned beside pid %d, which holds what only one may hold", name, others[0].pid)
	}
}

// ended takes a child out.
func (f *walkSpawner) ended(c *walkChild) {
	f.w.note("end %s.%d pid %d", c.name, c.spec.Generation, c.pid)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[c.name] = slices.DeleteFunc(slices.Clone(f.live[c.name]), func(other *walkChild) bool { return other == c })
}

// nature is how a child behaves. A time of zero means at once, a negative one never.
type nature struct {
	ready, crash, drained, finished, terminated, disconnected, killed time.Duration
	// report is what it does instead of becoming ready: 1 reports an error and exits, 2 reports one and hangs,
	// 3 reports one that another try cannot mend.
	report    int
	services  int
	deafAfter time.Duration // to pings
	refuses   bool          // its channel is broken: nothing can be sent
	exclusive bool
	chatty    bool // says what it was not asked
	grows     int64
}

// randomNature draws a nature; most children are good most of the time.
func randomNature(r *rand.Rand) nature {
	usually := func(n int, good, bad time.Duration) time.Duration {
		if r.IntN(n) == 0 {
			return bad
		}
		return good
	}
	some := func(limit time.Duration) time.Duration { return time.Duration(r.Int64N(int64(limit))) }
	n := nature{
		ready: usually(15, some(3*time.Second), -1), crash: usually(3, -1, some(100*time.Second)),
		drained: usually(5, some(7*time.Second), -1), finished: usually(5, some(6*time.Second), -1),
		terminated: usually(4, some(time.Second), -1), disconnected: usually(2, -1, some(3*time.Second)),
		killed: usually(6, 0, some(5*time.Second)), deafAfter: usually(8, -1, some(40*time.Second)),
		services: r.IntN(2), refuses: r.IntN(25) == 0, exclusive: r.IntN(12) == 0, chatty: r.IntN(4) == 0,
	}
	if r.IntN(12) == 0 {
		n.report = 1 + r.IntN(3)
	}
	if r.IntN(10) == 0 {
		n.crash = some(3 * time.Second) // perhaps before it is ready
	}
	if r.IntN(10) == 0 {
		n.ready = some(200 * time.Second) // perhaps too late
	}
	if r.IntN(6) == 0 {
		n.grows = 1 << 20
	}
	return n
}

// mild is a nature without its worst: most of what a supervisor goes through is one fault at a time.
func (n nature) mild() nature {
	n.ready, n.report, n.refuses = max(n.ready, 0)%(3*time.Second), 0, false
	if n.crash >= 0 {
		n.crash += 20 * time.Second
	}
	return n
}

// walkChild is a child without a process. Its goroutine is its life; what it is told only sets its timers.
type walkChild struct {
	f      *walkSpawner
	name   string
	spec   SpawnSpec
	pid    int
	nature nature
	r      *rand.Rand // of its goroutine
	events chan ChildEvent
	told   chan string
	born   time.Time

	mu        sync.Mutex
	exit      Exit
	asked     bool // told to leave
	holds     time.Time
	listening []string
	exclusive []string
	memory    int64
}

func newWalkChild(f *walkSpawner, name string, spec SpawnSpec, pid int) *walkChild {
	r := rand.New(rand.NewPCG(f.w.seed, uint64(spec.ID)))
	n := randomNature(r)
	if !f.w.harsh && r.IntN(6) > 0 {
		n = n.mild()
	}
	return &walkChild{
		f: f, name: name, spec: spec, pid: pid, nature: n, r: r, events: make(chan ChildEvent, r.IntN(4)),
		told: make(chan string, 256), born: time.Now(),
	}
}

// run is the life of the child.
func (c *walkChild) run() {
	n := c.nature
	at := map[string]time.Time{}
	set := func(what string, after time.Duration) {
		if _, set := at[what]; !set && after >= 0 {
			at[what] = time.Now().Add(after)
		}
	}
	set("ready", n.ready)
	set("crash", n.crash)
	if n.chatty {
		set("chat", 0)
	}
	for {
		next, when := "", time.Now().Add(time.Hour)
		for what, t := range at {
			if t.Before(when) || t.Equal(when) && what < next {
				next, when = what, t
			}
		}
		timer := time.NewTimer(time.Until(when))
		select {
		case what := <-c.told:
			c.take(what, set)
		case <-timer.C:
			if next == "" {
				break
			}
			delete(at, next)
			if next == "chat" {
				set("chat", time.Duration(c.r.Int64N(int64(20*time.Second))))
			}
			if c.happen(next, set) {
				timer.Stop()
				c.f.ended(c)
				close(c.events)
				return
			}
		}
		timer.Stop()
	}
}

// take sets the timers that follow from what it is told.
func (c *walkChild) take(what string, set func(string, time.Duration)) {
	n := c.nature
	switch what {
	case "drain":
		set("drained", n.drained)
	case "shutdown":
		set("finished", n.finished)
	case "disconnect":
		set("exit", n.disconnected)
	case "terminate":
		set("terminated", n.terminated)
	case "kill":
		set("killed", n.killed)
	case "ping":
		if n.deafAfter < 0 || time.Since(c.born) < n.deafAfter {
			c.say(ChildEvent{Kind: ChildPong})
		}
	}
}

// happen is what its timers do; true when it ends.
func (c *walkChild) happen(what string, set func(string, time.Duration)) bool {
	switch what {
	case "ready":
		switch c.nature.report {
		case 0:
			c.listen()
			c.say(ChildEvent{Kind: ChildReady, Services: c.nature.services})
			c.say(ChildEvent{Kind: ChildMessage})
		case 1:
			c.say(ChildEvent{Kind: ChildError})
			set("exit", 100*time.Millisecond)
		case 2:
			c.say(ChildEvent{Kind: ChildError})
		case 3:
			c.say(ChildEvent{Kind: ChildError, Permanent: true})
			set("exit", 100*time.Millisecond)
		}
	case "drained":
		c.say(ChildEvent{Kind: ChildDrained})
	case "finished":
		c.say(ChildEvent{Kind: ChildFinished})
	case "chat":
		c.say(ChildEvent{Kind: ChildEventKind(c.r.IntN(int(ChildDrift))), Permanent: c.r.IntN(2) == 0})
	case "exit", "crash":
		c.end(Exit{Code: c.r.IntN(3)})
		return true
	case "terminated":
		c.end(Exit{Code: -1, Signal: "SIGTERM"})
		return true
	case "killed":
		c.end(Exit{Code: -1, Signal: "SIGKILL"})
		return true
	}
	return false
}

// say gives the supervisor time for other things meanwhile.
func (c *walkChild) say(e ChildEvent) { c.events <- e }

func (c *walkChild) end(exit Exit) {
	exit.At = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exit = exit
}

// listen begins to listen, in every generation where the one before did.
func (c *walkChild) listen() {
	c.mu.Lock()
	c.listening = []string{"tcp :" + c.spec.Process.ProcessName}
	if c.nature.exclusive {
		c.exclusive, c.holds = c.listening, time.Now()
	}
	c.mu.Unlock()
	c.say(ChildEvent{Kind: ChildListening})
}

// tell notes what it is told; a child whose channel is broken cannot be told.
func (c *walkChild) tell(what string) error {
	if what != "ping" {
		c.f.w.note("%s %s.%d pid %d", what, c.name, c.spec.Generation, c.pid)
	}
	c.mu.Lock()
	c.asked = c.asked || what != "ping"
	c.mu.Unlock()
	if c.nature.refuses && slices.Contains([]string{"ping", "drain", "shutdown"}, what) {
		return errors.New("broken channel")
	}
	select {
	case c.told <- what:
	default:
	}
	return nil
}

// leaving reports whether it was told to go.
func (c *walkChild) leaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// heldSince is since when it holds what only one may hold, and was not told to go; zero if never.
func (c *walkChild) heldSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holds
}

func (c *walkChild) PID() int                  { return c.pid }
func (c *walkChild) LogPath() string           { return "" }
func (c *walkChild) Events() <-chan ChildEvent { return c.events }
func (c *walkChild) Ping() error               { return c.tell("ping") }
func (c *walkChild) Drain(d Drain) error       { return c.tell("drain") }
func (c *walkChild) Shutdown() error           { return c.tell("shutdown") }
func (c *walkChild) Disconnect()               { c.tell("disconnect") }
func (c *walkChild) Terminate()                { c.tell("terminate") }
func (c *walkChild) Kill()                     { c.tell("kill") }

func (c *walkChild) Exit() Exit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exit
}

func (c *walkChild) Listening() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listening
}

func (c *walkChild) Exclusive() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exclusive
}

// Memory grows with every look.
func (c *walkChild) Memory() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory += c.nature.grows
	return c.memory
}
