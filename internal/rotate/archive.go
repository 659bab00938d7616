package rotate

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	gzipSuffix = ".gz"
	partSuffix = ".part"
)

// Archive is a part of a log that was taken away from the live file.
type Archive struct {
	// Path is the live file's with ".<date>-<milliseconds since 1970>", and ".gz" when it is compressed.
	Path string
	// Time is when it was made: nothing in it is younger.
	Time       time.Time
	Size       int64
	Compressed bool
}

// stem is the path without what compression has added.
func stem(path string) string { return strings.TrimSuffix(path, gzipSuffix) }

// NewName is a name for an archive of the log file path, not taken yet.
func NewName(path string, now time.Time) string {
	for ; ; now = now.Add(time.Millisecond) {
		name := fmt.Sprintf("%s.%s-%d", path, now.Format(time.DateOnly), now.UnixMilli())
		if !exists(name) && !exists(name+gzipSuffix) && !exists(name+partSuffix) {
			return name
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// parseArchive reads the time in the name of an archive of log file base.
func parseArchive(base, name string) (Archive, bool) {
	rest, ok := strings.CutPrefix(name, base+".")
	if !ok || len(rest) < len(time.DateOnly)+2 || rest[len(time.DateOnly)] != '-' {
		return Archive{}, false
	}
	if _, err := time.Parse(time.DateOnly, rest[:len(time.DateOnly)]); err != nil {
		return Archive{}, false
	}
	digits, compressed := strings.CutSuffix(rest[len(time.DateOnly)+1:], gzipSuffix)
	ms, err := strconv.ParseUint(digits, 10, 52)
	if err != nil {
		return Archive{}, false
	}
	return Archive{Path: name, Time: time.UnixMilli(int64(ms)), Compressed: compressed}, true
}

// Archives lists the archives of the log file path, oldest first. One that is just being compressed is there once.
func Archives(path string) ([]Archive, error) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list archives of log: %w", err)
	}
	var all []Archive
	for _, e := range entries {
		a, ok := parseArchive(base, e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		a.Path, a.Size = filepath.Join(dir, e.Name()), info.Size()
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Archive) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(all, func(a, b Archive) bool { return stem(a.Path) == stem(b.Path) }), nil
}

// Open opens the content of an archive.
func (a Archive) Open() (io.ReadCloser, error) {
	f, err := os.Open(a.Path)
	if errors.Is(err, os.ErrNotExist) && !a.Compressed {
		// It was compressed since it was listed.
		a.Path, a.Compressed = a.Path+gzipSuffix, true
		f, err = os.Open(a.Path)
	}
	if err != nil || !a.Compressed {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read archive %q: %w", a.Path, err)
	}
	return &unzipped{Reader: z, file: f}, nil
}

// unzipped reads a compressed file.
type unzipped struct {
	*gzip.Reader
	file *os.File
}

// Close closes the file.
func (u *unzipped) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

// Marks is the file with the marks of the archive, which need not be there.
func (a Archive) Marks() string { return MarksPath(a.Path) }

// Compress replaces an archive by a gzip file. It stops in the middle, leaving all as it was, when stop tells so.
func (a Archive) Compress(stop func() bool) error {
	if a.Compressed {
		return nil
	}
	err := compress(a.Path, stop)
	if err != nil {
		return fmt.Errorf("compress log archive %q: %w", a.Path, err)
	}
	return nil
}

func compress(path string, stop func() bool) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	temp := path + gzipSuffix + partSuffix
	to, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(struct{ io.Writer }{z}, &stoppable{Reader: from, stop: stop})
		err = errors.Join(err, z.Close())
	}
	if err == nil {
		err = to.Sync()
	}
	err = errors.Join(err, to.Close())
	if err == nil {
		err = os.Rename(temp, path+gzipSuffix)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Remove(path)
}

// errStopped ends a copy that is not wanted any more.
var errStopped = errors.New("it was interrupted")

// stoppable is a reader that ends early when stop tells so.
type stoppable struct {
	io.Reader
	stop func() bool
}

// Read reads the next piece.
func (s *stoppable) Read(p []byte) (int, error) {
	if s.stop() {
		return 0, errStopped
	}
	return s.Reader.Read(p)
}

// Prune removes the oldest archives of the log file path until all together have at most limit bytes, marks included,
// and what a crash has left unfinished. limit 0 keeps everything.
func Prune(path string, limit int64) (removed int, err error) {
	all, err := Archives(path)
	if err != nil || limit == 0 {
		return 0, err
	}
	total := int64(0)
	sizes := make([]int64, len(all))
	for i, a := range all {
		sizes[i] = a.Size
		if info, err := os.Stat(a.Marks()); err == nil {
			sizes[i] += info.Size()
		}
		total += sizes[i]
	}
	var failed error
	for i, a := range all {
		if total <= limit {
			break
		}
		if err := os.Remove(a.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("remove old log archive: %w", err))
			continue
		}
		_ = os.Remove(a.Marks()) // it need not be there
		total -= sizes[i]
		removed++
	}
	return removed, failed
}

// Sweep removes the unfinished copies that a crash has left of the log file path. Nobody may be making one.
func Sweep(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return // then there is nothing to sweep
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, partSuffix) && (strings.HasPrefix(name, base+".") || strings.HasPrefix(name, ".marks-")) {
			_ = os.Remove(filepath.Join(dir, name))
		}
	}
}
