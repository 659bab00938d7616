// Package fserr reads errors of the file system, for messages that tell the path and what was to be done themselves.
//
//	return fmt.Errorf("read the token %q: %w", path, fserr.Bare(err))
//
// Concurrency: the functions may be called from many goroutines.
package fserr

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Bare is an error of the file system without the operation and the paths; any other error is returned as it is.
func Bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// Missing reports whether an error says that there is nothing at a path: also where the path is longer than any that the
// system has, or leads through a file.
func Missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ENOTDIR)
}
