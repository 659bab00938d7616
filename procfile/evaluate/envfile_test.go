package evaluate

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

// TestProcfileSeesFiles holds that both engines give a procfile the variables of the files that it names, and the graph
// their paths only.
func TestProcfileSeesFiles(t *testing.T) {
	for _, engine := range []string{EngineGoja, EngineNode} {
		o := app(t, `module.exports = (pandora) => {
			pandora.envFile('a.env');
			pandora.envFile(['b.env', 'none.env'], { optional: true });
			pandora.fork('web', './web').env({ SEEN: [process.env.A, process.env.B, process.env.C, process.env.D].join(), FILES: pandora.envFile().length });
			pandora.fork('own', './web').envFile('own.env').env({ SEEN: process.env.OWN, FILES: pandora.process('own').envFile().length });
		};`)
		writeAll(t, o.Dir, map[string]string{"a.env": "A=a\nB=a\nC=a\nD=a", "b.env": "B=b\nC=b$A$D", "own.env": "OWN=own", "flag.env": "A=flag"})
		flag := procfile.EnvFile{Path: filepath.Join(o.Dir, "flag.env")}
		o.Engine, o.EnvFiles = engine, []procfile.EnvFile{flag}
		o.Env = append(o.Env, "D=shell")
		result, err := Evaluate(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: %v", engine, err)
		}
		file := func(name string) procfile.EnvFile { return procfile.EnvFile{Path: filepath.Join(o.Dir, name)} }
		b, none := file("b.env"), file("none.env")
		b.Optional, none.Optional = true, true
		web, own := result.App.Process("web"), result.App.Process("own")
		if got := web.Env["SEEN"] + web.Env["FILES"]; got != "flag,b,bashell,shell3" {
			t.Errorf("%s: web has %s", engine, got)
		}
		if own.Env["SEEN"] != "" || own.Env["FILES"] != "1" {
			t.Errorf("%s: own has %v", engine, own.Env)
		}
		if want := []procfile.EnvFile{file("a.env"), b, none, flag}; !slices.Equal(web.EnvFiles, want) || !slices.Equal(result.App.EnvFiles, want) {
			t.Errorf("%s: files %v and %v, want %v", engine, web.EnvFiles, result.App.EnvFiles, want)
		}
		if want := []procfile.EnvFile{file("a.env"), b, none, file("own.env"), flag}; !slices.Equal(own.EnvFiles, want) {
			t.Errorf("%s: files %v, want %v", engine, own.EnvFiles, want)
		}
		for _, name := range []string{"a.env", "own.env", "none.env"} {
			if !slices.ContainsFunc(result.Files, func(f string) bool { return filepath.Base(f) == name }) {
				t.Errorf("%s: %s is not among the files %v", engine, name, result.Files)
			}
		}
	}
}

func TestFilesThatAreWrong(t *testing.T) {
	for _, c := range []struct{ procfile, file, want string }{
		{"pandora.envFile('x.env')", "A='", `x.env:1:3: environment variables: the value that begins here has no closing '`},
		{"pandora.envFile('no.env')", "", "no.env: environment variables: there is no such file"},
		{"pandora.fork('web', './web').envFile('x.env')", "A=${NEED:?say so}", "x.env:1:3: environment variables: the variable NEED is required: say so"},
		{"pandora.envFile(3)", "", "pandora.envFile() expects the path of a file like '.env', or several, got 3"},
		{"pandora.envFile('x.env', { missing: true })", "", "pandora.envFile() expects { optional: true } or nothing after the path"},
		{"pandora.fork('web', './web').envFile('')", "", `process "web": envFile expects the path`},
		{"for (let i = 0; i < 33; i++) pandora.envFile('x.env')", "", "at most 32 can be read"},
		{"pandora.envFile((process.env.A || '') + 'x.env', { optional: true })", "A=${A}x", "changes with what they say, again and again"},
	} {
		o := app(t, "module.exports = (pandora) => { "+c.procfile+" };")
		writeAll(t, o.Dir, map[string]string{"x.env": c.file})
		if strings.Contains(c.want, "again and again") {
			writeAll(t, o.Dir, map[string]string{"xx.env": "A=xx", "xxx.env": "A=xxx", "xxxx.env": "A=xxxx", "xxxxx.env": "A=xxxxx"})
			writeAll(t, o.Dir, map[string]string{"x.env": "A=x"})
		}
		_, err := Evaluate(t.Context(), o)
		if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.procfile, err, c.want)
		}
	}
}

// TestFilesWarn holds that what a file uses and nobody sets is told, once.
func TestFilesWarn(t *testing.T) {
	o := app(t, "module.exports = (pandora) => { pandora.envFile('x.env'); pandora.fork('web', './web').envFile('y.env'); };")
	writeAll(t, o.Dir, map[string]string{"x.env": "A=\nB=$NOPE", "y.env": "C=pa$$w"})
	result, err := Evaluate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if w := result.App.Warnings; len(w) != 1 || !strings.Contains(w[0], "x.env:2 uses $NOPE, which is not set") {
		t.Errorf("warnings: %q", w)
	}
}

// writeAll puts files into a folder.
func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
}
