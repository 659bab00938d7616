package supervisor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/rotate"
)

const (
	outputStdoutName = "nodejs_stdout.log"
	// outputChunk is how much is read at a time, and all the memory that merging takes.
	outputChunk = 64 << 10
	// outputTailBytes bounds what tail reads.
	outputTailBytes = 64 << 10
	// mergedSuffix is what the name of the hidden file ends in that says how much of a worker's file is merged.
	mergedSuffix = ".merged"
)

// output is the log files of one application. Every worker writes to a file of its own, opened for appending, so that
// nothing it prints is lost when it or the guard dies; run copies the files, whole line by whole line, into
// nodejs_stdout.log. With a single worker its file is nodejs_stdout.log and nothing is copied. Marks beside
// nodejs_stdout.log say when and by whom each part was written, and runRotation keeps it from growing for ever.
//
// All methods may be called from any goroutine.
type output struct {
	dir string
	log *zap.Logger
	// turn is held while files are cut; others are in the way only for a hand-over.
	turn sync.Mutex
	// opened has a token when a worker opened its file, due when a file may have to be rotated.
	opened, due chan struct{}

	// mu orders the writers of nodejs_stdout.log, so that no line is cut by another; it is held while writing, and while
	// a file is cut, so that positions in it stay true.
	mu     sync.Mutex
	single bool
	policy rotate.Policy
	// base is where in the stream nodejs_stdout.log begins, see package rotate; seen is where it was last seen to end.
	base, seen int64
	// failing is true while marks cannot be written.
	failing bool
	// marks is nil where they cannot be written.
	marks   *rotate.Marks
	sources map[string]*outputSource
	writers map[string]*outputWriters
}

// outputSource is a worker's file. Its positions are guarded by output.mu.
type outputSource struct {
	path   string
	worker rotate.Source
	// copied is the offset up to which the file is in nodejs_stdout.log, seen up to which it holds no end of a line
	// after copied; base is how much was taken away from its beginning since it was opened first.
	copied, seen, base int64
	// failing is true while it cannot be merged.
	failing bool
}

// outputWriters are the processes that hold a file open.
type outputWriters struct {
	worker rotate.Source // the last of them
	// opening counts those about to be started, opens all there ever were.
	opening, opens int
	// live has the mark of the process tree for each pid.
	live map[int]string
}

// newOutput names the files in dir and makes none. single says that the application has one worker.
func newOutput(dir string, single bool, log *zap.Logger) *output {
	if log == nil {
		log = zap.NewNop()
	}
	return &output{
		dir: dir, single: single, log: log, policy: rotate.Default(),
		opened: make(chan struct{}, 1), due: make(chan struct{}, 1),
		sources: map[string]*outputSource{}, writers: map[string]*outputWriters{},
	}
}

// split gives every worker that opens its file from now on a file of its own.
func (o *output) split() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.single = false
}

// setPolicy changes when files are rotated.
func (o *output) setPolicy(p rotate.Policy) {
	o.mu.Lock()
	o.policy = p
	o.mu.Unlock()
	notify(o.due)
}

// notify puts a token into a channel that has room for one.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stdoutPath is where nodejs_stdout.log is.
func (o *output) stdoutPath() string { return filepath.Join(o.dir, outputStdoutName) }

// begin begins a run of the application: what a lost guard has not merged is merged, and nodejs_stdout.log of the earlier
// run is renamed to nodejs_stdout.log.<date>-<milliseconds>. Nobody may be writing.
func (o *output) begin() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return logError("make log folder", o.dir, err)
	}
	rotate.Sweep(o.stdoutPath())
	o.openMarks()
	o.mergeLeft()
	o.observe()
	info, err := os.Stat(o.stdoutPath())
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		o.restartMarks(true)
		return nil
	}
	name := rotate.NewName(o.stdoutPath(), time.Now())
	if err == nil {
		err = os.Rename(o.stdoutPath(), name)
	}
	if err != nil {
		return fmt.Errorf("rename the log of the previous run: %w", err)
	}
	o.moveBase(info.Size(), name)
	o.restartMarks(true)
	return nil
}

// close closes the marks; nothing is noted any more.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.marks == nil {
		return
	}
	if err := o.marks.Close(); err != nil {
		o.log.Warn("log marks not closed", zap.Error(err))
	}
	o.marks = nil
}

// openMarks opens the marks that are there. When the guard was lost while it took bytes away, the size tells whether it
// had done so; if that is not clear they are there twice, rather than not at all. mu is held.
func (o *output) openMarks() {
	marks, err := rotate.OpenMarks(rotate.MarksPath(o.stdoutPath()))
	if err != nil {
		o.log.Warn("log has no marks of time", zap.Error(err))
		return
	}
	o.marks = marks
	h := marks.Header()
	o.base = h.Base
	if h.Cut == 0 {
		return
	}
	if size := sizeOf(o.stdoutPath()); size < marks.End()-h.Base {
		o.base += h.Cut
	}
	o.restartMarks(false)
}

// restartMarks makes marks of a log that begins at base. mu is held.
func (o *output) restartMarks(run bool) {
	if o.marks == nil {
		return
	}
	if err := o.marks.Restart(o.base, run); err != nil {
		o.log.Warn("log has no marks of time", zap.Error(err))
		o.marks.Close()
		o.marks = nil
	}
}

// moveBase says that the first n bytes of nodejs_stdout.log are now in an archive. mu is held.
func (o *output) moveBase(n int64, archive string) {
	o.base += n
	if o.marks == nil {
		return
	}
	if err := o.marks.Cut(n, archive); err != nil {
		o.log.Warn("marks of time lost", zap.Error(err))
	}
}

// mergeLeft merges what a lost guard has left in workers' files, and empties them. mu is held.
func (o *output) mergeLeft() {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		o.log.Warn("log folder not read", zap.Error(err))
		return
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), mergedSuffix)
		if name, hidden := strings.CutPrefix(name, "."); ok && hidden {
			s := &outputSource{path: filepath.Join(o.dir, name)}
			process, slot, _ := cutLast(strings.TrimSuffix(name, ".log"), "-")
			slot, s.worker.Err = strings.CutSuffix(slot, ".err")
			s.worker.Process = process
			s.worker.Worker, _ = strconv.Atoi(slot)
			s.load()
			o.merge(s, true)
			if s.copied == sizeOf(s.path) {
				_ = os.Truncate(s.path, 0)
				_ = os.Remove(s.mergedPath())
			}
		}
	}
}

// cutLast is strings.Cut at the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// sizeOf is the size of a file, 0 if there is none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// mergedPath is the file that says how much is merged, for the next guard if this one is lost.
func (s *outputSource) mergedPath() string {
	dir, name := filepath.Split(s.path)
	return filepath.Join(dir, "."+name+mergedSuffix)
}

// load reads it.
func (s *outputSource) load() {
	data, err := os.ReadFile(s.mergedPath())
	if err == nil && len(data) == 8 {
		s.copied = int64(binary.BigEndian.Uint64(data))
	}
	if s.copied < 0 || s.copied > sizeOf(s.path) {
		s.copied = 0
	}
	s.seen = s.copied
}

// save writes it; without it lines are there twice when the guard is lost.
func (s *outputSource) save() {
	_ = os.WriteFile(s.mergedPath(), binary.BigEndian.AppendUint64(nil, uint64(s.copied)), 0o600)
}

// open opens the file of one worker for its standard output and error, or, with apart, one for either of them; the caller
// closes it after the spawn, and tells how that went: started or notStarted.
func (o *output) open(worker rotate.Source, apart bool) (*os.File, string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	path := o.stdoutPath()
	if !o.single || apart {
		path = o.pathOf(worker)
	}
	file, err := o.appendTo(path)
	if err != nil {
		return nil, "", err
	}
	if path != o.stdoutPath() {
		if err := o.openSource(path, worker, file); err != nil {
			file.Close()
			return nil, "", logError("open log file", path, err)
		}
	} else {
		o.observe() // what is there was written by others
	}
	w := o.writers[path]
	if w == nil {
		w = &outputWriters{live: map[int]string{}}
		o.writers[path] = w
	}
	w.worker = worker
	w.opening++
	w.opens++
	notify(o.opened)
	return file, path, nil
}

// pathOf is the file of one worker.
func (o *output) pathOf(worker rotate.Source) string {
	// A process name is free text; a file name is not.
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == filepath.Separator || r == 0 {
			return '_'
		}
		return r
	}, worker.Process)
	suffix := ""
	if worker.Err {
		suffix = ".err"
	}
	return filepath.Join(o.dir, fmt.Sprintf("%s-%d%s.log", name, worker.Worker, suffix))
}

// openSource makes a worker's file a source of the merge. mu is held.
func (o *output) openSource(path string, worker rotate.Source, file *os.File) error {
	s := o.sources[path]
	if s == nil {
		size, err := file.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		s = &outputSource{path: path, worker: worker, copied: size, seen: size}
		o.sources[path] = s
	} else {
		// What the previous worker of the slot left without an end of line is a line.
		o.merge(s, true)
	}
	if !o.held(path) && s.copied > 0 && s.copied == sizeOf(path) && file.Truncate(0) == nil {
		// All of it is in nodejs_stdout.log, and nobody adds to it.
		s.base, s.copied, s.seen = s.base+s.copied, 0, 0
	}
	s.save()
	return nil
}

// held reports whether a process holds a file open. mu is held.
func (o *output) held(path string) bool {
	w := o.writers[path]
	return w != nil && (w.opening > 0 || len(w.live) > 0)
}

// started says that the process for which the file was opened runs; mark is that of its tree.
func (o *output) started(path string, pid int, mark string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.writers[path]
	w.opening--
	w.live[pid] = mark
}

// notStarted says that it does not.
func (o *output) notStarted(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writers[path].opening--
}

// ended says that a process and its tree hold the file no more; what it left is merged.
func (o *output) ended(path string, pid int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.writers[path].live, pid)
	if s := o.sources[path]; s != nil {
		o.merge(s, true)
	} else {
		o.observe()
	}
}

// logError is the error of something that was to be done to a log file or its folder.
func logError(what, path string, err error) error {
	next := remedy(err)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		next = "; give this user the right to write there, or set PANDORA_LOGS_DIR to another folder"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "; make room on that disk, or set PANDORA_LOGS_DIR to a folder on another one"
	}
	return fmt.Errorf("%s %q: %w%s", what, path, fserr.Bare(err), next)
}

// appendTo opens a file of ours for appending, and makes it and the folder if needed.
func (o *output) appendTo(path string) (*os.File, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, logError("make log folder", o.dir, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, logError("open log file", path, err)
	}
	return file, nil
}

// line appends a line of the supervisor's own to nodejs_stdout.log.
func (o *output) line(text string) {
	text = time.Now().Format("2006-01-02 15:04:05,000") + fmt.Sprintf(" INFO %d %s\n", os.Getpid(), text)
	o.mu.Lock()
	defer o.mu.Unlock()
	file, err := o.appendTo(o.stdoutPath())
	if err == nil {
		_, err = file.WriteString(text)
		o.mark(file, int64(len(text)), rotate.Source{})
		file.Close()
	}
	if err != nil {
		o.log.Warn("supervisor line not written", zap.Error(err))
	}
}

// mark notes who wrote the n bytes before the position of file, which is nodejs_stdout.log; what is before them and not
// noted yet was written by the worker that holds it. mu is held.
func (o *output) mark(file *os.File, n int64, source rotate.Source) {
	end, err := file.Seek(0, io.SeekCurrent)
	o.checkSize(end)
	if o.marks == nil || n == 0 {
		return
	}
	if err == nil {
		now := time.Now()
		err = o.marks.Add(o.base+end-n, now, o.direct())
		if err == nil {
			err = o.marks.Add(o.base+end, now, source)
		}
	}
	o.noted(err)
}

// direct is the worker that writes to nodejs_stdout.log itself. mu is held.
func (o *output) direct() rotate.Source {
	if w := o.writers[o.stdoutPath()]; w != nil {
		return w.worker
	}
	return rotate.Source{}
}

// observe notes the time of what was added to nodejs_stdout.log, and tells whether something was. mu is held.
func (o *output) observe() bool {
	info, err := os.Stat(o.stdoutPath())
	if err != nil {
		return false
	}
	end := o.base + info.Size()
	grew := end != o.seen
	o.seen = end
	if grew {
		o.checkSize(info.Size())
	}
	if o.marks == nil || end == o.marks.End() {
		return grew
	}
	if end < o.marks.End() {
		// The file was cut off by somebody else: what is in it is new.
		o.base = o.marks.End()
		o.restartMarks(false)
		end = o.base + info.Size()
		o.seen = end
		if o.marks == nil {
			return grew
		}
	}
	o.noted(o.marks.Add(end, earlier(info.ModTime(), time.Now()), o.direct()))
	return grew
}

// checkSize has nodejs_stdout.log rotated if it is due at that size. mu is held.
func (o *output) checkSize(size int64) {
	if o.policy.MaxFile > 0 && (size >= o.policy.MaxFile || o.marks != nil && o.marks.Size() >= rotate.MaxMarks) {
		notify(o.due)
	}
}

// noted logs that a time was not noted, once until it works again: a full disk must not fill another log. mu is held.
func (o *output) noted(err error) {
	if err != nil && !o.failing {
		o.log.Warn("time of output not noted", zap.Error(err))
	}
	o.failing = err != nil
}

// earlier is the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// end is the present end of a file, from which tail counts, whatever is taken away from the file meanwhile.
func (o *output) end(path string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.baseOf(path) + sizeOf(path)
}

// baseOf is how much was taken away from the beginning of a file. mu is held.
func (o *output) baseOf(path string) int64 {
	if s := o.sources[path]; s != nil {
		return s.base
	}
	if path == o.stdoutPath() {
		return o.base
	}
	return 0
}

// tail returns the last n lines written to path after the end from, oldest first, of at most 64 KiB.
func (o *output) tail(path string, from int64, n int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	file, err := os.Open(path)
	if err != nil || n <= 0 {
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	from = max(from-o.baseOf(path), 0)
	if info.Size() < from {
		// The file was cut off since.
		from = 0
	}
	cut := info.Size()-from > outputTailBytes
	if cut {
		from = info.Size() - outputTailBytes
	}
	data := make([]byte, info.Size()-from)
	got, err := file.ReadAt(data, from)
	if err != nil && err != io.EOF {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(data[:got]), "\n"), "\n")
	if cut && len(lines) > 1 {
		// The first one lost its beginning.
		lines = lines[1:]
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-n):]
}
