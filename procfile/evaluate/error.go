package evaluate

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pandora-go/pandora/engine"
	"github.com/pandora-go/pandora/internal/fserr"
)

// Kind tells how an evaluation failed.
type Kind string

// The kinds of Error; the first seven are those of the engine package.
const (
	KindSyntax      Kind = "syntax"
	KindThrow       Kind = "throw"
	KindTimeout     Kind = "timeout"
	KindMemory      Kind = "memory"
	KindExit        Kind = "exit"
	KindUnsupported Kind = "unsupported"
	KindLoad        Kind = "load"
	// KindNoNode is a missing Node where it is needed.
	KindNoNode Kind = "no-node"
	// KindEnvFile is a file of environment variables that cannot be read.
	KindEnvFile Kind = "env-file"
)

// Error tells what is wrong with a procfile, and where.
type Error struct {
	// Procfile is the application's procfile, or its folder when it has several or none.
	Procfile string
	// Engine is the one whose failure this is, EngineGoja or EngineNode.
	Engine string
	Kind   Kind
	// Path, Line and Column are the place in the user's code; Path is "" and the numbers are 0 when not known.
	Path         string
	Line, Column int
	// Code is the code of the thrown error, such as PANDORA_SCALE or MODULE_NOT_FOUND; "" when it has none.
	Code string
	// Message is what was thrown, with the name of the error's class.
	Message string
	// Excerpt shows the source around the place, Stack the calls that led there; "" when not known.
	Excerpt, Stack string
	// Hint says what to do; "" when the message does.
	Hint string

	// missing is true for a file of environment variables that is not there.
	missing bool
}

// Error returns the place, the message, the excerpt and the hint, on several lines.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "evaluate procfile %q: %s", e.Procfile, e.short())
	if e.Excerpt != "" {
		b.WriteString("\n\n" + strings.TrimRight(e.Excerpt, "\n"))
	}
	if e.Hint != "" {
		if e.Excerpt != "" {
			b.WriteString("\n")
		}
		b.WriteString("\n" + e.Hint)
	}
	return b.String()
}

// short is the place and the message.
func (e *Error) short() string {
	switch {
	case e.Path == "":
		return e.Message
	case e.Line == 0:
		return e.Path + ": " + e.Message
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

// extensions are those of a procfile.
func extensions() []string { return []string{"js", "ts", "cjs", "mjs", "cts", "mts"} }

// procfile names what is evaluated, for messages.
func (e *evaluation) procfile() string {
	if e.processFile != "" {
		return e.processFile
	}
	if e.Generated != nil {
		return cmp.Or(e.Generated.Source.Path, e.Generated.Source.String())
	}
	found := e.Dir
	for _, folder := range []string{"node_modules/.bin", "."} {
		for _, extension := range extensions() {
			path := filepath.Join(e.Dir, folder, "procfile."+extension)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if found != e.Dir {
				return e.Dir
			}
			found = path
		}
	}
	return found
}

// reachable refuses what has the name of a procfile and cannot be one: a link that leads nowhere or to itself, a folder.
// Discovery would take it for a folder without a procfile.
func (e *evaluation) reachable() error {
	for _, extension := range extensions() {
		path := filepath.Join(e.Dir, "procfile."+extension)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		failed := &Error{Procfile: path, Engine: EngineGoja, Kind: KindLoad, Path: path, Hint: "make it a file, or remove it"}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			target, _ := os.Readlink(path)
			failed.Message = fmt.Sprintf("the link to %q cannot be followed: %v", target, fserr.Bare(err))
		case info.IsDir():
			failed.Message = "it is a folder, expected a file"
		default:
			continue
		}
		return failed
	}
	return nil
}

// advise fills in what to do about a failure whose message does not tell.
func (e *Error) advise() {
	switch {
	case strings.Contains(e.Message, "; a procfile "):
		// Goja's limits say it themselves.
	case e.Kind == KindTimeout:
		e.Hint = "a procfile only describes processes: leave loops, waiting and connections to the application itself"
	case e.Kind == KindMemory:
		e.Hint = "a procfile only describes processes: leave loading of data to the application itself"
	case e.Kind == KindExit && e.Code != "":
		e.Hint = "a procfile must return: leave process.exit() to the application itself"
	case e.Code == "ERR_INVALID_PACKAGE_CONFIG" || strings.Contains(e.Message, "Error parsing /"):
		e.Hint = "mend that package.json; Node reads it as well"
	case strings.HasPrefix(e.Message, "SyntaxError: TypeScript options: "):
		e.Hint = "mend that file; TypeScript reads it as well"
	case e.Code == "EACCES":
		e.Hint = "give this user the right to it"
	case e.Kind == KindLoad:
		e.Hint = "check the path, or run `npm install` in the application's folder"
	case e.Code == "ERR_REQUIRE_ESM", e.Kind == KindSyntax && esmSyntax().MatchString(e.Message):
		e.Hint = "write it as CommonJS (module.exports = …), or use Node 20.19 or newer, which can load ES modules with require()"
	case e.Code == "PANDORA_PM2":
		// The message says it.
	case e.Code == "PANDORA_PROCFILE":
		e.Hint = "write module.exports = (pandora) => { … }"
	case e.Code == "PANDORA_PLACEMENT":
		e.Hint = "place it on a defined process: agent, worker, background, or one defined with pandora.process('…') or pandora.fork('…')"
	case e.Code == "PANDORA_RESERVED":
		e.Hint = "give it another name"
	}
}

var (
	// frame is a line of a stack: "at name (file:line:column)" or "at file:line:column".
	frame = lazyPattern(`^\s+at (?:.*\()?(?:file://)?(/.*):(\d+):(\d+)\)?$`)
	// header stands before the stack of a syntax error.
	header = lazyPattern(`^(?:file://)?(/.*):(\d+)$`)
	// esmSyntax is in what an engine says of an ES module that it reads as CommonJS.
	esmSyntax = lazyPattern(`import statement|import\.meta|Unexpected token '?export`)
)

// lazyPattern compiles a regular expression when it is first asked for: most processes of this program never ask.
func lazyPattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// locate takes the place and the stack from a stack of V8, leaving out frames in our own files in dir.
func (e *Error) locate(stack, dir string) {
	lines := strings.Split(stack, "\n")
	var kept []string
	for i, line := range lines {
		if m := header().FindStringSubmatch(line); m != nil && e.Path == "" && !within(m[1], dir) {
			e.Path = m[1]
			e.Line, _ = strconv.Atoi(m[2])
			if i+2 < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i+2]), "^") {
				e.Column = strings.Index(lines[i+2], "^") + 1
			}
		}
		m := frame().FindStringSubmatch(line)
		if m == nil || within(m[1], dir) {
			continue
		}
		kept = append(kept, strings.TrimSpace(line))
		if e.Path == "" {
			e.Path = m[1]
			e.Line, _ = strconv.Atoi(m[2])
			e.Column, _ = strconv.Atoi(m[3])
		}
	}
	if len(kept) > 0 {
		e.Stack = "    " + strings.Join(kept, "\n    ")
	}
	e.Excerpt = excerpt(e.Path, e.Line, e.Column)
}

// within reports whether path lies below dir.
func within(path, dir string) bool {
	return strings.HasPrefix(path, dir+string(filepath.Separator))
}

// withoutRequireStack cuts what Node appends to the message of a module that was not found: the place says it.
func withoutRequireStack(message string) string {
	message, _, _ = strings.Cut(message, "\nRequire stack:")
	return message
}

// maxSource bounds the size of a file that an excerpt is taken from, in bytes.
const maxSource = 4 << 20

// excerpt shows the lines around a place, with a mark below its column; "" when there is nothing to show.
func excerpt(path string, line, column int) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSource || line < 1 {
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return engine.Excerpt(strings.TrimSuffix(string(data), "\n"), line, column)
}

func sortedNames(env map[string]string) []string {
	return slices.Sorted(maps.Keys(env))
}

// placeAs takes over the place of another error, which is about the same.
func (e *Error) placeAs(other *Error) {
	e.Path, e.Line, e.Column, e.Excerpt = other.Path, other.Line, other.Column, other.Excerpt
}
