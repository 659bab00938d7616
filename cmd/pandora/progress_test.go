package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/supervisor"
)

// began is when the operations of these tests begin.
var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is a moment of such an operation.
func at(d time.Duration) time.Time { return began.Add(d) }

func TestProgressLines(t *testing.T) {
	const s = time.Second
	op := func(kind supervisor.OpKind, steps ...supervisor.Step) supervisor.Operation {
		return supervisor.Operation{ID: "1", Kind: kind, AppName: "shop", State: supervisor.OpRunning, StartedAt: began, Steps: steps}
	}
	ended := func(o supervisor.Operation, state supervisor.OpState, f *supervisor.Failure) supervisor.Operation {
		o.State, o.Failure, o.FinishedAt = state, f, at(9*s)
		return o
	}
	waiting := supervisor.Step{Process: "worker", State: stepWaiting, Total: 2}
	running := supervisor.Step{Process: "web", State: stepRunning, Done: 2, Total: 4, Starting: 2, StartedAt: began}
	health := running
	health.Doing = "waits for http://127.0.0.1:80/health to answer"
	done := supervisor.Step{Process: "web", State: stepDone, Done: 4, Total: 4, StartedAt: began, FinishedAt: at(2140 * time.Millisecond)}
	left := done
	left.Leaving, left.Doing = 2, "drains 3 connections"
	failed := supervisor.Step{Process: "web", State: stepFailed, Done: 1, Total: 4, StartedAt: began, FinishedAt: at(340 * time.Millisecond)}
	failure := &supervisor.Failure{Process: "web", Worker: 3, Message: "long", Exit: &supervisor.Exit{Message: "exited with code 1:\nError: x"}}
	back := failed
	back.Leaving = 2
	wide := supervisor.Step{Process: "支付服务\x1b[31m", State: stepRunning, Total: 1, StartedAt: began}
	stops := supervisor.Step{Process: "web", State: stepRunning, Done: 1, Total: 4, Leaving: 3, Doing: "drains 1 connection", StartedAt: began}
	before := supervisor.Step{Process: "web", State: stepWaiting, Total: 4, Leaving: 3, Doing: "stops its services"}
	terminal := onScreen(80, 24)
	for _, c := range []struct {
		name       string
		op         supervisor.Operation
		screen     screen
		over, live string
	}{
		{"start", op(supervisor.OpStart, running, waiting), terminal, "", "⠸ web    2/4 ready 1.3s\n· worker waits for its turn"},
		{"long wait", op(supervisor.OpStart, health), terminal, "", "⠸ web 2/4 ready 1.3s  waits for http://127.0.0.1:80/health to answer"},
		{"one is done", op(supervisor.OpStart, done, waiting), terminal, "✓ web    4/4 ready 2.1s", "· worker waits for its turn"},
		{"old workers", op(supervisor.OpReload, left, waiting), terminal, "",
			"⠸ web    4/4 ready 2.1s  2 old workers leave (0.0s), drains 3 connections\n· worker waits for its turn"},
		{"all done, not ended", op(supervisor.OpReload, done), terminal, "✓ web 4/4 ready 2.1s", "⠸ reloading shop 1.3s"},
		{"an older daemon", op(supervisor.OpStart), terminal, "", "⠸ starting shop 1.3s"},
		{"roll back", op(supervisor.OpStart, back), terminal, "", "✗ web 1/4 ready 340ms  what was started is stopped"},
		{"failed", ended(op(supervisor.OpStart, failed, waiting), supervisor.OpFailed, failure), terminal,
			"✗ web    1/4 ready 340ms  worker 3 exited with code 1: Error: x", ""},
		{"another failed", ended(op(supervisor.OpReload, done, failed), supervisor.OpFailed, &supervisor.Failure{Process: "x", Message: "y"}), terminal,
			"✓ web 4/4 ready 2.1s\n✗ web 1/4 ready 340ms", ""},
		{"cancelled", ended(op(supervisor.OpStart, running, waiting), supervisor.OpCanceled, nil), terminal, "✗ web    2/4 ready 9.0s  cancelled", ""},
		{"stop", op(supervisor.OpStop, stops), terminal, "", "⠸ web 1/4 stopped 1.3s  drains 1 connection"},
		{"restart", op(supervisor.OpRestart, before), terminal, "", "⠸ web stopping 3 1.3s  stops its services"},
		{"no terminal", ended(op(supervisor.OpStart, done, failed), supervisor.OpFailed, failure), screen{},
			"✓ shop/web 4/4 ready 2.1s\n✗ shop/web 1/4 ready 340ms  worker 3 exited with code 1: Error: x", ""},
		{"narrow", op(supervisor.OpStart, health, wide), onScreen(20, 24), "", "⠸ web      2/4 rea…\n⠸ 支付服…  0/1 rea…"},
		{"nonsense", op(supervisor.OpStart, health), onScreen(1, 1), "", "⠸ web 2/…"},
	} {
		over, live := progressLines(c.op, at(1340*time.Millisecond), c.screen)
		if got := written(over); got != c.over {
			t.Errorf("%s: over\n%s\nwant\n%s", c.name, got, c.over)
		}
		if got := written(live); got != c.live {
			t.Errorf("%s: live\n%s\nwant\n%s", c.name, got, c.live)
		}
		for _, l := range append(over, live...) {
			if c.screen.width > 0 && l.width() >= c.screen.width {
				t.Errorf("%s: %q takes %d of %d columns", c.name, l.text, l.width(), c.screen.width)
			}
		}
	}
}

// written are lines without colours.
func written(lines []progressLine) string {
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = l.painted(false)
	}
	return strings.Join(all, "\n")
}

func TestProgressFitsTheScreen(t *testing.T) {
	op := supervisor.Operation{ID: "1", Kind: supervisor.OpStop, AppName: "shop", State: supervisor.OpRunning, StartedAt: began}
	for i := range 200 {
		st := supervisor.Step{Process: fmt.Sprintf("p%03d", i), State: stepWaiting, Total: 1}
		switch {
		case i < 20:
			st.State, st.Done, st.FinishedAt = stepDone, 1, at(time.Second)
		case i < 40:
			st.State, st.StartedAt = stepRunning, began
		case i == 40:
			st.State, st.Done = stepDone, 1
		}
		op.Steps = append(op.Steps, st)
	}
	for _, height := range []int{0, 3, 5, 24, 300} {
		over, live := progressLines(op, at(time.Second), onScreen(80, height))
		if len(over) != 20 {
			t.Errorf("height %d: %d lines are over, want 20", height, len(over))
		}
		if limit := max(height, 3) - 1; height > 0 && len(live) > limit || len(live) == 0 {
			t.Errorf("height %d: %d lines", height, len(live))
		}
		if last := live[len(live)-1].painted(false); height == 5 && last != "… 21 of 200 processes, 159 wait, 17 more under way 1.0s" {
			t.Errorf("height %d: the last line is %q", height, last)
		}
	}
}

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		d           time.Duration
		live, final string
	}{
		{-time.Second, "0.0s", "0ms"}, {340 * time.Millisecond, "0.3s", "340ms"}, {2190 * time.Millisecond, "2.1s", "2.1s"},
		{59999 * time.Millisecond, "59.9s", "59.9s"}, {125 * time.Second, "2m 5s", "2m 5s"},
	} {
		if span(c.d) != c.live || finalSpan(c.d) != c.final {
			t.Errorf("%v: %q and %q, want %q and %q", c.d, span(c.d), finalSpan(c.d), c.live, c.final)
		}
	}
}

// frames keeps what was written, each time.
type frames struct {
	mu    sync.Mutex
	all   []string
	times []time.Time
}

func (f *frames) Write(data []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.times = append(f.all, string(data)), append(f.times, time.Now())
	return len(data), nil
}

// TestProgressIsDrawnTenTimesASecond tells of far more changes than can be seen, in virtual time.
func TestProgressIsDrawnTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out frames
		p := &progress{w: &out}
		p.begin(func() (int, int) { return 40, 10 })
		op := supervisor.Operation{ID: "1", Kind: supervisor.OpStart, AppName: "shop", State: supervisor.OpRunning, StartedAt: time.Now(),
			Steps: []supervisor.Step{{Process: "web", State: stepRunning, Total: 500, StartedAt: time.Now()}, {Process: "last", State: stepWaiting, Total: 1}}}
		for range 500 {
			op.Steps = append([]supervisor.Step{}, op.Steps...)
			op.Steps[0].Done++
			p.show(op)
			time.Sleep(5 * time.Millisecond)
		}
		op.Steps = append([]supervisor.Step{}, op.Steps...)
		op.Steps[0].State, op.Steps[0].FinishedAt = stepDone, time.Now()
		op.Steps[1] = op.Steps[0]
		op.Steps[1].Process = "last"
		op.State = supervisor.OpSucceeded
		p.show(op)
		p.close()
		p.close()
		if n := len(out.all); n < 24 || n > 26 {
			t.Errorf("drawn %d times in 2.5 s", n)
		}
		for i := 1; i < len(out.times)-1; i++ { // the last one does not wait
			if d := out.times[i].Sub(out.times[i-1]); d < redrawPause {
				t.Errorf("drawn again after %v", d)
			}
		}
		for _, frame := range out.all[1 : len(out.all)-1] {
			if !wholeFrame.MatchString(frame) {
				t.Errorf("drawn %q", frame)
			}
		}
		if got, want := out.all[len(out.all)-1], "\x1b[2A\r✓ web  500/500 ready 2.5s\x1b[K\n✓ last 500/500 ready 2.5s\x1b[K\n\x1b[J"; got != want {
			t.Errorf("the last drawing is %q, want %q", got, want)
		}
	})
}

// wholeFrame is a drawing in place of two lines.
var wholeFrame = regexp.MustCompile(`^\x1b\[2A\r[` + spinner + `] web  \d+/500 ready \d\.\ds\x1b\[K\n· last waits for its turn\x1b\[K\n\x1b\[J$`)

// TestProgressOnANarrowerTerminal holds that lines which the terminal has broken meanwhile are taken away whole.
func TestProgressOnANarrowerTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out frames
		var mu sync.Mutex
		width := 80
		p := &progress{w: &out}
		p.begin(func() (int, int) { mu.Lock(); defer mu.Unlock(); return width, 10 })
		p.show(supervisor.Operation{ID: "1", Kind: supervisor.OpStart, State: supervisor.OpRunning, StartedAt: time.Now(), Steps: []supervisor.Step{
			{Process: "web", State: stepRunning, Total: 1, StartedAt: time.Now(), Doing: "waits for http://127.0.0.1:80/health to answer"},
		}})
		time.Sleep(150 * time.Millisecond)
		mu.Lock()
		width = 20
		mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		p.close()
		if len(out.all) < 2 || !strings.HasPrefix(out.all[1], "\x1b[4A\r⠹ web 0/1 ready 0.…\x1b[K\n\x1b[J") {
			t.Errorf("drawn %q", out.all)
		}
	})
}

func TestProgressWithoutTerminal(t *testing.T) {
	steps := func(states ...string) supervisor.Operation {
		op := supervisor.Operation{ID: "1", Kind: supervisor.OpReload, AppName: "shop", State: supervisor.OpRunning, StartedAt: began}
		for i, state := range states {
			op.Steps = append(op.Steps, supervisor.Step{
				Process: fmt.Sprint("p", i), State: state, Done: 1, Total: 1, StartedAt: began, FinishedAt: at(time.Second),
			})
		}
		return op
	}
	var out, errOut bytes.Buffer
	c := newCLI(&out, &errOut, nil)
	p := c.newProgress()
	last := steps(stepDone, stepFailed, stepWaiting)
	last.State, last.Failure = supervisor.OpFailed, &supervisor.Failure{Process: "p1", Message: "no Node"}
	for _, op := range []supervisor.Operation{steps(stepWaiting, stepWaiting), steps(stepRunning, stepWaiting), steps(stepDone, stepRunning), steps(stepDone, stepRunning), last} {
		p.show(op)
	}
	p.close()
	if want := "✓ shop/p0 1/1 ready 1.0s\n✗ shop/p1 1/1 ready 1.0s  no Node\n"; errOut.String() != want || out.Len() > 0 {
		t.Errorf("got %q, want %q; standard output %q", errOut.String(), want, out.String())
	}
	errOut.Reset()
	c.quiet = true
	p = c.newProgress()
	p.show(last)
	p.close()
	if errOut.Len() > 0 {
		t.Errorf("quiet, and %q", errOut.String())
	}
}
