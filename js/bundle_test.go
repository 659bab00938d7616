package js

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// What every worker loads, it loads in one piece; what few need stays outside.
func TestBundle(t *testing.T) {
	names := bundled()
	for _, name := range []string{bootstrapName, "node/lane.js", "node/drain.js", "node/monitor/index.js", "node/worker.js", "node/hub/presence.js", "node/hub/names.js", "node/logger/service.js", "shared/reconciler.js"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not in the bundle %v", name, names)
		}
		if text, err := files.ReadFile(name); regexp.MustCompile(`\\[^\x00-\x7f]`).Match(text) {
			t.Errorf("%s has a backslash before what is escaped in the bundle", name)
		} else if err != nil || !bytes.Contains(bundle(), ascii(string(text))) {
			t.Errorf("the text of %s is not in the bundle: %v", name, err)
		}
	}
	for _, name := range []string{"node/transpile.js", "node/probe.js", "node/configurator.js", "node/logger/logger.js", "shared/strict.js"} {
		if slices.Contains(names, name) {
			t.Errorf("%s is in the bundle", name)
		}
	}
	if i := slices.IndexFunc(bundle(), func(b byte) bool { return b >= 0x80 }); i >= 0 {
		t.Errorf("byte %d of the bundle is no ASCII: %q", i, bundle()[i:min(i+40, len(bundle()))])
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
