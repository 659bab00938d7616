package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/rotate"
)

const (
	// spoolSize is how much of a worker's file may be in nodejs_stdout.log already before it is taken away.
	spoolSize = 16 << 20
	// rotationRetry is how long a rotation that failed is not tried again.
	rotationRetry = 10 * time.Second
	// catchUp is how much may be left to copy while the writers of a file are stopped, if they let that be.
	catchUp = 1 << 20
)

// errBusy says that a process that cannot be stopped is about to write.
var errBusy = errors.New("a worker is just being started")

// rotation takes away what is old from the logs of one application. It is owned by the goroutine of run.
type rotation struct {
	output *output
	// noCollapse is true once the file system has refused to take away the head of a file.
	noCollapse bool
	// notBefore is when something is tried again after a failure.
	notBefore time.Time
}

// runRotation rotates, compresses and removes until ctx ends.
func (o *output) runRotation(ctx context.Context) { (&rotation{output: o}).run(ctx) }

func (r *rotation) run(ctx context.Context) {
	o := r.output
	midnight := time.NewTimer(time.Until(rotate.NextMidnight(time.Now())))
	defer midnight.Stop()
	clean := time.NewTimer(0)
	defer clean.Stop()
	for {
		daily := false
		select {
		case <-ctx.Done():
			return
		case <-o.due:
		case <-clean.C:
		case <-midnight.C:
			daily = true
			midnight.Reset(time.Until(rotate.NextMidnight(time.Now())))
		}
		o.turn.Lock()
		err := r.rotate(daily)
		o.turn.Unlock()
		if err != nil {
			r.notBefore = time.Now().Add(rotationRetry)
			o.log.Warn("logs not rotated", zap.String("dir", o.dir), zap.Error(err))
		}
		if wait, ok := r.clean(ctx); ok {
			clean.Reset(wait)
		}
	}
}

// rotate cuts the files that are due; at midnight that is the log whatever its size.
func (r *rotation) rotate(midnight bool) error {
	o := r.output
	if time.Now().Before(r.notBefore) {
		return nil
	}
	o.mu.Lock()
	policy := o.policy
	var spools []string
	if policy.MaxFile > 0 {
		for path, s := range o.sources {
			if s.copied >= o.spoolSize() {
				spools = append(spools, path)
			}
		}
	}
	full := o.marks != nil && o.marks.Size() >= rotate.MaxMarks
	o.mu.Unlock()
	for _, path := range spools {
		if err := r.cutSpool(path); err != nil {
			return fmt.Errorf("take merged output out of %q: %w", path, err)
		}
	}
	size := sizeOf(o.stdoutPath())
	at := time.Now()
	switch {
	case midnight && policy.Daily && size > 0:
		y, m, d := at.Date()
		at = time.Date(y, m, d, 0, 0, 0, 0, at.Location()).Add(-time.Millisecond)
	case policy.MaxFile > 0 && (size >= policy.MaxFile || full):
	default:
		return nil
	}
	if err := r.cutLog(at); err != nil {
		return fmt.Errorf("rotate %q: %w", o.stdoutPath(), err)
	}
	return nil
}

// spoolSize is how large a worker's file may get.
func (o *output) spoolSize() int64 { return min(o.policy.MaxFile, spoolSize) }

// clean compresses and removes archives, and tells when there will be something to compress.
func (r *rotation) clean(ctx context.Context) (wait time.Duration, ok bool) {
	o := r.output
	o.mu.Lock()
	policy := o.policy
	o.mu.Unlock()
	_, err := rotate.Prune(o.stdoutPath(), policy.MaxTotal)
	if err != nil {
		o.log.Warn("log archives not removed", zap.Error(err))
	}
	if !policy.Compress {
		return 0, false
	}
	archives, err := rotate.Archives(o.stdoutPath())
	if err != nil {
		o.log.Warn("log archives not compressed", zap.Error(err))
		return 0, false
	}
	for _, a := range archives {
		if a.Compressed {
			continue
		}
		if wait := time.Until(a.Time.Add(rotate.CompressAfter)); wait > 0 {
			return wait, true
		}
		if err := a.Compress(func() bool { return ctx.Err() != nil }); err != nil {
			if ctx.Err() == nil {
				o.log.Warn("log archive not compressed", zap.Error(err))
			}
			return rotate.CompressAfter, true
		}
	}
	return 0, false
}

// cutLog makes an archive of nodejs_stdout.log. If no worker holds it, it is renamed. Otherwise its head is copied and
// then taken away; where the file system cannot do that, its writers are stopped for the last bytes.
func (r *rotation) cutLog(at time.Time) error {
	o := r.output
	file, err := os.OpenFile(o.stdoutPath(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	name := rotate.NewName(o.stdoutPath(), at)
	if done, err := o.renameLog(name); done || err != nil {
		return err
	}
	block := rotate.Block(info)
	n := (info.Size() - 1) / block * block
	if n <= 0 {
		return nil // less than a block stays
	}
	archive, err := rotate.NewCopy(file, name)
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := archive.Extend(n); err != nil {
		archive.Discard()
		return err
	}
	if !r.noCollapse {
		rotate.Flush(file, n)
		if err = archive.Sync(); err == nil {
			err = o.collapseLog(file, archive, name)
		}
		r.noCollapse = errors.Is(err, rotate.ErrNoCollapse)
	}
	if r.noCollapse {
		err = o.truncateLog(file, archive, name)
	}
	if err != nil {
		archive.Discard()
	}
	return err
}

// renameLog renames nodejs_stdout.log, unless a worker holds it.
func (o *output) renameLog(name string) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held(o.stdoutPath()) {
		return false, nil
	}
	o.observe()
	size := sizeOf(o.stdoutPath())
	return true, o.cutting(size, name, func() error {
		if err := os.Rename(o.stdoutPath(), name); err != nil {
			return err
		}
		file, err := o.appendTo(o.stdoutPath())
		if err != nil {
			return nil // the next line makes it
		}
		return file.Close()
	})
}

// cutting takes n bytes away from nodejs_stdout.log by do, and keeps the marks true. mu is held.
func (o *output) cutting(n int64, name string, do func() error) error {
	if o.marks != nil {
		if err := o.marks.Begin(n); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		if o.marks != nil {
			if back := o.marks.Abandon(); back != nil {
				o.log.Warn("log marks not written", zap.Error(back))
			}
		}
		return err
	}
	o.moveBase(n, name)
	return nil
}

// collapseLog takes away what the archive holds.
func (o *output) collapseLog(file *os.File, archive *rotate.Copy, name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observe()
	return o.cutting(archive.Copied, name, func() error {
		if err := archive.Publish(); err != nil {
			return err
		}
		err := rotate.Collapse(file, archive.Copied)
		if err != nil {
			archive.Unpublish()
		}
		return err
	})
}

// truncateLog stops the writers of nodejs_stdout.log, copies what is left, and cuts the file to nothing.
func (o *output) truncateLog(file *os.File, archive *rotate.Copy, name string) error {
	for range 3 {
		size := sizeOf(o.stdoutPath())
		if size-archive.Copied < catchUp {
			break
		}
		if err := archive.Extend(size); err != nil {
			return err
		}
	}
	opens, resume, err := o.pause(o.stdoutPath())
	if err != nil {
		return err
	}
	err = o.truncateStopped(file, archive, name, opens)
	resume()
	if err != nil {
		return err
	}
	return archive.Sync()
}

// truncateStopped is the part of truncateLog while nobody writes.
func (o *output) truncateStopped(file *os.File, archive *rotate.Copy, name string, opens int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.stillPaused(o.stdoutPath(), opens); err != nil {
		return err
	}
	o.observe()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := archive.Extend(info.Size()); err != nil {
		return err
	}
	return o.cutting(info.Size(), name, func() error {
		if err := archive.Publish(); err != nil {
			return err
		}
		err := file.Truncate(0)
		if err != nil {
			archive.Unpublish()
		}
		return err
	})
}

// pause stops the processes that hold a file, until resume is called. opens is for stillPaused.
func (o *output) pause(path string) (opens int, resume func(), err error) {
	o.mu.Lock()
	trees := map[int]string{}
	opening, opens := 0, 0
	if w := o.writers[path]; w != nil {
		maps.Copy(trees, w.live)
		opening, opens = w.opening, w.opens
	}
	o.mu.Unlock()
	if opening > 0 {
		return 0, nil, errBusy
	}
	resume, err = stopTrees(trees)
	return opens, resume, err
}

// stillPaused is an error when somebody has opened the file since pause. mu is held.
func (o *output) stillPaused(path string, opens int) error {
	if w := o.writers[path]; w != nil && w.opens != opens {
		return errBusy
	}
	return nil
}

// cutSpool takes away what is merged of a worker's file.
func (r *rotation) cutSpool(path string) error {
	o := r.output
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if !r.noCollapse {
		err = o.collapseSpool(file, path)
		if !errors.Is(err, rotate.ErrNoCollapse) {
			return err
		}
		r.noCollapse = true
	}
	opens, resume, err := o.pause(path)
	if err != nil {
		return err
	}
	defer resume()
	return o.truncateSpool(file, path, opens)
}

// collapseSpool does so while its worker writes.
func (o *output) collapseSpool(file *os.File, path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	s := o.sources[path]
	block := rotate.Block(info)
	n := min(s.copied, info.Size()-1) / block * block
	if n <= 0 {
		return nil
	}
	if err := rotate.Collapse(file, n); err != nil {
		return err
	}
	s.copied, s.seen, s.base = s.copied-n, s.seen-n, s.base+n
	s.save()
	return nil
}

// truncateSpool does so while nobody writes; the beginning of a line that is not complete is written again.
func (o *output) truncateSpool(file *os.File, path string, opens int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.stillPaused(path, opens); err != nil {
		return err
	}
	s := o.sources[path]
	o.merge(s, false)
	left := sizeOf(path) - s.copied
	if left > catchUp {
		o.merge(s, true)
		left = sizeOf(path) - s.copied
	}
	if left < 0 || left > catchUp {
		return errors.New("its output is not merged")
	}
	begun := make([]byte, left)
	if _, err := file.ReadAt(begun, s.copied); err != nil && left > 0 {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	s.base, s.copied, s.seen = s.base+s.copied, 0, 0
	s.save()
	_, err := file.Write(begun)
	return err
}
