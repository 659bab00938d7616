package supervisor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/procfile"
)

const (
	// maxDifferences and maxDifference bound what a worker can make us keep: clauses, and bytes of one.
	maxDifferences = 10
	maxDifference  = 300
	// maxBinding bounds what is read of a worker's evaluation; it sends no more than 64 KiB.
	maxBinding = 128 << 10
	// maxOperationDrift is how many workers an operation remembers.
	maxOperationDrift = 32
)

// driftMessage is what a worker says of an evaluation that is not the plan's.
type driftMessage struct {
	Digest string `json:"digest"`
	// Binding is the text that was digested; "" when it is too long.
	Binding string `json:"binding"`
	// Failure says why there is none.
	Failure string `json:"failure"`
}

// against compares with the graph that is being run. Whatever the worker said, it has at least one difference.
func (m driftMessage) against(app *procfile.Application) *Drift {
	d := &Drift{Digest: short(m.Digest, 16)}
	add := func(text string) { d.Differences = append(d.Differences, short(text, maxDifference)) }
	engine := "the evaluation by " + cmp.Or(app.Engine, "the command")
	switch {
	case m.Failure != "":
		add("its own evaluation of the procfile fails: " + m.Failure)
		return d
	case m.Binding == "" || len(m.Binding) > maxBinding:
		add("its evaluation of the procfile differs from " + engine + "; it is too large to say where")
		return d
	}
	differences, err := differences(app, m.Binding, engine)
	if err != nil {
		add("its evaluation of the procfile differs from " + engine + ", and cannot be read: " + err.Error())
		return d
	}
	for i, text := range differences {
		if i == maxDifferences-1 && len(differences) > maxDifferences {
			add(fmt.Sprintf("and %d more differences", len(differences)-i))
			break
		}
		add(text)
	}
	if len(d.Differences) == 0 {
		add("its evaluation of the procfile differs from " + engine + " in something that the graph does not show")
	}
	return d
}

// differences says what the binding of a worker has other than a graph.
func differences(app *procfile.Application, binding, engine string) ([]string, error) {
	var standards struct{ Environment, Configurator string }
	seen := new(procfile.Application)
	for _, into := range []any{&standards, seen} {
		if err := json.Unmarshal([]byte(binding), into); err != nil {
			return nil, err
		}
	}
	complement(seen, app)
	var all []string
	if e := app.Evaluation; e != nil {
		for _, s := range []struct{ name, here, there string }{
			{"environment", standards.Environment, e.Environment}, {"configurator", standards.Configurator, e.Configurator},
		} {
			if s.here != s.there {
				all = append(all, fmt.Sprintf("pandora.%s() is %s here, %s in %s", s.name, cmp.Or(s.here, "not called"), cmp.Or(s.there, "not called"), engine))
			}
		}
	}
	for _, change := range app.Diff(seen) {
		all = append(all, sentence(change, engine))
	}
	return all, nil
}

// complement gives what a worker saw the fields that are no part of a binding, so that they do not differ.
func complement(seen, app *procfile.Application) {
	seen.AppName, seen.AppDir = app.AppName, app.AppDir
	for i := range seen.Processes {
		p := &seen.Processes[i]
		if known := app.Process(p.ProcessName); known != nil {
			p.Env, p.EnvFiles, p.Secrets = known.Env, known.EnvFiles, known.Secrets
			p.Cwd, p.Offset, p.Policy = known.Cwd, known.Offset, known.Policy
		}
	}
	for _, list := range [][2][]procfile.Service{{seen.Services, app.Services}, {seen.Applets, app.Applets}} {
		for i := range list[0] {
			for _, known := range list[1] {
				if known.ServiceName == list[0][i].ServiceName {
					list[0][i].Entry.Kind = known.Entry.Kind
				}
			}
		}
	}
}

// place is the path of a change within a process, service or applet. It is compiled when it is first asked for.
var place = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(process|services|applets)\["((?:[^"\\]|\\.)*)"\](?:\.?(.*))$`)
})

// sentence words one change: old is the graph's, new the worker's. Values of configurations and arguments may be
// secrets, so they are not shown.
func sentence(c procfile.Change, engine string) string {
	m := place().FindStringSubmatch(c.Path)
	if m == nil {
		return fmt.Sprintf("%s is %s here, %s in %s", c.Path, value(c.New), value(c.Old), engine)
	}
	unit := map[string]string{"process": "process", "services": "service", "applets": "applet"}[m[1]]
	what := fmt.Sprintf("%s %q", unit, unquote(m[2]))
	field, _, _ := strings.Cut(m[3], ".")
	field, _, _ = strings.Cut(field, "[")
	switch {
	case field == "" && c.New == nil:
		return fmt.Sprintf("%s is not defined here, but in %s", what, engine)
	case field == "" && c.Old == nil:
		return fmt.Sprintf("%s is defined here, but not in %s", what, engine)
	case field == "category":
		return fmt.Sprintf("%s runs in %s here, in %s in %s", what, value(c.New), value(c.Old), engine)
	case field == "config" || field == "args" || field == "execArgv" || field == "":
		return fmt.Sprintf("%s: %s is not the same as in %s", what, cmp.Or(m[3], "the definition"), engine)
	}
	return fmt.Sprintf("%s: %s is %s here, %s in %s", what, m[3], value(c.New), value(c.Old), engine)
}

// unquote undoes the quoting of a name in a path.
func unquote(quoted string) string {
	var name string
	if json.Unmarshal([]byte(`"`+quoted+`"`), &name) != nil {
		return quoted
	}
	return name
}

// value shows a JSON value in a few characters.
func value(v any) string {
	if v == nil {
		return "not set"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return short(string(data), 60)
}

// short makes a line of at most limit bytes.
func short(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}

// noteDrift tells about the drift of a worker: in its status, in the operation that runs, as an event, in the log.
func (s *Supervisor) noteDrift(w *worker) {
	drift := w.status.Drift
	process := w.process.ProcessName
	s.mu.Lock()
	if op := s.current; op != nil && len(op.snapshot.Drift) < maxOperationDrift {
		op.snapshot.Drift = append(op.snapshot.Drift, WorkerDrift{Process: process, Worker: w.status.Worker, Drift: *drift})
		s.tellWatchers(op)
	}
	s.mu.Unlock()
	s.publish(w)
	s.log.Warn("worker evaluates the procfile differently", w.fields(zap.Strings("differences", drift.Differences))...)
	s.addEvent(Event{
		App: w.plan.App.AppName, Process: process, Worker: w.status.Worker, PID: w.status.PID, Kind: "drift",
		Message: "evaluates the procfile differently: " + strings.Join(drift.Differences, "; "),
	})
}
