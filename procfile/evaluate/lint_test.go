package evaluate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pandora-go/pandora/engine"
	"github.com/pandora-go/pandora/js"
	"github.com/pandora-go/pandora/procfile"
)

// examined is what a strict evaluation in one engine and Lint find, one problem a line; $DIR is the folder.
func examined(t *testing.T, o Options, name string) string {
	t.Helper()
	o.Engine, o.Strict = name, true
	result, err := Evaluate(t.Context(), o)
	var problems []procfile.Problem
	if failed, ok := errors.AsType[*Error](err); ok {
		problems = append(problems, ProblemOf(failed))
	} else if err != nil {
		t.Fatal(err)
	} else {
		problems = append(result.Problems, procfile.Lint(result.App, func(dir, request string) bool {
			_, err := engine.Find("", dir, request)
			return err == nil
		})...)
		procfile.SortProblems(problems)
	}
	var b strings.Builder
	for _, p := range problems {
		p.File = strings.ReplaceAll(p.File, o.Dir, "$DIR")
		p.Message = strings.ReplaceAll(p.Message, o.Dir, "$DIR")
		p.Hint = strings.ReplaceAll(p.Hint, o.Dir, "$DIR")
		b.WriteString(strings.Join(strings.Fields(p.String()), " ") + "\n")
	}
	return b.String()
}

// TestLint holds, for every file of procfile/testdata/lint, that both engines find want.problems, to the column.
func TestLint(t *testing.T) {
	needNode(t)
	jsDir, err := js.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../testdata/lint/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			g := readGolden(t, path)
			g.options.JSDir = jsDir
			want := lintWanted(g.archive)
			got := examined(t, g.options, EngineNode)
			if *update {
				recordProblems(t, g, got)
			} else if got != want {
				t.Errorf("node: got\n%s\nwant\n%s", got, want)
			}
			if goja := examined(t, g.options, EngineGoja); goja != got {
				t.Errorf("goja: got\n%s\nnode\n%s", goja, got)
			}
		})
	}
}

func lintWanted(archive *txtar.Archive) string {
	for _, file := range archive.Files {
		if file.Name == "want.problems" {
			return string(file.Data)
		}
	}
	return ""
}

func recordProblems(t *testing.T, g *golden, want string) {
	t.Helper()
	archive := &txtar.Archive{Comment: g.archive.Comment}
	for _, file := range g.archive.Files {
		if file.Name != "want.problems" {
			archive.Files = append(archive.Files, file)
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want.problems", Data: []byte(want)})
	if err := os.WriteFile(g.path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
