package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/procfile"
)

// pulseTime is how often a running worker is asked for a sign of life, and looked at.
const pulseTime = 5 * time.Second

// worker keeps one slot filled, for as long as it is wanted: a reload makes another one for the slot. Its goroutine
// (run) owns every field below the line; stop and done are how others reach it.
type worker struct {
	s       *Supervisor
	app     *application
	plan    *Plan
	process procfile.Process
	policy  procfile.Policy
	// first takes the outcome of the first process, once; nil means ready.
	first chan<- firstStart
	// must are the addresses it has to listen on before it counts as ready.
	must []string
	// stop is closed to make the worker stop, and hurry when it is not to wait for idle connections; done is closed when
	// nothing of it is left.
	stop, hurry, done chan struct{}
	// hold takes a request to stand still.
	hold chan *rest
	// running, leaving and gently belong to the goroutine of Supervisor.Run.
	running, leaving, gently bool
	// out is true once it was told to leave.
	out atomic.Bool
	// shown is what Status tells; guarded by Supervisor.mu.
	shown WorkerStatus

	status   WorkerStatus
	stage    stage
	child    Child
	timer    *time.Timer // eventLate, eventDue or eventElapsed, by stage
	stable   *time.Timer
	pulse    *time.Timer
	services int
	ready    bool // some process of this slot was ready
	tries    int
	failures int
	replaced []time.Time // when processes were replaced, as far back as maxRestarts counts
	doomed   bool        // another try cannot help
	because  string      // why we killed the process at hand; "" when we did not
	sent     string      // the last signal that we sent to it
	err      error
	waits    waits
	answered time.Time // when its event loop answered last
	pings    int       // how many were sent since
	softly   bool      // it drains gently

	connections int // how many it drains, as it said last

	pending []ChildEvent // said while it stood still, and not handled yet
	over    bool         // its child has ended while it stood still
	taken   bool         // from the build before: there is nothing to start
}

// waits are the conditions of readiness that the process at hand has to fulfil.
type waits struct {
	report, message bool
	probe           bool
	doing           string // what of the application it said to run last; "" when it said nothing
	cancel          context.CancelFunc
	probed          chan error
}

// firstStart is how the first process of a worker came up: failure is nil when it is ready.
type firstStart struct{ failure *Failure }

// newWorker makes the worker of one slot; run makes it live.
func newWorker(s *Supervisor, app *application, plan *Plan, process procfile.Process, slot int, first chan<- firstStart) *worker {
	w := &worker{
		s: s, app: app, plan: plan, process: process, policy: process.PolicyOrDefault(), first: first,
		stop: make(chan struct{}), hurry: make(chan struct{}), done: make(chan struct{}), hold: make(chan *rest),
		timer: time.NewTimer(time.Hour), stable: time.NewTimer(time.Hour), pulse: time.NewTimer(time.Hour),
		status: WorkerStatus{Worker: slot, State: StatePending},
	}
	w.timer.Stop()
	w.stable.Stop()
	w.pulse.Stop()
	w.shown = w.status
	return w
}

// run keeps the slot filled until it is stopped. A fatal worker waits here for its stop.
func (w *worker) run() {
	defer close(w.done)
	defer w.timer.Stop()
	defer w.stable.Stop()
	defer w.pulse.Stop()
	stop, hurry := w.stop, w.hurry
	var kill <-chan struct{} // only what is being stopped is killed
	if w.taken {
		w.resume()
	} else {
		w.handle(eventStart)
	}
	for w.stage != stageStopped {
		if len(w.pending) > 0 {
			e := w.pending[0]
			w.pending = w.pending[1:]
			w.said(e)
			continue
		}
		var said <-chan ChildEvent
		if w.child != nil {
			said = w.child.Events()
		}
		select {
		case e, alive := <-said:
			if !alive {
				w.exited()
				continue
			}
			w.said(e)
		case r := <-w.hold:
			w.stand(r)
		case err := <-w.waits.probed:
			w.probeEnded(err)
		case <-w.timer.C:
			w.handle(w.timerMeans())
		case <-w.stable.C:
			w.handle(eventStable)
		case <-w.pulse.C:
			w.feel()
		case <-stop:
			stop, kill = nil, w.s.kill
			w.handle(eventStop)
		case <-kill:
			kill = nil
			if w.child != nil {
				w.sent = "SIGKILL"
				w.child.Kill()
			}
		case <-hurry:
			hurry = nil
			if w.stage == stageDraining && w.softly {
				w.drain()
			}
		}
	}
}

// timerMeans is the event that the timer stands for.
func (w *worker) timerMeans() event {
	switch w.stage {
	case stageStarting:
		return eventLate
	case stageBackoff:
		return eventDue
	}
	return eventElapsed
}

// said handles what the child tells.
func (w *worker) said(e ChildEvent) {
	switch e.Kind {
	case ChildReady:
		if w.stage != stageStarting || !w.waits.report {
			return
		}
		w.services, w.waits.report, w.status.Inspector = e.Services, false, e.Inspector
		w.answered = time.Now()
		w.startProbe()
		w.checkReady()
		w.tellDoing()
	case ChildMessage:
		w.waits.message = false
		w.checkReady()
		w.tellDoing()
	case ChildListening:
		w.status.Listening, w.status.Exclusive = w.child.Listening(), w.child.Exclusive()
		w.s.publish(w)
		w.checkReady()
		w.tellDoing()
	case ChildPong:
		w.answered, w.pings = time.Now(), 0
		if !w.status.UnresponsiveSince.IsZero() {
			w.status.UnresponsiveSince = time.Time{}
			w.s.record(w, "responsive", "its event loop answers again")
			w.s.publish(w)
		}
	case ChildError:
		w.doomed = w.doomed || e.Permanent
		w.handle(eventError)
	case ChildDoing:
		w.waits.doing = e.Doing
		w.tellDoing()
	case ChildDraining:
		w.connections = e.Connections
		w.tellDoing()
	case ChildDrift:
		w.status.Drift = e.Drift
		w.s.noteDrift(w)
	case ChildDrained:
		w.handle(eventDrained)
	case ChildFinished:
		w.handle(eventFinished)
	}
}

// exited handles the end of the child and its tree.
func (w *worker) exited() {
	w.endProbe()
	exit := w.child.Exit()
	pid := w.child.PID()
	w.child = nil
	w.status.LastExit, w.status.PID, w.status.ReadyAt = &exit, 0, time.Time{}
	w.status.Listening, w.status.Exclusive, w.status.UnresponsiveSince = nil, nil, time.Time{}
	w.s.roster.remove(pid)
	w.explain(&exit)
	text := exit.Message
	if exit.Hint != "" {
		text += "; " + exit.Hint
	}
	w.err = errors.New(text)
	w.s.recordExit(w, pid, exit, text)
	w.ended(eventExited)
}

// ended handles that there is no process, or none any more.
func (w *worker) ended(e event) {
	w.timer.Stop()
	w.stable.Stop()
	w.pulse.Stop()
	if w.stage == stageStarting {
		w.tries++
	}
	w.handle(e)
	w.doomed = false
}

// handle takes one event through the table and does what follows.
func (w *worker) handle(e event) {
	to, do := next(w.stage, e, facts{
		operation: !w.ready, permanent: w.doomed, tries: w.tries, failures: w.failures, services: w.services > 0,
		exhausted: w.plan.Dev || w.exhausted(), // under dev a change of its files brings it back, and nothing else
	})
	switch {
	case e == eventLate && w.stage == stageStarting && w.because == "":
		w.because = w.lateReason()
	case e == eventSilent:
		w.because = fmt.Sprintf("its event loop did not answer for %v and it was killed", w.livenessTime())
	}
	changed := to != w.stage
	if changed {
		w.timer.Stop()
	}
	w.stage = to
	for _, a := range do { // first what the snapshot tells
		switch a {
		case actCount:
			w.failures++
		case actWait:
			d := backoff(w.failures)
			w.status.NextTryAt = time.Now().Add(d)
			w.timer.Reset(d)
		}
	}
	if changed {
		w.entered()
	}
	for _, a := range do {
		w.do(a)
	}
}

// entered tells everyone about the stage just entered.
func (w *worker) entered() {
	w.status.State = w.stage.public()
	switch w.stage {
	case stageBackoff:
		w.status.Reason = fmt.Sprintf("%v; it has failed %d times since it last ran for %v", w.err, w.failures, stableAfter)
		w.s.record(w, "backoff", w.status.Reason+"; next try in "+time.Until(w.status.NextTryAt).Round(time.Millisecond).String())
	case stageFatal:
		w.status.Reason = w.fatalReason()
		w.s.record(w, "fatal", w.status.Reason)
	case stageStopped:
		w.status.Reason = ""
		w.s.record(w, "stopped", "stopped")
	default:
		w.status.Reason = ""
	}
	if w.stage != stageBackoff {
		w.status.NextTryAt = time.Time{}
	}
	w.status.Doing = ""
	if w.stage != stageStarting { // there is no process yet
		w.status.Doing = w.atNow()
	}
	w.s.publish(w)
	w.s.keepSockets(w.app, w.process.ProcessName)
}

// fatalReason says why there will be no other try.
func (w *worker) fatalReason() string {
	switch m := w.policy.MaxRestarts; {
	case !w.ready, w.doomed, w.plan.Dev:
		return w.err.Error()
	case w.exhausted():
		times := strconv.Itoa(m.Count) + " times"
		if m.Count == 1 {
			times = "once"
		}
		return fmt.Sprintf("%v; it was replaced %s within %v, which is all that maxRestarts allows. Mend it, then restart the application",
			w.err, times, milliseconds(m.WindowMs))
	}
	return fmt.Sprintf("%v; it was not ready once in %d tries. Mend it, then restart the application", w.err, w.tries)
}

// exhausted reports whether maxRestarts allows no other replacement now.
func (w *worker) exhausted() bool {
	m := w.policy.MaxRestarts
	if m == nil {
		return false
	}
	since := time.Now().Add(-milliseconds(m.WindowMs))
	w.replaced = slices.DeleteFunc(w.replaced, func(at time.Time) bool { return at.Before(since) })
	return len(w.replaced) >= m.Count
}

// do does one action. A step of a stop that cannot be taken, because the channel is gone, counts as answered.
func (w *worker) do(a action) {
	switch a {
	case actSpawn:
		w.spawn()
	case actGiveUp:
		w.timer.Reset(errorTime)
	case actSucceed:
		w.tellFirst(nil)
	case actFail:
		w.tellFirst(&Failure{
			Process: w.process.ProcessName, Worker: w.status.Worker, Exit: w.status.LastExit, LogPath: w.status.LogPath,
			Message: fmt.Sprintf("worker %d of process %q did not become ready: %v", w.status.Worker, w.process.ProcessName, w.err),
		})
	case actCount, actWait: // done in handle
	case actForget:
		w.failures = 0
	case actWatch:
		w.stable.Reset(stableAfter)
		w.pulse.Reset(w.pulseInterval())
	case actDrain:
		w.drain()
	case actShutdown:
		w.step(w.stopStep(), w.child.Shutdown())
	case actAsk:
		w.sent = "SIGTERM"
		w.child.Terminate()
		w.step(w.stopStep(), nil)
	case actDisconnect:
		w.child.Disconnect()
		w.step(disconnectTime, nil)
	case actTerminate:
		w.sent = "SIGTERM"
		w.child.Terminate()
		w.step(terminateTime, nil)
	case actKill:
		w.sent = "SIGKILL"
		w.child.Kill()
		w.step(killAgainTime, nil)
	}
}

// drain tells the process to finish what it is answering.
func (w *worker) drain() {
	d := Drain{Within: w.stopStep()}
	if w.plan.Dev { // a page that holds a connection open is not to hold up what was changed
		d.Within = atLeast(w.policy.StopTimeoutMs, devDrainTime)
	}
	select {
	case <-w.hurry:
		w.softly = false
	default:
		w.softly = true
		d.Gently, d.Grace = true, milliseconds(w.policy.GraceMs)
		d.Within = max(atLeast(w.policy.DrainTimeoutMs, reloadTime), d.Grace)
	}
	w.step(d.Within, w.child.Drain(d))
}

// stopStep is how long each graceful step of a stop may take.
func (w *worker) stopStep() time.Duration { return atLeast(w.policy.StopTimeoutMs, stopTime) }

// atLeast is the time given in milliseconds, or the default where none is given.
func atLeast(ms int64, otherwise time.Duration) time.Duration {
	if ms <= 0 {
		return otherwise
	}
	return milliseconds(ms)
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// step gives the worker time for what it was told; none when it could not be told.
func (w *worker) step(within time.Duration, err error) {
	if err != nil {
		w.s.log.Debug("worker cannot be told", w.fields(zap.Error(err))...)
		within = 0
	}
	w.timer.Reset(within)
}

// tellFirst tells the start operation, the first time.
func (w *worker) tellFirst(failure *Failure) {
	if w.first != nil {
		w.first <- firstStart{failure}
		w.first = nil
	}
}

// spawn starts a process.
func (w *worker) spawn() {
	again := w.status.Generation > 0 && w.tries+w.failures > 0
	spec := SpawnSpec{
		Plan: w.plan, AppID: w.app.id, Process: w.process, Worker: w.status.Worker,
		Generation: w.s.nextGeneration(w), ID: w.s.newID(), Output: w.s.output(w.process.ProcessName, w.status.Worker),
		Unwanted: w.stop, Loaded: w.s.loaded,
	}
	if again && w.policy.MaxRestarts != nil { // which also forgets the old ones
		w.replaced = append(w.replaced, time.Now())
	}
	child, err := w.s.spawner.Spawn(spec)
	if err != nil {
		var permanent *PermanentError
		w.doomed = errors.As(err, &permanent)
		w.err = err
		w.s.noGeneration(w, spec.Generation)
		w.ended(eventSpawnFailed)
		return
	}
	w.child = child
	w.status.PID, w.status.LogPath, w.status.SpawnedAt = child.PID(), child.LogPath(), time.Now()
	w.status.Inspector = ""
	w.status.Generation, w.status.Drift = spec.Generation, nil
	w.services, w.because, w.sent, w.connections = 0, "", "", 0
	ready := w.policy.Ready
	w.waits = waits{report: true, message: ready != nil && ready.Message != nil, probe: ready != nil && ready.Message == nil}
	w.timer.Reset(w.startTime())
	w.s.roster.add(w.app.id, child.PID())
	w.s.countSpawn(w, again)
	w.s.record(w, "spawned", "spawned, generation "+strconv.Itoa(spec.Generation))
	w.s.publish(w)
}

// startTime is how long a process may take to become ready.
func (w *worker) startTime() time.Duration { return atLeast(w.policy.StartTimeoutMs, w.s.readyTimeout) }

// fields are the log fields of the worker.
func (w *worker) fields(more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.String("app", w.plan.App.AppName), zap.String("process", w.process.ProcessName),
		zap.Int("worker", w.status.Worker), zap.Int("pid", w.status.PID), zap.String("state", string(w.status.State)),
	}, more...)
}

// explain says why the process at hand has ended.
func (w *worker) explain(e *Exit) {
	known := e.cause
	if known == nil {
		known = &cause{}
		if e.Error != "" {
			known.report = &errorReport{Message: e.Error}
		}
	}
	c := *known
	c.sent, c.because, c.stopping = w.sent, w.because, w.stage.public() == StateStopping
	v := reason(*e, c)
	e.Reason, e.Message, e.Hint, e.cause = v.reason, v.message, v.hint, nil
}

// missing lists the addresses of must that it does not listen on.
func (w *worker) missing() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(w.must), func(address string) bool {
		return slices.Contains(w.status.Listening, address)
	}), ", ")
}
