package pm2

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// app is one app on its way to a process.
type app struct {
	c      *converter
	fields *object
	// group is where it is written; nil when that is not known.
	group *group
	name  string
	// entry and args are what Node runs with nodeArgs. Where command is not nil, it is run in place of an entry, with args.
	entry    string
	args     []string
	nodeArgs []string
	command  []string
	// cwd is the folder it runs in, in the form of c.relative; "" is that of the application.
	cwd     string
	cluster bool
	// scale is an expression of JavaScript.
	scale string
	env   *object
	// sources are expressions of JavaScript in place of values of env.
	sources map[string]string
	calls   []string
	seen    map[string]bool
}

// convert reads one app.
func (c *converter) convert(index int, fields *object) error {
	a := &app{c: c, fields: fields, env: newObject(), sources: map[string]string{}, seen: map[string]bool{}}
	script := ""
	for _, name := range []string{"script", "exec", "cmd", "command"} {
		if value, ok := a.take(name); ok && script == "" {
			script, _ = value.(string)
		}
	}
	own, named := a.take("name")
	a.name = text(own)
	if !named || a.name == "" {
		a.name = filepath.Base(script)
		if ext := filepath.Ext(a.name); len(ext) < len(a.name) {
			a.name = strings.TrimSuffix(a.name, ext)
		}
	}
	if !c.takes(a.name) {
		return nil
	}
	a.group = c.places.app(index, c.count, func(i int) bool { return c.twins[i] }, text(own), script)
	if script == "" {
		place := a.place("script")
		if place.Line == 0 {
			place = a.place("name")
		}
		return &Error{Place: place, App: a.name, Message: "it has no script, expected a path such as './app.js'"}
	}
	a.rename()
	if err := a.run(script); err != nil {
		return err
	}
	a.instances()
	a.environment()
	a.supervision()
	a.rest()
	c.apps = append(c.apps, a)
	return nil
}

// take reads a field, and notes that it is known.
func (a *app) take(name string) (any, bool) {
	a.seen[name] = true
	value, ok := a.fields.get(name)
	return value, ok && value != nil
}

// first takes all fields of these names and returns the first that is there, with its name.
func (a *app) first(names ...string) (name string, value any, ok bool) {
	for _, each := range names {
		if v, there := a.take(each); there && !ok {
			name, value, ok = each, v, true
		}
	}
	return name, value, ok
}

// place is where a field of the app is written, or the app itself.
func (a *app) place(field string) Place {
	p := Place{File: a.c.File}
	switch k := a.group.at(field); {
	case k != nil:
		p.Line, p.Column = k.line, k.column
	case a.group != nil:
		if p.Line, p.Column = a.c.places.only(field); p.Line == 0 {
			p.Line, p.Column = a.group.line, a.group.column
		}
	default:
		p.Line, p.Column = a.c.places.only(field)
	}
	return p
}

// find adds a finding about a field.
func (a *app) find(field, message, instead string, covered bool) {
	a.c.findings = append(a.c.findings, Finding{
		Place: a.place(field), App: a.name, Field: field, Message: message, Instead: instead, Covered: covered,
	})
}

// ProcessName makes a name of any text that a process may have.
func ProcessName(text string) string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' {
			return '-'
		}
		return r
	}, text)
	if r := []rune(name); len(r) > 100 {
		name = string(r[:100])
	}
	return name
}

// rename makes the name one that no other process has.
func (a *app) rename() {
	if v, ok := a.take("append_env_to_name"); ok && truthy(v) && a.c.EnvName != "" {
		a.name += "-" + a.c.EnvName
	}
	if v, ok := a.take("name_prefix"); ok && truthy(v) && !strings.Contains(a.name, text(v)) {
		a.name = text(v) + ":" + a.name
	}
	was := a.name
	a.name = ProcessName(a.name)
	for n, base := 2, a.name; a.c.names[a.name]; n++ {
		a.name = fmt.Sprintf("%s-%d", base, n)
	}
	a.c.names[a.name] = true
	if a.name != was {
		a.find("name", fmt.Sprintf("is %s, which is taken or no name here", shown(was)), fmt.Sprintf("the process is called %q", a.name), false)
	}
}

// instances reads how many there are, and in which mode.
func (a *app) instances() {
	_, mode, _ := a.first("exec_mode", "execMode")
	value, given := a.take("instances")
	if v, ok := a.take("execute_command"); ok && truthy(v) {
		mode = "fork"
	}
	count, isNumber := number(value)
	switch _, isText := value.(string); {
	case isText && !isNumber: // max, as PM2 takes any other word
		count = 0
	case !given:
		count = 1
	}
	word := strings.TrimSuffix(text(mode), "_mode")
	a.cluster = (word == "cluster" || word != "fork" && given) && a.command == nil
	if word == "cluster" && a.command != nil {
		a.find("exec_mode", "is of Node alone: workers of a command do not share a socket", "", false)
	}
	switch {
	case count > 1024:
		a.scale = "1024"
		a.find("instances", "is "+shown(value)+", more than there may be", "there are 1024", false)
	case count >= 1:
		a.scale = fmt.Sprint(int(count))
	case count == 0:
		a.scale = "'auto'"
	default:
		a.scale = fmt.Sprintf("Math.max(require('os').cpus().length - %d, 1)", int(-count))
	}
}

// environment merges env, env_<name> and what belongs to them.
func (a *app) environment() {
	name := "env_" + a.c.EnvName
	merge := func(value any, from string) {
		fields, ok := value.(*object)
		if !ok {
			if value != nil {
				a.find(from, "is "+kindOf(value)+", expected an object like { NAME: 'value' }", "", false)
			}
			return
		}
		g := a.group.at(from)
		for _, key := range fields.keys {
			if key == "" || strings.ContainsAny(key, "=\x00") {
				a.find(from, "has the impossible variable name "+shown(key), "a name is not empty, and has no = and no NUL in it", false)
				continue
			}
			a.env.set(key, strings.ReplaceAll(text(fields.values[key]), "\x00", ""))
			delete(a.sources, key)
			if g != nil {
				switch k := g.below.at(key); {
				case k == nil:
				case fromShell().MatchString(k.value):
					a.sources[key] = k.value
				case plainName().MatchString(k.value) && a.c.Shell != nil && plainName().MatchString(key):
					// A constant that holds what the shell's variable of that name does.
					if value, set := a.c.Shell(key); set && value == text(fields.values[key]) {
						a.sources[key] = "process.env." + key
					}
				}
			}
		}
	}
	if a.c.EnvName != "" && a.c.deployEnv != nil {
		merge(a.c.deployEnv, "deploy")
	}
	base, _ := a.take("env")
	merge(base, "env")
	if a.c.EnvName != "" {
		own, ok := a.take(name)
		if ok {
			merge(own, name)
		} else {
			a.find(name, "is not there, though that environment is asked for", "", false)
		}
	}
	for _, key := range a.fields.keys {
		if strings.HasPrefix(key, "env_") {
			a.seen[key] = true // another environment
		}
	}
	if port, ok := a.take("port"); ok {
		a.env.set("PORT", text(port))
		delete(a.sources, "PORT")
	}
}

// fromShell is a value that only the shell's environment tells: it stays as it is written, so that no secret of the shell gets
// into the text.
var fromShell = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^process\.env\.[A-Za-z_]\w*(?:\s*(?:\|\||\?\?)\s*(?:'[^'\\\n]*'|"[^"\\\n]*"|\d+|process\.env\.[A-Za-z_]\w*))*$`)
})

// words reads args: a list, or a text that is split as PM2 does.
func words(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		var list []string
		for _, each := range v {
			list = append(list, text(each))
		}
		return list
	}
	var list []string
	for _, part := range quotedWords().FindAllString(text(value), -1) {
		if n := len(part); n >= 2 && (part[0] == '"' || part[0] == '\'') && part[n-1] == part[0] {
			part = part[1 : n-1]
		}
		if strings.TrimSpace(part) != "" {
			list = append(list, part)
		}
	}
	return list
}

// quotedWords are words, of which parts may be quoted.
var quotedWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[^\s"'=]+="[^"]*"|[^\s"'=]+='[^']*'|"[^"]*"|'[^']*'|\S+`)
})

// milliseconds reads a time such as 5000, "10s", "2m" or "1h".
func milliseconds(value any) (int64, bool) {
	factor := 1.0
	if s, ok := value.(string); ok {
		s = strings.TrimSpace(s)
		for suffix, f := range map[string]float64{"s": 1e3, "m": 60e3, "h": 3600e3} {
			if before, found := strings.CutSuffix(s, suffix); found {
				s, factor = before, f
				break
			}
		}
		value = json.Number(s)
	}
	n, ok := number(value)
	n *= factor
	return int64(n), ok && n >= 1 && n <= 1<<31-1
}
