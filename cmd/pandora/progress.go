package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pandora-go/pandora/supervisor"
)

// The states of a step, as the supervisor words them.
const (
	stepWaiting = "waiting"
	stepRunning = "running"
	stepDone    = "done"
	stepFailed  = "failed"
)

// tone is the colour of a line's mark.
type tone uint8

const (
	toneBusy tone = iota
	toneIdle
	toneGood
	toneBad
)

// progressLine is one line of progress: mark and text are plain, without control characters.
type progressLine struct {
	tone tone
	mark string
	text string
}

// screen is what lines are made for. Its zero value is no terminal: nothing is cut, aligned or left out.
type screen struct{ width, height int }

// The least that is assumed of a terminal, and what its height is where it does not say.
const (
	leastWidth   = 10
	leastHeight  = 3
	usualWidth   = 80
	usualHeight  = 24
	leastName    = 8
	spinnerPause = 100 * time.Millisecond
)

// spinner are the marks of what is under way, one after another.
const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

// onScreen is a screen of the size that a terminal says, which may be nonsense.
func onScreen(width, height int) screen {
	if width <= 0 {
		width = usualWidth
	}
	if height <= 0 {
		height = usualHeight
	}
	return screen{width: max(width, leastWidth), height: max(height, leastHeight)}
}

// progressLines are the lines that show an operation at a moment: over are those that do not change any more, in order and
// from the first on, live the others, at most as many as the screen has below the cursor. Of what never had its turn in an
// operation that has ended there is no line.
func progressLines(op supervisor.Operation, now time.Time, s screen) (over, live []progressLine) {
	p := progressView{op: op, now: now, screen: s, ended: op.State != supervisor.OpRunning}
	if s.width > 0 {
		for _, st := range op.Steps {
			p.name = max(p.name, textWidth(printable(st.Process)))
		}
		p.name = min(p.name, max(leastName, s.width/3))
	}
	rest := op.Steps
	for len(rest) > 0 && p.over(rest[0]) {
		over = append(over, p.line(rest[0]))
		rest = rest[1:]
	}
	if p.ended {
		for _, st := range rest {
			if st.State != stepWaiting {
				over = append(over, p.line(st))
			}
		}
		return over, nil
	}
	return over, p.live(rest)
}

// progressView is an operation at a moment.
type progressView struct {
	op     supervisor.Operation
	now    time.Time
	screen screen
	ended  bool
	name   int // the width of the names; 0 aligns nothing
}

// over reports whether the line of a step does not change any more.
func (p *progressView) over(st supervisor.Step) bool {
	return st.State == stepDone && st.Leaving == 0 || p.ended && st.State != stepWaiting
}

// live are the lines of what goes on.
func (p *progressView) live(steps []supervisor.Step) []progressLine {
	if len(steps) == 0 {
		return []progressLine{p.whole()}
	}
	room := p.screen.height - 1 // the cursor has a line, too
	if p.screen.height == 0 || len(steps) <= room {
		lines := make([]progressLine, len(steps))
		for i, st := range steps {
			lines[i] = p.line(st)
		}
		return lines
	}
	// What is under way comes first, and a line says how many others there are.
	var lines []progressLine
	done, waiting, hidden := 0, 0, 0
	for _, st := range steps {
		switch {
		case p.over(st):
			done++
		case st.State == stepWaiting && st.Leaving == 0:
			waiting++
		case len(lines) < room-1:
			lines = append(lines, p.line(st))
		default:
			hidden++
		}
	}
	done += len(p.op.Steps) - len(steps)
	text := fmt.Sprintf("%d of %d processes, %d wait", done, len(p.op.Steps), waiting)
	if hidden > 0 {
		text += fmt.Sprintf(", %d more under way", hidden)
	}
	return append(lines, p.made(toneIdle, "…", text, p.since(p.op.StartedAt), ""))
}

// whole is the line of an operation of which no process is under way, or which tells of none.
func (p *progressView) whole() progressLine {
	return p.made(toneBusy, p.spin(), doingOf(p.op.Kind)+" "+printable(operationSubject(p.op)), p.since(p.op.StartedAt), "")
}

// doingOf is the present of an operation's verb.
func doingOf(kind supervisor.OpKind) string {
	switch kind {
	case supervisor.OpStart:
		return "starting"
	case supervisor.OpStop:
		return "stopping"
	case supervisor.OpRestart:
		return "restarting"
	case supervisor.OpReload:
		return "reloading"
	case supervisor.OpScale:
		return "scaling"
	}
	return string(kind)
}

// line is the line of one process.
func (p *progressView) line(st supervisor.Step) progressLine {
	name := p.label(st.Process)
	ready := "ready"
	if p.op.Kind == supervisor.OpStop {
		ready = "stopped"
	}
	count := fmt.Sprintf("%s %d/%d %s", name, st.Done, st.Total, ready)
	switch st.State {
	case stepDone:
		took := finalSpan(st.FinishedAt.Sub(st.StartedAt))
		if st.Leaving == 0 || p.ended {
			return p.made(toneGood, "✓", count, took, "")
		}
		return p.made(toneBusy, p.spin(), count, took, said(leaving(st.Leaving)+" ("+p.since(st.FinishedAt)+")", st.Doing))
	case stepFailed:
		took, why := finalSpan(st.FinishedAt.Sub(st.StartedAt)), p.why(st)
		if !p.ended && st.Leaving > 0 {
			why = said("what was started is stopped", st.Doing)
		}
		return p.made(toneBad, "✗", count, took, why)
	case stepWaiting:
		if st.Leaving > 0 { // a restart stops first
			return p.made(toneBusy, p.spin(), fmt.Sprintf("%s stopping %d", name, st.Leaving), p.since(p.op.StartedAt), st.Doing)
		}
		return p.made(toneIdle, "·", name+" waits for its turn", "", "")
	}
	if p.ended { // canceled in the middle, by another command
		return p.made(toneBad, "✗", count, finalSpan(p.op.FinishedAt.Sub(st.StartedAt)), p.why(st))
	}
	aside := st.Doing
	if p.op.Kind != supervisor.OpStop && st.Leaving > 0 {
		aside = said(aside, leaving(st.Leaving))
	}
	return p.made(toneBusy, p.spin(), count, p.since(st.StartedAt), aside)
}

// leaving tells of workers that others have taken the place of.
func leaving(n int) string {
	if n == 1 {
		return "1 old worker leaves"
	}
	return fmt.Sprintf("%d old workers leave", n)
}

// label is the name of a process, as wide as all names on a screen; elsewhere with the application's, because lines of several may
// stand side by side.
func (p *progressView) label(process string) string {
	process = printable(process)
	if p.name == 0 {
		return printable(p.op.AppName) + "/" + process
	}
	process = cut(process, p.name)
	return process + strings.Repeat(" ", max(0, p.name-textWidth(process)))
}

// why says in short what became of a process that is not ready; the end of the command says it at length.
func (p *progressView) why(st supervisor.Step) string {
	f := p.op.Failure
	switch {
	case p.op.State == supervisor.OpCanceled:
		return "cancelled"
	case f == nil || f.Process != st.Process:
		return ""
	case f.Exit != nil && f.Exit.Message != "":
		return fmt.Sprintf("worker %d %s", f.Worker, f.Exit.Message)
	}
	return f.Message
}

// said joins two clauses, each of which may be missing.
func said(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

// made makes a line as wide as the screen allows: it leaves a column free, because some terminals go on in the next line
// where the last column is used.
func (p *progressView) made(t tone, mark, text, span, aside string) progressLine {
	if span != "" {
		text += " " + span
	}
	if aside = oneLine(printable(aside)); aside != "" {
		text += "  " + aside
	}
	if p.screen.width > 0 {
		text = cut(text, p.screen.width-1-len("x "))
	}
	return progressLine{tone: t, mark: mark, text: text}
}

// spin is the mark of this moment.
func (p *progressView) spin() string {
	marks := []rune(spinner)
	at := int(p.now.Sub(p.op.StartedAt)/spinnerPause) % len(marks)
	return string(marks[max(at, 0)])
}

// since is the time since a moment, in tenths of a second.
func (p *progressView) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return span(p.now.Sub(t))
}

// span shows a time span that goes on: "0.3s", "12.3s", "2m 5s".
func span(d time.Duration) string {
	if d = max(d, 0); d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	}
	return duration(d)
}

// finalSpan shows a time span that has ended: "340ms", "2.1s", "2m 5s".
func finalSpan(d time.Duration) string {
	if d = max(d, 0); d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return span(d)
}

// painted is a line as it is written.
func (l progressLine) painted(colour bool) string {
	mark := l.mark
	switch l.tone {
	case toneBusy:
		mark = yellow(colour, mark)
	case toneIdle:
		mark = grey(colour, mark)
	case toneGood:
		mark = green(colour, mark)
	case toneBad:
		mark = red(colour, mark)
	}
	return mark + " " + l.text
}

// width is how many columns the line takes.
func (l progressLine) width() int { return textWidth(l.mark) + 1 + textWidth(l.text) }
