package nodeipc

import "golang.org/x/sys/unix"

// socketPair makes two connected sockets, close-on-exec and non-blocking.
func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}
