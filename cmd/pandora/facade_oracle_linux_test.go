//go:build oracle

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOriginalFacade holds testdata/facade/want.json against the original.
func TestOriginalFacade(t *testing.T) {
	program, err := filepath.Abs("../../.cache/peers/node_modules/.bin/pandora")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; install it with `make .cache/peers/.installed`", err)
	}
	home, err := os.MkdirTemp("", "pandora-oracle-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	dir, config, dump := facadeApp(t, home)
	run := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PANDORA_TMP_DIR=" + home, "PANDORA_CONFIG=" + config,
			"DUMP=" + dump, "DEFAULT_WORKER_COUNT=2",
		}
		return cmd.CombinedOutput()
	}
	defer func() {
		if out, err := run("exit"); err != nil {
			t.Errorf("exit: %v: %s", err, out)
		}
	}()
	if out, err := run("start", "--name", "asking", "."); err != nil {
		t.Fatalf("start: %v: %s", err, out)
	}
	compareFacade(t, dump)
}
