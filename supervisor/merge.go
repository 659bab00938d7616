package supervisor

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// outputPause is how often a file that grows is looked at, which is also the precision of the marks; outputPoll is
	// how often one is for which the system gives no notification.
	outputPause = 100 * time.Millisecond
	outputPoll  = time.Second
	// mergeAtOnce is how much of one file is merged before another has its turn.
	mergeAtOnce = 32 << 20
)

// tailer looks at the files that workers write. One that grows is looked at every outputPause and not watched, so that
// many writes make one look; one that does not grow is watched and costs nothing.
type tailer struct {
	output  *output
	watcher *fsnotify.Watcher // nil where there is none
	watched map[string]bool
	// busy are the files that are looked at again without notification.
	busy map[string]bool
}

// run keeps nodejs_stdout.log and its marks up to date until ctx ends, and then does so a last time.
func (o *output) run(ctx context.Context) {
	t := &tailer{output: o, watched: map[string]bool{}, busy: map[string]bool{}}
	watcher, err := fsnotify.NewWatcher()
	var events chan fsnotify.Event
	var failures chan error
	if err == nil {
		defer watcher.Close()
		t.watcher, events, failures = watcher, watcher.Events, watcher.Errors
	} else {
		// The user's inotify instances are used up.
		o.log.Warn("log files are polled, not watched", zap.Error(err))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	running := true // the timer
	for {
		next := outputPoll
		select {
		case <-ctx.Done():
			o.mergeAll()
			return
		case <-o.opened:
			next = t.visit(o.paths())
		case event := <-events:
			if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
				delete(t.watched, event.Name)
			}
			next = t.visit(map[string]bool{event.Name: true})
		case <-failures:
			// Notifications were lost.
			next = t.visit(o.paths())
		case <-timer.C:
			running = false
			next = t.visit(t.busy)
		}
		if len(t.busy) > 0 && (!running || next == outputPause) {
			timer.Reset(next)
			running = true
		}
	}
}

// visit looks at files, and watches those that rest. It returns when to look at the busy ones again.
func (t *tailer) visit(paths map[string]bool) time.Duration {
	next := outputPoll
	for path := range paths {
		if t.output.look(path) || t.watch(path) && t.output.look(path) {
			t.unwatch(path)
			t.busy[path] = true
			next = outputPause
		} else if t.watched[path] {
			delete(t.busy, path)
		} else {
			t.busy[path] = true
		}
	}
	return next
}

// watch watches a file; true if it did not before, so that it may have grown before this.
func (t *tailer) watch(path string) bool {
	if t.watcher == nil || t.watched[path] {
		return false
	}
	if err := t.watcher.Add(path); err != nil {
		return false // it is looked at now and then
	}
	t.watched[path] = true
	return true
}

// unwatch ends that.
func (t *tailer) unwatch(path string) {
	if t.watched[path] {
		delete(t.watched, path)
		_ = t.watcher.Remove(path) // a file that was removed is not watched any more
	}
}

// paths is the set of files that workers write.
func (o *output) paths() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string]bool, len(o.sources)+1)
	for path := range o.sources {
		all[path] = true
	}
	if o.held(o.stdoutPath()) {
		all[o.stdoutPath()] = true
	}
	return all
}

// look brings nodejs_stdout.log and its marks up to date with one file, and tells whether that had grown.
func (o *output) look(path string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.sources[path]; s != nil {
		return o.merge(s, false)
	}
	return o.observe()
}

// mergeAll copies what is left of every worker file.
func (o *output) mergeAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observe()
	for _, s := range o.sources {
		o.merge(s, true)
	}
}

// merge copies the complete lines of s that are new, with rest also the beginning of one, which then ends there. A
// line may have any length: its end is looked for before the first byte is copied. It tells whether the file had grown.
// mu is held.
func (o *output) merge(s *outputSource, rest bool) bool {
	file, err := os.Open(s.path)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false
	}
	size := info.Size()
	if size < s.copied {
		// The file was cut off: what is in it is new.
		s.copied, s.seen = 0, 0
	}
	if !rest {
		size = min(size, max(s.seen, s.copied)+mergeAtOnce)
	}
	if s.seen >= size && !(rest && s.copied < size) {
		return false
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
		return true
	}
	err = o.copyLines(file, s, end, broken, buf)
	if err != nil {
		// copied says how far it came; the rest is tried again.
		s.seen = s.copied
		if !s.failing {
			o.log.Warn("output not merged", zap.String("path", s.path), zap.Error(err))
		}
	}
	s.failing = err != nil
	s.save()
	if o.policy.MaxFile > 0 && s.copied >= o.spoolSize() {
		notify(o.due)
	}
	return true
}

// copyLines appends file from s.copied to end to nodejs_stdout.log, and an end of line if broken.
func (o *output) copyLines(file *os.File, s *outputSource, end int64, broken bool, buf []byte) error {
	to, err := o.appendTo(o.stdoutPath())
	if err != nil {
		return err
	}
	defer to.Close()
	added := int64(0)
	defer func() { o.mark(to, added, s.worker) }()
	for s.copied < end {
		n, err := file.ReadAt(buf[:min(int64(len(buf)), end-s.copied)], s.copied)
		if n == 0 {
			return err
		}
		written, err := to.Write(buf[:n])
		s.copied += int64(written)
		added += int64(written)
		if err != nil {
			return err
		}
	}
	if broken {
		n, err := to.WriteString("\n")
		added += int64(n)
		return err
	}
	return nil
}
