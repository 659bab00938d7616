package js

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What every worker loads, it loads in one piece; what few need stays outside.
func TestBundle(t *testing.T) {
	names := bundled()
	for _, name := range []string{bootstrapName, "node/lane.js", "node/drain.js", "node/monitor/index.js", "node/worker.js", "node/logger/service.js", "shared/reconciler.js"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not in the bundle %v", name, names)
		}
		if text, err := files.ReadFile(name); err != nil || !bytes.Contains(bundle(), text) {
			t.Errorf("the text of %s is not in the bundle: %v", name, err)
		}
	}
	for _, name := range []string{"node/transpile.js", "node/probe.js", "shared/strict.js"} {
		if slices.Contains(names, name) {
			t.Errorf("%s is in the bundle", name)
		}
	}
	dir, err := Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(bootstrapName)))
	if err != nil || !bytes.Equal(text, bundle()) {
		t.Errorf("installed are %d bytes of %d: %v", len(text), len(bundle()), err)
	}
}
