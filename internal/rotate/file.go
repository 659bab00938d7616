package rotate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// File is a log file to which several processes append whole lines, each with a File of its own. Whoever writes the line
// that finds it too large or of another day renames it to an archive; the others notice with their next line. A file
// that somebody else has moved is made anew in the same way. Its methods may be called from any goroutine.
type File struct {
	path   string
	policy Policy

	mu sync.Mutex // held while writing, so that lines are whole and in order
	// file is guarded by mu.
	file *os.File

	closing  atomic.Bool
	cleaning sync.WaitGroup
}

// OpenFile opens a log file for appending and makes it if needed, with mode 0600.
func OpenFile(path string, policy Policy) (*File, error) {
	file, err := OpenShared(path, policy)
	if err != nil {
		return nil, err
	}
	return &File{path: path, policy: policy, file: file}, nil
}

// OpenShared opens a file for processes that cannot rotate it themselves; it is rotated now if it is due.
func OpenShared(path string, policy Policy) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && policy.due(info, time.Now()) {
		// Without the rotation it is just larger.
		_, _ = renameShared(path, info)
		_, _ = Prune(path, policy.MaxTotal)
	}
	return openAppend(path)
}

func openAppend(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

// due reports whether a file is to be rotated before something is added to it.
func (p Policy) due(info os.FileInfo, now time.Time) bool {
	if info.Size() == 0 {
		return false
	}
	if p.MaxFile > 0 && info.Size() >= p.MaxFile {
		return true
	}
	y, m, d := info.ModTime().Date()
	return p.Daily && now.After(NextMidnight(time.Date(y, m, d, 0, 0, 0, 0, now.Location())))
}

// renameShared makes an archive of a file, if it still is the one that info tells of and nobody else is doing the same.
func renameShared(path string, info os.FileInfo) (bool, error) {
	dir, base := filepath.Split(path)
	lock, err := os.OpenFile(filepath.Join(dir, "."+base+".lock"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false, nil
	}
	there, err := os.Stat(path)
	if err != nil || !os.SameFile(there, info) {
		return false, err
	}
	return true, os.Rename(path, NewName(path, info.ModTime()))
}

// Write appends a line, or several.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.file.Write(p)
}

// refresh rotates the file if it is due and opens the one that is there. What cannot be done is not done: writing goes
// on. mu is held.
func (f *File) refresh() {
	ours, err := f.file.Stat()
	if err != nil {
		return
	}
	there, err := os.Stat(f.path)
	if err == nil && os.SameFile(ours, there) {
		if !f.policy.due(there, time.Now()) {
			return
		}
		if done, err := renameShared(f.path, there); !done || err != nil {
			return
		}
		f.cleaning.Go(f.clean) // Close waits for it
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return
	}
	if next, err := openAppend(f.path); err == nil {
		f.file.Close()
		f.file = next
	}
}

// clean removes old archives and compresses the others.
func (f *File) clean() {
	_, _ = Prune(f.path, f.policy.MaxTotal)
	if !f.policy.Compress {
		return
	}
	archives, err := Archives(f.path)
	if err != nil {
		return
	}
	for _, a := range archives {
		// The last one may still get a line of another process.
		if time.Since(a.Time) > CompressAfter && !f.closing.Load() {
			_ = a.Compress(f.closing.Load)
		}
	}
}

// Reopen opens the file that is there now, as every line does.
func (f *File) Reopen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
}

// Sync does nothing: a line is written when Write returns.
func (f *File) Sync() error { return nil }

// Close closes the file and waits for what is being compressed, which it interrupts.
func (f *File) Close() error {
	f.closing.Store(true)
	f.cleaning.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
