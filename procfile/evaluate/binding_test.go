package evaluate

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/js"
)

// TestBindingDigest holds the digests of both languages together.
func TestBindingDigest(t *testing.T) {
	needNode(t)
	texts := []string{"", "a", "b", `{"process":[]}`, "Äpfel 𝒳 \u2028", strings.Repeat("x", 70000), "\x00\x7f\\\""}
	dir, err := js.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	script := `const { digest } = require(process.argv[1]); process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(digest)));`
	input, _ := json.Marshal(texts)
	cmd := exec.Command("node", "-e", script, filepath.Join(dir, "node", "drift.js"))
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []string
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, text := range texts {
		ours := bindingDigest(text)
		if ours != theirs[i] {
			t.Errorf("%.20q: %s here, %s in Node", text, ours, theirs[i])
		}
		if seen[ours] || len(ours) != 16 {
			t.Errorf("%.20q: digest %q", text, ours)
		}
		seen[ours] = true
	}
}

// TestEvaluationDescribed holds that the graph says how it came about, the same by both engines, and that what counts
// for a worker, and only that, is in the digest.
func TestEvaluationDescribed(t *testing.T) {
	needNode(t)
	describe := func(source, engine string) string {
		t.Helper()
		result, err := evaluate(t, app(t, source), engine)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(result.App.Evaluation)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const source = `module.exports = (pandora) => {
  pandora.environment('./env');
  pandora.service('a', './a').config({ text: 'ü\u2028<', n: 1e21, z: -0, b: { y: 1, 2: 3, x: [0.1 + 0.2, null] } });
};`
	goja, node := describe(source, EngineGoja), describe(source, EngineNode)
	if goja != node {
		t.Errorf("goja: %s\nnode: %s", goja, node)
	}
	if !strings.Contains(goja, `"environment":"./env"`) || !strings.Contains(goja, `"workerCount":2`) {
		t.Errorf("evaluation is %s", goja)
	}
	for change, counts := range map[string]bool{
		"pandora.service('a').category('background')":                            true,
		"pandora.service('a').dependency('logger')":                              true,
		"pandora.service('a').config({ text: '' })":                              true,
		"pandora.process('worker').scale(3)":                                     true,
		"pandora.configurator('./c')":                                            true,
		"pandora.process('worker').env({ X: '1' })":                              false,
		"pandora.process('worker')":                                              false,
		"console.log('said'), setTimeout(() => pandora.service('b', './b'), 20)": false,
	} {
		changed := describe(strings.TrimSuffix(source, "};")+change+";\n};", EngineGoja)
		if (changed != goja) != counts {
			t.Errorf("%s: changed is %v, want %v", change, changed != goja, counts)
		}
	}
}
