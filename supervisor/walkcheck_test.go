package supervisor

import (
	"slices"
	"strings"
	"time"
)

// check holds what must be true whenever somebody looks. quiet is true when nothing is about to happen at this instant:
// then what is shown is also what is.
func (w *walk) check(quiet bool) {
	w.checkEvents()
	st := w.s.Status()
	w.checkCounts(st)
	// The stop that has canceled an operation takes over a moment later.
	busy := st.Operation != nil && (st.Operation.State == OpRunning || st.Operation.State == OpCanceled && !quiet)
	if busy && time.Since(st.Operation.StartedAt) > opLimit {
		w.fail("%s has not ended: %+v", st.Operation.Kind, st.Operation)
	}
	for _, p := range st.Processes {
		w.checkProcess(st, p, busy, quiet)
	}
	if quiet {
		w.checkLive(st, busy)
	}
}

// checkEvents: no gap in the numbers, operations one after the other, each with its end.
func (w *walk) checkEvents() {
	for _, e := range w.s.Events(w.seq) {
		if e.Seq != w.seq+1 {
			w.fail("event %d after %d", e.Seq, w.seq)
		}
		w.seq = e.Seq
		if e.Kind != "operation" {
			continue
		}
		w.note("%s", e.Message)
		begins := strings.HasSuffix(e.Message, " begins")
		if begins == w.performing {
			w.fail("%q while an operation runs: %v", e.Message, w.performing)
		}
		w.performing = begins
	}
}

// checkCounts: what counts within one start never becomes less.
func (w *walk) checkCounts(st Status) {
	if st.AppID != w.appID {
		w.appID, w.starts, w.restarts = st.AppID, 0, 0
		clear(w.replaced)
	}
	if st.StartCount < w.starts || st.RestartCount < w.restarts {
		w.fail("%d starts and %d restarts after %d and %d", st.StartCount, st.RestartCount, w.starts, w.restarts)
	}
	w.starts, w.restarts = st.StartCount, st.RestartCount
	for _, p := range st.Processes {
		most := map[int]int{}
		for _, worker := range p.Workers {
			most[worker.Worker] = max(most[worker.Worker], worker.Restarts)
		}
		for slot, restarts := range most {
			name := slotName(p.Name, slot)
			if restarts < w.replaced[name] {
				w.fail("%d restarts of %s after %d", restarts, name, w.replaced[name])
			}
			w.replaced[name] = restarts
		}
	}
}

// checkProcess: each slot is filled, and each worker is in a state that says what comes next.
func (w *walk) checkProcess(st Status, p ProcessStatus, busy, quiet bool) {
	slots := map[int]int{}
	for _, worker := range p.Workers {
		slots[worker.Worker]++
		w.checkWorker(st, p, worker, busy, quiet)
	}
	scale := 0
	for _, process := range st.Structure.Processes {
		if process.ProcessName == p.Name {
			scale = process.Scale
		}
	}
	for slot := range len(slots) {
		if n := slots[slot]; n < 1 || n > 2 || n > 1 && !busy {
			w.fail("slot %d of %s is there %d times (busy: %v)", slot, p.Name, n, busy)
		}
	}
	if len(slots) < scale && !busy {
		w.fail("%s has %d slots, want %d", p.Name, len(slots), scale)
	}
}

func (w *walk) checkWorker(st Status, p ProcessStatus, worker WorkerStatus, busy, quiet bool) {
	alive, wrong := true, false
	switch worker.State {
	case StateRunning:
		wrong = worker.ReadyAt.IsZero()
	case StateStarting:
	case StateStopping:
		wrong = !busy && quiet && st.State != AppStopped
	case StateBackoff:
		alive, wrong = false, worker.NextTryAt.Before(time.Now()) && quiet || worker.Reason == ""
	case StateFatal:
		alive, wrong = false, worker.Reason == ""
	case StateStopped:
		alive, wrong = false, !busy && st.State == AppComplete && !p.Stopped
	case StatePending:
		alive, wrong = false, !busy
	default:
		wrong = true
	}
	if quiet && alive != (worker.PID != 0) {
		wrong = true
	}
	if worker.State != StateFatal && worker.State != StateBackoff && worker.Reason != "" {
		wrong = true
	}
	if !busy && (st.State == AppStopped || p.Stopped) && worker.State != StateStopped {
		wrong = true
	}
	if wrong {
		w.fail("worker %+v of %s (stopped: %v) in an application in state %d (busy: %v)", worker, p.Name, p.Stopped, st.State, busy)
	}
}

// checkLive: what is shown is what lives, and sockets are closed exactly where nobody is coming.
func (w *walk) checkLive(st Status, busy bool) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if running := st.State != AppStopped; running != w.f.begun && !busy {
		w.fail("state %d, sockets and logs open: %v", st.State, w.f.begun)
	}
	if w.f.begun && st.StartCount != w.f.spawned {
		w.fail("%d starts are shown, %d processes were made", st.StartCount, w.f.spawned)
	}
	shown := map[string]bool{}
	for _, p := range st.Processes {
		shown[p.Name] = true
		bySlot := map[string][]int{}
		for _, worker := range p.Workers {
			if worker.PID != 0 {
				name := slotName(p.Name, worker.Worker)
				bySlot[name] = append(bySlot[name], worker.PID)
			}
		}
		for slot := range 16 {
			name := slotName(p.Name, slot)
			var live []int
			for _, c := range w.f.live[name] {
				live = append(live, c.pid)
			}
			if !sameSet(live, bySlot[name]) {
				w.fail("%s: pids %v live, %v are shown", name, live, bySlot[name])
			}
		}
		if w.f.begun {
			w.checkSockets(p, busy)
		}
	}
	for name, children := range w.f.live {
		if process, _, _ := strings.Cut(name, "/"); len(children) > 0 && !shown[process] {
			w.fail("pid %d of %s lives and is not shown", children[0].pid, name)
		}
	}
	if w.f.begun && !busy {
		for process := range w.f.made {
			if !shown[process] && !w.f.suspended[process] {
				w.fail("the sockets of %s are open though there is no such process any more", process)
			}
		}
	}
}

// checkSockets: open while a worker lives or is due soon, closed when none is.
func (w *walk) checkSockets(p ProcessStatus, busy bool) {
	if busy {
		return
	}
	closed := w.f.suspended[p.Name]
	if p.Stopped {
		if !closed && slices.ContainsFunc(p.Workers, func(worker WorkerStatus) bool { return worker.Generation > 0 }) {
			w.fail("the sockets of %s are open though it is stopped", p.Name)
		}
		return
	}
	here, soon := false, false
	for _, worker := range p.Workers {
		switch worker.State {
		case StateRunning, StateStarting:
			here = true
		case StateBackoff:
			soon = soon || time.Until(worker.NextTryAt) <= socketsKeep
		}
	}
	switch {
	case here && closed:
		w.fail("the sockets of %s are closed though a worker is there", p.Name)
	case !here && !soon && !closed:
		w.fail("the sockets of %s are open though no worker comes soon: %+v", p.Name, p.Workers)
	}
}
