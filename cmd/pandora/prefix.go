package main

import (
	"fmt"
	"strconv"
	"sync"
)

// prefixer writes lines of several workers, each with the worker it comes from in front. Its methods may be called from
// any goroutine.
type prefixer struct {
	mu sync.Mutex // held while a line is written, so that lines stay whole
	// The fields below are guarded by mu.
	cli     *cli
	colours map[string]string
}

func newPrefixer(c *cli) *prefixer { return &prefixer{cli: c, colours: map[string]string{}} }

// palette are the colours of workers, in the order they first write.
func palette() []string { return []string{"36", "33", "35", "32", "34", "96", "93", "95"} }

// line writes one line of a worker, to standard error when it wrote it there.
func (p *prefixer) line(process string, worker int, text string, stderr bool) {
	prefix := process + "-" + strconv.Itoa(worker)
	p.mu.Lock()
	defer p.mu.Unlock()
	colour, known := p.colours[prefix]
	if !known {
		colour = palette()[len(p.colours)%len(palette())]
		p.colours[prefix] = colour
	}
	out, colourful := p.cli.out, p.cli.outColour
	if stderr {
		out, colourful = p.cli.err, p.cli.errColour
	}
	fmt.Fprintf(out, "%s %s\n", paint(colourful, colour, "["+prefix+"]"), text)
}

// say writes a line of our own to standard output.
func (p *prefixer) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.cli.out, text)
}

// complain writes an error of our own to standard error.
func (p *prefixer) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.cli.err, red(p.cli.errColour, text))
}
