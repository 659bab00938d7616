package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/pandora-go/pandora/internal/rotate"
)

// followInterval is how often a followed log is looked at.
const followInterval = 200 * time.Millisecond

// logRead prints one log.
type logRead struct {
	reader *rotate.Reader
	filter *logFilter
	out    *logPrinter
	// app is "" for the log of the daemon.
	app  string
	path string
}

// printStart prints what is there: everything that is wanted, or the last lines of that.
func (p *logRead) printStart(ctx context.Context, flags logFlags) error {
	end, skip, err := p.begin(ctx, flags)
	if err != nil {
		return err
	}
	return p.print(ctx, end, !flags.follow, skip)
}

// begin goes to where what is to be printed at first begins, but for the first skip lines of that, and tells where it ends.
func (p *logRead) begin(ctx context.Context, flags logFlags) (end int64, skip int, err error) {
	end = p.reader.End()
	switch {
	case flags.lines == 0:
		p.reader.SeekTo(end)
		return end, 0, nil
	case !p.filter.since.IsZero() && !p.filter.daemon:
		if err := p.reader.SeekTime(p.filter.since); err != nil {
			return end, 0, err
		}
	default:
		starts := p.reader.Starts()
		p.reader.SeekTo(starts[len(starts)-1])
	}
	if flags.lines < 0 {
		return end, 0, nil
	}
	skip, err = p.seekLast(ctx, end, flags)
	return end, skip, err
}

// seekLast goes to where the last lines that are wanted begin, but for the first skip of them.
func (p *logRead) seekLast(ctx context.Context, end int64, flags logFlags) (skip int, err error) {
	if p.filter.all() {
		if found, err := p.seekLastInLive(flags.lines); found || err != nil {
			return 0, err
		}
	}
	// Backwards, file by file, until there are enough.
	first := p.reader.Pos()
	starts := p.reader.Starts()
	if !p.filter.since.IsZero() && !p.filter.daemon {
		starts = []int64{first}
	}
	for i, start := range starts {
		p.reader.SeekTo(max(start, first))
		n, err := p.count(ctx, end, !flags.follow)
		if err != nil {
			return 0, err
		}
		if n > flags.lines || i == len(starts)-1 {
			p.reader.SeekTo(max(start, first))
			return max(n-flags.lines, 0), nil
		}
	}
	return 0, nil
}

// seekLastInLive goes to the last n lines of the live file, if they are there and it is not rotated meanwhile.
func (p *logRead) seekLastInLive(n int) (found bool, err error) {
	starts, base := p.reader.Starts(), p.reader.Base()
	file, err := os.Open(p.path)
	if err != nil {
		return false, nil
	}
	defer file.Close()
	if err := seekLastLines(file, n); err != nil {
		return false, err
	}
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil || p.reader.Base() != base || at == 0 && len(starts) > 1 {
		return false, err
	}
	p.reader.SeekTo(base + at)
	return true, nil
}

// count counts the lines that are wanted up to end.
func (p *logRead) count(ctx context.Context, end int64, rest bool) (n int, err error) {
	err = p.each(ctx, end, rest, func(rotate.Line) error { n++; return nil })
	return n, err
}

// print prints them but for the first skip ones.
func (p *logRead) print(ctx context.Context, end int64, rest bool, skip int) error {
	n := 0
	err := p.each(ctx, end, rest, func(line rotate.Line) error {
		if n++; n <= skip {
			return nil
		}
		return p.out.print(p.app, line)
	})
	return errors.Join(err, p.out.flush())
}

// each calls do with the lines that are wanted and begin before end; with rest also with a last one that has no end yet.
func (p *logRead) each(ctx context.Context, end int64, rest bool, do func(rotate.Line) error) error {
	for {
		line, ok, err := p.next(ctx, end, rest)
		if !ok || err != nil {
			return err
		}
		if err := do(line); err != nil {
			return err
		}
	}
}

// next reads the next of these lines; ok is false after the last.
func (p *logRead) next(ctx context.Context, end int64, rest bool) (line rotate.Line, ok bool, err error) {
	for p.reader.Pos() < end && ctx.Err() == nil {
		line, err := p.reader.Next(false)
		if err == io.EOF {
			if line, ok = p.reader.Rest(); !rest || !ok {
				return line, false, nil
			}
		} else if err != nil {
			return line, false, err
		}
		if p.filter.wants(line) {
			return line, true, nil
		}
	}
	return line, false, ctx.Err()
}

// follow prints what is written until ctx ends.
func (p *logRead) follow(ctx context.Context) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		for {
			line, err := p.reader.Next(true)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if p.filter.wants(line) {
				if err := p.out.print(p.app, line); err != nil {
					return err
				}
			}
		}
		if err := p.out.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// logPrinter writes lines.
type logPrinter struct {
	cli    *cli
	out    *bufio.Writer
	json   bool
	prefix bool
	// several says that the lines are of several applications: the prefix names the application, too.
	several bool
	// printed is true once there was a line.
	printed bool
	colours map[string]string
}

func newLogPrinter(c *cli, json, prefix bool) *logPrinter {
	return &logPrinter{cli: c, out: bufio.NewWriterSize(c.out, 64<<10), json: json, prefix: prefix, colours: map[string]string{}}
}

// logLine is a line as JSON. Time, process and worker are missing when they are not known, process and worker also when
// pandora itself wrote the line; stream is "stderr" for what is known to be standard error.
type logLine struct {
	Time    string `json:"time,omitempty"`
	AppName string `json:"appName"`
	Process string `json:"process,omitempty"`
	Worker  *int   `json:"worker,omitempty"`
	Stream  string `json:"stream,omitempty"`
	Line    string `json:"line"`
}

// print writes one line of an application; of the daemon where app is "".
func (p *logPrinter) print(app string, line rotate.Line) error {
	p.printed = true
	if p.json {
		return p.printJSON(app, line)
	}
	if p.prefix {
		if _, err := p.out.WriteString(p.prefixOf(app, line.Source)); err != nil {
			return err
		}
	}
	if _, err := p.out.Write(line.Text); err != nil {
		return err
	}
	return p.out.WriteByte('\n')
}

// printJSON writes one line as an object.
func (p *logPrinter) printJSON(app string, line rotate.Line) error {
	shown := logLine{AppName: app, Process: line.Source.Process, Line: string(line.Text)}
	if !line.Time.IsZero() {
		shown.Time = line.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	if shown.Process != "" {
		shown.Worker = &line.Source.Worker
	}
	if line.Source.Err {
		shown.Stream = "stderr"
	}
	encoder := json.NewEncoder(p.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(shown)
}

// prefixOf is what a line begins with: the worker, in a colour of its own; of several applications what selects the worker,
// in the colour of the application.
func (p *logPrinter) prefixOf(app string, source rotate.Source) string {
	name, coloured, end := "pandora", "", " "
	switch {
	case p.several:
		part := selection{app, source.Process, source.Worker}
		name, coloured, end = part.String(), app, " | "
	case source.Process != "":
		name = source.Process + "-" + strconv.Itoa(source.Worker)
	}
	if !p.several {
		name, coloured = "["+name+"]", name
	}
	colour, known := p.colours[coloured]
	if !known {
		colour = palette()[len(p.colours)%len(palette())]
		p.colours[coloured] = colour
	}
	return paint(p.cli.outColour, colour, name) + end
}

// flush brings what is written to the terminal.
func (p *logPrinter) flush() error { return p.out.Flush() }

// daemonTime is the time of a line of the daemon's log; zero when it has none.
func daemonTime(text []byte) time.Time {
	var entry struct {
		Time time.Time `json:"time"`
	}
	if json.Unmarshal(text, &entry) != nil {
		return time.Time{}
	}
	return entry.Time
}

// seekLastLines moves to the beginning of the last n lines of a file. It reads backwards in blocks, so the size of the
// file does not matter.
func seekLastLines(file *os.File, n int) error {
	const block = 64 << 10
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || n == 0 {
		return err
	}
	buf := make([]byte, block)
	found := 0
	for at := end; at > 0; {
		size := min(int64(block), at)
		at -= size
		if _, err := file.ReadAt(buf[:size], at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for i := size - 1; i >= 0; i-- {
			// The newline at the very end closes the last line.
			if buf[i] != '\n' || at+i == end-1 {
				continue
			}
			if found++; found == n {
				_, err := file.Seek(at+i+1, io.SeekStart)
				return err
			}
		}
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}
