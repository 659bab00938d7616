package control

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// reporter is a supervisor that only has events.
type reporter struct {
	*fakeSupervisor
	id string

	mu     sync.Mutex
	events []supervisor.Event
	seq    uint64
}

// report makes n events.
func (r *reporter) report(n int) {
	r.mu.Lock()
	for range n {
		r.seq++
		r.events = append(r.events, supervisor.Event{Guard: r.id, Seq: r.seq, Time: time.Now(), Worker: 0, Kind: "ready", Message: fmt.Sprint(r.id, r.seq)})
	}
	r.mu.Unlock()
	r.fakeSupervisor.mu.Lock()
	close(r.fakeSupervisor.changed)
	r.fakeSupervisor.changed = make(chan struct{})
	r.fakeSupervisor.mu.Unlock()
}

// drop forgets all but the last n events, as a guard does that had too many.
func (r *reporter) drop(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = r.events[len(r.events)-n:]
}

func (r *reporter) Events(since uint64) []supervisor.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []supervisor.Event{}
	for _, e := range r.events {
		if e.Seq > since {
			out = append(out, e)
		}
	}
	return out
}

func (r *reporter) Status() supervisor.Status {
	s := r.fakeSupervisor.Status()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.LastEvent = supervisor.EventMark{Guard: r.id, Seq: r.seq}
	return s
}

// serveReporter serves a guard until the test ends.
func serveReporter(t *testing.T, home state.Home, app string, r *reporter) *Guard {
	t.Helper()
	listener, err := socket.Listen(home.GuardSocket(app))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = Serve(ctx, listener, GuardHandler(GuardConfig{Supervisor: r, Version: "1"})) })
	g := DialGuard(home.GuardSocket(app), "1")
	t.Cleanup(func() { g.Close(); cancel(); wg.Wait() })
	return g
}

func written(t *testing.T, home state.Home) []string {
	t.Helper()
	all := []string{}
	if err := home.ReadEvents(func(e state.Event) {
		text := e.Message
		if e.Guard == "" {
			text = e.Kind
		}
		all = append(all, text)
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEventsAreWrittenOnceAcrossDaemonsAndGuards(t *testing.T) {
	y := newYard(t)
	r := &reporter{fakeSupervisor: newFakeSupervisor("shop", nil), id: "a"}
	guard := serveReporter(t, y.home, "shop", r)
	r.report(2)
	follow := func(h *history, want int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		seen := 0
		_ = guard.WatchStatus(ctx, h.mark(ctx, r.id), func(_ supervisor.Status, events []supervisor.Event) {
			h.takeIn(ctx, "shop", guard, events)
			if seen += len(events); seen >= want {
				cancel()
			}
		})
		if seen != want {
			t.Errorf("the stream brought %d events, want %d", seen, want)
		}
	}
	first := newHistory(y.home, nil, zap.NewNop())
	follow(first, 2)
	// No daemon for a while; the next one goes on where the first was.
	r.report(3)
	second := newHistory(y.home, nil, zap.NewNop())
	follow(second, 3)
	second.catchUp(t.Context(), "shop", guard, r.Status().LastEvent)
	// The guard is replaced and counts from the beginning.
	r.mu.Lock()
	r.id, r.seq, r.events = "b", 0, nil
	r.mu.Unlock()
	r.report(1)
	follow(second, 1)
	if got, want := written(t, y.home), []string{"a1", "a2", "a3", "a4", "a5", "b1"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	// Nobody looked while the guard had more than it keeps.
	r.report(9)
	r.drop(2)
	second.catchUp(t.Context(), "shop", guard, r.Status().LastEvent)
	if got := written(t, y.home); !slices.Equal(got[6:], []string{"missed", "b9", "b10"}) {
		t.Errorf("events %q", got)
	}
}

// A log that cannot be written for a while gets what it has missed, and the daemon goes on.
func TestEventsAfterTheLogCouldNotBeWritten(t *testing.T) {
	y := newYard(t)
	r := &reporter{fakeSupervisor: newFakeSupervisor("shop", nil), id: "a"}
	guard := serveReporter(t, y.home, "shop", r)
	h := newHistory(y.home, nil, zap.NewNop())
	r.report(1)
	h.takeIn(t.Context(), "shop", guard, r.Events(0))
	away := y.home.State + ".away"
	if err := os.Rename(y.home.State, away); err != nil {
		t.Fatal(err)
	}
	r.report(2)
	h.takeIn(t.Context(), "shop", guard, r.Events(1))
	if !h.failed {
		t.Error("a write into a missing folder counts as done")
	}
	if err := os.Rename(away, y.home.State); err != nil {
		t.Fatal(err)
	}
	r.report(1)
	h.takeIn(t.Context(), "shop", guard, r.Events(3))
	if got, want := written(t, y.home), []string{"a1", "a2", "a3", "a4"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// The events of an application's life are in the log once its commands return.
func TestLifeOfAnApplicationInTheEventLog(t *testing.T) {
	y := newYard(t)
	f, _ := y.fleet()
	ctx := t.Context()
	if err := f.Create(ctx, request("shop")); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if got := written(t, y.home); !slices.Equal(got, []string{"created", "deleted"}) {
		t.Errorf("events %q", got)
	}
	f.Note(ctx, "problem", "something 100% wrong")
	found := false
	if err := y.home.ReadEvents(func(e state.Event) { found = found || strings.Contains(e.Message, "100% wrong") }); err != nil || !found {
		t.Errorf("the daemon's own event: %v, %v", found, err)
	}
}
