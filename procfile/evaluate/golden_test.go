package evaluate

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/semver"

	"github.com/pandora-go/pandora/engine"
	"github.com/pandora-go/pandora/js"
)

var update = flag.Bool("update", false, "record want.json of the golden files from Node")

// TestMain is also the child that engine.Isolate starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.ChildVerb {
		os.Exit(engine.ChildMain(os.Stdin, os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == engine.TransformVerb {
		os.Exit(engine.TransformMain(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// needNode fails on a build server, and skips elsewhere, when there is no Node.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// golden is one file of procfile/testdata/golden. Its comment may hold the directives `dev`, `goja fails`,
// `goja only` (Node would run what must not be run),
// `node 20.19` (it needs that version or a newer one; older ones say what the file older.error has, if it is there), `env NAME=value`, `globalEnv NAME=value …`, `globalArgs …`,
// `globalExecArgv …`, `symlink path -> target`, `folder path` (the application's, below the tree) and `name application`;
// `recorded from pandora@1.11.0` and `ours: reason` are held against the original by the test with the tag oracle; other
// lines are for the reader. $DIR in a want file is the application folder.
type golden struct {
	path string
	// root is the folder that the files are written to.
	root      string
	archive   *txtar.Archive
	options   Options
	gojaFails bool
	gojaOnly  bool
	needs     string
	wantJSON  string
	wantError string
	// older is the error of a Node before needs.
	older string
}

func readGolden(t *testing.T, path string) *golden {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The folder of a test may itself be reached by a link.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{path: path, root: dir, archive: archive, options: Options{
		Dir: dir, AppName: "golden", WorkerCount: 4, Env: []string{"PATH=" + os.Getenv("PATH")},
	}}
	for line := range strings.Lines(string(archive.Comment)) {
		g.directive(t, strings.Fields(line))
	}
	for _, file := range archive.Files {
		switch file.Name {
		case "want.json":
			g.wantJSON = strings.ReplaceAll(string(file.Data), "$DIR", quoted(t, g.options.Dir))
		case "want.error":
			g.wantError = strings.TrimSpace(strings.ReplaceAll(string(file.Data), "$DIR", g.options.Dir))
		case "older.error":
			g.older = strings.TrimSpace(strings.ReplaceAll(string(file.Data), "$DIR", g.options.Dir))
		default:
			write(t, filepath.Join(dir, file.Name), string(file.Data))
		}
	}
	return g
}

func (g *golden) directive(t *testing.T, words []string) {
	t.Helper()
	o := &g.options
	switch {
	case len(words) == 1 && words[0] == "dev":
		o.Dev = true
	case len(words) == 2 && words[0] == "goja" && words[1] == "fails":
		g.gojaFails = true
	case len(words) == 2 && words[0] == "goja" && words[1] == "only":
		g.gojaOnly = true
	case len(words) == 2 && words[0] == "node" && strings.Contains(words[1], "."):
		g.needs = "v" + words[1]
	case len(words) == 2 && words[0] == "env":
		o.Env = append(o.Env, words[1])
		if strings.HasPrefix(words[1], "DEFAULT_WORKER_COUNT=") {
			o.WorkerCount = 0
		}
	case len(words) > 1 && words[0] == "globalEnv":
		o.GlobalEnv = map[string]string{}
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word, "=")
			o.GlobalEnv[name] = value
		}
	case len(words) > 1 && words[0] == "globalArgs":
		o.GlobalArgs = words[1:]
	case len(words) > 1 && words[0] == "globalExecArgv":
		o.GlobalExecArgv = words[1:]
	case len(words) == 2 && words[0] == "folder":
		o.Dir = filepath.Join(g.root, words[1])
	case len(words) == 2 && words[0] == "name":
		o.AppName = words[1]
	case len(words) == 4 && words[0] == "symlink":
		link := filepath.Join(g.root, words[1])
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(words[3], link); err != nil {
			t.Fatal(err)
		}
	}
}

// quoted is text as a part of a string in JSON.
func quoted(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data[1 : len(data)-1])
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// graph is the JSON of a result, indented, without what says which engine made it.
func graph(t *testing.T, result *Result) string {
	t.Helper()
	app := result.App.Clone()
	app.Engine, app.Evaluation, app.Places = "", nil, nil
	app.Warnings = []string{}
	for _, warning := range result.App.Warnings {
		if !strings.HasPrefix(warning, "the procfile was evaluated by node") {
			app.Warnings = append(app.Warnings, warning)
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(app); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func evaluate(t *testing.T, o Options, engine string) (*Result, error) {
	t.Helper()
	o.Engine = engine
	return Evaluate(t.Context(), o)
}

func TestGolden(t *testing.T) {
	needNode(t)
	jsDir, err := js.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	version := nodeVersion(t.Context(), node)
	paths, err := filepath.Glob("../testdata/golden/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			g := readGolden(t, path)
			g.options.JSDir = jsDir
			if g.needs != "" && semver.Compare(version, g.needs) < 0 {
				if g.older == "" {
					return
				}
				g.wantError = g.older
			}
			if g.wantError != "" {
				g.checkError(t)
			} else {
				g.checkGraph(t)
			}
		})
	}
}

func (g *golden) checkGraph(t *testing.T) {
	judge := EngineNode
	if g.gojaOnly {
		judge = EngineGoja
	}
	node, err := evaluate(t, g.options, judge)
	if err != nil {
		t.Fatal(err)
	}
	got := graph(t, node)
	if *update {
		g.record(t, strings.ReplaceAll(got, quoted(t, g.options.Dir), "$DIR"))
	} else if got != g.wantJSON {
		t.Errorf("%s: got\n%s\nwant\n%s", judge, got, g.wantJSON)
	}
	auto, err := evaluate(t, g.options, EngineAuto)
	if err != nil {
		t.Fatal(err)
	}
	if got := graph(t, auto); got != graph(t, node) {
		t.Errorf("auto and node differ: got\n%s\nwant\n%s", got, graph(t, node))
	}
	if a, b := auto.App.Evaluation.Digest, node.App.Evaluation.Digest; a != b {
		t.Errorf("auto has the digest %s, node %s: workers would report drift", a, b)
	}
	if !g.gojaFails {
		if auto.App.Engine != EngineGoja {
			t.Errorf("evaluated by %s: %q", auto.App.Engine, auto.App.Warnings)
		}
		return
	}
	warned := strings.Join(auto.App.Warnings, "\n")
	if auto.App.Engine != EngineNode || !strings.Contains(warned, "evaluated by node, because goja cannot: ") {
		t.Errorf("evaluated by %s with the warnings %q, want node with a reason", auto.App.Engine, warned)
	}
	if _, err := evaluate(t, g.options, EngineGoja); err == nil {
		t.Error("goja does not fail")
	}
}

// record rewrites the want.json of the file.
func (g *golden) record(t *testing.T, want string) {
	t.Helper()
	archive := &txtar.Archive{Comment: g.archive.Comment}
	for _, file := range g.archive.Files {
		if file.Name != "want.json" {
			archive.Files = append(archive.Files, file)
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want.json", Data: []byte(want)})
	if err := os.WriteFile(g.path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkError holds that both engines refuse the procfile at the same line and column (where Node knows them), and that
// the words are Node's. want.error is "file:line: message", or a part of the message where there is no place.
func (g *golden) checkError(t *testing.T) {
	var place string
	for _, name := range []string{EngineNode, EngineAuto, EngineGoja} {
		_, err := evaluate(t, g.options, name)
		failed, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("%s: error %v, want an *Error", name, err)
		}
		full := strings.TrimSuffix(failed.short(), failed.Message)
		if name == EngineNode {
			place = full
		}
		if place != "" && full != place {
			t.Errorf("%s: the place is %q, node's is %q (%v)", name, full, place, err)
		}
		short := *failed
		short.Column = 0
		if name != EngineGoja && !strings.Contains(short.short(), g.wantError) {
			t.Errorf("%s: error %q, want %q", name, short.short(), g.wantError)
		}
		if failed.Line > 0 && (failed.Excerpt == "" || failed.Column < 1) {
			t.Errorf("%s: no excerpt or column: %+v", name, failed)
		}
	}
}
