package supervisor

import (
	"slices"
	"testing"
)

func TestLoadedFiles(t *testing.T) {
	for _, c := range []struct {
		message string
		want    []string
		ok      bool
	}{
		{`{"watch:require":["/app/a.js"]}`, []string{"/app/a.js"}, true},
		{`{"watch:require":["/app/a.js",null,"relative.js"]}`, []string{"/app/a.js"}, true},
		{`{"watch:import":["file:///app/with%20space.mjs","node:fs","https://example.org/x.js",null]}`, []string{"/app/with space.mjs"}, true},
		{`{"watch:require":[]}`, nil, true},
		{`{"watch:require":"/app/a.js"}`, nil, false},
		{`{"watch:require":["/a.js"],"mine":["x"]}`, nil, false},
		{`{"watch:other":["/a.js"]}`, nil, false},
		{`"watch:require"`, nil, false},
		{`{"action":"ready"}`, nil, false},
		{`{"watch:`, nil, false},
	} {
		files, ok := loadedFiles([]byte(c.message))
		if ok != c.ok || !slices.Equal(files, c.want) {
			t.Errorf("%s: got %q, %v, want %q, %v", c.message, files, ok, c.want, c.ok)
		}
	}
}

func FuzzLoadedFiles(f *testing.F) {
	f.Add([]byte(`{"watch:require":["/app/a.js",null]}`))
	f.Add([]byte(`{"watch:import":["file:///app/a.mjs"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		files, ok := loadedFiles(raw)
		for _, file := range files {
			if !ok || file == "" || file[0] != '/' {
				t.Fatalf("%q: %q", raw, file)
			}
		}
	})
}
