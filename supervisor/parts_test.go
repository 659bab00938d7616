package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pandora-go/pandora/internal/procid"
	"github.com/pandora-go/pandora/procfile"
)

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	var got []string
	readLines(iotest.HalfReader(strings.NewReader("one\r\n\ntwo\n"+long+"\nend")), func(line string) { got = append(got, line) })
	if joined := strings.Join(got, ""); joined != "onetwo"+long+"end" || got[0] != "one" || got[1] != "" || got[2] != "two" {
		t.Errorf("%d lines, the first %.60q", len(got), got)
	}
	for _, line := range got {
		if len(line) > maxLine {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add("a\nb")
	f.Add("\r\n\r")
	f.Fuzz(func(t *testing.T, text string) {
		var tail lastLines
		n := 0
		readLines(strings.NewReader(text), func(line string) {
			n++
			tail.add(line)
			if strings.Contains(line, "\n") || len(line) > maxLine {
				t.Errorf("line %.60q", line)
			}
		})
		if len(tail.get()) != min(n, maxTail) {
			t.Errorf("%d of %d lines kept", len(tail.get()), n)
		}
	})
}

func TestEnvironment(t *testing.T) {
	spec := SpawnSpec{
		AppID: "id", ID: 9, Worker: 2,
		Plan:    &Plan{Env: []string{"A=plan", "B=plan", "B=last", "broken", "=x", "PANDORA_DEV=true", "NODE_UNIQUE_ID=1", "PANDORA_TREE=outer/1/"}, Home: "/home/p"},
		Process: procfile.Process{ProcessName: "web", Env: map[string]string{"A": "process", "NODE_CHANNEL_FD": "9"}, Kind: procfile.KindWorker},
	}
	env, err := environment(spec, unread)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"A": "process", "B": "last", "NODE_CHANNEL_FD": "3", "NODE_UNIQUE_ID": "9", "NODE_APP_INSTANCE": "2", "PANDORA_DIR": "/home/p",
		"PANDORA_TREE": "id/9/", "PANDORA_DEV": "", "NODE_ENV": "",
	} {
		if got := lookup(env, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	spec.Process.Kind, spec.Plan.Dev = procfile.KindPlain, true
	if env, err = environment(spec, unread); err != nil || lookup(env, "NODE_UNIQUE_ID") != "" || lookup(env, "NODE_ENV") != "local" || lookup(env, "PANDORA_DEV") != "true" {
		t.Errorf("plain, dev: %q %v", env, err)
	}
	spec.Process.Env = map[string]string{"X": "a\x00b"}
	var permanent *PermanentError
	if _, err := environment(spec, unread); !errors.As(err, &permanent) || !strings.Contains(err.Error(), `"X"`) {
		t.Errorf("NUL: %v", err)
	}
}

func TestFindNode(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	node := filepath.Join(bin, "node")
	if err := errors.Join(os.Mkdir(bin, 0o755), os.WriteFile(node, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{"", node, "bin/node", dir + "/none/node", bin} {
		if got, err := FindNode(given, []string{"PATH=/nowhere:bin"}, dir); err == nil || !strings.Contains(err.Error(), "install Node 18") {
			t.Errorf("%q without an executable: %q %v", given, got, err)
		}
	}
	if err := os.Chmod(node, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{"", node, "bin/node", "node"} {
		if got, err := FindNode(given, []string{"PATH=/nowhere:bin"}, dir); err != nil || got != node {
			t.Errorf("%q: %q %v", given, got, err)
		}
	}
}

func TestRosterFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.json")
	r := newRoster(path, nil)
	r.add("app", os.Getpid())
	r.add("app", 1)
	r.remove(1)
	data, err := os.ReadFile(path)
	if err != nil || strings.Count(string(data), `"pid"`) != 1 || !strings.Contains(string(data), `"start":"`+procid.Start(os.Getpid())+`"`) {
		t.Errorf("%s %v", data, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "roster.json" }) {
		t.Errorf("files left: %v %v", entries, err)
	}
}
