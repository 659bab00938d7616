package top

import (
	"fmt"
	"strconv"
	"strings"
)

// maxPrompt bounds what can be typed, in bytes, and maxScale what a process can be scaled to.
const (
	maxPrompt = 200
	maxScale  = 10_000
)

// prompt is a question in the last line.
type prompt struct {
	kind promptKind
	// text is what was typed, before what there was when the question came up.
	text, before string
	// question and action are those of a scale and a confirmation.
	question string
	action   Action
}

type promptKind int

const (
	askSearch promptKind = iota
	askFilter
	askScale
	askConfirm
)

// key takes a key.
func (m Model) key(k Key) (Model, Effect) {
	switch {
	case k.Name == "ctrl+c":
		return m, Quit{}
	case k.Name == "ctrl+z":
		return m, Suspend{}
	case m.prompt != nil:
		return m.answer(k)
	case m.help:
		m.help = false
		if k.Name == "q" {
			return m, Quit{}
		}
		return m, nil
	}
	m.message = ""
	if to, ok := m.movement(k.Name); ok {
		m.chosen = k.Name != "home" && k.Name != "g"
		return m.moved(to), nil
	}
	switch k.Name {
	case "q":
		return m, Quit{}
	case "?", "h", "f1":
		m.help = true
	case "/":
		m.prompt = &prompt{kind: askSearch, before: m.search}
	case "f":
		m.prompt = &prompt{kind: askFilter, text: m.filter, before: m.filter}
	case "n":
		return m.found(m.cursor+1, 1), nil
	case "N":
		return m.found(m.cursor-1, -1), nil
	case "esc":
		m.search, m.filter = "", ""
		return m.arranged(), nil
	case "r":
		return m.asked(Restart), nil
	case "l":
		return m.asked(Reload), nil
	case "s":
		return m.askedScale(), nil
	default:
		return m.shown(k.Name), nil
	}
	return m, nil
}

// shown takes the keys that change how things are shown.
func (m Model) shown(name string) Model {
	switch name {
	case "v":
		m.level = (m.level + 1) % levels
		return m.arranged()
	case "i":
		m.reversed = !m.reversed
		return m.arranged()
	case "<", "left":
		return m.sorted((m.sort + columns - 1) % columns)
	case ">", "right":
		return m.sorted((m.sort + 1) % columns)
	case "L":
		m.log = (m.log + 1) % logSizes
	case "p":
		m.paused = !m.paused
	default:
		if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= columns {
			return m.sorted(Column(n - 1))
		}
	}
	return m
}

// sorted sorts by a column; by the one that is sorted by already the other way round.
func (m Model) sorted(by Column) Model {
	m.reversed = by == m.sort && !m.reversed
	m.sort = by
	return m.arranged()
}

// movement is where a key moves the selection to.
func (m Model) movement(name string) (to int, ok bool) {
	page := max(1, m.layout().rows-1)
	switch name {
	case "up", "k":
		return m.cursor - 1, true
	case "down", "j":
		return m.cursor + 1, true
	case "pgup", "ctrl+b":
		return m.cursor - page, true
	case "pgdown", "ctrl+f", "space":
		return m.cursor + page, true
	case "home", "g":
		return 0, true
	case "end", "G":
		return len(m.rows) - 1, true
	}
	return 0, false
}

// found selects the first row from a place on that holds what is searched for, beginning again at the other end.
func (m Model) found(from, step int) Model {
	n := len(m.rows)
	if n == 0 || m.search == "" {
		return m
	}
	for i := range n {
		at := ((from+i*step)%n + n) % n
		if m.rows[at].matches(m.search) {
			m.chosen = true
			return m.moved(at)
		}
	}
	m.message, m.bad = fmt.Sprintf("nothing holds %q", m.search), true
	return m
}

// asked asks whether to restart or reload what is selected.
func (m Model) asked(verb Verb) Model {
	row, ok := m.current()
	if !ok {
		return m
	}
	n, how := m.count(row.Target), ""
	switch {
	case verb == Reload && n > 1:
		how = fmt.Sprintf("its %d workers are replaced one by one", n)
	case verb == Reload:
		how = "a new worker is ready first"
	case n > 1:
		how = fmt.Sprintf("its %d workers stop first", n)
	default:
		how = "it stops first"
	}
	m.prompt = &prompt{
		kind: askConfirm, question: fmt.Sprintf("%s %s (%s)?", title(string(verb)), row.Target, how),
		action: Action{Verb: verb, Target: row.Target},
	}
	return m
}

// askedScale asks how many workers the selected process is to have.
func (m Model) askedScale() Model {
	row, ok := m.current()
	if !ok {
		return m
	}
	t := Target{row.Target.App, row.Target.Process, All}
	if t.Process == "" {
		if t.Process = m.onlyProcess(t.App); t.Process == "" {
			m.message, m.bad = "select a process to scale: v shows them", true
			return m
		}
	}
	question := fmt.Sprintf("Scale %s from %d to", t, m.count(t))
	m.prompt = &prompt{kind: askScale, question: question, action: Action{Verb: Scale, Target: t}}
	return m
}

// onlyProcess is the process of an application that has one; "" otherwise.
func (m Model) onlyProcess(app string) string {
	for _, a := range m.sample.Apps {
		if a.Name == app && len(a.Processes) == 1 {
			return a.Processes[0].Name
		}
	}
	return ""
}

// count is how many workers a target has.
func (m Model) count(t Target) (n int) {
	for _, app := range m.sample.Apps {
		for _, p := range app.Processes {
			if app.Name != t.App || t.Process != "" && p.Name != t.Process {
				continue
			}
			for i, w := range p.Workers {
				if (i == 0 || p.Workers[i-1].Slot != w.Slot) && (t.Worker == All || w.Slot == t.Worker) {
					n++
				}
			}
		}
	}
	return n
}

// answer takes a key while there is a question.
func (m Model) answer(k Key) (Model, Effect) {
	p := *m.prompt
	if p.kind == askConfirm {
		return m.confirmed(p, k)
	}
	switch k.Name {
	case "esc":
		m.prompt = nil
		return m.typed(p.kind, p.before), nil
	case "enter":
		m.prompt = nil
		if p.kind == askScale {
			return m.scaled(p), nil
		}
		return m, nil
	case "backspace", "ctrl+h":
		if p.text != "" {
			runes := []rune(p.text)
			p.text = string(runes[:len(runes)-1])
		}
	case "ctrl+u":
		p.text = ""
	default:
		if text := printable(k.Text); len(p.text)+len(text) <= maxPrompt {
			p.text += text
		}
	}
	m.prompt = &p
	return m.typed(p.kind, p.text), nil
}

// typed searches or filters with what has been typed so far.
func (m Model) typed(kind promptKind, text string) Model {
	switch kind {
	case askSearch:
		if m.search = text; text != "" {
			return m.found(m.cursor, 1)
		}
		m.message = ""
	case askFilter:
		m.filter = text
		return m.arranged()
	}
	return m
}

// scaled asks whether to scale to the number that was typed.
func (m Model) scaled(p prompt) Model {
	n, err := strconv.Atoi(strings.TrimSpace(p.text))
	if err != nil || n < 1 || n > maxScale {
		m.message, m.bad = fmt.Sprintf("%q is no number of workers, want 1 or more", p.text), true
		return m
	}
	p.action.Scale = n
	m.prompt = &prompt{kind: askConfirm, question: fmt.Sprintf("%s %d?", p.question, n), action: p.action}
	return m
}

// confirmed does what was asked about, if the answer is yes.
func (m Model) confirmed(p prompt, k Key) (Model, Effect) {
	m.prompt = nil
	if k.Name != "y" && k.Name != "Y" {
		m.message, m.bad = "nothing was done", false
		return m, nil
	}
	m.message, m.bad = string(p.action.Verb)+" of "+p.action.Target.String()+" begins", false
	return m, p.action
}

// title is a word with a capital.
func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// several says a number of things.
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
