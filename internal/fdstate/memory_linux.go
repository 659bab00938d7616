package fdstate

import (
	"os"

	"golang.org/x/sys/unix"
)

// anonymous makes a file that lies in memory and has no name.
func anonymous() (*os.File, error) {
	fd, err := unix.MemfdCreate("pandora-state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "state"), nil
}
