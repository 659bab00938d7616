package rotate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The ways in which the files of loggers are rotated.
const (
	ByDate = "date"
	BySize = "size"
)

const (
	// heartbeatLimit is how long a client may be silent about a file before it is rotated no more.
	heartbeatLimit = 3 * time.Minute
	// minSizeInterval and maxSizeInterval bound the time between two looks at the sizes.
	minSizeInterval = time.Minute
	maxSizeInterval = 10 * time.Minute
	// maxStrategies bounds what is remembered, maxKept the files that are kept of one log.
	maxStrategies = 4096
	maxKept       = 1000
	maxUUID       = 128
	maxPath       = 4096
)

// Strategy says how the file of one logger is rotated. Loggers of several processes may share a file.
type Strategy struct {
	UUID string
	// Type is ByDate or BySize.
	Type string
	// File is an absolute path.
	File string
	// Interval is how often its size is to be looked at, as the client wishes.
	Interval time.Duration
	// MaxFiles is how many files are kept beside the live one, MaxFileSize the size at which that is rotated; both by size.
	MaxFiles    int
	MaxFileSize int64
}

// ParseStrategy reads a strategy as clients send it. What is missing has its default; what makes no sense is an error.
func ParseStrategy(data []byte) (Strategy, error) {
	var sent struct {
		UUID, Type, File                      string
		RotateDuration, MaxFiles, MaxFileSize *float64
	}
	if err := json.Unmarshal(data, &sent); err != nil {
		return Strategy{}, fmt.Errorf("read rotation strategy: %w", err)
	}
	s := Strategy{UUID: sent.UUID, Type: sent.Type, File: sent.File, Interval: 5 * time.Minute, MaxFiles: 10, MaxFileSize: 300 << 20}
	if s.Type == "" {
		s.Type = ByDate
	}
	switch {
	case s.UUID == "" || len(s.UUID) > maxUUID:
		return Strategy{}, fmt.Errorf("rotation strategy for %q: uuid has %d characters, want 1 to %d", sent.File, len(s.UUID), maxUUID)
	case s.Type != ByDate && s.Type != BySize:
		return Strategy{}, fmt.Errorf("rotation strategy %s: type is %q, want %s or %s", s.UUID, s.Type, ByDate, BySize)
	case !filepath.IsAbs(s.File) || len(s.File) > maxPath:
		return Strategy{}, fmt.Errorf("rotation strategy %s: file is %q, want an absolute path", s.UUID, s.File)
	}
	s.File = filepath.Clean(s.File)
	if d := sent.RotateDuration; d != nil {
		s.Interval = time.Duration(within(*d, 0, 1e9)) * time.Millisecond
	}
	if n := sent.MaxFiles; n != nil {
		s.MaxFiles = int(within(*n, 1, maxKept))
	}
	if n := sent.MaxFileSize; n != nil {
		s.MaxFileSize = int64(within(*n, 1, 1<<60))
	}
	return s, nil
}

// MarshalJSON writes a strategy as ParseStrategy reads it.
func (s Strategy) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"uuid": s.UUID, "type": s.Type, "file": s.File, "rotateDuration": s.Interval.Milliseconds(),
		"maxFiles": s.MaxFiles, "maxFileSize": s.MaxFileSize,
	})
}

// within brings a number of JSON between two limits.
func within(x, low, high float64) float64 { return math.Max(low, math.Min(high, math.Trunc(x))) }

// sizeInterval is the time between two looks at the sizes of the files of strategies.
func sizeInterval(strategies []Strategy) time.Duration {
	interval := maxSizeInterval
	for _, s := range strategies {
		interval = min(interval, s.Interval)
	}
	return max(interval, minSizeInterval)
}

// held is a strategy and when its client was heard last.
type held struct {
	Strategy
	beat time.Time
}

// strategies are all of them in the order they came.
type strategies []held

// has reports whether the uuid is known.
func (all strategies) has(uuid string) bool {
	for _, h := range all {
		if h.UUID == uuid {
			return true
		}
	}
	return false
}

// beat notes that the client of a strategy was heard; of one that is not known it notes nothing.
func (all strategies) beat(uuid string, now time.Time) {
	for i := range all {
		if all[i].UUID == uuid {
			all[i].beat = now
		}
	}
}

// expire takes away those whose client was silent too long.
func (all strategies) expire(now time.Time) (kept, expired strategies) {
	for _, h := range all {
		if now.Sub(h.beat) > heartbeatLimit {
			expired = append(expired, h)
		} else {
			kept = append(kept, h)
		}
	}
	return kept, expired
}

// of lists those of a type; of several for one file the first counts, whatever their types are.
func (all strategies) of(kind string) []Strategy {
	var list []Strategy
	files := map[string]bool{}
	for _, h := range all {
		if !files[h.File] && h.Type == kind {
			list = append(list, h.Strategy)
		}
		files[h.File] = true
	}
	return list
}

// errForeign is wrapped where a file is not one to be rotated.
var errForeign = errors.New("only regular files of the user that the daemon runs as are rotated")

// check looks at a file before it is renamed. The size of a missing one is 0.
func check(file string) (size int64, err error) {
	info, err := os.Lstat(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("it is a %v: %w", info.Mode().Type(), errForeign)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return 0, fmt.Errorf("it belongs to user %d: %w", stat.Uid, errForeign)
	}
	return info.Size(), nil
}

// rotateByDate gives a file the name of the day that has ended, or, where that is taken, the same with the next free
// number. It returns the new name, "" when there is nothing to be kept.
func rotateByDate(file string, day time.Time) (string, error) {
	size, err := check(file)
	if err != nil {
		return "", fmt.Errorf("rotate log %q: %w", file, err)
	}
	if size == 0 {
		return "", nil
	}
	dated := file + "." + day.Format(time.DateOnly)
	to := dated
	for i := 1; exists(to) || exists(to+gzipSuffix); i++ {
		if i > maxKept {
			return "", fmt.Errorf("rotate log %q: %q and %d more are there already", file, dated, maxKept)
		}
		to = dated + "." + strconv.Itoa(i)
	}
	if err := os.Rename(file, to); err != nil {
		return "", fmt.Errorf("rotate log %q: %w", file, err)
	}
	return to, nil
}

// rotateBySize renames a file that has reached its size to f.1, after what is there was moved on by one. Only when all
// numbers are taken the last file is removed. It reports whether it has renamed the file.
func rotateBySize(s Strategy) (bool, error) {
	size, err := check(s.File)
	if err == nil && size >= s.MaxFileSize && size > 0 {
		if err = shift(s.File, s.MaxFiles); err == nil {
			err = os.Rename(s.File, numbered(s.File, 1))
		}
		if err == nil {
			return true, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("rotate log %q: %w", s.File, err)
	}
	return false, nil
}

func numbered(file string, i int) string { return file + "." + strconv.Itoa(i) }

// shift makes f.1 free.
func shift(file string, maxFiles int) error {
	free := 1
	for free <= maxFiles && exists(numbered(file, free)) {
		free++
	}
	if free > maxFiles {
		if err := os.Remove(numbered(file, maxFiles)); err != nil {
			return err
		}
		free = maxFiles
	}
	for i := free - 1; i >= 1; i-- {
		if err := os.Rename(numbered(file, i), numbered(file, i+1)); err != nil {
			return err
		}
	}
	return nil
}
