// Package pm2 turns what other process managers read into the text of a procfile.js: the apps of an evaluated process file
// of PM2 (ecosystem.config.js, pm2.json, pm2.yaml), or the lines of a Procfile of Heroku and foreman.
//
//	result, err := pm2.Convert(config, pm2.Options{File: "/srv/shop/ecosystem.config.js", Dir: "/srv/shop", EnvName: "production"})
//	fmt.Print(result.Text)
//
// The text is what [ pandora import ] prints and what [ pandora start ] runs, so that both mean the same. Each field that
// cannot be honoured is a Finding, and a comment in the text.
//
// The package evaluates no JavaScript (procfile/evaluate does), starts nothing, and looks at files only through Options. Its
// functions may be called concurrently.
package pm2

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is converted.
const (
	maxApps   = 500
	maxSource = 4 << 20
)

// Options say what is converted, and where it lies.
type Options struct {
	// File is the absolute path of the process file, for places and the head of the text.
	File string
	// Source is its text, where places are looked up; "" is without places.
	Source string
	// Dir is the absolute folder of the application: relative paths count from it.
	Dir string
	// EnvName is the environment that env_<name> is taken from, as PM2's --env; "" is env alone.
	EnvName string
	// Only are the names of the apps that are taken, as PM2's --only; nil takes all.
	Only []string
	// Look tells what a file is; nil takes every file for a Node program.
	Look func(path string) Sort
	// Scripts are the scripts of the package.json in a folder, by their names; nil knows none.
	Scripts func(dir string) map[string]string
	// Find tells whether a program is in PATH; nil finds every program.
	Find func(program string) bool
	// Shell looks up a variable that the file was evaluated with; nil knows none. A value that came from there stays a
	// question to the shell.
	Shell func(name string) (value string, set bool)
	// Odd are paths of values that are no data, such as apps[0].env.PORT, with what they are.
	Odd map[string]string
}

// Sort is what a file is to somebody who wants to run it.
type Sort string

// The sorts of files.
const (
	// Missing is no file.
	Missing Sort = "missing"
	// Script is a text that Node reads: JavaScript, TypeScript, or what begins with #!/usr/bin/env node.
	Script Sort = "script"
	// Program is a binary, or a script of another interpreter by its first line.
	Program Sort = "program"
)

// Place is where in a file something is written; Line and Column count from 1, and are 0 where they are not known.
type Place struct {
	File         string `json:"file"`
	Line, Column int
}

// String returns "file:line:column", as far as it is known.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is something of the input that means something else here, or nothing.
type Finding struct {
	Place Place
	// App is the name of the app, "" for what belongs to none; Field is the field as it was written.
	App, Field string
	// Message says what becomes of it, Instead what to do; Instead may be "".
	Message, Instead string
	// Covered is true where nothing is lost: it is done here anyway. Such findings are comments in the text, no warnings.
	Covered bool
}

// String is one line: place, app, message and what to do instead.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Place.String() + ": ")
	if f.App != "" {
		fmt.Fprintf(&b, "app %q: ", f.App)
	}
	b.WriteString(f.short())
	return b.String()
}

// short is the message and what to do.
func (f Finding) short() string {
	text := f.Message
	if f.Field != "" {
		text = f.Field + " " + f.Message
	}
	if f.Instead != "" {
		text += "; " + f.Instead
	}
	return text
}

// Result is a converted file.
type Result struct {
	// Text is the procfile.js.
	Text string
	// Findings are in the order of the input.
	Findings []Finding
	// Processes are the names of the processes, in order.
	Processes []string
}

// Warnings are the findings by which something is lost, one line each.
func (r *Result) Warnings() []string {
	var lines []string
	for _, f := range r.Findings {
		if !f.Covered {
			lines = append(lines, f.String())
		}
	}
	return lines
}

// Error is an input that cannot be converted.
type Error struct {
	Place Place
	// App is "" for what belongs to none.
	App     string
	Message string
	// Missing is true when it is about a script that is not found.
	Missing bool
}

// Error returns place, app and message.
func (e *Error) Error() string {
	if e.App == "" {
		return fmt.Sprintf("%s: %s", e.Place, e.Message)
	}
	return fmt.Sprintf("%s: app %q: %s", e.Place, e.App, e.Message)
}

// converter is one conversion.
type converter struct {
	Options
	places   *places
	findings []Finding
	names    map[string]bool
	// known are the names of all apps, also of those that are not taken.
	known []string
	apps  []*app
	// count is how many apps there are; twins are those whose name or script another one has, too.
	count int
	twins map[int]bool
	// deployEnv is the environment that deploy.<EnvName>.env sets below all others; nil for none.
	deployEnv *object
}

// Convert converts the JSON of an evaluated process file: {"apps": [...]}, an array of apps, or one app. The error is an *Error
// when the input can be read and says what cannot be done.
func Convert(config json.RawMessage, o Options) (*Result, error) {
	c := newConverter(o)
	value, err := decode(config)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", o.File, err)
	}
	apps, err := c.list(value)
	if err != nil {
		return nil, err
	}
	c.count = len(apps)
	c.findTwins(apps)
	for i, fields := range apps {
		if err := c.convert(i, fields); err != nil {
			return nil, err
		}
	}
	if err := c.checkOnly(); err != nil {
		return nil, err
	}
	if len(c.apps) == 0 {
		return nil, c.fail("", "", "it describes no app; expected an object like { apps: [{ name, script }] }")
	}
	for _, path := range slices.Sorted(maps.Keys(c.Odd)) {
		c.find("", path, "is "+c.Odd[path]+", which no process can be given, and is left out", "", false)
	}
	return c.result("PM2"), nil
}

// takes reports whether an app is one of those that are taken, and notes that there is one of its name.
func (c *converter) takes(name string) bool {
	c.known = append(c.known, name)
	return len(c.Only) == 0 || slices.Contains(c.Only, name)
}

// checkOnly refuses names of which there is no app.
func (c *converter) checkOnly() error {
	for _, name := range c.Only {
		if !slices.Contains(c.known, name) {
			return c.fail("", "", "there is no app %q in it, only %s", name, strings.Join(c.known, ", "))
		}
	}
	return nil
}

// findTwins notes which apps share a name, or a script where they have no name.
func (c *converter) findTwins(apps []*object) {
	c.twins = map[int]bool{}
	known := map[string]int{}
	for i, fields := range apps {
		id, ok := fields.get("name")
		if !ok {
			id, _ = fields.get("script")
		}
		if other, taken := known[text(id)]; taken {
			c.twins[i], c.twins[other] = true, true
		}
		known[text(id)] = i
	}
}

func newConverter(o Options) *converter {
	if o.Look == nil {
		o.Look = func(string) Sort { return Script }
	}
	if o.Find == nil {
		o.Find = func(string) bool { return true }
	}
	c := &converter{Options: o, names: map[string]bool{}}
	if len(o.Source) <= maxSource {
		c.places = findPlaces(o.Source)
	}
	return c
}

// fail makes an *Error about a field of an app.
func (c *converter) fail(app, field, format string, args ...any) error {
	return &Error{Place: c.place(field), App: app, Message: fmt.Sprintf(format, args...)}
}

// place is where a top-level field is written, or the file.
func (c *converter) place(field string) Place {
	p := Place{File: c.File}
	if field != "" {
		p.Line, p.Column = c.places.anywhere(field)
	}
	return p
}

// list finds the apps of a configuration, and notes what stands beside them.
func (c *converter) list(value any) ([]*object, error) {
	top, ok := value.(*object)
	apps := value
	if ok {
		for _, name := range []string{"apps", "pm2"} {
			if found, there := top.get(name); there && found != nil && found != false {
				apps = found
				break
			}
		}
		c.beside(top, apps == value)
	}
	elements, isList := apps.([]any)
	if !isList {
		elements = []any{apps}
	}
	if len(elements) > maxApps {
		return nil, c.fail("", "apps", "it describes %d apps, more than %d", len(elements), maxApps)
	}
	var list []*object
	for i, element := range elements {
		fields, ok := element.(*object)
		if !ok {
			return nil, c.fail("", "apps", "app %d is %s, expected an object like { name, script }", i+1, kindOf(element))
		}
		list = append(list, fields)
	}
	return list, nil
}

// beside notes the fields beside apps. alone says that the object is an app itself.
func (c *converter) beside(top *object, alone bool) {
	if deploy, ok := top.get("deploy"); ok {
		if targets, ok := deploy.(*object); ok && c.EnvName != "" {
			if target, ok := targets.get(c.EnvName); ok {
				if fields, ok := target.(*object); ok {
					env, _ := fields.get("env")
					c.deployEnv, _ = env.(*object)
				}
			}
		}
		c.find("", "deploy", "is not done here", "deploy with your own tool (git, rsync, CI), then run [ pandora reload ]", false)
	}
	if static, ok := top.get("static"); ok && static != nil {
		c.find("", "static", "is not served here", "serve these folders with your web server, or with a small app", false)
	}
	if alone {
		return
	}
	for _, name := range top.keys {
		switch name {
		case "apps", "pm2", "deploy", "static", "$schema", "default", "__esModule":
		default:
			c.find("", name, "is unknown beside apps, to PM2 too", "", false)
		}
	}
}

// find adds a finding that belongs to no app, or to one without a place of its own.
func (c *converter) find(app, field, message, instead string, covered bool) {
	c.findings = append(c.findings, Finding{
		Place: c.place(field), App: app, Field: field, Message: message, Instead: instead, Covered: covered,
	})
}

// relative is a path as a procfile in the application's folder would write it: ./below, or absolute for what lies outside.
func (c *converter) relative(path string) string {
	rel, err := filepath.Rel(c.Dir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return path
	}
	if rel == "." {
		return "./"
	}
	return "./" + filepath.ToSlash(rel)
}

// within resolves a path from a folder.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// errNothing is of an empty input.
var errNothing = errors.New("there is nothing in it")
