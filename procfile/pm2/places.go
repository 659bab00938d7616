package pm2

import "strings"

// places are the keys of object literals in a source, found by its words alone: no syntax is known beyond strings, comments
// and brackets, so that it works for CommonJS, ES modules, TypeScript and JSON with comments, and never fails. What it does
// not find has no place.
type places struct {
	groups []*group
}

// group is one pair of braces, or one mapping of YAML.
type group struct {
	line, column int
	keys         []key
}

// key is one key: where it stands, and what stands behind it.
type key struct {
	name         string
	line, column int
	// value is the source text of the value, cut at maxValue.
	value string
	// literal is the value when it is one string; ok says so.
	literal string
	ok      bool
	// below is the group that the value is, nil when it is none.
	below *group
}

// Bounds of what is remembered.
const (
	maxGroups = 20000
	maxValue  = 1000
)

// word is one word of a source.
type word struct {
	kind       wordKind
	start, end int
	// text is the string's content, or the word itself.
	text string
}

type wordKind uint8

const (
	wordName wordKind = iota
	wordString
	wordSign
	wordOther
)

// findPlaces reads a source.
func findPlaces(source string) *places {
	p := &places{}
	words := scan(source)
	lines := newLines(source)
	type open struct {
		g *group
		// pending is the key whose value is being read; -1 for none.
		pending, from int
	}
	var stack []open
	// finish ends the value of the key at hand.
	finish := func(o *open, last int) {
		if o.pending < 0 || o.g == nil {
			return
		}
		k := &o.g.keys[o.pending]
		if last >= o.from {
			k.value = source[words[o.from].start:words[last].end]
			if len(k.value) > maxValue {
				k.value = ""
			}
			if last == o.from && words[last].kind == wordString {
				k.literal, k.ok = words[last].text, true
			}
		}
		o.pending = -1
	}
	for i, w := range words {
		if w.kind == wordSign {
			switch w.text {
			case "{", "[", "(":
				var g *group
				if w.text == "{" && len(p.groups) < maxGroups {
					g = &group{}
					g.line, g.column = lines.at(w.start)
					p.groups = append(p.groups, g)
					if len(stack) > 0 {
						if above := &stack[len(stack)-1]; above.pending >= 0 && above.from == i {
							above.g.keys[above.pending].below = g
						}
					}
				}
				stack = append(stack, open{g: g, pending: -1})
				continue
			case "}", "]", ")":
				if len(stack) > 0 {
					finish(&stack[len(stack)-1], i-1)
					stack = stack[:len(stack)-1]
				}
				continue
			case ",":
				if len(stack) > 0 {
					finish(&stack[len(stack)-1], i-1)
				}
				continue
			}
		}
		if len(stack) == 0 || stack[len(stack)-1].g == nil || i == 0 || i+1 >= len(words) || w.kind > wordString {
			continue
		}
		before, after := words[i-1].text, words[i+1].text
		if words[i-1].kind != wordSign || before != "{" && before != "," || words[i+1].kind != wordSign {
			continue
		}
		top := &stack[len(stack)-1]
		k := key{name: w.text}
		k.line, k.column = lines.at(w.start)
		switch {
		case after == ":":
			top.g.keys = append(top.g.keys, k)
			top.pending, top.from = len(top.g.keys)-1, i+2
		case w.kind == wordName && (after == "," || after == "}"):
			k.value = w.text
			top.g.keys = append(top.g.keys, k)
		}
	}
	return p
}

// at finds a key of a group; the last one of a name counts, as in JavaScript.
func (g *group) at(name string) *key {
	if g == nil {
		return nil
	}
	for i := len(g.keys) - 1; i >= 0; i-- {
		if g.keys[i].name == name {
			return &g.keys[i]
		}
	}
	return nil
}

// anywhere is the place of the first key of that name in the source, or 0, 0.
func (p *places) anywhere(name string) (line, column int) {
	if p == nil {
		return 0, 0
	}
	for _, g := range p.groups {
		if k := g.at(name); k != nil {
			return k.line, k.column
		}
	}
	return 0, 0
}

// only is the one place of keys of that name outside of apps, or 0, 0 when there are several.
func (p *places) only(name string) (line, column int) {
	if p == nil {
		return 0, 0
	}
	for _, g := range p.groups {
		k := g.at(name)
		switch {
		case k == nil, g.at("script") != nil:
		case line != 0:
			return 0, 0
		default:
			line, column = k.line, k.column
		}
	}
	return line, column
}

// app finds the group that the app number index of count is written in, by its name or script; nil when it is not clear.
func (p *places) app(index, count int, same func(index int) bool, name, script string) *group {
	if p == nil {
		return nil
	}
	var apps, named, scripted []*group
	for _, g := range p.groups {
		n, s := g.at("name"), g.at("script")
		if s == nil && g.at("cmd") == nil && g.at("command") == nil {
			continue
		}
		apps = append(apps, g)
		if n != nil && n.ok && n.literal == name {
			named = append(named, g)
		}
		if s != nil && s.ok && s.literal == script {
			scripted = append(scripted, g)
		}
	}
	switch {
	case len(named) == 1 && !same(index):
		return named[0]
	case len(apps) == count:
		return apps[index]
	case len(scripted) == 1 && len(named) == 0 && !same(index):
		return scripted[0]
	}
	return nil
}

// lines finds line and column of an offset, for offsets that grow.
type lines struct {
	source       string
	offset       int
	line, column int
}

func newLines(source string) *lines { return &lines{source: source, line: 1, column: 1} }

// at counts columns in UTF-16 units, as JavaScript does.
func (l *lines) at(offset int) (line, column int) {
	for _, r := range l.source[l.offset:offset] {
		switch {
		case r == '\n':
			l.line, l.column = l.line+1, 1
		case r > 0xffff:
			l.column += 2
		default:
			l.column++
		}
	}
	l.offset = offset
	return l.line, l.column
}

// scan splits a source into words. Comments are left out; a template and a regular expression are one word.
func scan(source string) []word {
	var words []word
	for i := 0; i < len(source); {
		start := i
		c := source[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			continue
		case strings.HasPrefix(source[i:], "//"), start == 0 && strings.HasPrefix(source, "#!"):
			i = lineEnd(source, i)
			continue
		case strings.HasPrefix(source[i:], "/*"):
			i = commentEnd(source, i)
			continue
		case c == '"' || c == '\'':
			i = stringEnd(source, i)
			words = append(words, word{wordString, start, i, unquoted(source[start:i])})
			continue
		case c == '`':
			i = templateEnd(source, i, 0)
			words = append(words, word{wordOther, start, i, ""})
			continue
		case c == '/' && regexpMayStart(words):
			i = regexpEnd(source, i)
			words = append(words, word{wordOther, start, i, ""})
			continue
		case nameByte(c):
			for i < len(source) && nameByte(source[i]) {
				i++
			}
			words = append(words, word{wordName, start, i, source[start:i]})
			continue
		}
		i++
		words = append(words, word{wordSign, start, i, source[start:i]})
	}
	return words
}

func nameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func lineEnd(source string, i int) int {
	if n := strings.IndexByte(source[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(source)
}

func commentEnd(source string, i int) int {
	if n := strings.Index(source[i+2:], "*/"); n >= 0 {
		return i + 2 + n + 2
	}
	return len(source)
}

// stringEnd is the offset behind a string, or the end of its line when it is not closed.
func stringEnd(source string, i int) int {
	quote := source[i]
	for i++; i < len(source); i++ {
		switch source[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		case '\n':
			return i
		}
	}
	return len(source)
}

// maxNesting bounds templates within templates.
const maxNesting = 50

// templateEnd is the offset behind a template.
func templateEnd(source string, i, depth int) int {
	for i++; i < len(source); i++ {
		switch {
		case source[i] == '\\':
			i++
		case source[i] == '`':
			return i + 1
		case strings.HasPrefix(source[i:], "${"):
			i = expressionEnd(source, i+2, depth) - 1
		}
	}
	return len(source)
}

// expressionEnd is the offset behind the brace that ends an expression in a template.
func expressionEnd(source string, i, depth int) int {
	if depth > maxNesting {
		return len(source)
	}
	for open := 1; i < len(source); {
		switch c := source[i]; {
		case c == '"' || c == '\'':
			i = stringEnd(source, i)
		case c == '`':
			i = templateEnd(source, i, depth+1)
		case strings.HasPrefix(source[i:], "/*"):
			i = commentEnd(source, i)
		case c == '{':
			open++
			i++
		case c == '}':
			i++
			if open--; open == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(source)
}

// regexpMayStart reports whether a slash here begins a regular expression, and no division.
func regexpMayStart(words []word) bool {
	if len(words) == 0 {
		return true
	}
	last := words[len(words)-1]
	switch last.kind {
	case wordString, wordOther:
		return false
	case wordName:
		return last.text == "return" || last.text == "typeof" || last.text == "case"
	}
	return last.text != ")" && last.text != "]" && last.text != "}"
}

// regexpEnd is the offset behind a regular expression, without its flags, or the end of its line when it is not closed.
func regexpEnd(source string, i int) int {
	class := false
	for i++; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\':
			i++
		case c == '\n':
			return i
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			return i + 1
		}
	}
	return len(source)
}

// unquoted is the content of a string without escapes; one with escapes is never compared successfully, which costs a place.
func unquoted(text string) string {
	if len(text) < 2 || text[len(text)-1] != text[0] {
		return text
	}
	return text[1 : len(text)-1]
}
