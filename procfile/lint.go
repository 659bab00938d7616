package procfile

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Severity tells how bad a Problem is.
type Severity string

const (
	// SeverityError is something that does not work, or that has no effect though it is written.
	SeverityError Severity = "error"
	// SeverityWarning is something that works, and is probably not meant.
	SeverityWarning Severity = "warning"
)

// The codes of what Lint finds. What the evaluation refuses has codes of its own, such as PANDORA_PLACEMENT.
const (
	// CodeWarning is a warning of the evaluation.
	CodeWarning = "warning"
	// CodeUnknown is a member set on an object of ours that has no such setter.
	CodeUnknown = "unknown-member"
	// CodeUnreachable is a process that never runs: nothing is placed on it, and it has no entry.
	CodeUnreachable = "unreachable-process"
	// CodeNothing is an application without any process.
	CodeNothing = "nothing-to-run"
	// CodeMissingEntry is an entry whose file does not exist, CodeNoEntry a service without an entry.
	CodeMissingEntry = "missing-entry"
	CodeNoEntry      = "no-entry"
	// CodeDependency is a dependency that does not exist, is in another process, or is part of a cycle.
	CodeDependency = "dependency"
	// CodeNoEffect is a setting that does nothing for a process of this kind.
	CodeNoEffect = "no-effect"
)

// Problem is one finding about a procfile.
type Problem struct {
	Severity Severity `json:"severity"`
	// Code is for programs: one of the Code constants, PANDORA_… for what the evaluation refuses, or the kind of a failed
	// evaluation, such as "syntax".
	Code string `json:"code"`
	// Message says what is wrong, Hint what to do; the hint may be "".
	Message string `json:"message"`
	// File, Line and Column are the place; see Place. File is "" and the numbers are 0 where it is not known.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Hint   string `json:"hint,omitempty"`
}

// String returns "file:line:column: severity: message (hint)", as far as they are known.
func (p Problem) String() string {
	text := fmt.Sprintf("%s: %s", p.Severity, p.Message)
	if p.File != "" {
		text = Place{File: p.File, Line: p.Line, Column: p.Column}.String() + ": " + text
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Lint examines a graph strictly and returns all that it finds, sorted by place; nil when there is nothing. Find reports
// whether a request such as "./app" finds a file from a folder, as Node would resolve it; nil leaves files out.
func Lint(app *Application, find func(dir, request string) bool) []Problem {
	l := &linter{app: app, find: find}
	l.members()
	l.processes()
	l.services(OfService, app.Services)
	l.services(OfApplet, app.Applets)
	l.standards()
	l.dependencies()
	for _, text := range app.Warnings {
		place, _ := app.Place(OfWarning, text, "")
		l.add(SeverityWarning, CodeWarning, place, "", "%s", text)
	}
	SortProblems(l.found)
	return l.found
}

// SortProblems sorts by file, line and column, and then by message; those without a place come first.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message))
	})
}

type linter struct {
	app   *Application
	find  func(dir, request string) bool
	found []Problem
}

func (l *linter) add(severity Severity, code string, at Place, hint, format string, args ...any) {
	l.found = append(l.found, Problem{
		Severity: severity, Code: code, Message: fmt.Sprintf(format, args...),
		File: at.File, Line: at.Line, Column: at.Column, Hint: hint,
	})
}

// setters are members that are called, of the procfile's argument, of processes and of services.
var setters = [...]string{
	"name", "entry", "scale", "env", "args", "nodeArgs", "argv", "cwd", "order", "kind", "mode", "balance", "reload", "ready", "stdio", "liveness",
	"maxRestarts", "maxMemory", "timeouts", "process", "category", "config",
	"dependency", "publish", "service", "fork", "cluster", "applet", "environment", "configurator",
	"indicator", "reporter",
}

// members reports what is set and means nothing.
func (l *linter) members() {
	for _, p := range l.app.Places {
		if p.Of != OfUnknown {
			continue
		}
		hint := ""
		if near := Nearest(p.Member); near != "" {
			hint = fmt.Sprintf("call it: .%s(…)", near)
		}
		l.add(SeverityError, CodeUnknown, p, hint, "%s: setting .%s has no effect", p.Name, p.Member)
	}
}

// Nearest returns the member of the procfile's API that a name is, or a slight misspelling of; "" when there is none.
func Nearest(member string) string {
	for _, name := range setters {
		if member == name || len(member) > 3 && oneOff(member, name) {
			return name
		}
	}
	return ""
}

// oneOff reports whether one letter added, left out or replaced, or two swapped, make a out of b.
func oneOff(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		return swapped || i == len(a) || a[i+1:] == b[i+1:]
	}
	return a[i+1:] == b[i:]
}

func (l *linter) processes() {
	if len(l.app.Processes) == 0 {
		l.add(SeverityError, CodeNothing, Place{}, "define a process with an entry, or a service",
			"the application %s has nothing to run", l.app.AppName)
	}
	for _, name := range l.app.DefinedProcesses {
		place, written := l.app.Place(OfProcess, name, "")
		if !written || l.app.Process(name) != nil {
			continue // built in and not touched, or it runs
		}
		severity := SeverityError
		if name == "agent" || name == "worker" || name == "background" {
			severity = SeverityWarning
		}
		l.add(severity, CodeUnreachable, place, "give it an entry, or place a service on it",
			"process %q never runs: it has no entry, and no service is placed on it", name)
	}
	for i := range l.app.Processes {
		p := &l.app.Processes[i]
		dir := l.app.AppDir
		if p.EntryFileBaseDir != nil {
			dir = *p.EntryFileBaseDir
		}
		if p.EntryFile != "" {
			place, _ := l.app.Place(OfProcess, p.ProcessName, "entry", "")
			l.entry(fmt.Sprintf("process %q", p.ProcessName), dir, p.EntryFile, place)
		}
		if p.Kind == KindPlain && p.PolicyOrDefault().Balance != "" {
			place, _ := l.app.Place(OfProcess, p.ProcessName, "balance", "")
			l.add(SeverityWarning, CodeNoEffect, place, "make it a cluster: .kind('worker')",
				"process %q: balance has no effect, because it is not a cluster", p.ProcessName)
		}
	}
}

// entry reports an entry that is not found.
func (l *linter) entry(what, dir, request string, place Place) {
	if l.find == nil || request == CommandEntry || l.find(dir, request) {
		return
	}
	hint := "check the path; it counts from " + dir
	if !strings.HasPrefix(request, ".") && !filepath.IsAbs(request) {
		hint = "a file of the application needs ./ in front; a package needs to be installed"
	}
	l.add(SeverityError, CodeMissingEntry, place, hint, "%s: the entry %q is not found", what, request)
}

func (l *linter) services(of Subject, list []Service) {
	for i := range list {
		s := &list[i]
		what := fmt.Sprintf("%s %q", of, s.ServiceName)
		place, _ := l.app.Place(of, s.ServiceName, "entry", "")
		switch s.Entry.Kind {
		case EntryPath:
			l.entry(what, l.base(place), s.Entry.Path, place)
		case EntryNone:
			l.add(SeverityError, CodeNoEntry, place, "give it a class or a path: .entry('./file')", "%s has no entry", what)
		}
	}
}

// standards checks the paths of environment and configurator.
func (l *linter) standards() {
	if l.app.Evaluation == nil {
		return
	}
	for of, path := range map[Subject]string{OfEnvironment: l.app.Evaluation.Environment, OfConfigurator: l.app.Evaluation.Configurator} {
		if path != "" && path != "a class" {
			place, _ := l.app.Place(of, "", "")
			l.entry(string(of), l.base(place), path, place)
		}
	}
}

// base is the folder that a path given at a place is resolved from.
func (l *linter) base(place Place) string {
	if place.Base != "" {
		return place.Base
	}
	return l.app.AppDir
}

// all stands for every other service of a process, in a list of dependencies.
const all = "all"

// loggerService is always there.
const loggerService = "logger"

// dependencies reports, for each service once, the first dependency that keeps it from starting.
func (l *linter) dependencies() {
	reported := map[string]bool{}
	for _, process := range l.app.DefinedProcesses {
		here := map[string]*Service{}
		for i := range l.app.Services {
			if s := &l.app.Services[i]; placedOn(s, process) {
				here[s.ServiceName] = s
			}
		}
		for i := range l.app.Services {
			s := &l.app.Services[i]
			if here[s.ServiceName] == nil || reported[s.ServiceName] {
				continue
			}
			if text, hint := l.broken(s, process, here); text != "" {
				reported[s.ServiceName] = true
				place, _ := l.app.Place(OfService, s.ServiceName, "dependency", "")
				l.add(SeverityError, CodeDependency, place, hint, "service %q: %s", s.ServiceName, text)
			}
		}
	}
}

func placedOn(s *Service, process string) bool {
	return s.Category == process || s.Category == "all" || s.Category == "weak-all"
}

// broken says what is wrong with the dependencies of a service in a process; "" when nothing is.
func (l *linter) broken(s *Service, process string, here map[string]*Service) (text, hint string) {
	for _, name := range s.Dependencies {
		if name == all || name == loggerService || here[name] != nil {
			continue
		}
		for i := range l.app.Services {
			if other := &l.app.Services[i]; other.ServiceName == name {
				return fmt.Sprintf("its dependency %q runs in the process %q, and it runs in %q", name, other.Category, process),
					"services can only depend on services of the same process"
			}
		}
		if _, refused := l.app.Place(OfService, name, ""); refused {
			continue // defined, and refused for a reason of its own
		}
		return fmt.Sprintf("its dependency %q is not defined", name), ""
	}
	if chain := cycle(s.ServiceName, here); chain != nil {
		return "its dependencies form a cycle: " + strings.Join(chain, " -> "), ""
	}
	for _, name := range s.Dependencies {
		if other := here[name]; other != nil && slices.Contains(other.Dependencies, all) {
			return fmt.Sprintf("it depends on %q, which itself waits for all other services", name), ""
		}
	}
	return "", ""
}

// cycle finds a chain of dependencies from a service back to itself; nil when there is none.
func cycle(start string, here map[string]*Service) []string {
	seen := map[string]bool{}
	var walk func(name string) []string
	walk = func(name string) []string {
		for _, dependency := range here[name].Dependencies {
			if dependency == start {
				return []string{name, start}
			}
			if here[dependency] == nil || seen[dependency] {
				continue
			}
			seen[dependency] = true
			if chain := walk(dependency); chain != nil {
				return append([]string{name}, chain...)
			}
		}
		return nil
	}
	return walk(start)
}
