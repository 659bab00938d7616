package supervisor

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const (
	// maxEvents is how many events are kept for whoever asks later.
	maxEvents = 1000
	// watchBuffer is how far a watcher may lag; after that it misses changes in between, never the last.
	watchBuffer = 64
)

// Status returns a snapshot of the application; before the first start it has no name and no processes.
func (s *Supervisor) Status() Status {
	sockets := s.spawner.Sockets()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{State: AppStopped, Processes: []ProcessStatus{}}
	if s.app != nil {
		st = s.statusOf(s.app)
	}
	st.Sockets = append([]Socket{}, sockets...)
	st.LastEvent = EventMark{Guard: s.guardID, Seq: s.seq}
	if op := s.lastOperation(); op != nil {
		o := s.snapshotOf(op)
		st.Operation = &o
	}
	return st
}

// Plan returns the plan that runs, or ran last; nil before the first start. Nobody may change it.
func (s *Supervisor) Plan() *Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.app == nil {
		return nil
	}
	return s.app.plan
}

// lastOperation is the operation being performed, else the last one; the caller holds mu.
func (s *Supervisor) lastOperation() *operation {
	if s.current != nil {
		return s.current
	}
	if n := len(s.operations); n > 0 {
		return s.operations[n-1]
	}
	return nil
}

// Operation returns a snapshot of a running or recent operation; false when it is not known (any more).
func (s *Supervisor) Operation(id string) (Operation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op := s.find(id); op != nil {
		return s.snapshotOf(op), true
	}
	return Operation{}, false
}

// Operations returns snapshots of the operations that are remembered, oldest first.
func (s *Supervisor) Operations() []Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Operation, len(s.operations))
	for i, op := range s.operations {
		all[i] = s.snapshotOf(op)
	}
	return all
}

// find looks an operation up; the caller holds mu.
func (s *Supervisor) find(id string) *operation {
	for _, op := range s.operations {
		if op.snapshot.ID == id {
			return op
		}
	}
	return nil
}

// Watch returns a channel with the operation as it is and after every change; it is closed after the final one, when
// ctx ends, and at once for an unknown id. A reader that lags far behind misses changes in between, never the last.
func (s *Supervisor) Watch(ctx context.Context, id string) <-chan Operation {
	c := make(chan Operation, watchBuffer)
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.find(id)
	if op == nil {
		close(c)
		return c
	}
	c <- s.snapshotOf(op)
	if op.final() {
		close(c)
		return c
	}
	op.watchers = append(op.watchers, c)
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, other := range op.watchers {
			if other == c {
				op.watchers = append(op.watchers[:i:i], op.watchers[i+1:]...)
				close(c)
				return
			}
		}
	})
	return c
}

// tellWatchers sends the operation to its watchers; the caller holds mu, and so nobody else sends or closes.
func (s *Supervisor) tellWatchers(op *operation) {
	for _, c := range op.watchers {
		for sent := false; !sent; {
			select {
			case c <- s.snapshotOf(op):
				sent = true
			default:
				select {
				case <-c: // the oldest
				default:
				}
			}
		}
	}
}

// Changes returns a channel that holds a value whenever Status or Events have changed since the last one was taken.
// It is closed when ctx ends.
func (s *Supervisor) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.subscribers[c] = struct{}{}
	s.mu.Unlock()
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subscribers, c)
		close(c)
	})
	return c
}

// changed tells the subscribers.
func (s *Supervisor) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.subscribers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Events returns the events after the one numbered since, oldest first; the last 1,000 are kept.
func (s *Supervisor) Events(since uint64) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.seq - uint64(len(s.events)) // number of the last event dropped
	if since < first {
		since = first
	}
	if since >= s.seq {
		return []Event{}
	}
	return append([]Event{}, s.events[since-first:]...)
}

// addEvent numbers and keeps an event.
func (s *Supervisor) addEvent(e Event) {
	s.mu.Lock()
	s.addEventLocked(e)
	s.mu.Unlock()
	s.changed()
}

// addEventLocked numbers and keeps an event; the caller holds mu and tells the subscribers.
func (s *Supervisor) addEventLocked(e Event) {
	s.seq++
	e.Guard, e.Seq, e.Time = s.guardID, s.seq, time.Now()
	if len(s.events) == maxEvents {
		copy(s.events, s.events[1:])
		s.events[maxEvents-1] = e
	} else {
		s.events = append(s.events, e)
	}
}

// publish makes the worker's status what Status tells.
func (s *Supervisor) publish(w *worker) {
	s.mu.Lock()
	w.shown = w.status
	s.mu.Unlock()
	s.changed()
}

// record logs what happened to a worker and keeps it as an event.
func (s *Supervisor) record(w *worker, kind, message string) {
	switch kind {
	case "spawned":
		s.log.Info("worker spawned", w.fields()...)
	case "ready":
		s.log.Info("worker ready", w.fields()...)
	case "unresponsive", "memory":
		s.log.Warn("worker "+kind, w.fields(zap.String("message", message))...)
	case "backoff":
		s.log.Warn("worker backs off", w.fields(zap.Duration("after", time.Until(w.status.NextTryAt)), zap.Error(w.err))...)
	case "fatal":
		s.log.Error("worker given up", w.fields(zap.Error(w.err))...)
	case "stopped":
		s.log.Info("worker stopped", w.fields()...)
	}
	s.addEvent(Event{
		App: w.plan.App.AppName, Process: w.process.ProcessName, Worker: w.status.Worker, PID: w.status.PID,
		Kind: kind, Message: message,
	})
}

// recordExit logs the end of a process and keeps it as an event.
func (s *Supervisor) recordExit(w *worker, pid int, exit Exit, text string) {
	s.log.Info("worker exited", zap.String("app", w.plan.App.AppName), zap.String("process", w.process.ProcessName),
		zap.Int("worker", w.status.Worker), zap.Int("pid", pid), zap.Int("code", exit.Code), zap.String("signal", exit.Signal))
	s.addEvent(Event{
		App: w.plan.App.AppName, Process: w.process.ProcessName, Worker: w.status.Worker, PID: pid,
		Kind: "exited", Message: text, Reason: exit.Reason,
	})
}
