package supervisor

import "time"

// stage is where a worker is. Five stages make up the public state "stopping"; the others are public states themselves.
type stage uint8

const (
	stagePending stage = iota
	stageStarting
	stageRunning
	// stageDraining: it was told to stop accepting and to finish what it is answering.
	stageDraining
	// stageFinishing: it was told to stop its services.
	stageFinishing
	// stageAsked: it has no services, so SIGTERM gives its own handler the chance to end gracefully.
	stageAsked
	stageDisconnecting
	stageTerminating
	stageKilling
	stageStopped
	stageBackoff
	stageFatal
	stages
)

// String is the name in the printed table.
func (s stage) String() string {
	return [...]string{
		"pending", "starting", "running", "stopping: drain", "stopping: services", "stopping: SIGTERM",
		"stopping: disconnect", "stopping: SIGTERM again", "stopping: SIGKILL", "stopped", "backoff", "fatal",
	}[s]
}

// public is the state that others see.
func (s stage) public() State {
	switch s {
	case stagePending:
		return StatePending
	case stageStarting:
		return StateStarting
	case stageRunning:
		return StateRunning
	case stageStopped:
		return StateStopped
	case stageBackoff:
		return StateBackoff
	case stageFatal:
		return StateFatal
	}
	return StateStopping
}

// event is what can happen to a worker.
type event uint8

const (
	// eventStart: the operation wants it running.
	eventStart event = iota
	// eventSpawnFailed: no process came to be.
	eventSpawnFailed
	// eventReady: the bootstrap has started services and loaded the entry.
	eventReady
	// eventError: the bootstrap reported an error and is about to exit.
	eventError
	// eventLate: not ready, or not gone after an error, within the time allowed.
	eventLate
	// eventExited: the process and its whole tree are gone and have been waited for.
	eventExited
	// eventDue: the backoff is over.
	eventDue
	// eventStable: it has been running for stableAfter.
	eventStable
	// eventSilent: its event loop has not answered for as long as the policy allows.
	eventSilent
	// eventStop: the operation wants it stopped.
	eventStop
	// eventDrained and eventFinished are its answers to drain and shutdown.
	eventDrained
	eventFinished
	// eventElapsed: the time of this step of the stop is over.
	eventElapsed
	events
)

// String is the name in the printed table.
func (e event) String() string {
	return [...]string{
		"start", "spawn failed", "ready", "error reported", "late", "exited", "due", "stable", "silent", "stop", "drained",
		"services stopped", "time is up",
	}[e]
}

// facts are what a decision depends on besides stage and event.
type facts struct {
	// operation is true until the worker's first process is ready: failing before that fails the start.
	operation bool
	// permanent is true when another try cannot help: no Node, no entry.
	permanent bool
	// tries counts the processes in a row that ended before they were ready, the one at hand included.
	tries int
	// failures counts the processes that ended since the last stable run, the one at hand not included.
	failures int
	// services is true when the worker has services whose stop matters.
	services bool
	// exhausted is true when it was replaced as often as maxRestarts allows.
	exhausted bool
}

// action is one thing to do; the worker's goroutine does it.
type action uint8

const (
	// actSpawn starts a process; eventLate follows after the ready timeout.
	actSpawn action = iota
	// actGiveUp makes eventLate follow soon.
	actGiveUp
	// actSucceed and actFail tell the start operation.
	actSucceed
	actFail
	// actCount counts a failure, actForget sets the count to zero.
	actCount
	actForget
	// actWatch makes eventStable follow.
	actWatch
	// actWait makes eventDue follow after the backoff.
	actWait
	// The steps of a stop; each but actKill makes eventElapsed follow after its time.
	actDrain
	actShutdown
	actAsk
	actDisconnect
	actTerminate
	actKill
)

// String is the name in the printed table.
func (a action) String() string {
	return [...]string{
		"spawn", "give it 2 s to exit", "tell the operation: ready", "tell the operation: failed", "count the failure",
		"forget the failures", "watch for 60 s", "wait for the backoff", "drain", "stop services",
		"SIGTERM (5 s)", "disconnect (2 s)", "SIGTERM (3 s)", "SIGKILL the tree",
	}[a]
}

// The times of the policy; backoff.go has those between tries.
const (
	stopTime       = 5 * time.Second
	reloadTime     = 30 * time.Second
	devDrainTime   = time.Second
	disconnectTime = 2 * time.Second
	terminateTime  = 3 * time.Second
	// killAgainTime is how long a killed process may take before it is killed again.
	killAgainTime = 3 * time.Second
	// errorTime is how long a worker may take to exit after it reported an error.
	errorTime = 2 * time.Second
	// stableAfter is how long a worker runs before its earlier failures are forgotten.
	stableAfter = 60 * time.Second
	// maxTries is how many replacements in a row may end before they are ready.
	maxTries = 5
)

// rule is one row of the transition table.
type rule struct {
	from stage
	on   event
	// when limits the rule; the first rule that applies wins. It is nil for a rule without a condition.
	when func(facts) bool
	// because is the condition in words, for the printed table.
	because string
	to      stage
	do      []action
}

// The conditions of the table.
func inOperation(f facts) bool { return f.operation }
func hopeless(f facts) bool    { return f.permanent }
func triedEnough(f facts) bool { return f.tries >= maxTries }
func firstTime(f facts) bool   { return f.failures == 0 }
func hasServices(f facts) bool { return f.services }
func exhausted(f facts) bool   { return f.exhausted }

// transitions is the whole policy; what is not in it changes nothing.
var transitions = []rule{
	{from: stagePending, on: eventStart, to: stageStarting, do: []action{actSpawn}},
	{from: stagePending, on: eventStop, to: stageStopped},

	{from: stageStarting, on: eventReady, to: stageRunning, do: []action{actSucceed, actWatch}},
	{from: stageStarting, on: eventError, to: stageStarting, do: []action{actGiveUp}},
	{from: stageStarting, on: eventLate, to: stageStarting, do: []action{actKill}},
	{from: stageStarting, on: eventSpawnFailed, when: inOperation, because: "first start", to: stageFatal, do: []action{actFail}},
	{from: stageStarting, on: eventSpawnFailed, when: hopeless, because: "no Node", to: stageFatal},
	{from: stageStarting, on: eventSpawnFailed, when: triedEnough, because: "5th try", to: stageFatal},
	{from: stageStarting, on: eventSpawnFailed, when: exhausted, because: "maxRestarts", to: stageFatal},
	{from: stageStarting, on: eventSpawnFailed, to: stageBackoff, do: []action{actCount, actWait}},
	{from: stageStarting, on: eventExited, when: inOperation, because: "first start", to: stageFatal, do: []action{actFail}},
	{from: stageStarting, on: eventExited, when: hopeless, because: "no entry", to: stageFatal},
	{from: stageStarting, on: eventExited, when: triedEnough, because: "5th try", to: stageFatal},
	{from: stageStarting, on: eventExited, when: exhausted, because: "maxRestarts", to: stageFatal},
	{from: stageStarting, on: eventExited, to: stageBackoff, do: []action{actCount, actWait}},
	{from: stageStarting, on: eventStop, to: stageTerminating, do: []action{actTerminate}},

	{from: stageRunning, on: eventStable, to: stageRunning, do: []action{actForget}},
	{from: stageRunning, on: eventSilent, to: stageRunning, do: []action{actKill}},
	{from: stageRunning, on: eventExited, when: exhausted, because: "maxRestarts", to: stageFatal},
	{from: stageRunning, on: eventExited, when: firstTime, because: "first failure", to: stageStarting, do: []action{actCount, actSpawn}},
	{from: stageRunning, on: eventExited, to: stageBackoff, do: []action{actCount, actWait}},
	{from: stageRunning, on: eventStop, to: stageDraining, do: []action{actDrain}},

	{from: stageDraining, on: eventDrained, when: hasServices, because: "has services", to: stageFinishing, do: []action{actShutdown}},
	{from: stageDraining, on: eventDrained, to: stageAsked, do: []action{actAsk}},
	{from: stageDraining, on: eventElapsed, when: hasServices, because: "has services", to: stageFinishing, do: []action{actShutdown}},
	{from: stageDraining, on: eventElapsed, to: stageAsked, do: []action{actAsk}},
	{from: stageDraining, on: eventExited, to: stageStopped},

	{from: stageFinishing, on: eventFinished, to: stageDisconnecting, do: []action{actDisconnect}},
	{from: stageFinishing, on: eventElapsed, to: stageDisconnecting, do: []action{actDisconnect}},
	{from: stageFinishing, on: eventExited, to: stageStopped},

	{from: stageAsked, on: eventElapsed, to: stageDisconnecting, do: []action{actDisconnect}},
	{from: stageAsked, on: eventExited, to: stageStopped},

	{from: stageDisconnecting, on: eventElapsed, to: stageTerminating, do: []action{actTerminate}},
	{from: stageDisconnecting, on: eventExited, to: stageStopped},

	{from: stageTerminating, on: eventElapsed, to: stageKilling, do: []action{actKill}},
	{from: stageTerminating, on: eventExited, to: stageStopped},

	{from: stageKilling, on: eventElapsed, to: stageKilling, do: []action{actKill}},
	{from: stageKilling, on: eventExited, to: stageStopped},

	{from: stageBackoff, on: eventDue, to: stageStarting, do: []action{actSpawn}},
	{from: stageBackoff, on: eventStop, to: stageStopped},

	{from: stageFatal, on: eventStop, to: stageStopped},
}

// next is what follows from an event: the new stage and what to do, in order. It has no clock, no lock and no I/O.
func next(s stage, e event, f facts) (stage, []action) {
	for i := range transitions {
		r := &transitions[i]
		if r.from == s && r.on == e && (r.when == nil || r.when(f)) {
			return r.to, r.do
		}
	}
	return s, nil
}
