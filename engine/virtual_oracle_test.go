//go:build oracle

package engine

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What was recorded is still what the real packages look like.
func TestPackagesRecorded(t *testing.T) {
	peers, err := filepath.Abs("../.cache/peers/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(peers, "pandora")); err != nil {
		t.Fatalf("%v: run make .cache/peers/.installed", err)
	}
	list, _ := json.Marshal(packages)
	dir := folder(t, map[string]string{"main.js": "const PACKAGES = " + string(list) + ";" + packagesMain})
	cmd := exec.Command(node, "--no-warnings", "-e", "require('fs').writeFileSync('out.json', JSON.stringify(require('./main.js'), null, 1) + '\\n'); process.exit(0);")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_PATH="+peers)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(recordedPackages)
	if os.Getenv("RECORD") != "" {
		if err := os.WriteFile(recordedPackages, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil || string(got) != string(want) {
		t.Errorf("the real packages are not as in %s (%v); RECORD=1 records them anew", recordedPackages, err)
	}
}
