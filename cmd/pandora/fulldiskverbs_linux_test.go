package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a disk of a few megabytes and says how to fill and how to empty it.
func smallDisk(t *testing.T, dir string) (full func(bool)) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("no small disk here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	filler := filepath.Join(dir, "filler")
	return func(full bool) {
		t.Helper()
		if !full {
			os.Remove(filler)
			return
		}
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		block := make([]byte, 64<<10)
		for len(block) > 0 {
			switch _, err := f.Write(block); {
			case errors.Is(err, unix.ENOSPC):
				block = block[:len(block)/2]
			case err != nil:
				t.Fatal(err)
			}
		}
	}
}

// TestVerbsOnFullDisk: verbs that write say on a full disk what could not be written and what to do, leave nothing half, and
// do not stop what runs; each works again once there is room.
func TestVerbsOnFullDisk(t *testing.T) {
	b := newBench(t)
	disk := filepath.Join(b.dir, "disk")
	full := smallDisk(t, disk)
	t.Cleanup(func() { full(false); b.try("exit") })
	home, dir := filepath.Join(disk, "p"), filepath.Join(disk, "shop")
	b.env = append(b.env, "PANDORA_DIR="+home, "XDG_CONFIG_HOME="+filepath.Join(disk, "config"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "web.js"), `setInterval(() => {}, 1000);`)
	b.write(filepath.Join(dir, "pm2.json"), `{"apps": [{"name": "web", "script": "./web.js"}]}`)
	refused := func(args ...string) {
		t.Helper()
		out, err := b.try(args...)
		exit, _ := errors.AsType[*exec.ExitError](err)
		if exit == nil || exit.ExitCode() != exitFailure || !strings.Contains(out, "no space left on device; make room on") ||
			strings.Contains(out, ".tmp-") || strings.Contains(out, ".new-") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	nothingHalf := func() {
		t.Helper()
		filepath.WalkDir(disk, func(path string, d os.DirEntry, err error) error {
			name := filepath.Base(path)
			if err == nil && (strings.Contains(name, ".tmp-") || strings.Contains(name, ".new") || strings.HasPrefix(name, ".procfile-")) {
				t.Errorf("%s is left behind", path)
			}
			return nil
		})
	}

	full(true)
	refused("import", "--write", filepath.Join(dir, "pm2.json"))
	if _, err := os.Stat(filepath.Join(dir, "procfile.js")); err == nil {
		t.Error("half a procfile is left behind")
	}
	refused("startup", "--user")
	full(false)
	b.run("import", "--write", filepath.Join(dir, "pm2.json"))
	full(true)
	refused("import", "--write", "--force", filepath.Join(dir, "pm2.json"))
	refused("start", dir)
	refused("create", dir)
	refused("dev", dir)
	nothingHalf()

	full(false)
	b.run("start", dir)
	before := b.run("pid", "shop")
	full(true)
	refused("restart", "shop")
	refused("create", dir, "--name", "other")
	refused("start", dir, "--name", "other")
	if after := b.run("pid", "shop"); after != before {
		t.Errorf("what runs does not go on: %s, before: %s", after, before)
	}
	b.run("reload", "shop")
	b.run("scale", "shop", "2")
	b.run("list", "-o", "wide")
	nothingHalf()
	full(false)
	b.run("restart", "shop")
	if list := b.run("list", "-o", "name"); strings.TrimSpace(list) != "shop" {
		t.Errorf("the list is %q", list)
	}
}

func TestAdvised(t *testing.T) {
	for text, want := range map[string]string{
		`write "/x": no space left on device`:                       `write "/x": no space left on device; make room on that disk; [ df -h ] shows which are full`,
		`write "/x": no space left on device; make room`:            `write "/x": no space left on device; make room`,
		`find the current folder: getwd: no such file or directory`: `find the current folder: it is gone; change to another one`,
		`open /x: permission denied`:                                `open /x: permission denied; give this user the right to it`,
		`the procfile says: permission denied (at x.js:1:2)`:        `the procfile says: permission denied (at x.js:1:2)`,
	} {
		if got := advised(text); got != want {
			t.Errorf("advised(%q) = %q", text, got)
		}
	}
}
