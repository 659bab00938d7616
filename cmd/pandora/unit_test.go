package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/internal/state"
)

// testUnits are units whose text is in testdata/units.
func testUnits() map[string]*bootUnit {
	return map[string]*bootUnit{
		"user": {
			name: "pandora.service", user: "ann", executable: "/usr/local/bin/pandora",
			env: []string{"HOME=/home/ann", "PATH=/usr/local/bin:/usr/bin:/bin"},
		},
		"system": {
			system: true, name: "pandora-ann.service", user: "ann", executable: "/opt/my tools/100%/$x/pandora",
			env: []string{`HOME=/home/ann`, `PANDORA_CONFIG=a.js:b "c".js`, `PANDORA_DIR=/srv/50% \ more`, "PATH=/usr/bin:/bin"},
		},
	}
}

// TestUnitGolden compares with the files; PANDORA_UPDATE_GOLDEN=1 writes them.
func TestUnitGolden(t *testing.T) {
	for name, unit := range testUnits() {
		path := filepath.Join("testdata", "units", name+".service")
		if os.Getenv("PANDORA_UPDATE_GOLDEN") == "1" {
			if err := os.WriteFile(path, []byte(unit.text()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := unit.text(); got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestUnitIsUnderstood has systemd itself read the units, where it is installed.
func TestUnitIsUnderstood(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-analyze is not in PATH")
		}
		t.Skip("systemd-analyze is not in PATH")
	}
	for name, unit := range testUnits() {
		dir := t.TempDir()
		// The program and the user have to be there.
		program := filepath.Join(dir, "100% of $x", "pandora")
		if err := os.Mkdir(filepath.Dir(program), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		unit.executable, unit.user, unit.folder = program, "root", dir
		if err := os.WriteFile(unit.path(), []byte(unit.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"verify", "--man=no", unit.path()}
		if !unit.system {
			args = append([]string{"--user"}, args...)
		}
		cmd := exec.Command(analyze, args...)
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
		out, err := cmd.CombinedOutput()
		// It says yes to keys that it does not know, too; what it says of the unit counts.
		if err != nil || strings.Contains(string(out), unit.name) {
			t.Errorf("%s: systemd-analyze: %v\n%s", name, err, out)
		}
	}
}

func TestUnitEnviron(t *testing.T) {
	home := state.Home{Dir: "/srv/p", Logs: "/srv/p/logs"}
	got := unitEnviron([]string{
		"PATH=/bin", "HOME=/root", "SECRET=1", "PANDORA_DIR=p", "PANDORA_WORKER=3", "LANG=", "HOME=/home/ann", "PANDORA_CONFIG=x.js",
	}, home)
	want := "HOME=/home/ann PANDORA_CONFIG=x.js PANDORA_DIR=/srv/p PATH=/bin"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{
		"/usr/bin/pandora": "/usr/bin/pandora", "": "''", "A=b c": "'A=b c'", "it's": `'it'\''s'`, "$HOME": "'$HOME'",
	} {
		if got := shellQuote(word); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", word, got, want)
		}
	}
}

// TestUnitProgram holds that doctor reads the program of any unit that startup writes.
func TestUnitProgram(t *testing.T) {
	for _, program := range []string{"/usr/bin/pandora", "/opt/a b/pandora", `/opt/"x"/pan\dora`, "/opt/100%/$HOME/pandora"} {
		u := &bootUnit{executable: program, user: "ann"}
		if got := unitProgram(u.text()); got != program {
			t.Errorf("%q, want %q", got, program)
		}
	}
	if got := unitProgram("[Service]\n"); got != "" {
		t.Errorf("no program: %q", got)
	}
}
