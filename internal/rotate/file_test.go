package rotate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFileShared has several writers, each with a File of its own as processes have, and looks for every line.
func TestFileShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.log")
	const writers, lines = 4, 2000
	var group sync.WaitGroup
	for w := range writers {
		f, err := OpenFile(path, Policy{MaxFile: 64 << 10, Compress: true})
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer f.Close()
			for i := range lines {
				if _, err := fmt.Fprintf(f, "w%d line %d %s\n", w, i, strings.Repeat("x", 50)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	all, err := Archives(path)
	if err != nil || len(all) < 5 {
		t.Fatalf("%d archives, %v", len(all), err)
	}
	found := 0
	for _, name := range append(archivePaths(all), path) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found += strings.Count(string(data), "\n")
		if len(data) > 80<<10 {
			t.Errorf("%s has %d bytes", name, len(data))
		}
	}
	if found != writers*lines {
		t.Errorf("%d lines, want %d", found, writers*lines)
	}
}

func archivePaths(all []Archive) []string {
	var paths []string
	for _, a := range all {
		paths = append(paths, a.Path)
	}
	return paths
}

func TestFileOfAnotherDay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.log")
	f, err := OpenFile(path, Policy{Daily: true, Compress: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "old")
	yesterday := time.Now().AddDate(0, 0, -1)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "new")
	fmt.Fprintln(f, "newer")
	f.Close() // waits for the compression, or stops it
	all, err := Archives(path)
	if data, _ := os.ReadFile(path); string(data) != "new\nnewer\n" || len(all) != 1 || err != nil || all[0].Time.Sub(yesterday).Abs() > time.Second {
		t.Errorf("%q, archives %v, %v", data, all, err)
	}
}

func TestFileMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.log")
	f, err := OpenFile(path, Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "one")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	f.Reopen()
	if !exists(path) {
		t.Error("not made anew")
	}
	os.Remove(path)
	fmt.Fprintln(f, "two")
	if data, err := os.ReadFile(path); string(data) != "two\n" {
		t.Errorf("%q %v", data, err)
	}
}
