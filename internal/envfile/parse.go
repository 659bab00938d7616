package envfile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser reads one text.
type parser struct {
	set  *Set
	path string
	text string
	env  map[string]string
	at   int // offset of what is read next

	counted, lines int // the lines before an offset, see line
}

// wrong is an error at an offset.
func (p *parser) wrong(at int, format string, args ...any) error {
	before := p.text[:min(at, len(p.text))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &Error{Path: p.path, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// line is the number of the line at an offset that is not before the last one that was asked for.
func (p *parser) line(at int) int {
	p.lines += strings.Count(p.text[p.counted:at], "\n")
	p.counted = at
	return p.lines + 1
}

// statements reads all of them.
func (p *parser) statements() error {
	for {
		p.skip(func(r rune) bool { return unicode.IsSpace(r) })
		switch {
		case p.at == len(p.text):
			return nil
		case p.text[p.at] == '#':
			p.skip(func(r rune) bool { return r != '\n' })
			continue
		}
		if err := p.statement(); err != nil {
			return err
		}
	}
}

// skip passes over characters.
func (p *parser) skip(what func(rune) bool) {
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !what(r) {
			return
		}
		p.at += size
	}
}

// blank reports whether a character is a space within a line.
func blank(r rune) bool { return r != '\n' && unicode.IsSpace(r) }

// statement reads one.
func (p *parser) statement() error {
	if rest, ok := strings.CutPrefix(p.text[p.at:], "export"); ok && rest != "" && blank(rune(rest[0])) {
		p.at += len("export")
		p.skip(blank)
	}
	start := p.at
	p.skip(nameRune)
	name := p.text[start:p.at]
	p.skip(blank)
	separator := byte('\n')
	if p.at < len(p.text) {
		separator = p.text[p.at]
	}
	switch {
	case separator == '\n' && name != "":
		return nil // the variable that is there anyway
	case separator != '=' && separator != ':':
		return p.wrong(p.at, "unexpected %s in the name of a variable; a line is NAME=value, and names are made of letters, digits and _ . - [ ]", character(p.text[p.at:]))
	case name == "":
		return p.wrong(p.at, "a value without a name; a line is NAME=value")
	}
	line := p.line(start)
	p.at++
	p.skip(blank)
	value, err := p.value()
	if err != nil {
		return err
	}
	if size := len(name) + 1 + len(value); size > MaxVariable {
		return p.wrong(start, "the variable %.100s has %d bytes, and no process can be given one of more than %d", name, size, MaxVariable)
	}
	if p.set.total += len(value); p.set.total > maxTotal {
		return p.wrong(start, "all variables together have more than %d bytes, which no process can be given", maxTotal)
	}
	p.set.add(Variable{Name: name, Value: value, File: p.path, Line: line})
	return nil
}

// nameRune reports whether a name may hold a character.
func nameRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || strings.ContainsRune("_.-[]", r)
}

// character names the first character of a text.
func character(text string) string {
	r, _ := utf8.DecodeRuneInString(text)
	return fmt.Sprintf("%q", r)
}

// value reads a value with what follows it on its line.
func (p *parser) value() (string, error) {
	start := p.at
	if start < len(p.text) && (p.text[start] == '"' || p.text[start] == '\'') {
		return p.quoted(p.text[start])
	}
	p.skip(func(r rune) bool { return r != '\n' })
	value, _, _ := strings.Cut(p.text[start:p.at], " #")
	return p.expand(strings.TrimRightFunc(value, unicode.IsSpace), start, 0)
}

// quoted reads a value in quotes, and passes over a comment behind it.
func (p *parser) quoted(quote byte) (string, error) {
	start := p.at
	var b strings.Builder
	for i := start + 1; ; i++ {
		if i >= len(p.text) {
			return "", p.wrong(start, "the value that begins here has no closing %c", quote)
		}
		c := p.text[i]
		if c == quote {
			p.at = i + 1
			break
		}
		if c == '\\' && i+1 < len(p.text) {
			i++
			if p.text[i] != quote {
				b.WriteByte('\\') // what it means is decided below
			}
			c = p.text[i]
		}
		b.WriteByte(c)
	}
	value := b.String()
	p.skip(blank)
	if p.at < len(p.text) && p.text[p.at] != '\n' && p.text[p.at] != '#' {
		return "", p.wrong(p.at, "unexpected %s behind a value in quotes; a quote within it is written \\%c", character(p.text[p.at:]), quote)
	}
	p.skip(func(r rune) bool { return r != '\n' })
	if quote == '\'' {
		return value, nil
	}
	return p.expand(unescape(value), start, 0)
}

// unescape replaces what a backslash introduces in double quotes; an escaped dollar sign becomes $$, which expand makes one
// of.
func unescape(value string) string {
	if !strings.Contains(value, `\`) {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		i++
		switch c := value[i]; {
		case c == '$':
			b.WriteString("$$")
		case c == '0':
			if char, size := octal(value[i+1:]); size > 0 {
				b.WriteRune(char)
				i += size
				continue
			}
			b.WriteString(`\0`)
		default:
			at := strings.IndexByte(`abfnrtv\"`, c)
			if at < 0 {
				b.WriteByte('\\')
				b.WriteByte(c)
				continue
			}
			b.WriteByte("\a\b\f\n\r\t\v\\\""[at])
		}
	}
	return b.String()
}

// octal reads three octal digits of a character that is not NUL; size is 0 when there are none.
func octal(digits string) (char rune, size int) {
	if len(digits) < 3 {
		return 0, 0
	}
	for _, d := range []byte(digits[:3]) {
		if d < '0' || d > '7' {
			return 0, 0
		}
		char = char*8 + rune(d-'0')
	}
	if char == 0 || char > 0o377 {
		return 0, 0
	}
	return char, 3
}

// lookup is the value of a variable: that of the environment, or of what was read before.
func (p *parser) lookup(name string) (string, bool) {
	if value, ok := p.env[name]; ok {
		return value, true
	}
	v, ok := p.set.Get(name)
	return v.Value, ok
}

// expand replaces the variables in a value that begins at an offset.
func (p *parser) expand(value string, at, depth int) (string, error) {
	if !strings.Contains(value, "$") {
		return value, nil
	}
	if depth > maxNesting {
		return "", p.wrong(at, "defaults are nested more than %d deep", maxNesting)
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(value, "$")
		b.WriteString(before)
		if b.Len() > MaxVariable {
			return "", p.wrong(at, "the value has more than %d bytes, and no process can be given one", MaxVariable)
		}
		if !found {
			return b.String(), nil
		}
		switch name := identifier(rest); {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			value = rest[1:]
		case name != "":
			b.WriteString(p.use(name, at))
			value = rest[len(name):]
		case strings.HasPrefix(rest, "{"):
			end := closing(rest)
			if end < 0 {
				return "", p.wrong(at, "a ${ in the value has no }; a dollar sign that begins no variable is written $$, or in single quotes")
			}
			expanded, err := p.braced(rest[1:end], at, depth)
			if err != nil {
				return "", err
			}
			b.WriteString(expanded)
			value = rest[end+1:]
		default: // just a dollar sign
			b.WriteByte('$')
			value = rest
		}
	}
}

// use is the value of a variable that may be missing.
func (p *parser) use(name string, at int) string {
	value, ok := p.lookup(name)
	if !ok && len(p.set.Warnings) < maxWarnings {
		p.set.Warnings = append(p.set.Warnings, fmt.Sprintf(
			"%s:%d uses $%s, which is not set and taken as empty; a dollar sign that begins no variable is written $$, or in single quotes", p.path, p.line(at), name))
	}
	return value
}

// identifier is the name that a text begins with; "" for none.
func identifier(text string) string {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return text[:i]
		}
	}
	return text
}

// closing is the offset of the brace that closes the one at the beginning; -1 for none.
func closing(text string) int {
	open := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// braced is what ${…} stands for.
func (p *parser) braced(inside string, at, depth int) (string, error) {
	name := identifier(inside)
	operator, word := "", inside[len(name):]
	for _, o := range []string{":-", "-", ":?", "?", ":+", "+"} {
		if rest, ok := strings.CutPrefix(word, o); ok {
			operator, word = o, rest
			break
		}
	}
	if name == "" || operator == "" && word != "" {
		return "", p.wrong(at, "${…} in the value names no variable; it is ${NAME}, ${NAME:-default}, ${NAME:?message} or ${NAME:+other}, and a plain dollar sign is written $$")
	}
	if operator == "" {
		return p.use(name, at), nil
	}
	value, set := p.lookup(name)
	given := set && (value != "" || operator[0] != ':')
	switch operator[len(operator)-1] {
	case '-':
		if given {
			return value, nil
		}
		return p.expand(word, at, depth+1)
	case '+':
		if !given {
			return "", nil
		}
		return p.expand(word, at, depth+1)
	}
	if given {
		return value, nil
	}
	if word == "" {
		word = "set it in the environment, or in a file that is read before"
	}
	return "", p.wrong(at, "the variable %s is required: %.300s", name, word)
}
