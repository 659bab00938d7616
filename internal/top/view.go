package top

import (
	"fmt"
	"strconv"
	"time"
)

const (
	// leastName is the least width of the name; a column beside it needs the room that is left.
	leastName = 10
	// margin is the mark of the selected row, and one of what is not as it should be.
	margin = 2
	// leastLog and mostLog bound the lines of a small log.
	leastLog, mostLog = 2, 8
)

// layout is how many lines the parts of a page have.
type layout struct {
	header, titles, rows, detail, log, footer int
}

// layout shares the height out. What the rows do not need goes to the log.
func (m Model) layout() layout {
	l := layout{footer: lineFrom(m.height, 2), titles: lineFrom(m.height, 3), header: lineFrom(m.height, 4), detail: lineFrom(m.height, 10)}
	free := max(0, m.height-l.footer-l.titles-l.header-l.detail)
	if m.log != logOff && m.height >= 14 {
		l.log = min(mostLog, max(leastLog, (m.height-9)/3))
		if m.log == logLarge {
			l.log = (m.height - 4) / 2
		}
		l.log = max(l.log, free-1-len(m.rows)) // a line is for its title
		l.log = min(l.log, free-2)
		free -= l.log + 1
	}
	l.rows = free
	return l
}

// lineFrom is one line on a page of at least some height.
func lineFrom(height, least int) int {
	if height >= least {
		return 1
	}
	return 0
}

// View draws the page: at most as many lines as the size says, none of them wider.
func (m Model) View() []Line {
	if m.width <= 0 || m.height <= 0 {
		return nil
	}
	if m.help {
		return clipped(helpPage(), m.width, m.height)
	}
	l := m.layout()
	var lines []Line
	if l.header > 0 {
		lines = append(lines, m.header())
	}
	shape := m.shape(m.width)
	if l.titles > 0 {
		lines = append(lines, m.titleLine(shape))
	}
	end := min(m.offset+l.rows, len(m.rows))
	for i := m.offset; i < end; i++ {
		lines = append(lines, shape.line(m.rows[i], m.level, i == m.cursor))
	}
	for i := end - m.offset; i < l.rows; i++ {
		blank := Line{}
		if i == 0 {
			blank = Line{{m.nothing(), Dim}}
		}
		lines = append(lines, blank)
	}
	if l.detail > 0 {
		lines = append(lines, m.detail())
	}
	if l.log > 0 {
		lines = append(lines, m.logLines(l.log)...)
	}
	if l.footer > 0 {
		lines = append(lines, m.footer())
	}
	return clipped(lines, m.width, m.height)
}

// Page draws everything there is below each other, for output that is no terminal; a width of 0 is any.
func (m Model) Page(total int) []Line {
	m.now = time.Time{} // one page says it all
	lines := []Line{m.header()}
	shape := m.shape(total)
	lines = append(lines, m.titleLine(shape))
	for _, r := range m.rows {
		lines = append(lines, shape.line(r, m.level, false))
	}
	if len(m.rows) == 0 {
		lines = append(lines, Line{{m.nothing(), Dim}})
	}
	noted := ""
	for _, r := range m.rows {
		if note := r.Name + ": " + printable(r.Note); r.Note != "" {
			if r.Note == noted {
				continue // of the same application
			}
			noted = r.Note
			lines = append(lines, Line{{note, styleOf(max(r.Tone, Passing))}})
		}
	}
	if total <= 0 {
		return lines
	}
	return clipped(lines, total, len(lines))
}

// clipped cuts lines to a size.
func clipped(lines []Line, width, height int) []Line {
	lines = lines[:min(len(lines), height)]
	for i := range lines {
		lines[i] = lines[i].fit(width)
	}
	return lines
}

// header says what there is as a whole.
func (m Model) header() Line {
	line := Line{{"pandora top", Bold}}
	if m.away != "" {
		line = append(line, Span{"  daemon away for " + spanText(max(0, m.now.Sub(m.awaySince))), Bad})
	}
	if m.paused {
		line = append(line, Span{"  paused", Warn})
	}
	if m.sample == nil {
		return line
	}
	if m.filter != "" {
		line = append(line, Span{fmt.Sprintf("  %d of %d hold %q", len(m.rows), m.total, m.filter), Warn})
	}
	all := m.totals
	text := "  " + several(len(m.sample.Apps), "application") + "  " + several(all.Workers, "worker")
	if all.CPU >= 0 {
		text += "  cpu " + ByCPU.text(all, m.level) + "%"
	}
	if all.Measured {
		text += "  mem " + bytesText(all.Memory)
	}
	if !m.now.IsZero() {
		text += "  " + m.now.Format("15:04:05")
	}
	return append(line, Span{text, 0})
}

// nothing says why there are no rows.
func (m Model) nothing() string {
	switch {
	case m.sample == nil && m.away != "":
		return "" // the last line says it
	case m.sample == nil:
		return "  asking the daemon …"
	case len(m.rows) == 0 && m.total > 0:
		return fmt.Sprintf("  nothing holds %q; esc shows all", m.filter)
	case m.total == 0:
		return "  no application is known; [ pandora start ] starts one"
	}
	return ""
}

// shape is which columns there are, and how wide the name is.
type shape struct {
	name    int
	columns []Column
}

// shape chooses the columns that fit into a width; 0 is any.
func (m Model) shape(total int) shape {
	longest := width(ByName.title(m.level)) + 1
	for _, r := range m.rows {
		longest = max(longest, width(r.Name))
	}
	shown := map[Column]bool{}
	if total <= 0 {
		total = margin + longest
		for _, c := range kept() {
			total += 1 + c.width()
		}
	}
	left := total - margin - leastName
	for _, c := range kept() {
		if left < 1+c.width() {
			break
		}
		shown[c], left = true, left-1-c.width()
	}
	s := shape{name: min(longest, max(0, leastName+left))}
	for c := ByPID; c < columns; c++ {
		if shown[c] {
			s.columns = append(s.columns, c)
		}
	}
	return s
}

// titleLine is the line of titles; the one that is sorted by is marked.
func (m Model) titleLine(s shape) Line {
	mark := func(c Column) (string, Style) {
		text := c.title(m.level)
		if c != m.sort {
			return text, Dim
		}
		return text, Bold
	}
	sign := "↓"
	if m.reversed {
		sign = "↑"
	}
	text, style := mark(ByName)
	if m.sort == ByName {
		text += sign
	}
	line := Line{{"  ", 0}, {pad(text, s.name, false), style}}
	for _, c := range s.columns {
		text, style := mark(c)
		if c == m.sort && width(text) < c.width() {
			text += sign
		}
		line = append(line, Span{" ", 0}, Span{pad(text, c.width(), c.right()), style})
	}
	return line
}

// line draws one row.
func (s shape) line(r Row, level Level, selected bool) Line {
	marks := []rune("  ")
	if selected {
		marks[0] = '>'
	}
	if r.Tone == Broken || r.Silent || level == Applications && r.Health == HealthDown {
		marks[1] = '!'
	}
	var base Style
	if selected {
		base = Reverse
	}
	line := Line{{string(marks), base}, {pad(cutLeft(printable(r.Name), s.name), s.name, false), base}}
	for _, c := range s.columns {
		style := base
		switch {
		case c == ByState:
			style |= styleOf(r.Tone)
		case c == ByHealth && r.Health == HealthDown, c == ByLag && r.Silent:
			style |= Bad
		case c == ByHealth && r.Health == HealthUp:
			style |= Good
		}
		line = append(line, Span{" ", base}, Span{pad(printable(c.text(r, level)), c.width(), c.right()), style})
	}
	return line
}

// styleOf is the colour of a tone.
func styleOf(t Tone) Style { return []Style{Good, Warn, Bad}[t] }

// detail says more of the selected row.
func (m Model) detail() Line {
	row, ok := m.current()
	if !ok || row.Note == "" {
		return nil
	}
	return Line{{row.Name + ": " + printable(row.Note), styleOf(max(row.Tone, Passing))}}
}

// logLines are the title of the log and its last lines.
func (m Model) logLines(n int) []Line {
	row, ok := m.current()
	title := "── log "
	if ok {
		title = "── log of " + row.Name + " "
	}
	for width(title) < m.width {
		title += "─"
	}
	lines := []Line{{{title, Dim}}}
	var tail []string
	if ok && m.tailOf == row.Target {
		tail = m.tail[max(0, len(m.tail)-n):]
	}
	for _, text := range tail {
		lines = append(lines, Line{{printable(text), 0}})
	}
	for len(lines) < n+1 {
		lines = append(lines, nil)
	}
	return lines
}

// footer is the question, the message, or what can be done.
func (m Model) footer() Line {
	switch {
	case m.prompt != nil:
		return m.prompt.line(m.width)
	case m.message != "":
		if m.bad {
			return Line{{printable(m.message), Bad}}
		}
		return Line{{printable(m.message), Bold}}
	case m.away != "":
		return Line{{printable(m.away), Bad}}
	}
	return Line{{"? help  q quit  / search  f filter  r restart  l reload  s scale  v rows  L log", Dim}}
}

// line draws a question; where there is little room its end is seen, which is what is typed.
func (p *prompt) line(total int) Line {
	text := ""
	switch p.kind {
	case askSearch:
		text = "search: " + p.text + "_"
	case askFilter:
		text = "filter: " + p.text + "_"
	case askScale:
		text = p.question + ": " + p.text + "_"
	case askConfirm:
		return Line{{cutLeft(p.question+" y/N", total), Bold}}
	}
	return Line{{cutLeft(text, total), Bold}}
}

// helpPage lists the keys.
func helpPage() []Line {
	lines := []Line{{{"pandora top: keys", Bold}}, nil}
	for _, k := range Keys() {
		lines = append(lines, Line{{pad(k.Keys, 16, false), Bold}, {k.Does, 0}})
	}
	return append(lines, nil, Line{{"Any key goes back.", Dim}})
}

// KeyHelp is what keys do.
type KeyHelp struct{ Keys, Does string }

// Keys lists the keys, for people.
func Keys() []KeyHelp {
	return []KeyHelp{
		{"↑ ↓ k j", "select the row above or below"},
		{"PgUp PgDn space", "a page up or down"},
		{"Home End g G", "the first row, and stay there; the last row"},
		{"/ n N", "search as you type; the next, the one before"},
		{"f", "show only rows that hold a text"},
		{"Esc", "show all again"},
		{"v", "a row for each worker, process or application"},
		{"1 … " + strconv.Itoa(columns), "sort by that column; again: the other way round"},
		{"< > ← →", "sort by the column beside"},
		{"i", "sort the other way round"},
		{"r", "restart the worker, process or application of the row"},
		{"l", "reload it: new workers are ready before old ones go"},
		{"s", "scale the process to another number of workers"},
		{"L", "more of the log, none of it, or a little"},
		{"p", "pause; again: go on"},
		{"? h", "this page"},
		{"q Ctrl-C", "quit"},
	}
}
