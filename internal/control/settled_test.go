package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// recorded writes the record of an application as an earlier daemon has left it.
func (y *yard) recorded(app string, desired state.Desired) {
	y.t.Helper()
	r := recordOf(request(app), nil)
	r.Desired = desired
	if err := y.home.WriteRecord(r); err != nil {
		y.t.Fatal(err)
	}
}

// TestSettled: a new daemon starts what is wanted, and whoever asks learns how it went.
func TestSettled(t *testing.T) {
	y := newYard(t)
	y.outcome = func(app string, _ supervisor.OpKind) supervisor.OpState {
		if app == "broken" {
			return supervisor.OpFailed
		}
		return supervisor.OpSucceeded
	}
	y.recorded("shop", state.DesiredRunning)
	y.recorded("broken", state.DesiredRunning)
	y.recorded("old", state.DesiredStopped)
	f, _ := y.fleet()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if s, err := f.Settled(ctx, "shop"); err != nil || !s.Wanted || s.Failure != "" || s.Application.State != supervisor.AppComplete {
		t.Errorf("shop: %+v, %v", s, err)
	}
	if s, err := f.Settled(ctx, "broken"); err != nil || !s.Wanted || s.Failure == "" {
		t.Errorf("broken: %+v, %v", s, err)
	}
	if s, err := f.Settled(ctx, "old"); err != nil || s.Wanted || s.Failure != "" {
		t.Errorf("old: %+v, %v", s, err)
	}
	if _, err := f.Settled(ctx, "unknown"); CodeOf(err) != CodeNotFound {
		t.Errorf("unknown: %v", err)
	}
	if y.spawns["old"] != 0 {
		t.Error("what was stopped was started")
	}
	// What is being started settles later: nothing is told before.
	short, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	f.mu.Lock()
	f.apps["shop"].status.State = supervisor.AppPending
	f.mu.Unlock()
	if s, err := f.Settled(short, "shop"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("pending: %+v, %v", s, err)
	}
}

// TestSettledWithoutGuard: a guard that cannot be started is told, not waited for.
func TestSettledWithoutGuard(t *testing.T) {
	y := newYard(t)
	y.recorded("shop", state.DesiredRunning)
	f := NewFleet(FleetConfig{
		Home: y.home, Version: "1", Log: zap.NewNop(),
		Spawn: func(context.Context, string) error { return errors.New("no more processes") },
	})
	f.Adopt(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	if s, err := f.Settled(ctx, "shop"); err != nil || s.Failure != "no more processes" {
		t.Errorf("settled: %+v, %v", s, err)
	}
	cancel()
	<-done
}

// TestReplacedGuardIsToldWhatWas: the guard that takes the place of a lost one gets its last status.
func TestReplacedGuardIsToldWhatWas(t *testing.T) {
	y := newYard(t)
	f, _ := y.fleet()
	start(t, f, "shop")
	y.mu.Lock()
	lost := y.guards["shop"]
	y.mu.Unlock()
	s := lost.supervisor
	s.mu.Lock()
	s.status.AppID, s.status.RestartCount = "one", 41
	op := *s.status.Operation
	s.mu.Unlock()
	s.set(op, supervisor.AppComplete)
	eventually(t, "the fleet sees it", func() bool { a, err := f.Get("shop"); return err == nil && a.RestartCount == 41 })
	lost.kill()
	eventually(t, "another guard is told", func() bool {
		y.mu.Lock()
		g := y.guards["shop"]
		y.mu.Unlock()
		g.supervisor.mu.Lock()
		defer g.supervisor.mu.Unlock()
		return g != lost && g.supervisor.before != nil && g.supervisor.before.RestartCount == 41
	})
}

// TestEndIsMarked: a fleet that closes marks it, so that no guard brings the daemon back.
func TestEndIsMarked(t *testing.T) {
	for _, forget := range []bool{true, false} {
		y := newYard(t)
		f, _ := y.fleet()
		start(t, f, "shop")
		if y.home.IsDown() {
			t.Fatal("marked although the daemon lives")
		}
		if err := f.Close(t.Context(), forget); err != nil {
			t.Fatal(err)
		}
		if !y.home.IsDown() {
			t.Errorf("Close(%v) leaves no mark", forget)
		}
	}
}
