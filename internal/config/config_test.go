package config

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/engine"
)

// TestMain lets this binary be the child that evaluates.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.ChildVerb {
		os.Exit(engine.ChildMain(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one.js", `module.exports = { actuator: { http: { port: 7010 } }, list: [1, 2], f: () => 1 };`)
	write(t, dir, "node_modules/two/index.js", `exports.default = { list: [9], from: process.env.WHO };`)
	result, err := Load(t.Context(), Options{Env: []string{"PANDORA_CONFIG=./one.js::undefined:two:./missing", "WHO=me"}, Cwd: dir})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"actuator":{"http":{"port":7010}},"list":[9,2],"from":"me"}`; string(result.JSON) != want {
		t.Errorf("got %s, want %s", result.JSON, want)
	}
	if len(result.Paths) != 2 || filepath.Base(result.Paths[0]) != "one.js" {
		t.Errorf("paths %q", result.Paths)
	}
	if len(result.Warnings) != 1 || !strings.HasPrefix(result.Warnings[0], "Can't find config from ./missing") {
		t.Errorf("warnings %q", result.Warnings)
	}
}

func TestRelativeToPandoraCwd(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "c.js", `module.exports = { here: true };`)
	result, err := Load(t.Context(), Options{Env: []string{"PANDORA_CONFIG=./c.js", "PANDORA_CWD=" + dir}, Cwd: "/"})
	if err != nil || string(result.JSON) != `{"here":true}` {
		t.Errorf("got %s, %v, warnings %q", result.JSON, err, result.Warnings)
	}
}

func TestNothingConfiguredStartsNothing(t *testing.T) {
	result, err := Load(t.Context(), Options{Cwd: "/", Executable: "/nowhere"})
	if err != nil || string(result.JSON) != "{}" {
		t.Errorf("got %s, %v", result.JSON, err)
	}
}

// TestPlaceOfAMistake holds that a mistake is told with its place whatever the module is written in.
func TestPlaceOfAMistake(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]struct{ text, want string }{
		"throws.js":  {"const a = 1;\nthrow new TypeError('boom\\nmore');", ":2:7: boom)"},
		"first.js":   {"require('./gone');", ":1:1: Cannot find module './gone')"},
		"syntax.js":  {"const a = 1;\nmodule.exports = { a: ] };", ":2:23: SyntaxError: Unexpected token ]"},
		"module.mjs": {"const a = 1;\nexport default { a: ; }", ":2:21: SyntaxError: "},
		"late.mjs":   {"export const a = 1;\nthrow new Error('late');", ":2:7: late)"},
		"typed.ts":   {"interface A { x: number }\nenum B { C }\nthrow new Error('typed');", ":3:7: typed)"},
		"bad.json":   {"{\n  \"a\": }", ":2:8: SyntaxError: Unexpected token '}' in JSON)"},
		"short.json": {"{\n  \"a\": 1", ":2:9: SyntaxError: Unexpected end of JSON input)"},
		"plain.js":   {"throw 'text';", `(it throws "text")`},
	} {
		write(t, dir, name, file.text)
		result, err := Load(t.Context(), Options{Env: []string{"PANDORA_CONFIG=./" + name}, Cwd: dir})
		if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], file.want) {
			t.Errorf("%s: %v, warnings %q, want %q", name, err, result.Warnings, file.want)
		}
	}
}

func TestEndlessConfigurationIsEnded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "loop.js", `for (;;) {}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	result, err := Load(ctx, Options{Env: []string{"PANDORA_CONFIG=./loop.js"}, Cwd: dir})
	if err == nil && len(result.Warnings) == 0 {
		t.Errorf("got %s without a word", result.JSON)
	}
}

func TestSplit(t *testing.T) {
	for list, want := range map[string][]string{"": nil, "a": {"a"}, "a:b": {"a", "b"}, ":a::undefined: b ": {"a", "b"}} {
		if got := split(list); !slices.Equal(got, want) {
			t.Errorf("split(%q) = %q, want %q", list, got, want)
		}
	}
}
