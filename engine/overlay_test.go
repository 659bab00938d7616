package engine

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// overlay adds the module shared/x.js to the embedded tree.
type overlay struct {
	fs.FS
	source string
}

func (o overlay) Open(name string) (fs.File, error) {
	if name == "shared/x.js" {
		return fstest.MapFS{name: {Data: []byte(o.source)}}.Open(name)
	}
	return o.FS.Open(name)
}

// folder writes a tree of files and returns its real path. A content "-> x" makes a symbolic link.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if len(content) > 3 && content[:3] == "-> " {
			err = os.Symlink(content[3:], path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newRuntime makes a Runtime for dir whose module shared/x.js exports run, which loads the file it is given and
// returns what that exports.
func newRuntime(t testing.TB, dir string, env map[string]string) *Runtime {
	t.Helper()
	rt, err := New(Options{Dir: dir, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	rt.files = overlay{rt.files, `
exports.run = (file) => require('module')._load(file);
exports.procfile = (file) => {
  const opaque = Symbol.for('pandora.opaque');
  const entries = [];
  const handle = new Proxy(() => handle, {
    get: (_, name) => (...args) => {
      if (['service', 'applet', 'environment', 'configurator', 'entry'].includes(name)) {
        const entry = args[args.length - 1];
        const mark = entry && typeof entry === 'object' ? entry[opaque] : undefined;
        entries.push(mark ? [mark.exportName || '*', mark.name, mark.dependencies] : typeof entry);
      }
      return handle;
    },
  });
  const exported = require('pandora:engine').requireProcfile(file);
  (exported.default || exported)(handle);
  return { entries, ran: globalThis.ran || [] };
};`}
	return rt
}

// run loads dir/main.js and returns its exports.
func run(t *testing.T, rt *Runtime, dir string) any {
	t.Helper()
	arg, _ := json.Marshal(filepath.Join(dir, "main.js"))
	value, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
	if err != nil {
		t.Fatalf("%v\n%s", err, rt.Output())
	}
	var got any
	if err := json.Unmarshal(value, &got); err != nil {
		t.Fatal(err)
	}
	return got
}
