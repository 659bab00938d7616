package evaluate

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// outcome is everything that an evaluation gives, as text.
func outcome(t *testing.T, result *Result, err error) string {
	t.Helper()
	if err != nil {
		return "error: " + err.Error()
	}
	text, err := json.MarshalIndent(result, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// One child evaluates every golden procfile, one after another, and each as a child of its own would.
func TestWarmLikeCold(t *testing.T) {
	needNode(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	version := nodeVersion(t.Context(), node)
	warm, err := NewEvaluator("")
	if err != nil {
		t.Fatal(err)
	}
	defer warm.Close()
	paths, err := filepath.Glob("../testdata/golden/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			g := readGolden(t, path)
			if g.needs != "" && semver.Compare(version, g.needs) < 0 {
				return
			}
			g.options.Engine = EngineGoja
			cold, coldErr := Evaluate(t.Context(), g.options)
			want := outcome(t, cold, coldErr)
			for _, turn := range []string{"first", "second"} {
				result, err := warm.Evaluate(t.Context(), g.options)
				if got := outcome(t, result, err); got != want {
					t.Errorf("the %s warm evaluation gives\n%s\nwant\n%s", turn, got, want)
				}
			}
		})
	}
}

// Where Goja fails, the warm evaluator asks Node.
func TestWarmFallsBack(t *testing.T) {
	needNode(t)
	o := app(t, "require('net').connect(1).on('error', () => {});\nmodule.exports = (pandora) => { pandora.fork('web', './web.js'); };\n")
	warm, err := NewEvaluator("")
	if err != nil {
		t.Fatal(err)
	}
	defer warm.Close()
	for range 2 {
		result, err := warm.Evaluate(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if result.App.Engine != EngineNode {
			t.Errorf("evaluated by %s, want node", result.App.Engine)
		}
	}
}
