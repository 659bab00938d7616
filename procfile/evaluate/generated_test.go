package evaluate

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

// TestGenerated holds that a generated procfile takes the place of the folder's, counts its paths from the folder, has no
// places, and leaves its source in the graph.
func TestGenerated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "procfile.js"), []byte("throw new Error('not this one');"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{EngineGoja, EngineNode} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			source := procfile.Source{Kind: procfile.SourceScript, Path: filepath.Join(dir, "a.js"), Args: []string{"x"}, Cwd: dir}
			result, err := Evaluate(context.Background(), Options{
				Dir: dir, AppName: "app", Engine: engine, Env: os.Environ(), WorkerCount: 3, GlobalArgs: []string{"y"},
				Generated: &Generated{
					Text:   "'use strict';\nmodule.exports = (pandora) => {\n  pandora.cluster('web', './a.js').args([require('os').EOL, 'x']);\n};\n",
					Source: source, Files: []string{"/some/file"}, Warnings: []string{"mind this"},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			app := result.App
			if len(app.Processes) != 1 || len(app.Places) != 0 {
				t.Fatalf("processes %+v, places %+v", app.Processes, app.Places)
			}
			p := app.Processes[0]
			if p.EntryFileBaseDir == nil || *p.EntryFileBaseDir != dir || p.Scale != 3 || !slices.Equal(p.Args, []string{"\n", "x", "y"}) {
				t.Errorf("process %+v", p)
			}
			if e := app.Evaluation; e == nil || e.Source == nil || e.Source.Path != source.Path || e.Source.String() != "a.js" {
				t.Errorf("evaluation %+v", app.Evaluation)
			}
			if !slices.Equal(result.Files, []string{"/some/file"}) || !slices.Equal(app.Warnings, []string{"mind this"}) {
				t.Errorf("files %q, warnings %q", result.Files, app.Warnings)
			}
		})
	}
}

// TestGeneratedFails holds that an error names what the procfile was made of.
func TestGeneratedFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Evaluate(context.Background(), Options{
		Dir: dir, AppName: "app", Engine: EngineGoja,
		Generated: &Generated{
			Text:   "module.exports = (pandora) => { pandora.fork('web', './a.js').scale(0.5); };",
			Source: procfile.Source{Kind: procfile.SourcePM2, Path: "/srv/ecosystem.config.js"},
		},
	})
	if err == nil || !strings.Contains(err.Error(), "/srv/ecosystem.config.js") || !strings.Contains(err.Error(), "scale expects a whole number") {
		t.Errorf("the error is %v", err)
	}
}
