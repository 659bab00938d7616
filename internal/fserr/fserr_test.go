package fserr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestErrorsOfFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := func(path string) error {
		_, err := os.Open(path)
		return err
	}
	other := errors.New("other")
	for _, tt := range []struct {
		err     error
		bare    error
		missing bool
	}{
		{opened(filepath.Join(dir, "no")), syscall.ENOENT, true},
		{opened(filepath.Join(file, "no")), syscall.ENOTDIR, true},
		{opened(filepath.Join(dir, strings.Repeat("x", 300))), syscall.ENAMETOOLONG, true},
		{os.Rename(filepath.Join(dir, "no"), file), syscall.ENOENT, true},
		{os.Mkdir(file, 0o700), syscall.EEXIST, false},
		{other, other, false},
		{nil, nil, false},
	} {
		if got := Bare(tt.err); got != tt.bare || Missing(tt.err) != tt.missing {
			t.Errorf("%v: %v, missing %v; want %v, %v", tt.err, got, Missing(tt.err), tt.bare, tt.missing)
		}
	}
}
