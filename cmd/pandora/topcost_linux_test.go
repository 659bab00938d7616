package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/pandora-go/pandora/internal/top"
)

// counted counts what is written.
type counted struct {
	mu sync.Mutex
	n  int // guarded by mu
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += len(p)
	return len(p), nil
}

func (c *counted) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// TestTopWritesLittle: with 200 workers that do nothing, a new sample costs a few bytes: those of the clock.
func TestTopWritesLittle(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	sample := func(second int) topMeasured {
		now := at.Add(time.Duration(second) * time.Second)
		p := top.Process{Name: "web"}
		for i := range 200 {
			p.Workers = append(p.Workers, top.Worker{
				Slot: i, PID: 1000 + i, State: "running", Generation: 1, Since: now.Add(-time.Hour), Measured: true, Memory: 64 << 20,
			})
		}
		return topMeasured{Sample: top.Sample{At: now, Apps: []top.App{{Name: "shop", State: "running", Processes: []top.Process{p}}}}}
	}
	view := &topView{page: top.New(top.Options{}), interval: time.Hour, poll: func() tea.Msg { return sample(0) }}
	out := &counted{}
	program := tea.NewProgram(view, tea.WithInput(nil), tea.WithOutput(out), tea.WithWindowSize(80, 24), tea.WithoutSignalHandler(),
		tea.WithEnvironment([]string{"TERM=xterm-256color", "NO_COLOR=1"}))
	var wg sync.WaitGroup
	var failure error
	wg.Go(func() { _, failure = program.Run() })
	more := func(what string, than int) int {
		deadline := time.Now().Add(terminalPatience)
		for out.total() <= than {
			if time.Now().After(deadline) {
				t.Fatalf("%s: nothing was written", what)
			}
			time.Sleep(time.Millisecond)
		}
		return out.total()
	}
	more("the first page", 1000)
	const samples = 10
	before := out.total()
	for i := range samples {
		program.Send(sample(i + 1))
		more(fmt.Sprint("sample ", i), out.total())
	}
	program.Quit()
	wg.Wait()
	if failure != nil {
		t.Fatal(failure)
	}
	if each := (out.total() - before) / samples; each > 500 {
		t.Errorf("%d bytes for each sample in which nothing changes", each)
	} else {
		t.Logf("the first page took %d bytes, each further sample %d", before, each)
	}
}
