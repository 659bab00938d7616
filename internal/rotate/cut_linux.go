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

// directChunk is how much copyDirect copies at a time.
const directChunk = 8 << 20

// copyDirect copies up to n bytes of a file, from at on, to the same place of another one, and returns how many. The
// pages of the file go to disk as they lie in the cache, which takes a third of the processor time of other copies. Where
// that does not work, and for what is less than a page, nothing is copied.
func copyDirect(from *os.File, path string, at, n int64) (copied int64) {
	page := int64(os.Getpagesize())
	n = n / page * page
	if at%page != 0 || n < 1<<20 {
		return 0
	}
	to, err := os.OpenFile(path, os.O_WRONLY|unix.O_DIRECT, 0)
	if err != nil {
		return 0
	}
	defer to.Close()
	for copied < n {
		size := min(directChunk, n-copied)
		pages, err := unix.Mmap(int(from.Fd()), at+copied, int(size), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return copied
		}
		written, err := to.WriteAt(pages, at+copied)
		unmapped := unix.Munmap(pages)
		if err != nil || unmapped != nil {
			// What was written of this chunk is written again.
			return copied
		}
		copied += int64(written)
	}
	return copied
}
