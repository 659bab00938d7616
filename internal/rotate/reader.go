package rotate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	readChunk = 64 << 10
	// maxLine bounds a line; a longer one is read in pieces.
	maxLine = 1 << 20
	// settlePause and settleLimit are how a reader waits for bytes being taken away. After the limit whoever did that
	// is dead.
	settlePause = 2 * time.Millisecond
	settleLimit = time.Second
	// markLimit is how long a line is held back for its mark. On a busy machine the mark comes late; after the limit
	// whoever writes marks is dead.
	markLimit = 2 * time.Second
)

// Line is one line of a log, without its end.
type Line struct {
	// Text is valid until the next line is read.
	Text []byte
	// Known is false when no mark tells Time and Source.
	Known  bool
	Time   time.Time
	Source Source
}

// Reader reads the lines of a log, across its archives and on while it is written and rotated. A log without marks is
// its live file alone. It belongs to one goroutine.
type Reader struct {
	path string
	pos  int64 // in the stream, of the next byte to be read
	live *os.File
	// archive is being read, if not nil; its marks are those to be looked up.
	archive io.ReadCloser
	// buf holds what was read and not returned, which begins at start.
	buf   []byte
	start int64
	// skip says that what comes before the next end of line is not wanted.
	skip bool
	// held is up to where lines are returned although no mark tells of them; waiting is since when one was held back.
	held    int64
	waiting time.Time
	// marked is true if the live file has marks, short once that was shorter than it can be.
	marked, short bool
	marks         lookup
}

// OpenReader opens the log file path, at its beginning. The error wraps os.ErrNotExist where there is no such file.
func OpenReader(path string) (*Reader, error) {
	live, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	r := &Reader{path: path, live: live}
	r.SeekTo(r.header().Base)
	return r, nil
}

// Close closes the files.
func (r *Reader) Close() {
	r.live.Close()
	r.closeArchive()
	r.marks.close()
}

func (r *Reader) closeArchive() {
	if r.archive != nil {
		r.archive.Close()
		r.archive = nil
	}
}

// header reads the header of the live file, once nothing is being taken away; the zero value without marks.
func (r *Reader) header() Header {
	for limit := time.Now().Add(settleLimit); ; time.Sleep(settlePause) {
		h, err := ReadHeader(MarksPath(r.path))
		r.marked = err == nil
		if err != nil || h.Cut == 0 || time.Now().After(limit) {
			return h
		}
	}
}

// Starts are the beginnings of the files that hold the present run, newest first.
func (r *Reader) Starts() []int64 {
	h := r.header()
	all := []int64{max(h.Base, h.Run)}
	for _, p := range slices.Backward(r.archives()) {
		if h.Base > h.Run && p.header.Run == h.Run {
			all = append(all, max(p.header.Base, h.Run))
		}
	}
	return all
}

// End is where the live file ends now.
func (r *Reader) End() int64 {
	h := r.header()
	info, err := os.Stat(r.path)
	if err != nil {
		return h.Base
	}
	return h.Base + info.Size()
}

// Base is where the live file begins.
func (r *Reader) Base() int64 { return r.header().Base }

// SeekTo goes to a position in the stream.
func (r *Reader) SeekTo(pos int64) {
	r.pos, r.start, r.buf, r.skip, r.held = pos, pos, r.buf[:0], false, pos
	r.closeArchive()
	r.marks.close()
}

// SeekTime goes to the first line of which a mark says that it was written at a time or later; without such a line, to
// the first without a mark.
func (r *Reader) SeekTime(at time.Time) error {
	for _, p := range r.archives() {
		if p.archive.Time.Before(at) {
			continue
		}
		if pos, found := firstSince(p.archive.Marks(), at); found {
			r.seekLine(pos)
			return nil
		}
	}
	pos, _ := firstSince(MarksPath(r.path), at)
	r.seekLine(pos)
	return nil
}

// seekLine goes to the first line that begins at pos or later.
func (r *Reader) seekLine(pos int64) {
	if pos == 0 {
		r.SeekTo(0)
		return
	}
	r.SeekTo(pos - 1)
	r.skip = true
}

// firstSince finds the first segment written at a time or later; else the end of all.
func firstSince(path string, at time.Time) (pos int64, found bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	m, err := NewMarkReader(f)
	if err != nil {
		return 0, false
	}
	for {
		s, err := m.Next()
		if err != nil {
			return m.at, false
		}
		if !s.Time.Before(at) {
			return s.From, true
		}
	}
}

// piece is an archive whose place in the stream is known.
type piece struct {
	archive Archive
	header  Header
}

// archives lists the archives whose place in the stream is known, by place.
func (r *Reader) archives() []piece {
	all, err := Archives(r.path)
	if err != nil {
		return nil
	}
	var pieces []piece
	for _, a := range all {
		if h, err := ReadHeader(a.Marks()); err == nil {
			pieces = append(pieces, piece{archive: a, header: h})
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int {
		switch {
		case a.header.Base < b.header.Base:
			return -1
		case a.header.Base > b.header.Base:
			return 1
		}
		return 0
	})
	return pieces
}

// Next reads a line. The error is io.EOF at the present end, where Next may be called again when more was written. With
// wait a line is held back, with io.EOF, while its mark is not written yet, but for markLimit at most.
func (r *Reader) Next(wait bool) (Line, error) {
	for {
		i := bytes.IndexByte(r.buf, '\n')
		if i < 0 && len(r.buf) >= maxLine {
			i = maxLine - 1
		}
		if i < 0 {
			if err := r.fill(); err != nil {
				return Line{}, err
			}
			continue
		}
		if r.skip {
			r.take(i + 1)
			r.skip = false
			continue
		}
		return r.line(i+1, wait)
	}
}

// Rest returns what is left behind the last end of a line.
func (r *Reader) Rest() (Line, bool) {
	if len(r.buf) == 0 || r.skip {
		return Line{}, false
	}
	line, err := r.line(len(r.buf), false)
	return line, err == nil
}

// line takes a line of n bytes, its end included.
func (r *Reader) line(n int, wait bool) (Line, error) {
	s, known := r.marks.at(r, r.start)
	if !known && wait && r.marked && r.start >= r.held {
		if r.waiting.IsZero() {
			r.waiting = time.Now()
		}
		if time.Since(r.waiting) < markLimit {
			r.marks.missing = false
			return Line{}, io.EOF
		}
		r.held = r.pos
	}
	r.waiting = time.Time{}
	line := Line{Text: bytes.TrimSuffix(r.take(n), []byte("\n")), Known: known, Time: s.Time, Source: s.Source}
	return line, nil
}

// take removes n bytes from the buffer and returns them.
func (r *Reader) take(n int) []byte {
	text := r.buf[:n:n]
	r.buf = r.buf[n:]
	r.start += int64(n)
	return text
}

// Pos is where the next line begins.
func (r *Reader) Pos() int64 { return r.start }

// fill reads more, from the file that holds pos.
func (r *Reader) fill() error {
	r.marks.missing = false
	if len(r.buf) == 0 {
		r.buf = make([]byte, 0, 2*readChunk)
	}
	if r.archive != nil {
		n, err := r.read(r.archive.Read)
		if n > 0 {
			return nil
		}
		if err == io.EOF {
			r.closeArchive() // the next file begins here
			return r.fill()
		}
		return err
	}
	for range 1000 {
		h := r.header()
		if r.pos < h.Base {
			return r.enter(h)
		}
		done, err := r.fillLive(h)
		if done || err != nil {
			return err
		}
	}
	return io.EOF // it is rotated all the time; later
}

// read appends what from reads to the buffer.
func (r *Reader) read(from func([]byte) (int, error)) (int, error) {
	r.buf = slices.Grow(r.buf, readChunk)
	n, err := from(r.buf[len(r.buf) : len(r.buf)+readChunk])
	r.buf = r.buf[:len(r.buf)+max(n, 0)]
	r.pos += int64(max(n, 0))
	return n, err
}

// enter opens the archive that holds pos, or, when it is removed already, goes to what is left.
func (r *Reader) enter(h Header) error {
	pieces := r.archives()
	for _, p := range slices.Backward(pieces) {
		if p.header.Base > r.pos {
			continue
		}
		content, err := p.archive.Open()
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		skipped, err := io.CopyN(io.Discard, content, r.pos-p.header.Base)
		if err != nil && err != io.EOF {
			content.Close()
			return fmt.Errorf("read archive %q: %w", p.archive.Path, err)
		}
		if skipped == r.pos-p.header.Base {
			r.archive = content
			if n, err := r.read(content.Read); n > 0 || err == nil {
				return nil
			}
			r.closeArchive()
			break
		}
		content.Close()
		break
	}
	next := h.Base
	for _, p := range slices.Backward(pieces) {
		if p.header.Base > r.pos {
			next = min(next, p.header.Base)
		}
	}
	r.jump(next)
	return r.fill()
}

// jump goes on at another position; a line that began before is lost.
func (r *Reader) jump(pos int64) {
	r.pos, r.start, r.buf, r.skip = pos, pos, r.buf[:0], false
}

// fillLive reads from the live file. done is false when it was cut meanwhile, so that what was read may be from
// elsewhere.
func (r *Reader) fillLive(h Header) (done bool, err error) {
	there, err := os.Stat(r.path)
	if err != nil {
		return true, io.EOF // renamed, and the next one is not there yet
	}
	ours, err := r.live.Stat()
	if err != nil {
		return true, fmt.Errorf("read log: %w", err)
	}
	marked := r.marked
	size := len(r.buf)
	if !os.SameFile(there, ours) {
		if !marked {
			// What was written to the old one before it was renamed.
			if n, _ := r.read(func(p []byte) (int, error) { return r.live.ReadAt(p, r.pos) }); n > 0 {
				return true, nil
			}
			r.SeekTo(0)
		}
		next, err := os.Open(r.path)
		if err != nil {
			return true, io.EOF
		}
		r.live.Close()
		r.live = next
		return false, nil
	}
	if !marked && there.Size() < r.pos {
		r.SeekTo(0) // cut
		return false, nil
	}
	n, err := r.read(func(p []byte) (int, error) { return r.live.ReadAt(p, r.pos-h.Base) })
	if again := r.header(); again != h {
		r.buf = r.buf[:size]
		r.pos -= int64(n)
		return false, nil
	}
	if n > 0 {
		r.short = false
		return true, nil
	}
	if marked && there.Size() < r.pos-h.Base {
		// Somebody else has cut the file. Once whoever keeps the marks has noticed, it begins at their base.
		if r.short {
			r.jump(h.Base)
		}
		r.short = !r.short
	}
	if err == nil {
		err = io.EOF
	}
	return true, err
}

// lookup finds the marks of positions that only grow.
type lookup struct {
	file   *os.File
	reader *MarkReader
	last   Segment
	// missing is true once there was no mark, until more is read.
	missing bool
}

func (l *lookup) close() {
	if l.file != nil {
		l.file.Close()
	}
	*l = lookup{}
}

// at finds the segment that holds a position.
func (l *lookup) at(r *Reader, pos int64) (Segment, bool) {
	for tries := 0; tries < 3 && !l.missing; tries++ {
		if l.file == nil && !l.open(r, pos) {
			break
		}
		for pos >= l.last.To {
			s, err := l.reader.Next()
			if err != nil {
				break
			}
			l.last = s
		}
		if pos >= l.last.From && pos < l.last.To {
			return l.last, true
		}
		// The marks of an archive end with it; those of the live file go on, here or in the file that replaced them.
		if l.current(r) {
			l.reader.again(l.file)
			break
		}
		l.close()
	}
	l.missing = true
	return Segment{}, false
}

// current reports whether the open marks are those of the live file.
func (l *lookup) current(r *Reader) bool {
	ours, err := l.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(MarksPath(r.path))
	return err != nil || os.SameFile(ours, there)
}

// open opens the marks in which a position must be.
func (l *lookup) open(r *Reader, pos int64) bool {
	path := MarksPath(r.path)
	if h := r.header(); pos < h.Base {
		for _, p := range slices.Backward(r.archives()) {
			if p.header.Base <= pos {
				path = p.archive.Marks()
				break
			}
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	m, err := NewMarkReader(f)
	if err != nil {
		f.Close()
		return false
	}
	l.file, l.reader = f, m
	return true
}
