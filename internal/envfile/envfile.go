// Package envfile reads files of environment variables (.env) in the dialect of Docker Compose.
//
//	set, err := envfile.Load([]envfile.Source{{Path: "/srv/shop/.env"}}, envfile.Map(os.Environ()))
//	for _, v := range set.Variables { … v.Name, v.Value, v.File, v.Line }
//
// A line is NAME=value or NAME: value, perhaps after "export"; NAME alone means the variable of that name that is there
// anyway. A value without quotes ends at the line's end or at " #"; one in single quotes is taken as it is; in double quotes
// \n, \t, \", \\, \$ and the like stand for what they do in C. Quoted values may have several lines. Outside of single quotes
// $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME?message}, ${NAME:+other} and ${NAME+other}
// are replaced, and $$ is a dollar sign; what they name is looked for in the environment first, and then in what was read
// before.
//
// Errors are an *Error with the place, and never show a value.
//
// Concurrency: functions without state. It sets nothing in any process's environment.
package envfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/pandora-go/pandora/internal/fserr"
)

const (
	// MaxSize bounds one file, in bytes.
	MaxSize = 1 << 20
	// MaxVariable bounds one variable, NAME=value: Linux starts no process with a longer one.
	MaxVariable = 128<<10 - 1
	// maxTotal bounds the values of all files together.
	maxTotal = 2 << 20
	// maxNesting bounds how deep defaults are nested in each other.
	maxNesting = 50
	// maxWarnings bounds what is said of all files together.
	maxWarnings = 20
)

// Source is a file to read.
type Source struct {
	// Path is where it is.
	Path string
	// Optional says that it may be missing.
	Optional bool
}

// Variable is one variable of a file.
type Variable struct {
	Name, Value string
	// File and Line are where it is written; lines count from 1.
	File string
	Line int
}

// Set is what was read.
type Set struct {
	// Variables are in the order in which their names were met first; of one name the last counts.
	Variables []Variable
	// Warnings are sentences about variables that are used and not set.
	Warnings []string

	index map[string]int
	total int
}

// Get returns the variable of a name.
func (s *Set) Get(name string) (Variable, bool) {
	i, ok := s.index[name]
	if !ok {
		return Variable{}, false
	}
	return s.Variables[i], true
}

// Error is what is wrong in a file.
type Error struct {
	// Path is the file; Line and Column count from 1, and are 0 where it is the file itself.
	Path         string
	Line, Column int
	// Message is a clause without values.
	Message string

	cause error
}

// Error returns the place and the message.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("read env file %q: %s", e.Path, e.Message)
	}
	return fmt.Sprintf("read env file %q: line %d, column %d: %s", e.Path, e.Line, e.Column, e.Message)
}

// Unwrap returns why the file could not be read.
func (e *Error) Unwrap() error { return e.cause }

// Load reads files one after the other: what a later one says counts, and it may use what an earlier one has said. env is
// the environment that variables in values are looked for first; nil is none.
func Load(files []Source, env map[string]string) (*Set, error) {
	set := &Set{index: map[string]int{}}
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, err
		}
		if err := set.parse(file.Path, text, env); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Parse reads the text of one file; path is for messages.
func Parse(path, text string, env map[string]string) (*Set, error) {
	set := &Set{index: map[string]int{}}
	if len(text) > MaxSize {
		return nil, &Error{Path: path, Message: tooLarge}
	}
	return set, set.parse(path, text, env)
}

const tooLarge = "it is larger than 1 MB, and too large to be one"

// readFile reads a whole file; "" for one that may be missing and is.
func readFile(source Source) (string, error) {
	wrong := func(message string, cause error) error {
		return &Error{Path: source.Path, Message: message, cause: cause}
	}
	// What is no ordinary file might keep the reader waiting for ever.
	info, err := os.Stat(source.Path)
	switch {
	case fserr.Missing(err) && source.Optional:
		return "", nil
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "", wrong("there is no such file, and the path is longer than the system allows", err)
	case errors.Is(err, syscall.ENOTDIR):
		return "", wrong("there is no such file: the path leads through a file", err)
	case fserr.Missing(err):
		return "", wrong("there is no such file", err)
	case errors.Is(err, syscall.ELOOP):
		return "", wrong("it is a link that leads back to itself", err)
	case err != nil:
		return "", wrong(fserr.Bare(err).Error(), err)
	case info.IsDir():
		return "", wrong("it is a folder, and not a file", nil)
	case !info.Mode().IsRegular():
		return "", wrong("it is not a file that can be read to its end", nil)
	}
	f, err := os.Open(source.Path)
	if err != nil {
		return "", wrong(fserr.Bare(err).Error(), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return "", wrong(fserr.Bare(err).Error(), err)
	}
	if len(data) > MaxSize {
		return "", wrong(tooLarge, nil)
	}
	return string(data), nil
}

// parse adds what a text says.
func (s *Set) parse(path, text string, env map[string]string) error {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return &Error{Path: path, Message: "it is UTF-16; save it as UTF-8"}
	}
	p := &parser{set: s, path: path, text: text, env: env}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return p.wrong(i, "a NUL character, which no variable can hold")
	}
	if !utf8.ValidString(text) {
		return p.wrong(invalidAt(text), "it is not UTF-8 here; save it as UTF-8")
	}
	return p.statements()
}

// invalidAt is the offset of the first byte that is not UTF-8.
func invalidAt(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return 0
}

// add takes a variable.
func (s *Set) add(v Variable) {
	if i, known := s.index[v.Name]; known {
		s.Variables[i] = v
		return
	}
	s.index[v.Name] = len(s.Variables)
	s.Variables = append(s.Variables, v)
}

// Map is an environment as NAME=value by name; the last of a name counts.
func Map(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}
