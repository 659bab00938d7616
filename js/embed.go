// Package js holds the JavaScript of pandora, embedded in the binary: shared/ is run by Goja and by Node, goja/ by
// Goja only, node/ by Node only.
//
//	dir, err := js.Install("/home/u/.pandora/js") // a folder that Node can load node/bootstrap.js from
//
// All functions may be called concurrently, also by several processes on one root. The package runs no JavaScript.
package js

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pandora-go/pandora/internal/fserr"
)

//go:embed shared goja node
var files embed.FS

// Files is the embedded tree with the folders shared, goja and node. Names use slashes and have no leading slash.
func Files() fs.FS { return files }

// list returns the names of all embedded files, sorted.
func list() []string {
	var names []string
	// The tree is part of the binary: walking it cannot fail.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return nil
	})
	return names
}

// Digest identifies what is installed and what Goja runs: 16 hex digits over the names and contents of the files.
func Digest() string {
	h := sha256.New()
	for _, name := range append(list(), bundleName) {
		data := installed(name)
		fmt.Fprintf(h, "%d %s %d ", len(name), name, len(data))
		_, _ = h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Install makes root/<digest>/{shared,node} available to Node and returns that folder. Folders are 0700, files 0600.
// node/bootstrap.js is there what runs node/bundle.js, which holds it and what else every worker needs. Workers put files of
// their own beside it, *.code.
// A folder that holds every file with the right content is reused; otherwise it is written beside its place and moved
// there in one step, so that another process never sees half of it.
func Install(root string) (string, error) {
	dir := filepath.Join(root, Digest())
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", fmt.Errorf("install JavaScript: make folder %q: %w", root, fserr.Bare(err))
	}
	fresh, err := os.MkdirTemp(root, ".new-*")
	if err != nil {
		return "", fmt.Errorf("install JavaScript: write to folder %q: %w", root, fserr.Bare(err))
	}
	defer os.RemoveAll(fresh)
	if err := write(fresh); err != nil {
		return "", fmt.Errorf("install JavaScript: write to folder %q: %w", root, fserr.Bare(err))
	}
	err = os.Rename(fresh, dir)
	if errors.Is(err, fs.ErrExist) && !complete(dir) {
		// A damaged copy of these very files: move it out of the way. Whoever still has files of it open keeps them.
		old := fresh + "-old"
		defer os.RemoveAll(old)
		if err = os.Rename(dir, old); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(fresh, dir)
		}
	}
	if err != nil && !complete(dir) {
		return "", fmt.Errorf("install JavaScript: write folder %q: %w", dir, fserr.Bare(err))
	}
	return dir, nil
}

// forNode lists the files that Node needs on disk.
func forNode() []string {
	return append(slices.DeleteFunc(list(), func(name string) bool {
		return strings.HasPrefix(name, "goja/") || name == compiledName
	}), bundleName)
}

// complete reports whether dir holds every file for Node, unchanged.
func complete(dir string) bool {
	for _, name := range forNode() {
		want := installed(name)
		if !same(filepath.Join(dir, filepath.FromSlash(name)), want) {
			return false
		}
	}
	return true
}

// same reports whether the file at path has exactly the content want.
func same(path string, want []byte) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	got, err := io.ReadAll(io.LimitReader(f, int64(len(want))+1))
	return err == nil && string(got) == string(want)
}

// write puts the files for Node below dir.
func write(dir string) error {
	for _, name := range forNode() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, installed(name), 0o600); err != nil {
			return err
		}
	}
	return nil
}
