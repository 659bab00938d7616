package state

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func eventsHome(t *testing.T) Home {
	t.Helper()
	dir := t.TempDir()
	h := Home{Dir: dir, State: filepath.Join(dir, "state")}
	if err := os.Mkdir(h.State, 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

func messages(t *testing.T, h Home) []string {
	t.Helper()
	all := []string{}
	if err := h.ReadEvents(func(e Event) { all = append(all, e.Message) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func event(guard string, seq uint64) Event {
	return Event{Time: time.Now(), App: "shop", Kind: "spawned", Message: fmt.Sprintf("%s%d", guard, seq), Guard: guard, Seq: seq}
}

func TestEventsOfAGuardAreWrittenOnce(t *testing.T) {
	h := eventsHome(t)
	l := h.OpenEvents()
	for _, batch := range [][]Event{
		{event("a", 1), event("a", 2)},
		{event("a", 1), event("a", 2), event("a", 3), event("a", 3)},
		{{Time: time.Now(), Kind: "daemon", Message: "own"}, event("b", 1)},
		{},
	} {
		if _, err := l.Append(batch...); err != nil {
			t.Fatal(err)
		}
	}
	// Another daemon knows what the first has written.
	l = h.OpenEvents()
	if l.Mark("a") != 3 || l.Mark("b") != 1 || l.Mark("c") != 0 {
		t.Errorf("marks %v", l.marks)
	}
	if _, err := l.Append(event("a", 3), event("a", 4)); err != nil {
		t.Fatal(err)
	}
	if got, want := messages(t, h), []string{"a1", "a2", "a3", "own", "b1", "a4"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	info, err := os.Stat(h.EventsPath())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// A daemon that is killed leaves half a line; the next goes on below it.
func TestHalfALineOfTheEventLog(t *testing.T) {
	h := eventsHome(t)
	if _, err := h.OpenEvents().Append(event("a", 1)); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(h.EventsPath(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("not an event\n{\"kind\":\"spawned\",\"seq\":2"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	l := h.OpenEvents()
	if l.Mark("a") != 1 {
		t.Errorf("mark %d, want 1", l.Mark("a"))
	}
	if _, err := l.Append(event("a", 2)); err != nil {
		t.Fatal(err)
	}
	if got, want := messages(t, h), []string{"a1", "a2"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestTheEventLogIsBounded(t *testing.T) {
	h := eventsHome(t)
	l := h.OpenEvents()
	if _, err := l.Append(event("quiet", 7)); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 64<<10)
	const written = 4 * eventsSize / (64 << 10)
	for i := range uint64(written) {
		e := event("busy", i+1)
		e.Message = long
		if _, err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{h.EventsPath(), h.olderEventsPath()} {
		info, err := os.Stat(path)
		if err != nil || info.Size() > eventsSize+128<<10 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", path, info.Size(), err)
		}
	}
	// What was dropped is not written again.
	if l = h.OpenEvents(); l.Mark("quiet") != 7 || l.Mark("busy") != written {
		t.Errorf("marks %v", l.marks)
	}
	if got := len(messages(t, h)); got < eventsSize/(64<<10)-2 || got >= written {
		t.Errorf("%d events are kept of %d", got, written)
	}
}

func TestMarksAreBounded(t *testing.T) {
	l := eventsHome(t).OpenEvents()
	for i := range keptMarks + 10 {
		if _, err := l.Append(event(fmt.Sprint("g", i), 1), event("steady", uint64(i)+1)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.marks) != keptMarks || len(l.order) != keptMarks || l.Mark("g0") != 0 || l.Mark("g509") != 1 || l.Mark("steady") != keptMarks+10 {
		t.Errorf("%d marks, %d in order, g0 %d, steady %d", len(l.marks), len(l.order), l.Mark("g0"), l.Mark("steady"))
	}
}

func TestEventLogThatCannotBeWritten(t *testing.T) {
	h := eventsHome(t)
	if err := os.MkdirAll(filepath.Join(h.EventsPath(), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	// A folder in its place is set aside.
	if _, err := h.OpenEvents().Append(event("a", 1)); err != nil {
		t.Fatal(err)
	}
	l := h.OpenEvents()
	if err := os.RemoveAll(h.State); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(event("a", 2)); err == nil || !strings.Contains(err.Error(), h.EventsPath()) {
		t.Errorf("error %v", err)
	}
	if l.Mark("a") != 1 {
		t.Errorf("mark %d: an event that was not written counts as written", l.Mark("a"))
	}
	if err := os.Mkdir(h.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(event("a", 2)); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, h); !slices.Equal(got, []string{"a2"}) {
		t.Errorf("events %q", got)
	}
}

func TestFollowEvents(t *testing.T) {
	h := eventsHome(t)
	l := h.OpenEvents()
	if _, err := l.Append(event("a", 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen, ready := make(chan string, 100), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.FollowEvents(ctx, func(e Event) { seen <- e.Message }, func() { close(ready) }); err != nil {
			t.Error(err)
		}
	})
	<-ready
	next := func(want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("event %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no event, want %q", want)
		}
	}
	next("a1")
	if _, err := l.Append(event("a", 2)); err != nil {
		t.Fatal(err)
	}
	next("a2")
	// The file is put aside in the middle, as when it is too large.
	if err := os.Rename(h.EventsPath(), h.olderEventsPath()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(event("a", 3)); err != nil {
		t.Fatal(err)
	}
	next("a3")
	cancel()
	wg.Wait()
}

// TestEventIDs: IDs grow over the log's rotation, its reopening, and its loss.
func TestEventIDs(t *testing.T) {
	h := eventsHome(t)
	last := uint64(0)
	write := func(l *EventLog, n int) {
		t.Helper()
		batch := make([]Event, n)
		for i := range batch {
			batch[i] = Event{Time: time.Now(), Kind: "x"}
		}
		written, err := l.Append(batch...)
		if err != nil || len(written) != n {
			t.Fatal(len(written), err)
		}
		for _, e := range written {
			if e.ID <= last {
				t.Fatalf("ID %d after %d", e.ID, last)
			}
			last = e.ID
		}
	}
	l := h.OpenEvents()
	write(l, 1000)
	write(l, 3)
	write(h.OpenEvents(), 2)
	if err := os.Remove(h.EventsPath()); err != nil {
		t.Fatal(err)
	}
	write(h.OpenEvents(), 1)
	written, err := h.OpenEvents().Append(event("g", 1), event("g", 1))
	if err != nil || len(written) != 1 {
		t.Errorf("one was written, got %v %v", written, err)
	}
	ahead := last + 1_000_000_000
	if err := os.WriteFile(h.EventsPath(), fmt.Appendf(nil, `{"id":%d,"time":"2026-01-01T00:00:00Z","kind":"x"}`+"\n", ahead), 0o600); err != nil {
		t.Fatal(err)
	}
	last = ahead // a clock that was set back
	write(h.OpenEvents(), 2)
}
