//go:build oracle

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// loopbackOnly is a module after which a program listens on the loopback address, where it would on all, as the original does.
const loopbackOnly = `const net = require('net'); const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (at, ...rest) { return typeof at === 'number' ? listen.call(this, at, '127.0.0.1', ...rest.filter((r) => typeof r === 'function')) : listen.call(this, at, ...rest); };`

// originalProgram is the command of the original.
func originalProgram(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../.cache/peers/node_modules/.bin/pandora")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; install it with `make .cache/peers/.installed`", err)
	}
	return program
}

// original starts the application in dir under the original as "shop", with a global configuration, and ends it with the test.
// Configuration and application find the original's packages.
func (b *bench) original(t *testing.T, config, dir string) {
	t.Helper()
	program, loopback := originalProgram(t), filepath.Join(b.dir, "loopback.js")
	b.write(loopback, loopbackOnly)
	for _, folder := range []string{b.dir, dir} {
		if err := os.Symlink(filepath.Dir(filepath.Dir(program)), filepath.Join(folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "PANDORA_TMP_DIR=" + b.dir, "PANDORA_CONFIG=" + config, "NODE_OPTIONS=--require " + loopback}
		return cmd.CombinedOutput()
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("sh", "-c", "cat "+b.dir+"/logs/pandorajs/*.log | tail -30").CombinedOutput()
			t.Logf("%s", out)
		}
		if out, err := run("exit"); err != nil {
			t.Errorf("exit: %v: %s", err, out)
		}
	})
	if out, err := run("start", "--name", "shop", "."); err != nil {
		t.Fatalf("start: %v: %s", err, out)
	}
}
