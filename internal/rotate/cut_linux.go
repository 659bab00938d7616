package rotate

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Block is the unit in which Collapse takes bytes away from a file.
func Block(info os.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Blksize > 0 {
		return int64(s.Blksize)
	}
	return 4096
}

// Collapse takes the first n bytes of a file away while others go on appending to it. n is a multiple of Block and less
// than the size. The error wraps ErrNoCollapse where the file system cannot do that (ext4 and xfs can).
func Collapse(file *os.File, n int64) error {
	for {
		err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, n)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.ETXTBSY):
			return fmt.Errorf("%w: %w", ErrNoCollapse, err)
		case err != nil:
			return fmt.Errorf("take away the head of a log: %w", err)
		}
		return nil
	}
}

// Flush brings the first n bytes to disk without keeping those who append waiting, so that Collapse finds little to do.
func Flush(file *os.File, n int64) {
	_ = unix.SyncFileRange(int(file.Fd()), 0, n, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}
