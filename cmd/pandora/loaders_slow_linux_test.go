//go:build slow

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLoaders starts entries and services in TypeScript and as ES modules, with the real ts-node and tsx where a process
// asks for them. `make loaders` runs it on every Node version.
func TestLoaders(t *testing.T) {
	modules, err := filepath.Abs("../../.cache/loaders/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Fatalf("%v: run make .cache/loaders/.installed", err)
	}
	b := newBench(t)
	dir := filepath.Join(b.dir, "app")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "loaders", "app"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.run("start", dir)
	want := []string{
		"fast ts-node red function app.ts:6", "module true ./app.mjs", "plain none red function app.ts:6",
		"service module-none", "service module-tsnode", "service module-tsx",
		"service typescript-none", "service typescript-tsnode", "service typescript-tsx", "service waited",
		"tsnode ts-node red function app.ts:6", "tsx tsx red function app.ts:6", "tsx-module red waits.mts",
	}
	var lines []string
	// The log of all workers is a moment behind them.
	within(t, 10*time.Second, "a line of each", func() bool {
		lines = nil
		for line := range strings.Lines(b.run("log", "app", "--lines", "200")) {
			if _, text, ok := strings.Cut(line, "> "); ok {
				lines = append(lines, strings.TrimSpace(text))
			}
		}
		return len(lines) >= len(want)
	})
	slices.Sort(lines)
	if !slices.Equal(lines, want) {
		t.Errorf("printed\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}
