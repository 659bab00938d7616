package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/supervisor"
)

// TestConsent answers the questions of exit, stop and delete as somebody at a terminal does, and asks for none where --yes
// says so or only what was named is stopped.
func TestConsent(t *testing.T) {
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(b.dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		b.write(filepath.Join(dir, "app.js"), "setInterval(() => {}, 1000);")
		b.write(filepath.Join(dir, "procfile.js"), "module.exports = (pandora) => { pandora.fork('app', './app.js'); };")
		b.run("start", "-q", dir)
	}
	ask := func(question, answer, says string, wrong bool, args ...string) {
		t.Helper()
		term := onTerminal(t, 120, 24, b.env, exe, args...)
		if question != "" {
			term.shows(question)
			term.press(answer)
		}
		if err := term.end(); (err != nil) != wrong {
			t.Fatalf("pandora %s: %v", strings.Join(args, " "), err)
		}
		if says != "" {
			term.shows(says)
		}
	}
	refused := "nothing was done; --yes does it without a question"
	ask("Stop 2 applications (one, two) and end the daemon?", "n\r", refused, true, "exit")
	ask("Stop 2 applications: one, two?", "\r", refused, true, "stop", "all")
	ask("Stop and forget two?", "n\r", refused, true, "delete", "two")
	if all := b.apps(); len(all) != 2 || all["one"].State == supervisor.AppStopped || all["two"].State == supervisor.AppStopped {
		t.Fatalf("after a refusal: %v", all)
	}
	ask("Stop and forget two?", "y\r", "two", false, "delete", "two")
	ask("", "", "", false, "stop", "-q", "one")
	b.run("start", "-q", "one")
	ask("", "", "", false, "exit", "--yes")
	if all := b.daemons(); len(all) != 0 {
		t.Errorf("exit --yes has left daemons %v", all)
	}
}
