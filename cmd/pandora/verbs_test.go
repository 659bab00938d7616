package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

func TestListLines(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	running := func(slot, generation int) supervisor.WorkerStatus {
		return supervisor.WorkerStatus{Worker: slot, Generation: generation, State: supervisor.StateRunning, PID: 1}
	}
	with := func(w supervisor.WorkerStatus, change func(*supervisor.WorkerStatus)) supervisor.WorkerStatus {
		change(&w)
		return w
	}
	web := func(workers ...supervisor.WorkerStatus) []supervisor.ProcessStatus {
		return []supervisor.ProcessStatus{{Name: "web", Workers: workers}}
	}
	many := make([]supervisor.WorkerStatus, maxRestartLines+3)
	for i := range many {
		many[i] = with(running(i, 2), func(w *supervisor.WorkerStatus) { w.Restarts = 1 })
	}
	for name, c := range map[string]struct {
		processes []supervisor.ProcessStatus
		operation *supervisor.Operation
		want      []string
	}{
		"nothing to say": {processes: web(running(0, 1), running(1, 7))},
		"a reload": {
			processes: web(
				running(0, 3), with(running(0, 4), func(w *supervisor.WorkerStatus) { w.State = supervisor.StateStarting }), running(1, 3),
			),
			operation: &supervisor.Operation{
				ID: "0123456789", Kind: supervisor.OpReload, State: supervisor.OpRunning, Steps: []supervisor.Step{{Process: "web", Done: 1, Total: 3}},
			},
			want: []string{
				"shop: reload under way, 1 of 3 workers done; [ pandora operation 01234567 --follow ] waits for its end",
				"shop: web-0 generation 3 (old), 4 starting",
			},
		},
		"an old worker on its way out": {
			processes: web(with(running(0, 3), func(w *supervisor.WorkerStatus) { w.State = supervisor.StateStopping }), running(0, 4)),
			want:      []string{"shop: web-0 generation 3 (old, stopping), 4 running"},
		},
		"a reload that failed in part": {
			processes: web(running(0, 2), running(1, 1)),
			operation: &supervisor.Operation{
				Kind: supervisor.OpReload, State: supervisor.OpFailed, Replaced: 1,
				Failure: &supervisor.Failure{Process: "web", Worker: 1, Message: "it does\nnot start"},
			},
			want: []string{"shop: the last reload failed after 1 worker had been replaced (web-0 is generation 2, web-1 is generation 1): it does not start"},
		},
		"a reload of one process that failed": {
			processes: web(running(0, 1)),
			operation: &supervisor.Operation{
				Kind: supervisor.OpReload, Process: "web", State: supervisor.OpFailed, Failure: &supervisor.Failure{Message: "no"},
			},
			want: []string{"shop: the last reload of web failed: no"},
		},
		"stopped on its own": {
			processes: []supervisor.ProcessStatus{{Name: "tick", Stopped: true, Workers: []supervisor.WorkerStatus{{State: supervisor.StateStopped}}}},
			want:      []string{"shop: tick stopped on its own; [ pandora start shop/tick ] starts it"},
		},
		"unresponsive": {
			processes: web(with(running(0, 1), func(w *supervisor.WorkerStatus) { w.UnresponsiveSince = now.Add(-90 * time.Second) })),
			want:      []string{"shop: web-0 has not answered for 1m 30s"},
		},
		"exclusive": {
			processes: web(with(running(0, 1), func(w *supervisor.WorkerStatus) {
				w.Listening, w.Exclusive = []string{"tcp *:80", "udp *:53"}, []string{"udp *:53"}
			})),
			want: []string{"shop: web-0 holds udp *:53 alone: a reload stops it first"},
		},
		"restarted": {
			processes: web(with(running(0, 3), func(w *supervisor.WorkerStatus) {
				w.Restarts, w.LastExit = 2, &supervisor.Exit{Code: -1, Signal: "SIGKILL"}
			})),
			want: []string{"shop: web-0 running, 2 restarts: ended by SIGKILL"},
		},
		"with a message": {
			processes: web(with(running(0, 3), func(w *supervisor.WorkerStatus) {
				w.Restarts, w.LastExit = 1, &supervisor.Exit{Code: 1, Message: "exited with code 1: Error:\n no"}
			})),
			want: []string{"shop: web-0 running, 1 restart: exited with code 1: Error: no"},
		},
		"backing off": {
			processes: web(supervisor.WorkerStatus{State: supervisor.StateBackoff, NextTryAt: now.Add(1500 * time.Millisecond), Restarts: 4, Reason: "it ended"}),
			want:      []string{"shop: web-0 backoff, next try in 1.5 s, 4 restarts: it ended"},
		},
		"many restarts": {processes: web(many...), want: append(func() (lines []string) {
			for i := range maxRestartLines {
				lines = append(lines, "shop: web-"+string(rune('0'+i))+" running, 1 restart")
			}
			return lines
		}(), "shop: 3 more workers were restarted; [ pandora describe shop ] shows all")},
	} {
		app := control.AppStatus{AppName: "shop", State: supervisor.AppComplete, Processes: c.processes, Operation: c.operation}
		if got, want := strings.Join(troubles(app, now), "\n"), strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestFindOperation(t *testing.T) {
	all := []supervisor.Operation{
		{ID: "abcd1", AppName: "shop", Kind: supervisor.OpStart}, {ID: "abcd2", AppName: "shop", Kind: supervisor.OpReload},
		{ID: "beef3", AppName: "abc", Kind: supervisor.OpStop},
	}
	for which, want := range map[string]string{"abcd1": "abcd1", "be": "beef3", "shop": "abcd2", "abc": "beef3"} {
		if op, err := findOperation(all, which); err != nil || op.ID != want {
			t.Errorf("%q finds %q, %v, want %q", which, op.ID, err, want)
		}
	}
	for which, code := range map[string]int{"abcd": exitUsage, "x": exitNotFound} {
		if _, err := findOperation(all, which); exitCode(err) != code {
			t.Errorf("%q: %v, exit code %d, want %d", which, err, exitCode(err), code)
		}
	}
}

func TestSinceTime(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.Local)
	for text, want := range map[string]time.Time{
		"": {}, "10m": now.Add(-10 * time.Minute), "1h30m": now.Add(-90 * time.Minute), "0s": now,
		"2026-01-31":           time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local),
		"2026-01-31 12:30":     time.Date(2026, 1, 31, 12, 30, 0, 0, time.Local),
		"2026-01-31T12:30:01":  time.Date(2026, 1, 31, 12, 30, 1, 0, time.Local),
		"2026-01-31T12:30:01Z": time.Date(2026, 1, 31, 12, 30, 1, 0, time.UTC),
	} {
		if got, err := sinceTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-10m", "10", "2026-13-01"} {
		if _, err := sinceTime(text, now); exitCode(err) != exitUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEventsArePrintedInOrder(t *testing.T) {
	var out bytes.Buffer
	c := &cli{out: &out}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	slot := 1
	p := &eventPrinter{cli: c, app: "shop", keep: 2, format: &format{name: formatTable}}
	for _, e := range []state.Event{
		{Time: at.Add(time.Second), App: "shop", Kind: "exited", Process: "web", Worker: &slot, PID: 7, Message: "gone\nfor good"},
		{Time: at, App: "other", Kind: "ready"},
		{Time: at.Add(2 * time.Second), App: "shop", Kind: "operation", Message: "stop begins"},
		{Time: at.Add(time.Second), App: "shop", Kind: "ready", Process: "web", Worker: &slot, PID: 8, Message: "ready"},
	} {
		p.see(e)
	}
	p.printKept()
	p.see(state.Event{Time: at.Add(3 * time.Second), App: "shop", Kind: "operation", Process: "web", Message: "live"})
	want := "2026-01-02 03:04:06.000  shop/web-1  ready  [8] ready\n" +
		"2026-01-02 03:04:07.000  shop  operation  stop begins\n" +
		"2026-01-02 03:04:08.000  shop/web  operation  live\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
	// No more is kept than asked for, however much is seen.
	p = &eventPrinter{cli: c, keep: 3, format: &format{name: formatTable}}
	for range 10000 {
		p.see(state.Event{Time: at, Kind: "ready"})
		if len(p.kept) > 100 {
			t.Fatalf("%d events kept", len(p.kept))
		}
	}
}

func TestMaskedArgs(t *testing.T) {
	got := maskedArgs([]string{"--token=a=b", "--secret", "c", "-x", "--password", "--plain", "d", "e=f"})
	if text := strings.Join(got, " "); text != "--token=****** --secret ****** -x --password --plain d e=f" {
		t.Errorf("shown %q", text)
	}
}

func TestHowReloaded(t *testing.T) {
	plain := procfile.Process{ProcessName: "web", Kind: procfile.KindPlain, Scale: 1}
	held := supervisor.ProcessStatus{Workers: []supervisor.WorkerStatus{{Worker: 0, Exclusive: []string{"udp *:53"}}}}
	declared := plain
	declared.Policy = &procfile.Policy{Reload: procfile.ReloadStopFirst}
	for _, c := range []struct {
		p         procfile.Process
		s         supervisor.ProcessStatus
		mode, why string
	}{
		{plain, supervisor.ProcessStatus{}, "start-first", "its sockets outlive its workers"},
		{plain, held, "stop-first", "web-0 holds udp *:53, which only one process can hold"},
		{declared, held, "stop-first", "the procfile says so"},
	} {
		if mode, why := howReloaded(c.p, c.s); mode != c.mode || why != c.why {
			t.Errorf("%s: %s, want %s: %s", mode, why, c.mode, c.why)
		}
	}
}
