package main

import (
	"os"
	"path/filepath"
	"testing"
)

// facadeConfig is the global configuration of the application that asks; without EndPoints, so that the original listens
// on no port.
const facadeConfig = "module.exports = { actuator: { http: { enabled: false } }, mine: class Mine {} };\n"

// facadeApp copies the application in testdata/facade, which has npm's dorapan, and says where it writes its answers.
func facadeApp(t *testing.T, home string) (dir, config, dump string) {
	t.Helper()
	modules := installed(t, "clients", false)
	dir, config = filepath.Join(home, "app"), filepath.Join(home, "config.js")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "facade"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "node_modules"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(modules, "dorapan"), filepath.Join(dir, "node_modules", "dorapan")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(facadeConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, config, filepath.Join(home, "answers.json")
}

// compareFacade holds the answers against those that were recorded.
func compareFacade(t *testing.T, dump string) {
	t.Helper()
	got, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "facade", "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestFacadeAnswers: dorapan answers as it does under the original.
func TestFacadeAnswers(t *testing.T) {
	b := newBench(t)
	dir, config, dump := facadeApp(t, b.dir)
	b.env = append(b.env, "PANDORA_CONFIG="+config, "DUMP="+dump, "DEFAULT_WORKER_COUNT=2", "NODE_ENV=")
	b.run("start", "--name", "asking", dir)
	compareFacade(t, dump)
}
