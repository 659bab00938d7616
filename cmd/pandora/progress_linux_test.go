package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgressOnATerminal starts and reloads an application whose workers become ready when the test says so, as somebody sees
// it who then loses patience.
func TestProgressOnATerminal(t *testing.T) {
	b := newBench(t)
	address := freeAddress(t)
	dir := filepath.Join(b.dir, "shop")
	gate := filepath.Join(dir, "open")
	for name, text := range map[string]string{
		"package.json": `{"name": "shop"}`,
		"procfile.js": fmt.Sprintf(`module.exports = (pandora) => {
  pandora.process('web').entry('./web.js').scale(2).ready({ http: 'http://%s/health' });
  pandora.process('last').entry('./last.js');
};`, address),
		"web.js": fmt.Sprintf(`require('http').createServer((request, response) => {
  response.writeHead(require('fs').existsSync(%q) ? 200 : 503).end();
}).listen(%s, '127.0.0.1');`, gate, address[strings.LastIndex(address, ":")+1:]),
		"last.js": `setInterval(() => {}, 1000);`,
	} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func() {
		t.Helper()
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}

	term := onTerminal(t, 100, 24, b.env, exe, "start", dir)
	term.until("to show what is waited for", func(text string) bool {
		return strings.Contains(text, "web  0/2 ready ") && strings.Contains(text, "waits for http://"+address+"/health to answer") &&
			strings.Contains(text, "\n· last waits for its turn")
	})
	open()
	seen := term.shows("shop started successfully!")
	if err := term.end(); err != nil || !strings.Contains(seen, "\n✓ web  2/2 ready ") || !strings.Contains(seen, "\n✓ last 1/1 ready ") ||
		strings.Contains(seen, "waits for") || strings.Count(seen, "2/2") != 1 {
		t.Errorf("%v\n%s", err, seen)
	}

	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	term = onTerminal(t, 30, 24, b.env, exe, "reload", "shop")
	seen = term.shows("web  0/2 ready ")
	for _, line := range strings.Split(seen, "\n") {
		if textWidth(line) > 29 {
			t.Errorf("%q is wider than the terminal", line)
		}
	}
	term.press("\x03")
	term.shows("interrupted;")
	var code *exec.ExitError
	if err := term.end(); err == nil {
		t.Error("an interrupted reload exits with 0")
	} else if code, _ = err.(*exec.ExitError); code == nil || code.ExitCode() != exitInterrupted {
		t.Errorf("an interrupted reload: %v", err)
	}
	open() // it has gone on meanwhile
	if out := b.run("operation", "shop", "--follow"); !strings.Contains(out, "shop reloaded successfully!") || !strings.Contains(out, "✓ shop/web 2/2 ready ") {
		t.Errorf("the reload that went on:\n%s", out)
	}
}
