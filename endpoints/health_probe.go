package endpoints

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The states of a worker that probes look at.
const (
	workerRunning = "running"
	workerFatal   = "fatal"
)

// probeCheck is one line of a probe.
type probeCheck struct {
	name string
	// reason says why it fails; "" when it does not.
	reason string
}

// livenessOf tells whether a restart from outside would help an application. It looks at its processes and at nothing
// else: a process lives while a worker of it answers, or is about to be started again. What is stopping, or was stopped on
// its own, lives.
func livenessOf(app Application) []probeCheck {
	return eachProcess(app, func(p Process) string {
		fatal, deaf, lives := 0, 0, 0
		for _, w := range p.Workers {
			switch {
			case w.State == workerFatal:
				fatal++
			case w.State == workerRunning && !w.UnresponsiveSince.IsZero():
				deaf++
			default:
				lives++
			}
		}
		switch {
		case p.Stopped || lives > 0 || fatal+deaf == 0:
			return ""
		case deaf == 0:
			return "no worker can be started: " + lastReason(p)
		}
		return "no worker answers"
	})
}

// readinessOf tells whether an application takes work: at least one worker of each process is ready, and it is not on its
// way down.
func readinessOf(app Application) []probeCheck {
	list := []probeCheck{}
	switch {
	case !app.Running:
		return append(list, probeCheck{app.Name, "it does not run"})
	case app.Draining:
		list = append(list, probeCheck{app.Name, "it is stopping"})
	}
	return append(list, eachProcess(app, func(p Process) string {
		switch {
		case p.Stopped:
			return "" // on purpose
		case slices.ContainsFunc(p.Workers, func(w Worker) bool { return w.Ready }):
			return ""
		}
		if why := lastReason(p); why != "" {
			return "no worker is ready: " + why
		}
		return "no worker is ready"
	})...)
}

// startupOf tells whether an application has become ready since it was started.
func startupOf(app Application) []probeCheck {
	if !app.Running {
		return []probeCheck{{app.Name, "it does not run"}}
	}
	return eachProcess(app, func(p Process) string {
		if app.State == stateComplete || p.Stopped || slices.ContainsFunc(p.Workers, func(w Worker) bool { return !w.ReadyAt.IsZero() }) {
			return ""
		}
		return "no worker has become ready yet"
	})
}

// eachProcess makes a check for each process.
func eachProcess(app Application, check func(Process) string) []probeCheck {
	list := make([]probeCheck, len(app.Processes))
	for i, p := range app.Processes {
		list[i] = probeCheck{app.Name + "/" + p.Name, check(p)}
	}
	return list
}

func lastReason(p Process) string {
	for _, w := range p.Workers {
		if w.Reason != "" {
			return w.Reason
		}
	}
	return ""
}

// livez serves /livez: whether the daemon and the processes live. It never asks an Indicator.
func (s *Server) livez(ctx context.Context, r request) (answer, error) {
	return s.probe(ctx, r, "livez", func(_ context.Context, app Application) []probeCheck { return livenessOf(app) })
}

// readyz serves /readyz: whether what runs takes work. Without application it is not ready when none runs.
func (s *Server) readyz(ctx context.Context, r request) (answer, error) {
	return s.probe(ctx, r, "readyz", s.readiness)
}

// startupz serves /startupz: whether what was started has become ready once.
func (s *Server) startupz(ctx context.Context, r request) (answer, error) {
	return s.probe(ctx, r, "startupz", func(_ context.Context, app Application) []probeCheck { return startupOf(app) })
}

// readiness is that of the processes, and of the Indicators that the group readiness includes.
func (s *Server) readiness(ctx context.Context, app Application) []probeCheck {
	list := readinessOf(app)
	group := s.options.view.groups[groupReadiness]
	if group.stateOnly() || !app.Running {
		return list
	}
	for _, c := range s.healthOf(ctx, app).only(group).components {
		check := probeCheck{name: app.Name + ":" + c.name}
		if !c.up && c.critical {
			check.reason = c.description
			if check.reason == "" {
				check.reason = "it says DOWN"
			}
		}
		list = append(list, check)
	}
	return list
}

// probe answers as Kubernetes' own endpoints do: "ok", or 503 with a line for each check; all lines with verbose; exclude
// leaves out a check, or all of an application or process.
func (s *Server) probe(ctx context.Context, r request, name string, checks func(context.Context, Application) []probeCheck) (answer, error) {
	known := s.source.Applications()
	var list []probeCheck
	running := 0
	for _, app := range known {
		switch {
		case r.name != "" && app.Name != r.name, r.name == "" && !app.Running:
			continue
		case r.name != "" && !app.Running:
			list = append(list, probeCheck{app.Name, "it does not run"})
		default:
			list = append(list, checks(ctx, app)...)
		}
		running++
	}
	switch {
	case r.name != "" && running == 0:
		return text(http.StatusNotFound, appNotFound(r.name)), nil
	case r.process != "":
		if list = ofProcess(list, r.name, r.process); len(list) == 0 {
			return text(http.StatusNotFound, "Can't found a process it named "+r.process), nil
		}
	case r.name == "":
		ping := probeCheck{name: "ping"}
		if s.source.Daemon().Stopping && name == "readyz" {
			ping.reason = "the daemon stops all applications"
		}
		list = append([]probeCheck{ping}, list...)
		if running == 0 && name == "readyz" {
			list = append(list, probeCheck{"applications", "none runs"})
		}
	}
	return formProbe(r, name, list, s.options.view.shows(r.trusted)), nil
}

// ofProcess keeps the checks of one process and of the application as a whole; none when there is no such process.
func ofProcess(list []probeCheck, app, process string) []probeCheck {
	var kept []probeCheck
	found := false
	for _, check := range list {
		one := check.name == app+"/"+process
		found = found || one
		if one || check.name == app || strings.HasPrefix(check.name, app+":") {
			kept = append(kept, check)
		}
	}
	if !found && !slices.ContainsFunc(list, func(c probeCheck) bool { return c.name == app }) {
		return nil
	}
	return kept
}

// formProbe writes a probe's answer.
func formProbe(r request, name string, list []probeCheck, shown bool) answer {
	var lines strings.Builder
	status := http.StatusOK
	excluded := map[string]bool{}
	for _, check := range list {
		out := excludes(r.query["exclude"], check.name, excluded)
		switch {
		case out:
			lines.WriteString("[+]" + check.name + " excluded: ok\n")
		case check.reason == "":
			lines.WriteString("[+]" + check.name + " ok\n")
		default:
			status = http.StatusServiceUnavailable
			why := "reason withheld"
			if shown {
				why = oneLine(check.reason)
			}
			lines.WriteString("[-]" + check.name + " failed: " + why + "\n")
		}
	}
	var unknown []string
	for _, name := range r.query["exclude"] {
		if name != "" && !excluded[name] && !slices.Contains(unknown, strconv.Quote(name)) {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	if len(unknown) > 0 {
		lines.WriteString("warn: some health checks cannot be excluded: no matches for " + strings.Join(unknown, ",") + "\n")
	}
	_, verbose := r.query["verbose"]
	switch {
	case status != http.StatusOK:
		lines.WriteString(name + " check failed\n")
	case verbose:
		lines.WriteString(name + " check passed\n")
	default:
		return text(status, "ok")
	}
	return text(status, lines.String())
}

// excludes reports whether one of the names is the check, or the application or process it belongs to; it marks that name.
func excludes(names []string, check string, matched map[string]bool) bool {
	out := false
	for _, name := range names {
		rest, found := strings.CutPrefix(check, name)
		if name != "" && found && (rest == "" || rest[0] == '/' || rest[0] == ':') {
			matched[name], out = true, true
		}
	}
	return out
}

// oneLine keeps a reason within its line.
func oneLine(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}
