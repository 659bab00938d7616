package state

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// eventsSize is how large the file of the event log grows before it is put behind the one older file.
	eventsSize = 4 << 20
	// maxEventLine bounds one line of the event log.
	maxEventLine = 1 << 20
	// eventsInterval is how often a followed event log is looked at.
	eventsInterval = 200 * time.Millisecond
	// keptMarks is how many guards are remembered; there are as many as applications, and a few that have ended.
	keptMarks = 500
	// kindMarks is a line that is no event: it begins a file and tells how far the guards' events were written.
	kindMarks = "marks"
)

// Event is one line of the event log.
type Event struct {
	// ID grows from one line of the log to the next, not by one; 0 in lines of an older version.
	ID   uint64    `json:"id,omitempty"`
	Time time.Time `json:"time"`
	// App is "" in what concerns the daemon itself.
	App     string `json:"app,omitempty"`
	Process string `json:"process,omitempty"`
	// Worker is the slot of a worker; nil in what concerns none.
	Worker *int `json:"worker,omitempty"`
	PID    int  `json:"pid,omitempty"`
	// Kind is one word for programs.
	Kind string `json:"kind"`
	// Indicator is what has changed in an event of kind up or down; "" when it is the health as a whole.
	Indicator string `json:"indicator,omitempty"`
	// Message is one sentence.
	Message string `json:"message,omitempty"`
	// Reason is a word for programs why a process has ended, in an event of kind exited.
	Reason string `json:"reason,omitempty"`
	// Guard and Seq tell events of guards apart: no two events have both in common. They are empty in the daemon's own.
	Guard string `json:"guard,omitempty"`
	Seq   uint64 `json:"seq,omitempty"`

	// Marks is set in lines of kindMarks.
	Marks map[string]uint64 `json:"marks,omitempty"`
}

// EventLog appends to the event log: state/events.ndjson and, once that was too large, one older file. It may be used
// from one goroutine at a time, of the process that holds the daemon's lock.
type EventLog struct {
	home Home
	// marks is the number of the last event that was written, for each guard; order has the guards, the one written last
	// at the end.
	marks map[string]uint64
	order []string
	// last is the largest ID there is.
	last uint64
	// broken is true when the last write may have ended in the middle of a line.
	broken bool
}

// EventsPath is the file of the event log.
func (h Home) EventsPath() string { return filepath.Join(h.State, "events.ndjson") }

func (h Home) olderEventsPath() string { return filepath.Join(h.State, "events.1.ndjson") }

// OpenEvents reads how far the event log is. What cannot be read of it is skipped.
func (h Home) OpenEvents() *EventLog {
	l := &EventLog{home: h, marks: map[string]uint64{}, broken: true}
	for _, path := range []string{h.olderEventsPath(), h.EventsPath()} {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			_ = os.Rename(path, path+".bad") // else Append tells
		}
		_ = eachEvent(path, func(e *Event) {
			for guard, seq := range e.Marks {
				l.mark(guard, seq)
			}
			l.last = max(l.last, e.ID)
			if e.Guard != "" {
				l.mark(e.Guard, e.Seq)
			}
		})
	}
	return l
}

// Mark is the number of the last event of a guard that was written; 0 when none was.
func (l *EventLog) Mark(guard string) uint64 { return l.marks[guard] }

// mark notes how far the events of a guard were written, and forgets the guard that is silent for longest.
func (l *EventLog) mark(guard string, seq uint64) {
	if n := len(l.order); n == 0 || l.order[n-1] != guard {
		l.order = append(slices.DeleteFunc(l.order, func(other string) bool { return other == guard }), guard)
	}
	l.marks[guard] = max(l.marks[guard], seq)
	if len(l.order) > keptMarks {
		delete(l.marks, l.order[0])
		l.order = l.order[1:]
	}
}

// nextID makes the ID of an event. It begins with the time, so that it grows even when the log is lost.
func (l *EventLog) nextID() uint64 {
	l.last = max(l.last+1, uint64(max(0, time.Now().UnixMicro())))
	return l.last
}

// Append writes events, leaving out those of guards that were written before, and returns what it has written.
func (l *EventLog) Append(events ...Event) ([]Event, error) {
	var lines bytes.Buffer
	marks := map[string]uint64{}
	var written []Event
	for _, e := range events {
		if e.Guard != "" {
			if e.Seq <= max(l.marks[e.Guard], marks[e.Guard]) {
				continue
			}
			marks[e.Guard] = e.Seq
		}
		e.ID = l.nextID()
		line, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("write event %q: %w", e.Kind, err)
		}
		lines.Write(append(line, '\n'))
		written = append(written, e)
	}
	if lines.Len() == 0 {
		return nil, nil
	}
	if err := l.write(lines.Bytes()); err != nil {
		return nil, fmt.Errorf("write the event log %q: %w", l.home.EventsPath(), err)
	}
	for guard, seq := range marks {
		l.mark(guard, seq)
	}
	return written, nil
}

// write appends whole lines; the file is put behind the older one when it is too large.
func (l *EventLog) write(lines []byte) error {
	path := l.home.EventsPath()
	file, err := openAppend(path)
	if err != nil {
		return err
	}
	defer func() { file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > 0 && info.Size()+int64(len(lines)) > eventsSize {
		if err := os.Rename(path, l.home.olderEventsPath()); err != nil {
			return err
		}
		file.Close()
		if file, err = openAppend(path); err != nil {
			return err
		}
		head, err := json.Marshal(Event{Time: time.Now(), Kind: kindMarks, Marks: l.marks})
		if err != nil {
			return err
		}
		lines = append(append(head, '\n'), lines...)
		l.broken = false
	}
	if l.broken && info.Size() > 0 && !endsLine(path, info.Size()) {
		lines = append([]byte("\n"), lines...)
	}
	_, err = file.Write(lines)
	l.broken = err != nil
	return err
}

// openAppend opens a file of the log. Something else under its name, as a folder, is an error; a FIFO does not block.
func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY|openNonBlock, 0o600)
}

// endsLine reports whether the last byte of a file is a newline.
func endsLine(path string, size int64) bool {
	file, err := os.Open(path)
	if err != nil {
		return true
	}
	defer file.Close()
	last := make([]byte, 1)
	_, err = file.ReadAt(last, size-1)
	return err != nil || last[0] == '\n'
}

// eachEvent reads a file of the event log, oldest first; lines that are no events are skipped. A missing file is empty.
func eachEvent(path string, each func(*Event)) error {
	file, err := openRegular(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	reader := bufio.NewReaderSize(file, 64<<10)
	return readEvents(reader, new(partialLine), each)
}

// partialLine is the beginning of a line whose end is not written yet.
type partialLine struct {
	text []byte
	// long is true when the line was too long and its beginning is given up.
	long bool
}

// readEvents reads whole lines to the end of what there is, and keeps the beginning of the next.
func readEvents(reader *bufio.Reader, rest *partialLine, each func(*Event)) error {
	for {
		part, err := reader.ReadSlice('\n')
		if len(rest.text)+len(part) > maxEventLine {
			rest.long, rest.text = true, nil
		} else if !rest.long {
			rest.text = append(rest.text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			var e Event
			if !rest.long && json.Unmarshal(rest.text, &e) == nil && e.Kind != "" && !e.Time.IsZero() {
				each(&e)
			}
			*rest = partialLine{}
		}
	}
}

// ReadEvents calls each with every event that is kept, oldest first.
func (h Home) ReadEvents(each func(Event)) error {
	for _, path := range []string{h.olderEventsPath(), h.EventsPath()} {
		if err := eachEvent(path, func(e *Event) { show(e, each) }); err != nil {
			return fmt.Errorf("read the event log %q: %w", path, err)
		}
	}
	return nil
}

// show passes an event on, unless it is a line of the log's own.
func show(e *Event, each func(Event)) {
	if e.Kind != kindMarks {
		each(*e)
	}
}

// FollowEvents is ReadEvents, which goes on with what is written until ctx ends; caughtUp is called once in between,
// after what was there at first.
func (h Home) FollowEvents(ctx context.Context, each func(Event), caughtUp func()) error {
	if err := eachEvent(h.olderEventsPath(), func(e *Event) { show(e, each) }); err != nil {
		return fmt.Errorf("read the event log %q: %w", h.olderEventsPath(), err)
	}
	var f follower
	defer f.close()
	tick := time.NewTicker(eventsInterval)
	defer tick.Stop()
	for {
		if err := f.read(h.EventsPath(), func(e *Event) { show(e, each) }); err != nil {
			return fmt.Errorf("read the event log %q: %w", h.EventsPath(), err)
		}
		if caughtUp != nil {
			caughtUp()
			caughtUp = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// follower reads what is added to a file, and goes over to the next one of that name.
type follower struct {
	file   *os.File
	reader *bufio.Reader
	rest   partialLine
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
	}
}

// read reads what has been added since the last time.
func (f *follower) read(path string, each func(*Event)) error {
	for {
		if f.file == nil {
			file, err := openRegular(path)
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			f.file, f.reader, f.rest = file, bufio.NewReaderSize(file, 64<<10), partialLine{}
		}
		there, statErr := os.Stat(path)
		if err := readEvents(f.reader, &f.rest, each); err != nil {
			return err
		}
		ours, err := f.file.Stat()
		if err != nil {
			return err
		}
		// The stat came before the read: a file that was renamed by then was read to its end.
		if statErr != nil || os.SameFile(there, ours) {
			return nil
		}
		f.file.Close()
		f.file = nil
	}
}
