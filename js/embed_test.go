package js

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestFilesHoldAllFolders(t *testing.T) {
	for _, name := range []string{"shared/structure.js", "goja/loader.js", "node/bootstrap.js"} {
		if _, err := fs.Stat(Files(), name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range list() {
		if strings.Contains(name, "node_modules") || strings.Contains(name, ".test.") {
			t.Errorf("%s is embedded", name)
		}
	}
}

func TestDigest(t *testing.T) {
	if d := Digest(); !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(d) || d != Digest() {
		t.Errorf("digest %q", d)
	}
}

// check holds that dir is a complete and private installation.
func check(t *testing.T, dir string) {
	t.Helper()
	if !complete(dir) {
		t.Errorf("%s is not complete", dir)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := fs.FileMode(0o600); !d.IsDir() && info.Mode().Perm() != want || d.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "goja")); err == nil {
		t.Error("goja/ is installed, which Node has no use for")
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("left beside the installation: %v %v", left, err)
	}
}

func TestInstallByManyAtOnce(t *testing.T) {
	root := filepath.Join(t.TempDir(), "js")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := Install(root)
			if err != nil || dir != filepath.Join(root, Digest()) {
				t.Errorf("got %q, %v", dir, err)
			}
		})
	}
	wg.Wait()
	check(t, filepath.Join(root, Digest()))
}

func TestInstallRepairs(t *testing.T) {
	root := t.TempDir()
	dir, err := Install(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shared", "structure.js"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(root); err != nil {
		t.Fatal(err)
	}
	check(t, dir)
}

func TestInstallNamesTheFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(file); err == nil || !strings.HasPrefix(err.Error(), "install JavaScript: ") || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v", err)
	}
}
