package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	outputStdoutName = "nodejs_stdout.log"
	// outputChunk is how much is read at a time, and all the memory that merging takes.
	outputChunk = 64 << 10
	// outputTailBytes bounds what tail reads.
	outputTailBytes = 64 << 10
	// outputPause lets writes gather before a merge; outputPoll is how often files are looked at when the system gives
	// no notification.
	outputPause = 20 * time.Millisecond
	outputPoll  = time.Second
)

// output is the log files of one application. Every worker writes to a file of its own, opened for appending, so that
// nothing it prints is lost when it or the guard dies; run copies the files, whole line by whole line, into
// nodejs_stdout.log. With a single worker its file is nodejs_stdout.log and nothing is copied.
//
// All methods may be called from any goroutine.
type output struct {
	dir    string
	single bool
	log    *zap.Logger
	// opened has a token when a source was added.
	opened chan struct{}

	// mu orders the writers of nodejs_stdout.log, so that no line is cut by another; it is held while writing.
	mu      sync.Mutex
	sources map[string]*outputSource
}

// outputSource is a worker's file. Its positions are guarded by output.mu.
type outputSource struct {
	path string
	// copied is the offset up to which the file is in nodejs_stdout.log, seen up to which it holds no end of a line
	// after copied.
	copied, seen int64
}

// newOutput names the files in dir and makes none. single says that the application has one worker.
func newOutput(dir string, single bool, log *zap.Logger) *output {
	if log == nil {
		log = zap.NewNop()
	}
	return &output{dir: dir, single: single, log: log, opened: make(chan struct{}, 1), sources: map[string]*outputSource{}}
}

// split gives every worker that opens its file from now on a file of its own.
func (o *output) split() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.single = false
}

// stdoutPath is where nodejs_stdout.log is.
func (o *output) stdoutPath() string { return filepath.Join(o.dir, outputStdoutName) }

// open opens the file of one worker for its standard output and error; the caller closes it after the spawn.
func (o *output) open(process string, slot int) (*os.File, string, error) {
	o.mu.Lock()
	single := o.single
	o.mu.Unlock()
	path := o.stdoutPath()
	if !single {
		// A process name is free text; a file name is not.
		name := strings.Map(func(r rune) rune {
			if r == '/' || r == filepath.Separator || r == 0 {
				return '_'
			}
			return r
		}, process)
		path = filepath.Join(o.dir, fmt.Sprintf("%s-%d.log", name, slot))
	}
	file, err := o.appendTo(path)
	if err != nil {
		return nil, "", err
	}
	if single {
		return file, path, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.sources[path]; s != nil {
		// What the previous worker of the slot left without an end of line is a line.
		o.merge(s, true)
		return file, path, nil
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		file.Close()
		return nil, "", fmt.Errorf("open log file: %w", err)
	}
	o.sources[path] = &outputSource{path: path, copied: size, seen: size}
	select {
	case o.opened <- struct{}{}:
	default:
	}
	return file, path, nil
}

// appendTo opens a file of ours for appending, and makes it and the folder if needed.
func (o *output) appendTo(path string) (*os.File, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make log folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	return file, nil
}

// rotateAtStart renames nodejs_stdout.log of an earlier run to nodejs_stdout.log.<date>-<milliseconds>.
func (o *output) rotateAtStart() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	to := fmt.Sprintf("%s.%s-%d", o.stdoutPath(), now.Format(time.DateOnly), now.UnixMilli())
	if err := os.Rename(o.stdoutPath(), to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("rename the log of the previous run: %w", err)
	}
	return nil
}

// line appends a line of the supervisor's own to nodejs_stdout.log.
func (o *output) line(text string) {
	text = time.Now().Format("2006-01-02 15:04:05,000") + fmt.Sprintf(" INFO %d %s\n", os.Getpid(), text)
	o.mu.Lock()
	defer o.mu.Unlock()
	file, err := o.appendTo(o.stdoutPath())
	if err == nil {
		_, err = file.WriteString(text)
		file.Close()
	}
	if err != nil {
		o.log.Warn("supervisor line not written", zap.Error(err))
	}
}

// mark is the present end of a file, 0 if there is none; tail counts from it.
func (o *output) mark(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// tail returns the last n lines written to path after the mark from, oldest first, of at most 64 KiB.
func (o *output) tail(path string, from int64, n int) []string {
	file, err := os.Open(path)
	if err != nil || n <= 0 {
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil
	}
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

// flush copies all that path holds, also a last line without an end; for when its worker has ended.
func (o *output) flush(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.sources[path]; s != nil {
		o.merge(s, true)
	}
}

// run keeps nodejs_stdout.log up to date until ctx ends, and then copies the rest.
func (o *output) run(ctx context.Context) {
	if o.single {
		<-ctx.Done()
		return
	}
	watcher, err := fsnotify.NewWatcher()
	var events chan fsnotify.Event
	var failures chan error
	var poll <-chan time.Time
	if err == nil {
		defer watcher.Close()
		events, failures = watcher.Events, watcher.Errors
	} else {
		// The user's inotify instances are used up.
		o.log.Warn("log files are polled, not watched", zap.Error(err))
		ticker := time.NewTicker(outputPoll)
		defer ticker.Stop()
		poll = ticker.C
	}
	watched := map[string]bool{}
	for {
		for path := range o.paths() {
			if watcher == nil || watched[path] {
				continue
			}
			watched[path] = true
			if err := watcher.Add(path); err != nil {
				o.log.Warn("log file not watched", zap.String("path", path), zap.Error(err))
			}
		}
		o.mergeAll(false)
		select {
		case <-ctx.Done():
			o.mergeAll(true)
			return
		case <-o.opened:
		case <-events:
		case <-failures:
		case <-poll:
		}
		mergeGather(ctx, events, failures)
	}
}

// mergeGather takes what the watcher tells for a short while, so that many writes make one merge. An error means that
// notifications were lost, which the next look at all files makes up for.
func mergeGather(ctx context.Context, events <-chan fsnotify.Event, failures <-chan error) {
	enough := time.After(outputPause)
	for {
		select {
		case <-ctx.Done():
			return
		case <-enough:
			return
		case <-events:
		case <-failures:
		}
	}
}

// paths is the set of worker files.
func (o *output) paths() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string]bool, len(o.sources))
	for path := range o.sources {
		all[path] = true
	}
	return all
}

// mergeAll copies from every worker file; rest as in merge.
func (o *output) mergeAll(rest bool) {
	for path := range o.paths() {
		o.mu.Lock()
		o.merge(o.sources[path], rest)
		o.mu.Unlock()
	}
}

// merge copies the complete lines of s that are new, with rest also the beginning of one, which then ends there. A
// line may have any length: its end is looked for before the first byte is copied. mu is held.
func (o *output) merge(s *outputSource, rest bool) {
	file, err := os.Open(s.path)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return
	}
	size := info.Size()
	if size < s.copied {
		// The file was cut off: what is in it is new.
		s.copied, s.seen = 0, 0
	}
	if s.seen >= size && !(rest && s.copied < size) {
		return
	}
	buf := make([]byte, outputChunk)
	end := s.copied
	for at := max(s.seen, s.copied); at < size; {
		n, err := file.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			end = at + int64(i) + 1
		}
		at += int64(n)
		s.seen = at
		if err != nil || n == 0 {
			break
		}
	}
	broken := rest && end < s.seen
	if broken {
		end = s.seen
	}
	if end == s.copied {
		return
	}
	if err := o.copyLines(file, s, end, broken, buf); err != nil {
		// copied says how far it came; the rest is tried again with the next output.
		s.seen = s.copied
		o.log.Warn("output not merged", zap.String("path", s.path), zap.Error(err))
	}
}

// copyLines appends file from s.copied to end to nodejs_stdout.log, and an end of line if broken.
func (o *output) copyLines(file *os.File, s *outputSource, end int64, broken bool, buf []byte) error {
	to, err := o.appendTo(o.stdoutPath())
	if err != nil {
		return err
	}
	defer to.Close()
	for s.copied < end {
		n, err := file.ReadAt(buf[:min(int64(len(buf)), end-s.copied)], s.copied)
		if n == 0 {
			return err
		}
		written, err := to.Write(buf[:n])
		s.copied += int64(written)
		if err != nil {
			return err
		}
	}
	if broken {
		_, err = to.WriteString("\n")
	}
	return err
}
