package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/supervisor"
)

// redrawPause is the least time between two drawings.
const redrawPause = 100 * time.Millisecond

// progress shows an operation while it runs: on a terminal with lines that are drawn again in place, elsewhere with one for each
// process that has come to its end. Whoever makes one closes it.
type progress struct {
	w      io.Writer
	colour bool
	// size is that of the terminal now; nil where w is none.
	size func() (width, height int)

	written int // how many lines of the operation are over and written

	// Of a terminal only.
	changes chan supervisor.Operation
	drawing sync.WaitGroup
	closing sync.Once
	drawn   []int  // the widths of the lines that the next drawing takes the place of
	frame   string // what was drawn last
}

// addQuiet gives the verbs that show progress a flag to show none.
func (c *cli) addQuiet(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if slices.Contains([]string{"start", "stop", "restart", "reload", "scale", "operation", "wait"}, cmd.Name()) {
			cmd.Flags().BoolVarP(&c.quiet, "quiet", "q", false, "show no progress on standard error")
		}
	}
}

// newProgress makes the progress of one operation.
func (c *cli) newProgress() *progress {
	p := &progress{w: c.err, colour: c.errColour}
	if c.quiet {
		p.w = io.Discard
		return p
	}
	if c.progress {
		p.begin(func() (int, int) { return terminalSize(c.err) })
	}
	return p
}

// begin makes it draw on a terminal.
func (p *progress) begin(size func() (int, int)) {
	p.size, p.changes = size, make(chan supervisor.Operation, 1)
	p.drawing.Go(p.redraw) // close waits for it
}

// show tells of a change; it comes from one goroutine.
func (p *progress) show(op supervisor.Operation) {
	if p.size == nil {
		over, _ := progressLines(op, time.Now(), screen{})
		p.writeOver(over, "\n")
		return
	}
	select {
	case <-p.changes: // one that was not drawn
	default:
	}
	p.changes <- op
}

// close draws what was told last, and leaves the cursor below it. Nothing is told afterwards.
func (p *progress) close() {
	p.closing.Do(func() {
		if p.size != nil {
			close(p.changes)
			p.drawing.Wait()
		}
	})
}

// redraw draws the operation as it is whenever there is something new to see, ten times a second at most.
func (p *progress) redraw() {
	ticker := time.NewTicker(redrawPause)
	defer ticker.Stop()
	var op supervisor.Operation
	for open := true; open; {
		var change supervisor.Operation
		select {
		case change, open = <-p.changes:
			if open {
				op = change
			}
		case <-ticker.C:
			p.draw(op)
		}
	}
	p.draw(op)
}

// draw puts the lines of an operation in place of those drawn before.
func (p *progress) draw(op supervisor.Operation) {
	if op.ID == "" {
		return
	}
	size := onScreen(p.size())
	over, live := progressLines(op, time.Now(), size)
	var frame strings.Builder
	var widths []int
	for _, l := range live {
		fmt.Fprintf(&frame, "%s\x1b[K\n", l.painted(p.colour))
		widths = append(widths, l.width())
	}
	if len(over) <= p.written && frame.String() == p.frame {
		return
	}
	var out strings.Builder
	if rows := rowsOf(p.drawn, size.width); rows > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\r", rows)
	}
	for _, l := range over[min(p.written, len(over)):] {
		fmt.Fprintf(&out, "%s\x1b[K\n", l.painted(p.colour))
	}
	p.written = max(p.written, len(over))
	out.WriteString(frame.String())
	out.WriteString("\x1b[J") // what is left of more lines
	p.drawn, p.frame = widths, frame.String()
	_, _ = io.WriteString(p.w, out.String()) // whoever does not read it any more does not want it
}

// rowsOf is how many rows lines take in a terminal that may have become narrower since they were written.
func rowsOf(widths []int, width int) int {
	rows := 0
	for _, w := range widths {
		rows += max(1, (w+width-1)/width)
	}
	return rows
}

// writeOver writes the lines that are over and were not written yet.
func (p *progress) writeOver(over []progressLine, end string) {
	for _, l := range over[min(p.written, len(over)):] {
		_, _ = io.WriteString(p.w, l.painted(p.colour)+end)
	}
	p.written = max(p.written, len(over))
}
