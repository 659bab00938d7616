package supervisor

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// awaitExit waits until a child has ended but does not reap it: until then its pid, and so the number of its process
// group, belongs to nobody else.
func awaitExit(pid int) {
	queue, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(queue)
	watch := unix.Kevent_t{Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD | unix.EV_ONESHOT, Fflags: unix.NOTE_EXIT}
	watch.Ident = uint64(pid)
	for {
		_, err := unix.Kevent(queue, []unix.Kevent_t{watch}, make([]unix.Kevent_t, 1), nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// killTree sends SIGKILL to a process group (0: none). The environment of other processes cannot be read here, so those
// that left the group are not found.
func killTree(group int, _ string, limit time.Duration) bool {
	if group <= 0 {
		return true
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if err := syscall.Kill(-group, syscall.SIGKILL); errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// endGroup does nothing: what is left in a group whose leader has ended cannot be told from another's.
func endGroup(int, int, time.Duration) bool { return true }
