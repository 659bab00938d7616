package js

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
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
		} else if err != nil || !bytes.Contains(bundle(), ascii(bare(string(text)))) {
			t.Errorf("the text of %s is not in the bundle: %v", name, err)
		}
	}
	for _, name := range []string{"node/transpile.js", "node/probe.js", "node/configurator.js", "node/logger/logger.js", "shared/strict.js", "node/code.js", "node/import.js", compiledName} {
		if slices.Contains(names, name) {
			t.Errorf("%s is in the bundle", name)
		}
	}
	if i := slices.IndexFunc(bundle(), func(b byte) bool { return b >= 0x80 }); i >= 0 {
		t.Errorf("byte %d of the bundle is no ASCII: %q", i, bundle()[i:min(i+40, len(bundle()))])
	}
	if m := regexp.MustCompile(`[^.\w'"]import\(`).Find(bundle()); m != nil {
		t.Errorf("the bundle has %q, which node:vm cannot do on every Node", m)
	}
	dir, err := Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	main, _ := files.ReadFile(compiledName)
	for name, want := range map[string][]byte{bootstrapName: main, bundleName: bundle()} {
		if text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil || !bytes.Equal(text, want) {
			t.Errorf("installed as %s are %d bytes of %d: %v", name, len(text), len(want), err)
		}
	}
}

// Comments alone are missing in the bundle, and nearly all of them are.
func TestBare(t *testing.T) {
	program := func(text string) string {
		r := api.Transform(text, api.TransformOptions{MinifyWhitespace: true, LegalComments: api.LegalCommentsNone})
		if len(r.Errors) > 0 {
			t.Errorf("%v", r.Errors[0])
		}
		return string(r.Code)
	}
	all, left := 0, 0
	for _, name := range bundled() {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		short := bare(string(text))
		if program(string(text)) != program(short) {
			t.Errorf("%s without comments is another program", name)
		}
		all += strings.Count(string(text), "/**")
		left += strings.Count(short, "/**")
	}
	if left*20 > all {
		t.Errorf("%d of %d comments are left", left, all)
	}
	if got := bare("const a = '/* b */';\n/**\n * c\n */\n  // d\nf(/** @type {any} */ (a)); // e\n"); got != "const a = '/* b */';\nf((a)); // e\n" {
		t.Errorf("got %q", got)
	}
}
