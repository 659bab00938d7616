package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dop251/goja"
	"github.com/rogpeppe/go-internal/txtar"
)

// project is the tree of an archive without what is wanted of it.
func project(a *txtar.Archive) fstest.MapFS {
	tree := fstest.MapFS{}
	for _, f := range a.Files {
		if f.Name != "want" {
			tree[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		}
	}
	return tree
}

// wishOf reads the lines of an archive's comment: "mode fork", "instances 3", "name web", "typescript", "entry app.js".
func wishOf(t *testing.T, comment string) (w Wish, entry string) {
	for line := range strings.Lines(comment) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "mode":
			w.Mode = Mode(value)
		case "instances":
			w.Instances = value
		case "name":
			w.Name = value
		case "typescript":
			w.TypeScript = true
		case "entry":
			entry = value
		case "#", "":
		default:
			t.Fatalf("unknown wish %q", line)
		}
	}
	return w, entry
}

// TestProjects holds what is found in a project and what is written for it. PANDORA_UPDATE=1 writes anew what is wanted.
func TestProjects(t *testing.T) {
	files, err := filepath.Glob("testdata/projects/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d projects: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w, entry := wishOf(t, string(a.Comment))
			got := outcome(t, project(a), entry, w)
			want := &a.Files[len(a.Files)-1]
			if want.Name != "want" {
				t.Fatalf("the last file is %s, not want", want.Name)
			}
			if os.Getenv("PANDORA_UPDATE") != "" {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if string(want.Data) != got {
				t.Errorf("got\n%s\nwant\n%s", got, want.Data)
			}
		})
	}
}

// outcome is what Read and Make say of a project, without the examples at the end of a procfile.
func outcome(t *testing.T, tree fs.FS, entry string, w Wish) string {
	facts, err := Read(tree, entry)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	p, err := Make(facts, w)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintln(&b, p.Summary())
	for _, note := range p.Notes {
		fmt.Fprintln(&b, "note:", note)
	}
	for _, other := range facts.Entries[1:] {
		fmt.Fprintln(&b, "also:", other.Path)
	}
	for _, f := range append([]File{p.Procfile}, p.Others...) {
		if !strings.HasSuffix(f.Name, ".ts") {
			if _, err := goja.Compile(f.Name, f.Text, false); err != nil {
				t.Errorf("%s is no JavaScript: %v\n%s", f.Name, err, f.Text)
			}
		}
		text := f.Text
		if examples := strings.Index(text, "\n  // What else may stand here"); examples >= 0 {
			text = text[:examples+1]
		}
		fmt.Fprintf(&b, "=== %s\n%s", f.Name, text)
	}
	return b.String()
}

// TestExamplesAreValid takes the // from all examples of a procfile at once.
func TestExamplesAreValid(t *testing.T) {
	facts := Facts{Entries: []Entry{{Path: "./app.js", Listens: true}}, Framework: Express}
	p, err := Make(facts, Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(examplesOn(p.Procfile.Text), "pandora."), 8; got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
	if _, err := goja.Compile("procfile.js", examplesOn(p.Procfile.Text), true); err != nil {
		t.Errorf("%v in\n%s", err, examplesOn(p.Procfile.Text))
	}
}

// examplesOn is a procfile whose examples are no comments any more.
func examplesOn(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		bare, isComment := strings.CutPrefix(line, "  // ")
		if isComment && (strings.HasPrefix(bare, "pandora.") || strings.HasPrefix(bare, "  ") || strings.HasPrefix(bare, "});")) {
			line = "  " + bare
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestReadInstalled finds the file behind an installed command, however npm links it.
func TestReadInstalled(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o755} }
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
	}
	tree := func(start string) fstest.MapFS {
		return fstest.MapFS{
			"package.json":                      file(`{"scripts": {"start": "` + start + `"}, "dependencies": {"fastify-cli": "6"}}`),
			"app.js":                            file("module.exports = async () => {};"),
			"node_modules/.bin/fastify":         link("../fastify-cli/cli.js"),
			"node_modules/fastify-cli/cli.js":   file("#!/usr/bin/env node\n"),
			"node_modules/.bin/served":          link("../served/bin/served"),
			"node_modules/served/bin/served":    file("#!/usr/bin/env node\n"),
			"node_modules/.bin/shell":           link("../shell/run"),
			"node_modules/shell/run":            file("#!/bin/sh\n"),
			"node_modules/.bin/away":            link("../../../away.js"),
			"node_modules/.bin/plain":           file("#!/bin/sh\n"),
			"node_modules/.bin/vite":            link("../vite/bin/vite.js"),
			"node_modules/vite/bin/vite.js":     file(""),
			"node_modules/.bin/nothing":         link("../nothing/cli.js"),
			"node_modules/.bin/nodemon/nothing": file(""),
		}
	}
	for start, want := range map[string]string{
		"fastify start -l info app.js": "./node_modules/fastify-cli/cli.js [start -l info app.js]",
		"served --port 80":             "./node_modules/served/bin/served [--port 80]",
		"shell":                        "./app.js []", "away": "./app.js []", "plain": "./app.js []", "vite": "./app.js []", "nothing": "./app.js []",
		"nodemon": "./app.js []", "absent": "./app.js []",
	} {
		facts, err := Read(tree(start), "")
		if err != nil || len(facts.Entries) == 0 {
			t.Errorf("%s: %v, %v", start, facts.Entries, err)
			continue
		}
		if got := fmt.Sprint(facts.Entries[0].Path, " ", facts.Entries[0].Args); got != want {
			t.Errorf("%s: %s, want %s", start, got, want)
		}
	}
}

// TestReadOddFolders reads what is no usual folder.
func TestReadOddFolders(t *testing.T) {
	if _, err := Read(fstest.MapFS{"package.json": &fstest.MapFile{Mode: fs.ModeNamedPipe}}, ""); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a pipe: %v", err)
	}
	big := fstest.MapFS{"package.json": &fstest.MapFile{Data: make([]byte, maxFile+1)}}
	if _, err := Read(big, ""); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a big one: %v", err)
	}
	bom := fstest.MapFS{"package.json": &fstest.MapFile{Data: []byte("\ufeff{\"type\": \"module\"}")}}
	if facts, err := Read(bom, ""); err != nil || !facts.Module {
		t.Errorf("a byte order mark: %+v, %v", facts, err)
	}
	facts, err := Read(fstest.MapFS{}, "")
	if err != nil || len(facts.Entries) != 0 || facts.Package || !facts.Installed {
		t.Errorf("an empty folder: %+v, %v", facts, err)
	}
	if _, err := Make(facts, Wish{}); !errors.Is(err, ErrNothing) {
		t.Errorf("nothing to start: %v", err)
	}
	// Files that load each other, and more of them than are looked into.
	loop := fstest.MapFS{}
	for i := range 200 {
		loop[fmt.Sprintf("a%d.js", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "require('./a%d'); require('./a%d')", (i+1)%200, i)}
	}
	if facts, err := Read(loop, "a0.js"); err != nil || facts.Entries[0].Listens {
		t.Errorf("a loop: %+v, %v", facts, err)
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/projects/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range a.Files {
			if part.Name == "package.json" {
				f.Add(string(part.Data), "app.js", "require('http').createServer().listen(1)")
			}
		}
	}
	f.Fuzz(func(t *testing.T, manifest, name, source string) {
		tree := fstest.MapFS{"package.json": &fstest.MapFile{Data: []byte(manifest)}}
		if fs.ValidPath(name) && name != "." && !strings.HasPrefix(name, "package.json") {
			tree[name] = &fstest.MapFile{Data: []byte(source)}
		}
		facts, err := Read(tree, "")
		if err != nil || len(facts.Entries) == 0 {
			return
		}
		for _, w := range []Wish{{}, {Mode: Cluster}, {Instances: "auto", Name: name}} {
			p, err := Make(facts, w)
			if err != nil {
				continue
			}
			for _, f := range append([]File{p.Procfile}, p.Others...) {
				if _, err := goja.Compile(f.Name, f.Text, false); err != nil {
					t.Errorf("%s is no JavaScript: %v\n%s", f.Name, err, f.Text)
				}
			}
		}
	})
}
