package evaluate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/procfile/pm2"
)

// processFile is one archive of procfile/pm2/testdata: a tree with a process file, and what becomes of it.
type processFile struct {
	path    string
	archive *txtar.Archive
	env     string
}

// TestProcessFiles converts each process file, and evaluates the procfile that it makes. With PANDORA_UPDATE=1 what is made
// is written down.
func TestProcessFiles(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../pm2/testdata/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("found %d archives: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p := &processFile{path: path, archive: archive}
			p.check(t)
		})
	}
}

func (p *processFile) check(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	want := map[string]string{}
	inputs := &txtar.Archive{Comment: p.archive.Comment}
	for _, f := range p.archive.Files {
		switch {
		case strings.HasPrefix(f.Name, "want."):
			want[f.Name] = string(f.Data)
			continue
		case f.Name == "flags":
			p.env = strings.TrimSpace(string(f.Data))
		case file == "":
			file = filepath.Join(dir, f.Name)
			fallthrough
		default:
			write(t, filepath.Join(dir, f.Name), string(f.Data))
		}
		inputs.Files = append(inputs.Files, f)
	}
	got := p.convert(t, dir, file)
	if os.Getenv("PANDORA_UPDATE") != "" {
		for _, name := range []string{"want.procfile.js", "want.findings", "want.processes", "want.error"} {
			if got[name] != "" {
				inputs.Files = append(inputs.Files, txtar.File{Name: name, Data: []byte(got[name])})
			}
		}
		if err := os.WriteFile(p.path, txtar.Format(inputs), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range []string{"want.procfile.js", "want.findings", "want.processes", "want.error"} {
		if got[name] != want[name] {
			t.Errorf("%s is\n%s\nexpected\n%s", name, got[name], want[name])
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// convert is what becomes of a process file, by the names of the archive.
func (p *processFile) convert(t *testing.T, dir, file string) map[string]string {
	ctx := t.Context()
	bare := func(text string) string { return strings.ReplaceAll(text, dir, "$DIR") }
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o := pm2.Options{Shell: func(name string) (string, bool) { return "t0ken", name == "TOKEN" }, File: file, Source: string(source), Dir: dir, EnvName: p.env, Look: func(path string) pm2.Sort {
		if _, err := os.Stat(path); err != nil {
			return pm2.Missing
		}
		return pm2.Script
	}}
	options := evaluate.Options{Dir: dir, AppName: "x", WorkerCount: 3, Env: []string{"PATH=" + os.Getenv("PATH"), "TOKEN=t0ken"}, Engine: evaluate.EngineGoja}
	result, err := converted(ctx, o, options)
	if err != nil {
		message := err.Error()
		if typed, ok := errors.AsType[*evaluate.Error](err); ok {
			message = typed.Message
		}
		return map[string]string{"want.error": bare(message) + "\n"}
	}
	var findings, processes strings.Builder
	for _, f := range result.Findings {
		mark := "lost"
		if f.Covered {
			mark = "covered"
		}
		fmt.Fprintf(&findings, "%s %s\n", mark, bare(f.String()))
	}
	write(t, filepath.Join(dir, "procfile.cjs"), result.Text)
	evaluated, err := evaluate.Evaluate(ctx, options)
	if err != nil {
		t.Fatalf("what was made does not evaluate: %v\n%s", err, result.Text)
	}
	if len(evaluated.App.Warnings) > 0 {
		t.Errorf("warnings: %q", evaluated.App.Warnings)
	}
	for _, process := range evaluated.App.Processes {
		scale := fmt.Sprint(process.Scale)
		if strings.Contains(result.Text, "cpus()") {
			scale = "by processors"
		}
		fmt.Fprintf(&processes, "%s %s scale=%s entry=%s args=%q execArgv=%q env=%q\n", process.ProcessName, process.Kind, scale,
			process.EntryFile, process.Args, process.ExecArgv, process.Env)
	}
	return map[string]string{
		"want.procfile.js": result.Text, "want.findings": findings.String(), "want.processes": processes.String(),
	}
}

// converted evaluates and converts.
func converted(ctx context.Context, o pm2.Options, options evaluate.Options) (*pm2.Result, error) {
	if filepath.Base(o.File) == "Procfile" {
		return pm2.ConvertProcfile(o)
	}
	evaluated, err := evaluate.EvaluateProcessFile(ctx, options, o.File)
	if err != nil {
		return nil, err
	}
	o.Odd = map[string]string{}
	for _, odd := range evaluated.Odd {
		o.Odd[odd.Path] = odd.What
	}
	return pm2.Convert(evaluated.Config, o)
}

// TestProcessFileInNode holds that both engines make the same of a process file.
func TestProcessFileInNode(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ecosystem.config.js":  "const a = { script: 'a.js', n: 1 / 0 }; a.self = a;\nmodule.exports = { apps: [a], when: new Date(0) };",
		"ecosystem.config.mjs": "export const apps = [{ script: 'a.js' }];",
		"pm2.json":             "// one\n{ apps: [{ script: 'a.js', }] }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), name)
			write(t, file, text)
			var said []string
			for _, engine := range []string{evaluate.EngineGoja, evaluate.EngineNode} {
				o := evaluate.Options{Dir: filepath.Dir(file), AppName: "x", Env: []string{"PATH=" + os.Getenv("PATH")}, Engine: engine, Timeout: time.Minute}
				found, err := evaluate.EvaluateProcessFile(t.Context(), o, file)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, fmt.Sprintf("%s %v", found.Config, found.Odd))
			}
			if said[0] != said[1] || !strings.Contains(said[0], `"script":"a.js"`) {
				t.Errorf("goja: %s\nnode: %s", said[0], said[1])
			}
		})
	}
}
