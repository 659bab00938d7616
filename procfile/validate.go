package procfile

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Error says what is wrong with a graph, and where.
type Error struct {
	// Path is the place in the JSON record, e.g. `process[1].scale`.
	Path string
	// Message says what was expected and what is there.
	Message string
}

// Error returns "application graph: <path>: <message>".
func (e *Error) Error() string {
	return fmt.Sprintf("application graph: %s: %s", e.Path, e.Message)
}

// Validate reports the first thing that is wrong with the graph, as an *Error; nil when nothing is. A graph without any
// process is valid.
func (a *Application) Validate() error {
	v := validator{app: a}
	v.text("appName", a.AppName)
	v.folder("appDir", a.AppDir)
	v.processes()
	v.envFiles("envFiles", a.EnvFiles)
	v.services("services", a.Services)
	v.services("applets", a.Applets)
	v.scripts()
	for i, p := range a.Places {
		v.place(fmt.Sprintf("places[%d]", i), p)
	}
	if a.DefaultServiceCategory == "" {
		v.fail("defaultServiceCategory", "expected a name, got nothing")
	}
	if v.err != nil {
		return v.err
	}
	return nil
}

// validator keeps the first error.
type validator struct {
	app *Application
	err *Error
}

func (v *validator) fail(path, format string, args ...any) {
	if v.err == nil {
		v.err = &Error{Path: path, Message: fmt.Sprintf(format, args...)}
	}
}

// text requires something that can be a name or a file name.
func (v *validator) text(path, value string) {
	switch {
	case value == "":
		v.fail(path, "expected a name, got nothing")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		v.fail(path, "expected no control characters, got %q", value)
	}
}

func (v *validator) folder(path, value string) {
	switch {
	case !filepath.IsAbs(value):
		v.fail(path, "expected an absolute folder, got %q", value)
	case strings.Contains(value, "\x00"):
		v.fail(path, "expected a folder without NUL, got %q", value)
	}
}

func (v *validator) place(path string, p Place) {
	if p.File == "" || p.Line < 0 || p.Column < 0 {
		v.fail(path, "expected a file, and a line and a column of 0 or more, got %q, %d, %d", p.File, p.Line, p.Column)
	}
}

// argument requires a string that can be passed to a process.
func (v *validator) argument(path, value string) {
	if strings.Contains(value, "\x00") {
		v.fail(path, "expected no NUL, got %q", value)
	}
}

func (v *validator) processes() {
	seen := map[string]bool{}
	for i, name := range v.app.DefinedProcesses {
		path := fmt.Sprintf("definedProcesses[%d]", i)
		v.text(path, name)
		if seen[name] {
			v.fail(path, "process %q is there twice", name)
		}
		seen[name] = true
	}
	running := map[string]bool{}
	for i := range v.app.Processes {
		p := &v.app.Processes[i]
		path := fmt.Sprintf("process[%d]", i)
		v.process(path, p)
		if running[p.ProcessName] {
			v.fail(path+".processName", "process %q is there twice", p.ProcessName)
		}
		running[p.ProcessName] = true
		if !seen[p.ProcessName] {
			v.fail(path+".processName", "process %q is not among definedProcesses", p.ProcessName)
		}
	}
}

func (v *validator) process(path string, p *Process) {
	v.text(path+".processName", p.ProcessName)
	if p.AppName != v.app.AppName {
		v.fail(path+".appName", "expected %q like the application, got %q", v.app.AppName, p.AppName)
	}
	if p.AppDir != v.app.AppDir {
		v.fail(path+".appDir", "expected %q like the application, got %q", v.app.AppDir, p.AppDir)
	}
	if p.Scale < 1 || p.Scale > MaxScale {
		v.fail(path+".scale", "expected 1 to %d, got %d", MaxScale, p.Scale)
	}
	if p.Offset < 0 {
		v.fail(path+".offset", "expected 0 or more, got %d", p.Offset)
	}
	for _, name := range sortedKeys(p.Env) {
		where := fmt.Sprintf("%s.env[%q]", path, name)
		if name == "" || strings.ContainsAny(name, "=\x00") {
			v.fail(where, "not a possible name of an environment variable")
		}
		v.argument(where, p.Env[name])
	}
	v.envFiles(path+".envFiles", p.EnvFiles)
	v.secrets(path+".secrets", p.Secrets)
	if p.Cwd != "" && !filepath.IsAbs(p.Cwd) {
		v.fail(path+".cwd", "expected an absolute path, got %q", p.Cwd)
	}
	for i, arg := range p.Args {
		v.argument(fmt.Sprintf("%s.args[%d]", path, i), arg)
	}
	for i, arg := range p.ExecArgv {
		v.argument(fmt.Sprintf("%s.execArgv[%d]", path, i), arg)
	}
	v.argument(path+".entryFile", p.EntryFile)
	if p.EntryFileBaseDir != nil {
		v.folder(path+".entryFileBaseDir", *p.EntryFileBaseDir)
	}
	if p.Kind != KindPlain && p.Kind != KindWorker {
		v.fail(path+".kind", "expected %q or %q, got %q", KindPlain, KindWorker, p.Kind)
	}
	if p.Policy != nil {
		v.policy(path+".policy", p.Policy)
	}
}

func (v *validator) services(list string, services []Service) {
	kinds := []EntryKind{EntryPath, EntryClass, EntryInline, EntryFunction, EntryNone}
	seen := map[string]bool{}
	for i := range services {
		s := &services[i]
		path := fmt.Sprintf("%s[%d]", list, i)
		v.text(path+".serviceName", s.ServiceName)
		if seen[s.ServiceName] {
			v.fail(path+".serviceName", "%q is there twice", s.ServiceName)
		}
		seen[s.ServiceName] = true
		if s.Category != "all" && s.Category != "weak-all" && !slices.Contains(v.app.DefinedProcesses, s.Category) {
			v.fail(path+".category", "expected a defined process, all or weak-all, got %q", s.Category)
		}
		for j, name := range s.Dependencies {
			v.text(fmt.Sprintf("%s.dependencies[%d]", path, j), name)
		}
		if !slices.Contains(kinds, s.Entry.Kind) {
			v.fail(path+".entry.kind", "expected one of %s, got %q", strings.Trim(fmt.Sprint(kinds), "[]"), s.Entry.Kind)
		}
		if (s.Entry.Kind == EntryPath) != (s.Entry.Path != "") {
			v.fail(path+".entry.path", "expected a path exactly for the kind %q, got %q for %q", EntryPath, s.Entry.Path, s.Entry.Kind)
		}
	}
}
