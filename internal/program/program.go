// Package program finds programs in the environment of somebody else, where os/exec would look in ours.
//
//	path, err := program.Find("node", env, dir)
//
// Concurrency: the functions may be called from many goroutines.
package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find finds a program as a shell would, in an environment of NAME=value pairs: a name with a slash is a path, any other
// is looked up in PATH; relative folders count from dir.
func Find(name string, env []string, dir string) (string, error) {
	if strings.ContainsRune(name, '/') {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name, executable(name)
	}
	path := ""
	for _, pair := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			path = value
			break
		}
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		if file := filepath.Join(folder, name); executable(file) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("no %q in PATH %q", name, path)
}

// executable tells why a file cannot be executed, without its path.
func executable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return errors.Unwrap(err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fs.ErrPermission
	}
	return nil
}
