package supervisor

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/procfile"
)

// worker keeps one slot filled. Its goroutine (run) owns every field below the line; stop and done are how others
// reach it.
type worker struct {
	s       *Supervisor
	app     *application
	process procfile.Process
	index   int // of the process in the plan
	// first takes the outcome of the first process, once; nil means ready.
	first chan<- firstStart
	// stop is closed to make the worker stop, done is closed when nothing of it is left.
	stop chan struct{}
	done chan struct{}

	status   WorkerStatus
	stage    stage
	child    Child
	timer    *time.Timer // eventLate, eventDue or eventElapsed, by stage
	stable   *time.Timer
	services int
	ready    bool // some process of this slot was ready
	tries    int
	failures int
	doomed   bool // another try cannot help
	slow     bool // the process at hand was not ready in time
	err      error
}

// firstStart is how the first process of a worker came up: failure is nil when it is ready.
type firstStart struct{ failure *Failure }

// newWorker makes the worker of one slot; run makes it live.
func newWorker(s *Supervisor, app *application, index, slot int, first chan<- firstStart) *worker {
	w := &worker{
		s: s, app: app, process: app.plan.App.Processes[index], index: index, first: first,
		stop: make(chan struct{}), done: make(chan struct{}),
		timer: time.NewTimer(time.Hour), stable: time.NewTimer(time.Hour),
		status: WorkerStatus{Worker: slot, State: StatePending},
	}
	w.timer.Stop()
	w.stable.Stop()
	return w
}

// run keeps the slot filled until it is stopped. A fatal worker waits here for its stop.
func (w *worker) run() {
	defer close(w.done)
	defer w.timer.Stop()
	defer w.stable.Stop()
	stop := w.stop
	w.handle(eventStart)
	for w.stage != stageStopped {
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
		case <-w.timer.C:
			w.handle(w.timerMeans())
		case <-w.stable.C:
			w.handle(eventStable)
		case <-stop:
			stop = nil
			w.handle(eventStop)
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
		if w.stage == stageStarting {
			w.services, w.ready, w.tries = e.Services, true, 0
			w.status.ReadyAt = time.Now()
			w.s.record(w, "ready", "ready after "+w.status.ReadyAt.Sub(w.status.SpawnedAt).Round(time.Millisecond).String())
		}
		w.handle(eventReady)
	case ChildError:
		w.doomed = w.doomed || e.Permanent
		w.handle(eventError)
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
	exit := w.child.Exit()
	pid := w.child.PID()
	w.child = nil
	w.status.LastExit, w.status.PID, w.status.ReadyAt = &exit, 0, time.Time{}
	w.s.roster.remove(pid)
	text := exitText(exit)
	if w.slow && exit.Error == "" {
		text = "was not ready within " + w.s.readyTimeout.String() + " and was killed"
	}
	w.err = errors.New(text)
	w.s.recordExit(w, pid, exit, text)
	w.ended(eventExited)
}

// ended handles that there is no process, or none any more.
func (w *worker) ended(e event) {
	w.timer.Stop()
	w.stable.Stop()
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
	})
	if e == eventLate && w.stage == stageStarting {
		w.slow = true
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
	w.s.publish(w)
	w.s.keepSockets(w.app, w.index)
}

// fatalReason says why there will be no other try.
func (w *worker) fatalReason() string {
	switch {
	case !w.ready, w.doomed:
		return w.err.Error()
	}
	return fmt.Sprintf("%v; it was not ready once in %d tries. Mend it, then restart the application", w.err, w.tries)
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
	case actDrain:
		w.step(drainTime, w.child.Drain(drainTime))
	case actShutdown:
		w.step(shutdownTime, w.child.Shutdown())
	case actAsk:
		w.child.Terminate()
		w.step(shutdownTime, nil)
	case actDisconnect:
		w.child.Disconnect()
		w.step(disconnectTime, nil)
	case actTerminate:
		w.child.Terminate()
		w.step(terminateTime, nil)
	case actKill:
		w.child.Kill()
		w.step(killAgainTime, nil)
	}
}

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
	spec := SpawnSpec{
		Plan: w.app.plan, AppID: w.app.id, Process: w.process, Worker: w.status.Worker,
		Generation: w.status.Generation + 1, ID: w.s.newID(), Output: w.s.output(w.process.ProcessName, w.status.Worker),
	}
	child, err := w.s.spawner.Spawn(spec)
	if err != nil {
		var permanent *PermanentError
		w.doomed = errors.As(err, &permanent)
		w.err = err
		w.ended(eventSpawnFailed)
		return
	}
	w.child = child
	w.status.PID, w.status.LogPath, w.status.SpawnedAt = child.PID(), child.LogPath(), time.Now()
	w.status.Generation, w.status.Drift = spec.Generation, nil
	w.status.Restarts = spec.Generation - 1
	w.services, w.slow = 0, false
	w.timer.Reset(w.s.readyTimeout)
	w.s.roster.add(w.app.id, child.PID())
	w.s.countSpawn(w.app, spec.Generation > 1)
	w.s.record(w, "spawned", "spawned, generation "+strconv.Itoa(spec.Generation))
	w.s.publish(w)
}

// fields are the log fields of the worker.
func (w *worker) fields(more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.String("app", w.app.plan.App.AppName), zap.String("process", w.process.ProcessName),
		zap.Int("worker", w.status.Worker), zap.Int("pid", w.status.PID), zap.String("state", string(w.status.State)),
	}, more...)
}

// exitText is a sentence about an exit.
func exitText(e Exit) string {
	text := "exited with code " + strconv.Itoa(e.Code)
	if e.Signal != "" {
		text = "was ended by " + e.Signal
	}
	if e.Error != "" {
		text += ": " + firstLine(e.Error)
	}
	return text
}
