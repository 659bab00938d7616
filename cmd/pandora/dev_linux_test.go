package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// devRun is a running `pandora dev`.
type devRun struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	ended chan struct{} // closed when it prints no more
}

// dev starts `pandora dev` with these arguments; it ends with the test.
func (b *bench) dev(args ...string) *devRun {
	b.t.Helper()
	exe, err := exec.LookPath("pandora")
	if err != nil {
		b.t.Fatal(err)
	}
	d := &devRun{t: b.t, cmd: exec.Command(exe, append([]string{"dev"}, args...)...), ended: make(chan struct{})}
	d.cmd.Env, d.cmd.Dir = b.env, b.dir
	read, write, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	d.cmd.Stdout, d.cmd.Stderr = write, write
	if err := d.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	write.Close()
	go func() {
		defer close(d.ended)
		defer read.Close()
		for lines := bufio.NewScanner(read); lines.Scan(); {
			d.mu.Lock()
			d.lines = append(d.lines, lines.Text())
			d.mu.Unlock()
		}
	}()
	b.t.Cleanup(func() {
		if err := d.cmd.Process.Signal(syscall.SIGINT); err == nil {
			_ = d.cmd.Wait()
		}
		<-d.ended
		if b.t.Failed() {
			b.t.Logf("dev printed:\n%s", d.text())
		}
	})
	return d
}

// text is what it has printed.
func (d *devRun) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// waitFor waits until it has printed a text so many times.
func (d *devRun) waitFor(text string, times int) {
	d.t.Helper()
	within(d.t, time.Minute, fmt.Sprintf("dev prints %q %d times", text, times), func() bool {
		return strings.Count(d.text(), text) >= times
	})
}

// TestDevKeepsInspector changes a file under --inspect: the debugger finds the next process on the same port.
func TestDevKeepsInspector(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), "setInterval(() => {}, 1000);\n")
	d := b.dev(dir, "--inspect="+address) // a port that nobody has
	d.waitFor("start successful", 1)
	for i := range 2 {
		b.write(filepath.Join(dir, "app.js"), fmt.Sprintf("setInterval(() => {}, 1000); // %d\n", i))
		d.waitFor("web restart successful", i+1)
	}
	d.waitFor("Debugger listening on ws://"+address+"/", 3)
}

// TestDevRestartsLoseNothing changes a file several times under clients of both kinds: none of them is refused or reset, for
// each kind of process.
func TestDevRestartsLoseNothing(t *testing.T) {
	for name, procfile := range map[string]string{
		"plain":   `module.exports = (pandora) => { pandora.fork('web', './app.js'); };`,
		"cluster": `module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir, address := b.app(procfile)
			d := b.dev(dir)
			d.waitFor("start successful", 1)
			file := filepath.Join(dir, "app.js")
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			results := underWithin(address, time.Minute, func() {
				for i := range 4 {
					b.write(file, fmt.Sprintf("%s// %d\n", source, i))
					d.waitFor("web restart successful", i+1)
				}
			})
			for kind, r := range results {
				t.Logf("%s: %v", kind, r)
				if r.Failed > 0 || r.OK == 0 {
					t.Errorf("%s: %v", kind, r)
				}
			}
		})
	}
}
