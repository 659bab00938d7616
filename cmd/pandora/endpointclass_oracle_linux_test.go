//go:build oracle

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOriginalEndPointClasses: the same configuration is answered alike by the original.
func TestOriginalEndPointClasses(t *testing.T) {
	program, err := filepath.Abs("../../.cache/peers/node_modules/.bin/pandora")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; install it with `make .cache/peers/.installed`", err)
	}
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	config := filepath.Join(b.dir, "config.js")
	b.write(config, fmt.Sprintf(endPointConfig, "", port, ""))
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), endPointApp)
	for _, folder := range []string{b.dir, dir} {
		if err := os.Symlink(filepath.Dir(filepath.Dir(program)), filepath.Join(folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "PANDORA_TMP_DIR=" + b.dir, "PANDORA_CONFIG=" + config}
		return cmd.CombinedOutput()
	}
	defer func() {
		if out, err := run("exit"); err != nil {
			t.Errorf("exit: %v: %s", err, out)
		}
	}()
	if out, err := run("start", "--name", "shop", "."); err != nil {
		t.Fatalf("start: %v: %s", err, out)
	}
	base := "http://127.0.0.1:" + port
	b.until("the Indicator and the metric are there", func() bool {
		stock, _ := askFor(t, base, endPointAnswerWant{path: "/stock?appName=shop"})
		exported, _ := askFor(t, base, endPointAnswerWant{path: "/exporter"})
		return strings.Contains(stock.body, "screws") && strings.Contains(exported.body, "} 3")
	})
	holdEndPoints(t, base)
}
