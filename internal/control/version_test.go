package control

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/pandora-go/pandora/supervisor"
)

// TestVersionSeesEveryChange: whatever the endpoints show of the state makes another version, and nothing else does.
func TestVersionSeesEveryChange(t *testing.T) {
	app := &application{name: "a"}
	f := &Fleet{apps: map[string]*application{"a": app}, seed: maphash.MakeSeed()}
	set := func(change func(*supervisor.Status)) {
		s := app.status
		s.Processes = []supervisor.ProcessStatus{{Name: "web", Workers: []supervisor.WorkerStatus{{PID: 7, Generation: 1, State: supervisor.StateRunning}}}}
		change(&s)
		app.status = s
	}
	set(func(*supervisor.Status) {})
	last := f.Version()
	if f.Version() != last {
		t.Fatal("changes by itself")
	}
	for name, change := range map[string]func(){
		"state": func() { set(func(s *supervisor.Status) { s.State = supervisor.AppComplete }) },
		"operation": func() {
			set(func(s *supervisor.Status) { s.Operation = &supervisor.Operation{ID: "1", State: supervisor.OpRunning} })
		},
		"worker": func() { set(func(s *supervisor.Status) { s.Processes[0].Workers[0].State = supervisor.StateStopping }) },
		"pid":    func() { set(func(s *supervisor.Status) { s.Processes[0].Workers[0].PID = 8 }) },
		"deaf":   func() { set(func(s *supervisor.Status) { s.Processes[0].Workers[0].UnresponsiveSince = time.Now() }) },
		"socket": func() {
			set(func(s *supervisor.Status) { s.Sockets = []supervisor.Socket{{Address: "127.0.0.1", Port: 1}} })
		},
		"keeping": func() { app.keeping = true },
		"another": func() { f.apps["b"] = &application{name: "b"} },
	} {
		change()
		if now := f.Version(); now == last {
			t.Errorf("%s: the same version", name)
		} else {
			last = now
		}
	}
}
