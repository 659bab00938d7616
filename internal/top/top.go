// Package top is the live view of [ pandora top ] without the terminal: what is shown, as a value that messages change and
// that draws itself as lines of text.
//
//	m := top.New(top.Options{Interval: time.Second})
//	m, _ = m.Update(top.Size{Width: 80, Height: 24})
//	m, _ = m.Update(top.Sampled{Sample: sample})
//	m, effect := m.Update(top.Key{Name: "r"})  // asks whether to restart what is selected
//	m, effect = m.Update(top.Key{Name: "y"})   // effect is an Action, which the caller carries out
//	for _, line := range m.View() { … }        // never wider and never more than the size says
//
// Concurrency: a Model is a value; Update returns another one and leaves the one before as it was.
//
// It reads no key, writes to no terminal, asks no daemon and knows no clock: time comes with the samples.
package top

import (
	"slices"
	"strconv"
	"time"
)

// Options are what New needs.
type Options struct {
	// Interval is the time between two samples, for the title of the page.
	Interval time.Duration
	// Sort is what is sorted by in the beginning, Filter what rows have to hold.
	Sort   Column
	Filter string
	// Level is what a row is in the beginning.
	Level Level
}

// Level says what a row is.
type Level int

// The levels.
const (
	Workers Level = iota
	Processes
	Applications
	levels = iota
)

// Model is everything that is shown. New makes one.
type Model struct {
	options       Options
	width, height int

	sample, before *Sample
	// rows are those that pass the filter, in order, of all that there are; totals is what all use together.
	rows   []Row
	total  int
	totals Row
	level  Level

	sort     Column
	reversed bool
	filter   string
	search   string

	// selected is the key of the selected row, cursor its place when it was seen last, and offset the first row shown. It
	// stays selected where others come and go once it is chosen; until then that is the first row, whichever it is.
	selected       string
	chosen         bool
	cursor, offset int

	prompt *prompt
	help   bool
	paused bool
	log    logSize
	// away says why there are no new samples, since when; "" while there are.
	away      string
	awaySince time.Time
	now       time.Time
	message   string
	bad       bool
	// tail are the last lines of the log of what tailOf names.
	tail   []string
	tailOf Target
}

// logSize is how much of the page the log takes.
type logSize int

const (
	logSmall logSize = iota
	logLarge
	logOff
	logSizes = iota
)

// New makes an empty view.
func New(o Options) Model {
	return Model{options: o, sort: o.Sort, filter: o.Filter, level: o.Level}
}

// Size is the message that the terminal has a size.
type Size struct{ Width, Height int }

// Key is the message that a key was pressed. Name is the key, as "up", "ctrl+c" or "r"; Text is what it types, "" when it
// types nothing.
type Key struct{ Name, Text string }

// Sampled is the message that there is a new sample.
type Sampled struct{ Sample Sample }

// Away is the message that there is none at a time, and why.
type Away struct {
	At  time.Time
	Why string
}

// Tail is the message that the log of a target ends with these lines, the last one last.
type Tail struct {
	Of    Target
	Lines []string
}

// Told is the message that there is something to say of an action; Bad when it has failed.
type Told struct {
	Text string
	Bad  bool
}

// Verb is what is done to a process or an application.
type Verb string

// The verbs.
const (
	Restart Verb = "restart"
	Reload  Verb = "reload"
	Scale   Verb = "scale"
)

// Effect is what the caller is to do: an Action, Quit, Suspend, or nil for nothing.
type Effect any

// Quit asks the caller to end the view.
type Quit struct{}

// Suspend asks the caller to give the terminal back to the shell for a while.
type Suspend struct{}

// Action asks the caller to change something and to say with Told how it went.
type Action struct {
	Verb   Verb
	Target Target
	// Scale is how many workers there are to be.
	Scale int
}

// Target is an application, a process of it, or one worker of that.
type Target struct {
	// Process is "" for the whole application.
	App, Process string
	// Worker is the slot; All for all workers.
	Worker int
}

// All is the Worker of a Target that is not about one.
const All = -1

// String is a target as users write it, such as "shop/web/0".
func (t Target) String() string {
	switch {
	case t.Process == "":
		return t.App
	case t.Worker == All:
		return t.App + "/" + t.Process
	}
	return t.App + "/" + t.Process + "/" + strconv.Itoa(t.Worker)
}

// Update takes a message: a Size, Key, Sampled, Away, Tail or Told. Anything else changes nothing.
func (m Model) Update(message any) (Model, Effect) {
	var effect Effect
	switch message := message.(type) {
	case Size:
		m.width, m.height = message.Width, message.Height
	case Key:
		m, effect = m.key(message)
	case Sampled:
		m = m.sampled(message.Sample)
	case Away:
		if m.away == "" {
			m.awaySince = message.At
		}
		m.away, m.now = message.Why, message.At
	case Tail:
		m.tail, m.tailOf = message.Lines, message.Of
	case Told:
		m.message, m.bad = message.Text, message.Bad
	}
	return m.scrolled(), effect
}

// sampled takes a sample in, unless what is shown is to stay.
func (m Model) sampled(s Sample) Model {
	m.away = ""
	if m.paused && m.sample != nil {
		return m
	}
	m.before, m.sample, m.now = m.sample, &s, s.At
	return m.arranged()
}

// Table makes the rows of a sample, with what was used since the one before, in the order of the sample.
func Table(now Sample, before *Sample, level Level) []Row { return rowsOf(now, before, level) }

// arranged makes the rows anew and finds the selected one among them.
func (m Model) arranged() Model {
	if m.sample == nil {
		return m
	}
	all := rowsOf(*m.sample, m.before, m.level)
	m.total, m.totals = len(all), sum(Row{}, all)
	m.rows = slices.DeleteFunc(all, func(r Row) bool { return !r.matches(m.filter) })
	order(m.rows, m.sort, m.reversed)
	at := slices.IndexFunc(m.rows, func(r Row) bool { return r.Key == m.selected })
	switch {
	case !m.chosen:
		at = 0
	case at < 0:
		at = m.cursor // the row that has taken its place
	}
	return m.moved(at)
}

// moved selects the row at a place, or the nearest one.
func (m Model) moved(to int) Model {
	m.cursor = max(0, min(to, len(m.rows)-1))
	m.selected = ""
	if len(m.rows) > 0 {
		m.selected = m.rows[m.cursor].Key
	}
	return m
}

// scrolled brings the selected row into what is shown.
func (m Model) scrolled() Model {
	room := m.layout().rows
	m.offset = min(m.offset, m.cursor)
	if m.cursor >= m.offset+room {
		m.offset = m.cursor - room + 1
	}
	m.offset = max(0, min(m.offset, len(m.rows)-room))
	return m
}

// current is the selected row; false when there is none.
func (m Model) current() (Row, bool) {
	if m.cursor >= len(m.rows) {
		return Row{}, false
	}
	return m.rows[m.cursor], true
}

// Follow tells whose log is wanted, and how many lines of it; none when there is no room for any.
func (m Model) Follow() (of Target, lines int) {
	row, ok := m.current()
	if !ok || m.help {
		return Target{}, 0
	}
	return row.Target, m.layout().log
}

// Rows are the rows that pass the filter, in order.
func (m Model) Rows() []Row { return m.rows }
