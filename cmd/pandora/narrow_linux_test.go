package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// printedOn is what a command writes to a terminal of a width, without colours.
func printedOn(t *testing.T, b *bench, width uint16, args ...string) string {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env, cmd.Dir = append(b.env, "TERM=xterm"), b.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	err = cmd.Start()
	slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	_, _ = io.Copy(&out, master) // ends with EIO when the command has
	_ = cmd.Wait()               // plan has an exit code of its own
	return regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]").ReplaceAllString(strings.ReplaceAll(out.String(), "\r\n", "\n"), "")
}

// TestNarrowTerminal prints with every verb that has tables or text beside labels on a terminal of 20 columns, about names
// whose characters are wide: no line is longer than that, unless it is one word, and what matters is there.
func TestNarrowTerminal(t *testing.T) {
	b := newBench(t)
	dir := filepath.Join(b.dir, "shop")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "package.json"), `{"name": "商店-🛒-shop"}`)
	b.write(filepath.Join(dir, "procfile.js"), `module.exports = (pandora) => { pandora.fork('支付服务', './web.js'); };`)
	b.write(filepath.Join(dir, "web.js"), `setInterval(() => {}, 1000);`)
	b.run("start", dir)
	for _, tt := range []struct {
		verb string
		want []string
	}{
		{"list", []string{"AppName: 商店-🛒-sho\n  p\n", "State: Running\n"}},
		{"list -o wide", []string{"Worker: 商店-🛒-shop\n  /支付服务/0\n", "State: running\n"}},
		{"operation", []string{"Operation: start\n", "State: succeeded\n"}},
		{"config show", []string{"DEFAULT_WORKER_\n  COUNT\n"}},
		{"events", []string{"\n  spawned", "\n  succeeded\n"}},
		{"doctor", []string{"ok       node", "1 application is\n  known\n"}},
		{"daemon status", []string{"pid       ", "guard"}},
		{"ps 商店-🛒-shop", []string{"└─ [", "   └─ [", "bootstrap.js\n"}},
		{"validate shop", []string{"procfile ok:"}},
		{"plan shop", []string{"商店-🛒-shop at"}},
		{"describe 商店-🛒-shop", []string{"application\n  商店-🛒-shop\n", "state        Running"}},
		{"structure shop", []string{"└─ 支付服务\n     ./web.js\n"}},
		{"version", []string{"Node: v"}},
		{"top --once", []string{"WORKER", "CPU"}},
	} {
		t.Run(tt.verb, func(t *testing.T) {
			text := printedOn(t, b, 20, strings.Fields(tt.verb)...)
			for _, line := range strings.Split(text, "\n") {
				line = strings.TrimRight(line, " ")
				word := strings.TrimLeft(line, "│├└─ ")
				if textWidth(line) > 20 && strings.Contains(word, " ") {
					t.Errorf("%q is wider than the terminal", line)
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in:\n%s", want, text)
				}
			}
		})
	}
}
