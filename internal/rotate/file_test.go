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
		if len(data) > 128<<10 { // a writer that was not given the processor may come late
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

// TestCopy copies a file in steps of all kinds while it grows.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	from, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	name := NewName(path, time.Now())
	c, err := NewCopy(from, name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all strings.Builder
	for i, size := range []int{20<<20 + 17, 5, 3 << 20, 4096, 9<<20 + 1} {
		text := strings.Repeat(fmt.Sprintf("%d-%d\n", i, size), size/8+1)
		all.WriteString(text)
		if _, err := from.WriteString(text); err != nil {
			t.Fatal(err)
		}
		end := int64(all.Len())
		if i == 0 {
			end = end / 4096 * 4096
		}
		if err := c.Extend(end); err != nil || c.Copied != end {
			t.Fatalf("copied %d of %d: %v", c.Copied, end, err)
		}
	}
	if err := c.Publish(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != all.String() {
		t.Errorf("%d bytes, want %d, %v", len(data), all.Len(), err)
	}
	if err := c.Extend(int64(all.Len()) + 5); err == nil {
		t.Error("more than there is can be copied")
	}
	c.Discard()
	if !exists(name) {
		t.Error("what is published was discarded")
	}
	c.Unpublish()
	c.Discard()
	if exists(name) || exists(name+partSuffix) {
		t.Error("still there")
	}
}
