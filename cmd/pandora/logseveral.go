package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
)

// Bounds of what a followed log hands over at once, and of what is held back to be put in order.
const (
	followBytes = 64 << 10
	heldBytes   = 1 << 20
	// lineBytes is what a line takes beside its text.
	lineBytes = 128
)

// mergedLogs prints the logs of several applications as one. It belongs to one goroutine.
type mergedLogs struct {
	cli   *cli
	out   *logPrinter
	reads []*mergedLog
	// failures are what could not be printed; each has been told.
	failures []error
}

// mergedLog is one of them, with its next line.
type mergedLog struct {
	*logRead
	// end is where what is there at the beginning ends; the first skip lines are not wanted.
	end  int64
	skip int
	// ended is true when there is no next line, failed when that is because of an error.
	ended, failed bool
	line          rotate.Line
	// at is when the line was written. One whose time is not known stays behind the one before it.
	at time.Time
}

// logSeveral runs the verb log for several applications, or for what patterns mean.
func (c *cli) logSeveral(ctx context.Context, home state.Home, all []logSource, selectors []string, flags logFlags) error {
	chosen, absent, err := chooseLogs(all, selectors)
	if err != nil {
		return err
	}
	filter, err := newLogFilter(flags, time.Now())
	if err != nil {
		return usageError(err)
	}
	if len(selectors) == 1 && len(absent) == 1 {
		return absent[0]
	}
	known, err := c.checkLogs(chosen, flags, filter)
	if err != nil {
		return err
	}
	m := &mergedLogs{cli: c, out: newLogPrinter(c, flags.json, true)}
	m.out.several = true
	for _, err := range absent {
		m.fail(err)
	}
	defer m.close()
	m.open(home, chosen, *filter)
	if len(m.reads) == 0 && len(m.failures) == 0 {
		fmt.Fprintln(c.err, "no application has a log yet")
		return nil
	}
	err = m.print(ctx, flags)
	if err == nil && flags.follow {
		err = m.follow(ctx)
		ctx = context.WithoutCancel(ctx) // an interrupt is how following ends
	}
	if err != nil {
		return fmt.Errorf("print logs: %w", err)
	}
	if !known && !m.out.printed && !flags.follow && len(m.failures) == 0 {
		return &failure{code: exitNotFound, err: errors.New("there is no such process"), told: true}
	}
	done := len(slices.DeleteFunc(slices.Clone(m.reads), func(r *mergedLog) bool { return r.failed }))
	return c.together(ctx, "printed", done, m.failures)
}

// checkLogs refuses what makes no sense for any of the applications, and warns of what does not for one that is named.
// known is false when none of them has the process of --process.
func (c *cli) checkLogs(chosen []logSource, flags logFlags, filter *logFilter) (known bool, err error) {
	splits := len(chosen) == 0
	known = splits || filter.process == ""
	for _, s := range chosen {
		splits = splits || s.splits()
		known = known || s.record == nil || slices.Contains(s.processes(), filter.process)
		for _, part := range s.parts {
			if flags.process != "" {
				return false, usageError(fmt.Errorf("print the log of %q: --process %q says it twice", part, flags.process))
			}
			if s.named && s.record != nil && len(matching(s.processes(), part.process)) == 0 {
				c.warn("%s has no process %q, only %s", s.app, part.process, strings.Join(s.processes(), ", "))
			}
		}
	}
	if flags.err && !splits {
		return false, usageError(errors.New("--err: every process of these applications writes standard output and error to one file; " +
			"set .stdio('split') on a process in the procfile and reload, then its errors can be told apart"))
	}
	for _, s := range chosen {
		if flags.err && s.named && !s.splits() {
			c.warn("every process of %s writes standard output and error to one file: --err prints nothing of it", s.app)
		}
	}
	if !known {
		c.warn("none of these applications has a process %q", filter.process)
	}
	return known, nil
}

// open opens the logs. Where only a pattern has found an application, it may have none yet.
func (m *mergedLogs) open(home state.Home, chosen []logSource, filter logFilter) {
	for _, s := range chosen {
		if !s.logged && !s.named {
			continue
		}
		own, path := filter, home.AppLog(s.app)
		own.parts = s.parts
		reader, err := rotate.OpenReader(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			m.fail(noLog(home, path, s.app))
		case err != nil:
			m.fail(fmt.Errorf("print the log of %s: %w", s.app, err))
		default:
			m.reads = append(m.reads, &mergedLog{logRead: &logRead{reader: reader, filter: &own, out: m.out, app: s.app, path: path}})
		}
	}
}

func (m *mergedLogs) close() {
	for _, r := range m.reads {
		r.reader.Close()
	}
}

// fail tells of something that is not printed; the rest is.
func (m *mergedLogs) fail(err error) {
	m.failures = append(m.failures, err)
	fmt.Fprintln(m.cli.err, red(m.cli.errColour, "pandora: "+abridged(err.Error())))
}

// drop goes on without a log that cannot be read.
func (m *mergedLogs) drop(r *mergedLog, err error) {
	r.ended, r.failed = true, true
	m.fail(fmt.Errorf("print log %q: %w", r.path, err))
}

// print prints what is there, of each application what is asked for, in the order of time.
func (m *mergedLogs) print(ctx context.Context, flags logFlags) error {
	for _, r := range m.reads {
		var err error
		if r.end, r.skip, err = r.begin(ctx, flags); err == nil {
			err = r.advance(ctx, flags)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.drop(r, err)
		}
	}
	for {
		var first *mergedLog
		for _, r := range m.reads {
			if !r.ended && (first == nil || r.at.Before(first.at)) {
				first = r
			}
		}
		if first == nil {
			return m.out.flush()
		}
		if err := m.out.print(first.app, first.line); err != nil {
			return err
		}
		err := first.advance(ctx, flags)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), m.out.flush())
		}
		if err != nil {
			m.drop(first, err)
		}
	}
}

// advance reads the next line.
func (r *mergedLog) advance(ctx context.Context, flags logFlags) error {
	for ; ; r.skip-- {
		line, ok, err := r.next(ctx, r.end, !flags.follow)
		if !ok || err != nil {
			r.ended = true
			return err
		}
		r.line = line
		if line.Known {
			r.at = line.Time
		}
		if r.skip <= 0 {
			return nil
		}
	}
}

// followedLines are what one log hands over: lines that were written, or the error that keeps it from being read on.
type followedLines struct {
	log   *mergedLog
	lines []followedLine
	size  int
	err   error
}

// followedLine is a line with the time by which it is put in order.
type followedLine struct {
	app  string
	at   time.Time
	line rotate.Line
}

// follow prints what is written until ctx ends. Each log is read by a goroutine of its own, so that none waits for a
// rotation of another; what they read within followInterval is put in the order of time.
func (m *mergedLogs) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	read := make(chan followedLines)
	living := 0
	for _, r := range m.reads {
		if !r.failed {
			living++
			wg.Go(func() { r.follow(ctx, read) })
		}
	}
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	var held []followedLine
	size := 0
	for living > 0 && ctx.Err() == nil {
		due := false
		select {
		case <-ctx.Done():
		case <-tick.C:
			due = true
		case got := <-read:
			held, size = append(held, got.lines...), size+got.size
			if got.err != nil {
				living--
				m.drop(got.log, got.err)
			}
		}
		if !due && size < heldBytes && living > 0 && ctx.Err() == nil {
			continue
		}
		if err := m.printHeld(held); err != nil {
			return err
		}
		held, size = held[:0], 0
	}
	return nil
}

// printHeld prints lines in the order of time.
func (m *mergedLogs) printHeld(held []followedLine) error {
	slices.SortStableFunc(held, func(a, b followedLine) int { return a.at.Compare(b.at) })
	for _, l := range held {
		if err := m.out.print(l.app, l.line); err != nil {
			return err
		}
	}
	return m.out.flush()
}

// follow hands over what is written to one log until ctx ends or it cannot be read.
func (r *mergedLog) follow(ctx context.Context, to chan<- followedLines) {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	at := r.at
	for {
		got := followedLines{log: r}
		for got.err == nil && got.size < followBytes && ctx.Err() == nil {
			var line rotate.Line
			if line, got.err = r.reader.Next(true); got.err != nil {
				break
			}
			if line.Known {
				at = line.Time
			}
			if r.filter.wants(line) {
				line.Text = bytes.Clone(line.Text)
				got.lines, got.size = append(got.lines, followedLine{r.app, at, line}), got.size+len(line.Text)+lineBytes
			}
		}
		atEnd := got.err == io.EOF
		if atEnd {
			got.err = nil
		}
		if len(got.lines) > 0 || got.err != nil {
			select {
			case to <- got:
			case <-ctx.Done():
				return
			}
		}
		switch {
		case got.err != nil || ctx.Err() != nil:
			return
		case atEnd:
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}
