package supervisor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// duplicate takes a copy of a descriptor of a child; the kernel allows that to the same user and to ancestors.
func duplicate(pid, fd int, alive func() bool) (int, error) {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(process)
	if !alive() {
		return -1, fmt.Errorf("process %d is gone, and its number may be another's", pid)
	}
	mine, err := unix.PidfdGetfd(process, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("duplicate descriptor %d of process %d: %w", fd, pid, err)
	}
	listening, err := unix.GetsockoptInt(mine, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		unix.Close(mine) // whatever the process says, only listening sockets are held
		return -1, fmt.Errorf("descriptor %d of process %d is no listening socket", fd, pid)
	}
	return mine, nil
}

// sameSocket reports whether a descriptor of a child and one of ours are the same socket.
func sameSocket(pid, theirs, ours int, alive func() bool) bool {
	other, err := duplicate(pid, theirs, alive)
	if err != nil {
		return false
	}
	defer unix.Close(other)
	var a, b unix.Stat_t
	return unix.Fstat(other, &a) == nil && unix.Fstat(ours, &b) == nil && a.Ino == b.Ino && a.Dev == b.Dev
}
