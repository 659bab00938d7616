package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"app.js", "typed.ts", "folder/index.js", "typedFolder/index.ts", "node_modules/pkg/package.json", "node_modules/pkg/lib.js",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		content := ""
		if strings.HasSuffix(name, ".json") {
			content = `{"name": "pkg", "main": "./lib.js"}`
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ request, want string }{
		{"./app", "app.js"}, {"./app.js", "app.js"}, {"./typed", "typed.ts"}, {"./typed.ts", "typed.ts"},
		{"./folder", "folder/index.js"}, {"./typedFolder", "typedFolder/index.ts"}, {"pkg", "node_modules/pkg/lib.js"},
		{"pkg/lib", "node_modules/pkg/lib.js"}, {filepath.Join(dir, "app"), "app.js"},
		{"./missing", ""}, {"missing", ""}, {"app", ""}, {"./app.ts", ""}, {"", ""}, {"/", ""},
	} {
		path, err := Find("v20.20.2", dir, c.request)
		if want := filepath.Join(dir, c.want); c.want != "" && (err != nil || path != want) {
			t.Errorf("Find(%q) = %q, %v, want %q", c.request, path, err, want)
		}
		if c.want == "" && err == nil {
			t.Errorf("Find(%q) = %q, want an error", c.request, path)
		}
	}
	if path, err := Find("", dir, "node:http"); path != "node:http" || err != nil {
		t.Errorf("Find(node:http) = %q, %v", path, err)
	}
}
