package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// waitedFor is a shop of a web with two workers in these states, and a tick.
func waitedFor(state supervisor.AppState, first, second supervisor.State) control.AppStatus {
	pid := func(s supervisor.State) int {
		if s == supervisor.StateStopped || s == supervisor.StateBackoff || s == supervisor.StateFatal {
			return 0
		}
		return 7
	}
	return control.AppStatus{AppName: "shop", State: state, StateName: "Running", Processes: []supervisor.ProcessStatus{
		{Name: "web", Workers: []supervisor.WorkerStatus{
			{Worker: 0, State: first, PID: pid(first)}, {Worker: 1, State: second, PID: pid(second), Reason: reasonOf(second)},
		}},
		{Name: "tick", Stopped: true, Workers: []supervisor.WorkerStatus{{State: supervisor.StateStopped}}},
	}}
}

func reasonOf(s supervisor.State) string {
	if s == supervisor.StateFatal {
		return "never\nready"
	}
	return ""
}

func TestMissing(t *testing.T) {
	const running, starting, fatal = supervisor.StateRunning, supervisor.StateStarting, supervisor.StateFatal
	whole := selection{"shop", "", anyWorker}
	up := waitedFor(supervisor.AppComplete, running, running)
	half := waitedFor(supervisor.AppComplete, running, fatal)
	reloading := waitedFor(supervisor.AppComplete, running, running)
	web := &reloading.Processes[0]
	web.Workers = append([]supervisor.WorkerStatus{web.Workers[0], {Worker: 0, State: starting}}, web.Workers[1:]...)
	busy := waitedFor(supervisor.AppStopped, supervisor.StateStopped, supervisor.StateStopped)
	busy.Operation = &supervisor.Operation{Kind: supervisor.OpRestart, AppName: "shop", State: supervisor.OpRunning}
	down := busy
	down.Operation = nil
	for _, tt := range []struct {
		name   string
		goal   waitGoal
		s      selection
		app    control.AppStatus
		health []control.Health
		want   string
	}{
		{"ready", forReady, whole, up, nil, ""},
		{"a worker is fatal", forReady, whole, half, nil, "shop/web/1 fatal: never ready"},
		{"another worker is fatal", forReady, selection{"shop", "web", 0}, half, nil, ""},
		{"this worker is fatal", forReady, selection{"shop", "web", 1}, half, nil, "shop/web/1 fatal: never ready"},
		{"no such worker", forReady, selection{"shop", "web", 2}, up, nil, "shop/web/2 is not there any more"},
		{"stopped on its own", forReady, selection{"shop", "tick", anyWorker}, up, nil, "shop/tick was stopped on its own"},
		{"the old one counts", forReady, whole, reloading, nil, ""},
		{"on its way", forReady, whole, waitedFor(supervisor.AppPending, running, starting), nil, "shop/web/1 starting"},
		{"all but done", forReady, whole, waitedFor(supervisor.AppPending, running, running), nil, "shop is starting"},
		{"stopped", forReady, whole, down, nil, "shop is stopped"},
		{"unknown", forReady, selection{"blog", "", anyWorker}, up, nil, "blog is not known"},
		{"healthy", forHealthy, whole, up, []control.Health{{AppName: "shop", Up: true}}, ""},
		{"unhealthy", forHealthy, whole, up, []control.Health{{AppName: "shop", Reason: "db:\nno"}}, "shop is DOWN: db: no"},
		{"unhealthy, nobody knows why", forHealthy, whole, up, []control.Health{{AppName: "shop"}}, "shop is DOWN"},
		{"health of others", forHealthy, whole, up, []control.Health{{AppName: "blog", Up: true}}, "nothing is known of the health of shop"},
		{"not even ready", forHealthy, whole, half, []control.Health{{AppName: "shop", Up: true}}, "shop/web/1 fatal: never ready"},
		{"it runs", forStopped, whole, up, nil, "shop is running"},
		{"a process runs", forStopped, selection{"shop", "web", anyWorker}, half, nil, "shop/web/0 is running"},
		{"a worker does not", forStopped, selection{"shop", "web", 1}, half, nil, ""},
		{"a process does not", forStopped, selection{"shop", "tick", anyWorker}, up, nil, ""},
		{"between two lives", forStopped, whole, busy, nil, "the restart of shop is under way"},
		{"gone", forStopped, selection{"blog", "", anyWorker}, up, nil, ""},
		{"down", forStopped, whole, down, nil, ""},
	} {
		seen := control.Watched{Applications: []control.AppStatus{tt.app}, Health: tt.health}
		if got := strings.Join(missingOf(tt.goal, []selection{tt.s}, seen), "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	w := &waiter{goal: forReady, chosen: []selection{{"blog", "", anyWorker}}}
	if err := w.look(control.Watched{Applications: []control.AppStatus{up}}); exitCode(err) != exitNotFound || !strings.Contains(err.Error(), "blog is gone") {
		t.Errorf("an application that is gone: %v", err)
	}
	w = &waiter{goal: forHealthy, chosen: []selection{whole}}
	if err := w.look(control.Watched{Applications: []control.AppStatus{up}}); err == nil || !strings.Contains(err.Error(), "switched off") {
		t.Errorf("health that is switched off: %v", err)
	}
	limit := defaultWait
	if (*timeoutFlag)(&limit).Set("90") != nil || limit != 90*time.Second {
		t.Errorf("limit %s", limit)
	}
}
