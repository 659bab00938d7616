package endpoints

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// errorPause is how long Run collects what comes after a write.
	errorPause = 100 * time.Millisecond
	// maxErrorFile is how large the file grows before it is written anew with what is kept; maxErrorLine bounds one line.
	maxErrorFile = 3 * maxAllErrorBytes
	maxErrorLine = 4 << 20
)

// errorLine is one line of the file: an error as it is from then on. A line without Report changes what happened last.
type errorLine struct {
	App    string          `json:"app"`
	Key    string          `json:"key"`
	Client string          `json:"client,omitempty"`
	Count  float64         `json:"count"`
	First  json.RawMessage `json:"first,omitempty"`
	// Report is the last report; Again has what is different in it from the one of a line before.
	Report json.RawMessage `json:"report,omitempty"`
	Again  json.RawMessage `json:"again,omitempty"`
}

// errorFile is the file of Errors, for Run alone.
type errorFile struct {
	path string
	size int64
	// broken is true when the file may end in the middle of a line; failed after a write that failed.
	broken, failed bool
}

// Run keeps the file until ctx ends, which it reads when it is needed first. Errors without a file need no Run.
func (e *Errors) Run(ctx context.Context) {
	defer e.endLoading()
	if e.path == "" {
		return
	}
	select {
	case <-ctx.Done():
		// What came at the same moment is not lost.
	case <-e.wake:
	}
	file := &errorFile{path: e.path}
	if !e.idle() || ctx.Err() == nil {
		e.loadFile(file)
	}
	for {
		e.flush(file)
		if ctx.Err() != nil {
			return
		}
		pause := time.NewTimer(errorPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
			select {
			case <-ctx.Done():
			case <-e.wake:
			}
		}
		pause.Stop()
	}
}

// idle reports whether nothing is to be written.
func (e *Errors) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.dirty) == 0 && !e.forgotten
}

// loadFile reads the file and puts what it holds before what has come since.
func (e *Errors) loadFile(file *errorFile) {
	before := NewErrors(ErrorsConfig{Capacity: e.capacity})
	if err := file.read(before.replay); err != nil {
		e.log.Error("errors of the time before not read", zap.String("path", file.path), zap.Error(err))
	}
	e.mu.Lock()
	now := e.order
	e.order = nil
	for _, app := range before.order {
		if !slices.Contains(e.unwanted, app) {
			e.merge(app, before.apps[app])
		}
	}
	e.unwanted = nil
	for _, app := range now { // these have reported since
		e.ring(app)
	}
	e.endLoading()
	e.mu.Unlock()
}

// merge puts the errors of the file before those of an application; e.mu is held.
func (e *Errors) merge(app string, old *errorRing) {
	ring := e.ring(app)
	var front []*errorEntry
	for _, entry := range old.entries {
		if newer := ring.byKey[entry.key]; newer != nil {
			newer.count += entry.count
			newer.first = entry.first
			continue
		}
		front = append(front, entry)
		ring.byKey[entry.key] = entry
		ring.bytes += entry.bytes
		e.bytes += entry.bytes
	}
	ring.entries = append(front, ring.entries...)
	e.trim(ring)
}

// replay applies one line of the file.
func (e *Errors) replay(line errorLine) {
	var key errorKey
	if n, err := hex.Decode(key[:], []byte(line.Key)); err != nil || n != len(key) || len(line.Key) != 2*len(key) || !(line.Count >= 1) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if line.Report == nil {
		if ring := e.apps[line.App]; ring != nil && ring.byKey[key] != nil {
			entry := ring.byKey[key]
			if again, err := decodeFields(line.Again); err == nil {
				entry.report = entry.report.changed(again)
			}
			entry.report.client, entry.count = line.Client, line.Count
			ring = e.ring(line.App)
			ring.toEnd(entry)
			e.resize(ring, entry)
		}
		return
	}
	report, err := decodeErrorReport(line.Report, line.App, time.Time{})
	if _, ok := number(line.First); err != nil || !ok || report.app != line.App || report.key != key {
		return
	}
	report.client = line.Client
	ring := e.ring(line.App)
	entry := ring.byKey[key]
	if entry == nil {
		entry = &errorEntry{key: key, app: line.App, written: true}
		ring.byKey[key] = entry
		ring.entries = append(ring.entries, entry)
	}
	entry.report, entry.count, entry.first = report, line.Count, line.First
	ring.toEnd(entry)
	e.resize(ring, entry)
	e.trim(ring)
}

// changed returns the report with other values in some of its fields.
func (r errorReport) changed(fields []errorField) errorReport {
	r.fields = slices.Clone(r.fields)
	for _, f := range fields {
		r.set(f.name, f.value)
	}
	return r
}

// line makes the line of an entry; with again only of what may be different since the one before.
func (entry *errorEntry) line(again bool) ([]byte, error) {
	l := errorLine{App: entry.app, Key: hex.EncodeToString(entry.key[:]), Client: entry.report.client, Count: entry.count}
	fields := ordered{}
	for _, f := range entry.report.fields {
		if !again || passing(f.name) {
			fields = append(fields, member{f.name, f.value})
		}
	}
	raw, err := fields.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if again {
		l.Again = raw
	} else {
		l.Report, l.First = raw, entry.first
	}
	line, err := encodeJSON(l)
	return append(line, '\n'), err
}

// flush writes what has changed. What cannot be written now is tried again with the next.
func (e *Errors) flush(file *errorFile) {
	e.mu.Lock()
	dirty, forgotten := e.dirty, e.forgotten
	e.dirty, e.forgotten = nil, false
	var lines []byte
	for _, entry := range dirty {
		entry.queued = false
		if entry.gone {
			continue
		}
		if line, err := entry.line(entry.written); err == nil {
			lines = append(lines, line...)
			entry.written = true
		}
	}
	anew := forgotten || file.size+int64(len(lines)) > e.mostFile
	if anew {
		lines = e.allLines()
	}
	e.mu.Unlock()
	if len(lines) == 0 && !anew {
		return
	}
	err := file.write(lines, anew)
	if err == nil {
		file.failed = false
		return
	}
	if !file.failed {
		e.log.Error("errors not written, they will not outlive the daemon", zap.String("path", file.path), zap.Error(err))
	}
	file.failed = true
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgotten = e.forgotten || anew
	for _, entry := range dirty {
		entry.written = false
		if !entry.gone && !entry.queued {
			entry.queued = true
			e.dirty = append(e.dirty, entry)
		}
	}
}

// allLines makes the lines of all that is kept; e.mu is held.
func (e *Errors) allLines() []byte {
	var lines []byte
	for _, app := range e.order {
		for _, entry := range e.apps[app].entries {
			if line, err := entry.line(false); err == nil {
				lines = append(lines, line...)
				entry.written = true
			}
		}
	}
	return lines
}

// open opens the file, or nothing that lies under its name and is none.
func (f *errorFile) open(path string, flags int) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a file", path)
	}
	return os.OpenFile(path, flags, 0o600)
}

// read calls each with every line. A missing file is empty, a line that makes no sense is skipped.
func (f *errorFile) read(each func(errorLine)) error {
	file, err := f.open(f.path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	reader := bufio.NewReaderSize(io.LimitReader(file, 2*maxErrorFile), 64<<10)
	var text []byte
	long := false
	for {
		part, err := reader.ReadSlice('\n')
		f.size += int64(len(part))
		if long = long || len(text)+len(part) > maxErrorLine; !long {
			text = append(text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			f.broken = len(text) > 0 || long
			return nil
		case err != nil:
			return err
		}
		var line errorLine
		if !long && json.Unmarshal(text, &line) == nil {
			each(line)
		}
		text, long = text[:0], false
	}
}

// write appends lines, or puts a file of these lines in the place of the old one.
func (f *errorFile) write(lines []byte, anew bool) error {
	if anew {
		return f.replace(lines)
	}
	file, err := f.open(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return err
	}
	if f.broken {
		lines = append([]byte("\n"), lines...)
	}
	n, err := file.Write(lines)
	f.size += int64(n)
	f.broken = err != nil && !bytes.HasSuffix(lines[:n], []byte("\n"))
	return errors.Join(err, file.Close())
}

// replace writes the file anew.
func (f *errorFile) replace(lines []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*.tmp") // of mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(lines)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return err
	}
	f.size, f.broken = int64(len(lines)), false
	return nil
}
