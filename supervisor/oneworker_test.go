package supervisor

import (
	"strings"
	"testing"
	"time"
)

func TestOneWorker(t *testing.T) {
	broken := false
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if broken {
			crash(7)(c)
			return
		}
		serve(time.Second)(c)
	}
	slot := func(n int) *int { return &n }
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 3))
		for _, kind := range []OpKind{OpReload, OpRestart} {
			op := performRequest(t, s, Request{Kind: kind, Process: "w", Worker: slot(1)})
			if op.State != OpSucceeded || op.Replaced != 1 || op.Worker == nil || *op.Worker != 1 || len(op.Steps) != 1 || op.Steps[0].Done != 1 || op.Steps[0].Total != 1 || op.Steps[0].State != "done" {
				t.Errorf("%s: %+v", kind, op)
			}
		}
		if got := shape(s, 0); got != "0.1:running 1.3:running 2.1:running" {
			t.Errorf("afterwards %s", got)
		}
		broken = true
		if op := performRequest(t, s, Request{Kind: OpReload, Process: "w", Worker: slot(0)}); op.State != OpFailed || op.Replaced != 0 || op.Steps[0].State != "failed" {
			t.Errorf("a reload that fails: %+v", op)
		}
		if got := shape(s, 0); got != "0.1:running 1.3:running 2.1:running" {
			t.Errorf("after a failure %s", got)
		}
		broken = false
		for want, r := range map[string]Request{
			"has no worker 3; it has 3":    {Kind: OpReload, Process: "w", Worker: slot(3)},
			"has no worker -1":             {Kind: OpRestart, Process: "w", Worker: slot(-1)},
			"one worker can be restarted ": {Kind: OpStart, Process: "w", Worker: slot(0)},
			"one worker can be restarted":  {Kind: OpReload, Worker: slot(0), Plan: testPlan("w", 3)},
		} {
			if _, err := s.Submit(r); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", r, err, want)
			}
		}
		performRequest(t, s, Request{Kind: OpStop, Process: "w"})
		if _, err := s.Submit(Request{Kind: OpReload, Process: "w", Worker: slot(0)}); err == nil || !strings.Contains(err.Error(), "stopped on its own") {
			t.Errorf("a process that is stopped: %v", err)
		}
	})
}
