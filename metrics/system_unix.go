//go:build unix

package metrics

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// statFS asks the kernel for the space of the file system that holds path.
func statFS(path string) (DiskSpace, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return DiskSpace{}, fmt.Errorf("read the space of %q: %w", path, err)
	}
	block := uint64(st.Bsize)
	return DiskSpace{
		Total:     st.Blocks * block,
		Used:      (st.Blocks - st.Bfree) * block,
		Available: st.Bavail * block,
	}, nil
}
