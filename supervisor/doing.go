package supervisor

import (
	"fmt"
	"strings"
)

// atNow is what a worker on its way, up or down, is at, as a clause for whoever waits for it; "" when there is nothing to say.
func (w *worker) atNow() string { return strings.Join(strings.Fields(w.way()), " ") }

func (w *worker) way() string {
	switch w.stage {
	case stageStarting:
		if w.because != "" {
			return "is killed"
		}
		return w.unready()
	case stageDraining:
		switch n := w.connections; {
		case n == 1:
			return "drains 1 connection"
		case n > 1:
			return fmt.Sprintf("drains %d connections", n)
		}
		return ""
	case stageFinishing:
		return "stops its services"
	case stageAsked:
		return "has got SIGTERM"
	case stageDisconnecting:
		return "has lost its channel and is to end"
	case stageTerminating:
		return "does not end and has got SIGTERM again"
	case stageKilling:
		return "is killed"
	}
	return ""
}

// unready is what a starting worker waits for.
func (w *worker) unready() string {
	switch ready := w.policy.Ready; {
	case w.waits.report && w.waits.doing != "":
		return "runs " + w.waits.doing
	case w.waits.report:
		return ""
	case w.waits.message:
		return fmt.Sprintf("waits for the message %v", ready.Message)
	case w.waits.probe && ready.HTTP != "":
		return "waits for " + ready.HTTP + " to answer"
	case w.waits.probe:
		return "waits for " + ready.TCP + " to accept connections"
	case w.missing() != "":
		return "waits until it listens on " + w.missing()
	}
	return ""
}

// tellDoing makes what the worker is at known, if that has changed.
func (w *worker) tellDoing() {
	if doing := w.atNow(); doing != w.status.Doing {
		w.status.Doing = doing
		w.s.publish(w)
	}
}

// snapshotOf returns a snapshot of an operation that nobody changes; the caller holds mu. Of the one that is being performed it
// also says which workers are on their way.
func (s *Supervisor) snapshotOf(op *operation) Operation {
	o := op.copy()
	if s.current != op || s.app == nil {
		return o
	}
	for i := range o.Steps {
		if r := s.app.role(o.Steps[i].Process); r != nil {
			underWay(&o.Steps[i], r)
		}
	}
	return o
}

// underWay adds to a step how many workers of its process are on their way, and what the first of them is at.
func underWay(st *Step, r *role) {
	up, down := "", ""
	for _, w := range r.workers {
		switch state := w.shown.State; {
		case state == StateStopped || state == StateFatal:
		case w.out.Load():
			st.Leaving++
			if down == "" {
				down = w.shown.Doing
			}
		case st.State == "running" && (state == StatePending || state == StateStarting):
			st.Starting++
			if up == "" {
				up = w.shown.Doing
			}
		}
	}
	if st.Doing = up; up == "" {
		st.Doing = down
	}
}
