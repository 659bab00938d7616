package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/pandora-go/pandora/supervisor"
)

// topApp is an application with two workers that write a line each, and another process.
const topApp = `module.exports = (pandora) => {
  pandora.process('web').scale(2);
  pandora.cluster('./app.js').process('web');
  pandora.fork('jobs', './jobs.js');
};`

// topOf starts an application and the live view of it.
func topOf(t *testing.T, width, height int, args ...string) (*bench, *terminal) {
	t.Helper()
	b := newBench(t)
	dir, _ := b.app(topApp)
	b.write(dir+"/jobs.js", `console.log('jobs are waited for'); setInterval(() => {}, 1e6);`)
	b.run("start", dir)
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}
	return b, onTerminal(t, width, height, b.env, exe, append([]string{"top", "--interval", "200ms", "--sort", "name"}, args...)...)
}

// TestTop looks at an application, restarts a worker, reloads and scales, searches and quits.
func TestTop(t *testing.T) {
	b, term := topOf(t, 80, 24)
	for _, row := range []string{`>.*app/jobs/0 +\d+ running`, `app/web/0 +\d+ running +\d+\.\d +\d`, `app/web/1 +\d+ running .* UP`} {
		row := regexp.MustCompile(row)
		term.until(row.String(), row.MatchString)
	}
	term.shows("jobs are waited for") // the log of the selected row
	term.press("?")
	term.shows("Any key goes back.")
	term.press("?")

	term.press("/web/1\r")
	term.shows("log of app/web/1")
	old := worker(b, "web", 1)
	term.press("r")
	term.shows("Restart app/web/1 (it stops first)? y/N")
	term.press("x")
	term.shows("nothing was done")
	term.press("ry")
	term.shows("app/web/1 was restarted in")
	if now := worker(b, "web", 1); now.PID == old.PID || now.Generation != old.Generation+1 {
		t.Errorf("after the restart: %+v, before: %+v", now, old)
	}
	term.press("v") // rows are processes
	term.shows("log of app/")
	term.press("/web\r")
	term.shows("log of app/web ")
	term.press("l")
	term.shows("Reload app/web (its 2 workers are replaced one by one)? y/N")
	term.press("y")
	term.shows("app/web was reloaded in")
	term.press("s3\r")
	term.shows("Scale app/web from 2 to 3? y/N")
	term.press("y")
	term.shows("app/web was scaled in")
	if now := worker(b, "web", 2); now.State != supervisor.StateRunning {
		t.Errorf("after the scale: %+v", now)
	}
	row := regexp.MustCompile(`>.*app/web +3 running`)
	term.until(row.String(), row.MatchString)

	term.press("fjobs\r")
	term.shows(`1 of 2 hold "jobs"`)
	term.setSize(20, 8)
	term.until("to fit into 20 columns", func(text string) bool {
		return strings.Contains(text, "> app/jobs") && !strings.Contains(text, "RST")
	})
	term.press("q")
	if err := term.end(); err != nil {
		t.Errorf("q: %v", err)
	}
}

// worker is the newest one in a slot.
func worker(b *bench, process string, slot int) (found supervisor.WorkerStatus) {
	b.t.Helper()
	for _, p := range b.list().Processes {
		for _, w := range p.Workers {
			if p.Name == process && w.Worker == slot {
				found = w
			}
		}
	}
	if found.Generation == 0 {
		b.t.Fatalf("there is no worker %s/%d", process, slot)
	}
	return found
}

// TestTopEnds ends the view by a key and by signals; the terminal is as it was before.
func TestTopEnds(t *testing.T) {
	b, term := topOf(t, 80, 24)
	term.shows("app/web/1")
	term.press("\x03")
	if err := term.end(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		term := onTerminal(t, 80, 24, b.env, term.cmd.Path, "top")
		term.shows("app/web/1")
		if err := term.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := term.end(); err != nil {
			t.Errorf("%s: %v\n%s", signal, err, term.text())
		}
	}
}

// TestTopWithoutDaemon begins with no daemon, and sees one come and go.
func TestTopWithoutDaemon(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}
	term := onTerminal(t, 100, 24, b.env, exe, "top", "--interval", "200ms")
	term.shows(notRunning)
	running := regexp.MustCompile(`app/web/0 +\d+ running`)
	b.run("start", dir)
	term.until(running.String(), running.MatchString)
	term.until("that the daemon is there", func(text string) bool { return !strings.Contains(text, "away") })
	b.run("exit")
	term.shows("daemon away for ")
	term.shows(notRunning)
	term.press("q")
	if err := term.end(); err != nil {
		t.Errorf("q: %v", err)
	}
}

// TestTopColours: a state has a colour on a terminal, unless none is wanted.
func TestTopColours(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.run("start", dir)
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}
	for _, noColour := range []string{"1", ""} {
		term := onTerminal(t, 80, 24, append(b.env[:len(b.env):len(b.env)], "NO_COLOR="+noColour), exe, "top")
		term.shows("running")
		term.mu.Lock()
		colours := map[string]bool{}
		for y := range 24 {
			for x := range 80 {
				if cell := term.screen.CellAt(x, y); cell != nil && cell.Style.Fg != nil {
					colours[fmt.Sprint(cell.Style.Fg)] = true
				}
			}
		}
		term.mu.Unlock()
		if (len(colours) > 0) != (noColour == "") {
			t.Errorf("NO_COLOR=%s: colours %v", noColour, colours)
		}
		term.press("q")
		if err := term.end(); err != nil {
			t.Errorf("q: %v", err)
		}
	}
}
