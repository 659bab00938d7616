//go:build slow

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/control"
)

// TestFullDisk fills the disk of the logs under load: nothing but output is lost, a worker that is killed meanwhile is
// replaced, a reload works, and output goes on once there is room.
func TestFullDisk(t *testing.T) {
	b := newBenchAlone(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	source, err := os.ReadFile(filepath.Join(dir, "app.js"))
	if err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "app.js"), strings.Replace(string(source), "{\n", "{\n  console.log('asked ' + 'x'.repeat(200));\n", 1))
	logs := filepath.Join(b.dir, "p", "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Chmod(filepath.Join(b.dir, "p"), 0o700)
	if err := unix.Mount("tmpfs", logs, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		t.Skipf("no small disk for the logs here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(logs, unix.MNT_DETACH) })
	b.run("start", dir)
	written := func() int {
		total := 0
		filepath.WalkDir(logs, func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".log") {
				data, _ := os.ReadFile(path)
				total += bytes.Count(data, []byte("asked "))
			}
			return nil
		})
		return total
	}
	filler := filepath.Join(logs, "filler")
	kills := 0
	results := under(address, func() {
		time.Sleep(time.Second)
		if err := fill(filler); err != nil {
			t.Errorf("the disk is not full: %v", err)
		}
		time.Sleep(2 * time.Second)
		var list struct{ Applications []control.AppStatus }
		if err := json.Unmarshal([]byte(b.run("list", "--json")), &list); err != nil || len(list.Applications[0].PIDs) != 1 {
			t.Errorf("list: %v, %+v", err, list)
		} else {
			kills++
			syscall.Kill(list.Applications[0].PIDs[0], syscall.SIGKILL)
		}
		time.Sleep(2 * time.Second)
		b.run("reload", "app")
	})
	for kind, r := range results {
		t.Logf("%s: %v", kind, r)
		if r.Hung > 0 || r.OK == 0 {
			t.Errorf("%s: %v", kind, r)
		}
	}
	const clients = 16 + 12 + 4
	if failed := results["keep-alive"].Failed + results["close"].Failed + results["thinking"].Failed; failed > kills*clients {
		t.Errorf("%d requests failed, %d can have been in flight", failed, kills*clients)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	before := written()
	under(address, func() { time.Sleep(time.Second) })
	if after := written(); after <= before {
		t.Errorf("no output since there is room: %d lines before, %d after", before, after)
	}
}

// fill writes a file until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		switch _, err := f.Write(make([]byte, size)); {
		case errors.Is(err, unix.ENOSPC):
			size /= 2
		case err != nil:
			return err
		}
	}
	return nil
}
