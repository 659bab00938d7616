//go:build unix

package state

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openNonBlock keeps an open from waiting for the other end of a FIFO that lies where a file belongs.
const openNonBlock = unix.O_NONBLOCK

// errNotFile is returned for a folder, a FIFO or a device where a file belongs.
var errNotFile = errors.New("it is not a file")

// openRegular opens a file to read it.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|openNonBlock, 0)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
			err = errNotFile // a socket cannot be opened at all
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
