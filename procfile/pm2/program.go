package pm2

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// shellSigns are what makes a text one for a shell, and more than words.
const shellSigns = "|&;<>()$`\\\"'*?[]#~%{}\n"

// isCommand is what is said of every command.
const isCommand = "is a command and no script of Node: in a reload it ends before the new one starts"

// interpreters are what PM2 runs files with by their extensions.
func interpreters() map[string]string {
	return map[string]string{".sh": "bash", ".py": "python3", ".rb": "ruby", ".php": "php", ".pl": "perl", ".ls": "lsc"}
}

// Interpreter is the program that runs a file which Node does not, by its extension, as in PM2; "" for any other.
func Interpreter(path string) string { return interpreters()[strings.ToLower(filepath.Ext(path))] }

// run finds out what is run: a script of Node, or a command.
func (a *app) run(script string) error {
	cwd := a.c.Dir
	if value, ok := a.take("cwd"); ok && text(value) != "" {
		if cwd = within(a.c.Dir, text(value)); cwd != filepath.Clean(a.c.Dir) {
			a.cwd = a.c.relative(cwd)
		}
	}
	_, args, _ := a.first("args")
	a.args = words(args)
	_, options, _ := a.first("node_args", "interpreter_args", "nodeArgs", "interpreterArgs")
	a.nodeArgs = words(options)
	field, given, _ := a.first("interpreter", "exec_interpreter")
	interpreter, _ := given.(string)
	path := within(cwd, script)
	sort := a.c.Look(path)
	if sort == Missing {
		if call, found := a.commandLine(cwd, script); found {
			// The options of an interpreter are Node's only where it is that.
			if a.use(cwd, call); a.command == nil {
				return nil
			}
			return a.commanded("script", "node_args")
		}
		return &Error{Place: a.place("script"), App: a.name, Missing: true, Message: fmt.Sprintf("script %s is not found: there is no %s", shown(script), path)}
	}
	a.entry = a.c.relative(path)
	a.interpreter(field, interpreter, sort, path)
	if a.command != nil {
		return a.commanded("script", "")
	}
	return nil
}

// commanded notes that the app is a command; options names the field that means nothing then, "" for none.
func (a *app) commanded(field, options string) error {
	a.find(field, isCommand, "", true)
	if options != "" && len(a.nodeArgs) > 0 {
		a.find(options, "are options of Node, which a command is not given", "set NODE_OPTIONS in its env", false)
	}
	a.nodeArgs = nil
	return nil
}

// commandLine reads a script that is no file: a program of PATH, or a whole line for a shell. found is false where it can be
// neither.
func (a *app) commandLine(cwd, script string) (call call, found bool) {
	parts := strings.Fields(script)
	switch {
	case len(parts) == 0:
		return call, false
	case len(parts) == 1 && (strings.ContainsRune(script, '/') || !a.c.Find(script)):
		return call, false
	case strings.ContainsAny(script, shellSigns):
		line := strings.Join(append([]string{script}, a.args...), " ")
		a.args = nil
		return a.c.shell(line), true
	}
	call = a.c.resolve(cwd, append(slices.Clone(parts), a.args...))
	missing := call.command != nil && filepath.Base(parts[0]) == "node" && len(parts) > 1
	if missing || strings.ContainsRune(parts[0], '/') && a.c.Look(within(cwd, parts[0])) == Missing {
		return call, false
	}
	a.args = nil
	return call, true
}

// use makes the app run what a call says.
func (a *app) use(cwd string, call call) {
	a.nodeArgs, a.args = append(a.nodeArgs, call.nodeArgs...), append(call.args, a.args...)
	for _, v := range call.env {
		a.env.set(v[0], v[1])
	}
	if call.command == nil {
		a.entry = a.c.relative(within(cwd, call.script))
		return
	}
	a.command = call.command
}

// interpreter decides who runs a file.
func (a *app) interpreter(field, interpreter string, sort Sort, path string) {
	file := a.entry
	if a.cwd != "" {
		file = path
	}
	base, byExtension := filepath.Base(interpreter), Interpreter(path)
	switch {
	case interpreter == "" && byExtension != "":
		a.command = []string{byExtension, file}
	case interpreter == "" && sort == Program, interpreter == "none":
		a.command = []string{file}
	case interpreter == "", interpreter == "node":
	case base == "ts-node" || base == "tsx" || base == "ts-node-dev":
		a.find(field, shown(interpreter)+" is not needed: TypeScript is run without it", "", true)
	case base == "babel-node":
		a.nodeArgs = append([]string{"-r", "@babel/register"}, a.nodeArgs...)
	case base == "coffee":
		a.nodeArgs = append([]string{"-r", "coffeescript/register"}, a.nodeArgs...)
	case base == "node" || strings.HasPrefix(base, "node@"):
		a.find(field, shown(interpreter)+" is not chosen for one process: all run the node of PATH",
			"put the Node that you mean first into PATH when you start", false)
	default:
		a.command = append(append([]string{interpreter}, a.nodeArgs...), file)
		a.nodeArgs = nil
	}
}

// call is what a command comes down to: a script of Node with its options, or a command as it is.
type call struct {
	script         string
	nodeArgs, args []string
	// command is nil for a script; args are not part of it.
	command []string
	env     [][2]string
}

// shell is a line for a shell.
func (c *converter) shell(line string) call {
	name := "sh"
	if c.Find("bash") {
		name = "bash" // as in PM2
	}
	return call{command: []string{name, "-c", line}}
}

// resolve finds out what words run in a folder. What is Node with a script, or a script of package.json that is nothing more
// than that, is a script; anything else stays a command.
func (c *converter) resolve(dir string, words []string) call {
	if found, ok := c.nodeCall(dir, words); ok {
		return found
	}
	if name, rest, ok := packageScript(words); ok && c.Scripts != nil {
		scripts := c.Scripts(dir)
		line, known := scripts[name]
		_, before := scripts["pre"+name]
		_, after := scripts["post"+name]
		if known && !before && !after && !strings.ContainsAny(line, shellSigns) {
			env, parts := assignments(strings.Fields(line))
			if found, ok := c.nodeCall(dir, append(parts, rest...)); ok {
				found.env = env
				return found
			}
		}
	}
	return call{command: slices.Clone(words)}
}

// packageScript is the name of a script of package.json that words run, and what it is given.
func packageScript(words []string) (name string, rest []string, ok bool) {
	if len(words) < 2 || !slices.Contains([]string{"npm", "yarn", "pnpm"}, words[0]) {
		return "", nil, false
	}
	name, rest = words[1], words[2:]
	switch {
	case (name == "run" || name == "run-script") && len(rest) > 0:
		name, rest = rest[0], rest[1:]
	case name != "start":
		return "", nil, false
	}
	if len(rest) > 0 && words[0] == "npm" {
		if rest[0] != "--" {
			return "", nil, false // npm may take it for itself
		}
		rest = rest[1:]
	}
	return name, rest, !strings.HasPrefix(name, "-")
}

// assignments takes variables that are set in front of a command.
func assignments(words []string) (env [][2]string, rest []string) {
	for len(words) > 0 {
		m := assignment().FindStringSubmatch(words[0])
		if m == nil {
			break
		}
		env = append(env, [2]string{m[1], m[2]})
		words = words[1:]
	}
	return env, words
}

// valued are options of Node whose value is a word of its own; scriptless those with which it runs no script, or more than one
// process.
var (
	valued = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(-r|-C|--(require|import|loader|experimental-loader|conditions|env-file|env-file-if-exists|title|inspect-port|disable-warning))$`)
	})
	scriptless = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(-|--|-[epivhc]|-pe|--(eval|print|interactive|version|help|v8-options|check|test|watch|watch-path|run|input-type|prof-process|build-snapshot|experimental-sea-config)(=.*)?)$`)
	})
)

// nodeCall reads "node --options file arguments", if that is what words are and the file is there.
func (c *converter) nodeCall(dir string, words []string) (call, bool) {
	if len(words) < 2 || filepath.Base(words[0]) != "node" {
		return call{}, false
	}
	rest := words[1:]
	var options []string
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		take := 1
		if scriptless().MatchString(rest[0]) {
			return call{}, false
		}
		if valued().MatchString(rest[0]) && len(rest) > 1 {
			take = 2
		}
		options, rest = append(options, rest[:take]...), rest[take:]
	}
	if len(rest) == 0 {
		return call{}, false
	}
	for _, extension := range []string{"", ".js", ".cjs", ".json"} {
		if c.Look(within(dir, rest[0]+extension)) == Script {
			return call{script: rest[0] + extension, nodeArgs: options, args: slices.Clone(rest[1:])}, true
		}
	}
	return call{}, false
}

// Command is a command that is started as it is.
type Command struct {
	// Name is that of the process.
	Name string
	// Words are the program and its arguments.
	Words []string
	// Mode is "fork", "cluster" or ""; Instances a number, "max" or "".
	Mode, Instances string
}

// ConvertCommand makes the procfile of one command; what is a script of Node becomes one. The error is an *Error.
func ConvertCommand(command Command, o Options) (*Result, error) {
	c := newConverter(o)
	c.places = nil
	fields := newObject()
	if command.Mode != "" {
		fields.set("exec_mode", command.Mode)
	}
	if command.Instances != "" {
		fields.set("instances", command.Instances)
	} else if command.Mode == "cluster" {
		fields.set("instances", "max")
	}
	a := &app{c: c, name: command.Name, fields: fields, env: newObject(), sources: map[string]string{}, scale: "1", seen: map[string]bool{}}
	a.use(o.Dir, c.resolve(o.Dir, command.Words))
	if a.command != nil && command.Mode == "cluster" {
		return nil, &Error{Place: Place{File: strings.Join(command.Words, " ")}, Message: "there is no cluster of a command, only of a script that Node runs"}
	}
	a.instances()
	c.apps = append(c.apps, a)
	return c.result("a command"), nil
}
