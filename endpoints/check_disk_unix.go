//go:build unix

package endpoints

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskUse returns how full the file system of path is, in percent as df prints it: what is used of what a user can
// have, rounded up.
func diskUse(path string) (diskUsage, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(path, &s)
		if err == nil {
			available := uint64(s.Bavail)
			if int64(available) < 0 {
				available = 0
			}
			return diskUsage{
				percent: usePercent(uint64(s.Blocks), uint64(s.Bfree), uint64(s.Bavail)),
				free:    available * uint64(s.Bsize), total: uint64(s.Blocks) * uint64(s.Bsize),
			}, nil
		}
		if err != unix.EINTR {
			return diskUsage{}, fmt.Errorf("measure the file system of %q: %w", path, err)
		}
	}
}
