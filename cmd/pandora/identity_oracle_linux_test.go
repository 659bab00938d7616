//go:build oracle

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOriginalIdentity holds testdata/identity/want.json against the original.
func TestOriginalIdentity(t *testing.T) {
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
	config := filepath.Join(home, "config.js")
	if err := os.WriteFile(config, []byte("module.exports = { actuator: { http: { enabled: false } } };\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, dump := identityApp(t, home)
	run := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PANDORA_TMP_DIR=" + home, "PANDORA_CONFIG=" + config,
			"INHERITED=shell", "DUMP=" + dump,
		}
		return cmd.CombinedOutput()
	}
	defer func() {
		if out, err := run("exit"); err != nil {
			t.Errorf("exit: %v: %s", err, out)
		}
	}()
	if out, err := run(identityStart...); err != nil {
		t.Fatalf("start: %v: %s", err, out)
	}
	compareIdentity(t, dump)
}
