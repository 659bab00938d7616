package nodecluster

import "golang.org/x/sys/unix"

// newSocket makes a socket that is close-on-exec and non-blocking.
func newSocket(domain, typ int) (int, error) {
	return unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// acceptSocket accepts a connection, close-on-exec and non-blocking.
func acceptSocket(fd int) (int, error) {
	conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	return conn, err
}
