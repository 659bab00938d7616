package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// adoption is how long after its start a daemon takes the applications it hears of for ones that ran before it.
const adoption = 10 * time.Second

// Declared is a reporter as the procfile of an application has it.
type Declared struct {
	Name string
	// Options are JSON values.
	Options map[string]any
}

// Application is one that runs.
type Application struct {
	Name string
	// Reporters are those that are no classes of the procfile.
	Reporters []Declared
}

// build is what makes the sink of one type.
type build func(o *options) taker

// types are the reporters that can be configured, by type.
func (s *Set) types() map[string]build {
	return map[string]build{
		"file":        s.newFile,
		"console":     s.newConsole,
		"statsd":      s.newStatsd,
		"dogstatsd":   s.newDogStatsd,
		"otlp":        s.newOTLP,
		"open-falcon": s.newFalcon,
		"newrelic":    s.newNewRelic,
		"alinode":     s.newAlinode,
		"oneapm":      s.newOneAPM,
		"m3":          s.newM3,
		"tally":       s.newTally,
	}
}

// Configure makes the reporters of the global configuration what the merged configuration says, which is a JSON object
// with the keys reporter.<name>, or reporters.<name> as in the first Pandora.js. One whose options are as before goes on undisturbed. The reporter "file" is there
// unless it is switched off. It returns a sentence for each one that cannot be.
func (s *Set) Configure(config json.RawMessage) []string {
	var root struct {
		Reporter map[string]json.RawMessage `json:"reporter"`
		// Reporters is the name of the first Pandora.js for the same.
		Reporters map[string]json.RawMessage `json:"reporters"`
	}
	var problems []string
	if len(bytes.TrimSpace(config)) > 0 && json.Unmarshal(config, &root) != nil {
		problems = append(problems, `read config "reporter": it is not an object; only the reporter "file" runs`)
		root.Reporter, root.Reporters = nil, nil
	}
	specs := map[string]json.RawMessage{}
	if s.config.File != nil {
		specs["file"] = json.RawMessage("{}")
	}
	if enabledByEnvironment(s.config.Getenv) {
		specs["otlp"] = json.RawMessage("{}")
	}
	maps.Copy(specs, root.Reporters)
	maps.Copy(specs, root.Reporter)
	return s.apply("", specs, problems, !s.config.Continues && time.Since(s.born) < time.Second)
}

// SetInterval changes how often reporters report that have no interval of their own, from their next Configure or Sync
// on.
func (s *Set) SetInterval(interval time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Interval = cmp.Or(interval, s.config.Interval)
}

// Sync makes the reporters of applications those of the applications that run. One whose options are as before goes on
// undisturbed. It returns a sentence for each one that cannot be.
func (s *Set) Sync(apps []Application) []string {
	present := make(map[string]bool, len(apps))
	var problems []string
	for _, app := range apps {
		present[app.Name] = true
		s.mu.Lock()
		fresh := !s.apps[app.Name] && (!s.config.Continues || time.Since(s.born) > adoption)
		s.mu.Unlock()
		specs := map[string]json.RawMessage{}
		for _, d := range app.Reporters {
			raw, err := json.Marshal(d.Options)
			if err != nil {
				raw = nil
			}
			specs[d.Name] = raw
		}
		problems = append(problems, s.apply(app.Name, specs, nil, fresh)...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(func(r *runner) bool { return r.spec != "" && r.App != "" && !present[r.App] })
	maps.DeleteFunc(s.problems, func(app string, _ []string) bool { return app != "" && !present[app] })
	maps.Copy(s.apps, present)
	return problems
}

// Problems are the sentences about reporters that cannot be, the latest of Configure and Sync.
func (s *Set) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []string{}
	for _, app := range slices.Sorted(maps.Keys(s.problems)) {
		all = append(all, s.problems[app]...)
	}
	return all
}

// apply makes the reporters of one application, or, for "", the global ones, what specs say.
func (s *Set) apply(app string, specs map[string]json.RawMessage, problems []string, fresh bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec := fmt.Sprint(string(specs[name]), "\n", s.config.Interval)
		if slices.ContainsFunc(s.running, func(r *runner) bool { return r.App == app && r.Name == name && r.spec == spec }) {
			wanted[name] = true
			continue
		}
		r, problem := s.make(app, name, specs[name], fresh)
		if problem != "" {
			problems = append(problems, problem)
		}
		if r == nil {
			continue
		}
		s.removeLocked(func(o *runner) bool { return o.App == app && o.Name == name && o.spec != "" })
		r.spec = spec
		wanted[name] = true
		s.addLocked(r)
	}
	s.removeLocked(func(r *runner) bool { return r.spec != "" && r.App == app && !wanted[r.Name] })
	delete(s.problems, app)
	if len(problems) > 0 {
		s.problems[app] = problems
	}
	return problems
}

// make makes one reporter; nil when it is switched off, or with a sentence that says why it cannot be.
func (s *Set) make(app, name string, raw json.RawMessage, fresh bool) (*runner, string) {
	o := newOptions(app, name, raw, fresh)
	if o == nil {
		return nil, ""
	}
	types := s.types()
	make := types[o.kind]
	switch {
	case o.class != "":
		return nil, "" // who runs it adds it
	case len(o.problems) > 0:
		return nil, o.sentence("%s", strings.Join(o.problems, "; "))
	case make == nil && o.kind == "trace":
		return nil, ""
	case make == nil:
		return nil, o.sentence("there is no reporter of type %q; there are %s, and classes given to pandora.reporter(name, class)",
			o.kind, strings.Join(slices.Sorted(maps.Keys(types)), ", "))
	}
	interval, timeout := s.config.Interval, defaultTimeout
	if o.kind == "otlp" {
		env := otlpEnvironment{s.config.Getenv}
		interval = env.milliseconds(interval, "OTEL_METRIC_EXPORT_INTERVAL")
		timeout = min(time.Minute, env.milliseconds(timeout, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"))
	}
	if seconds := o.number("interval", 0, 1, 86400); seconds > 0 {
		interval = time.Duration(seconds) * time.Second
	}
	r := Reporter{
		Name: name, App: app, Tags: o.tags("globalTags", "tags"),
		Interval: o.duration("intervalMs", interval, 24*time.Hour),
		Timeout:  o.duration("timeoutMs", timeout, time.Minute),
	}
	o.interval = r.Interval
	sink := make(o)
	if len(o.problems) > 0 {
		return nil, o.sentence("%s", strings.Join(o.problems, "; "))
	}
	return s.newRunner(r, sink, ""), ""
}

// newFile makes the reporter that writes the original's file.
func (s *Set) newFile(o *options) taker {
	path := o.text("file", "")
	if path == "" && s.config.File != nil {
		path = s.config.File(o.app)
	}
	if path == "" || path[0] != '/' {
		o.wrong("file", "an absolute path")
	}
	return &fileSink{path: path}
}

// newConsole makes the reporter that prints.
func (s *Set) newConsole(o *options) taker {
	if s.config.Output == nil {
		o.problems = append(o.problems, "there is nowhere to print to")
	}
	return &consoleSink{out: s.config.Output}
}
