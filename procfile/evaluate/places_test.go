package evaluate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pandora-go/pandora/js"
)

// placesIn evaluates in one engine and lists the places, one a line.
func placesIn(t *testing.T, o Options, name string) string {
	t.Helper()
	o.Engine = name
	result, err := Evaluate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range result.App.Places {
		if p.Member != "" {
			p.Member = "." + p.Member
		}
		fmt.Fprintf(&b, "%s %q%s %s\n", p.Of, p.Name, p.Member, strings.ReplaceAll(p.String(), o.Dir, "$DIR"))
	}
	return b.String()
}

// TestPlaces holds, for every file of procfile/testdata/places, that both engines know want.places, to the column.
func TestPlaces(t *testing.T) {
	needNode(t)
	jsDir, err := js.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../testdata/places/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			g := readGolden(t, path)
			g.options.JSDir = jsDir
			got := placesIn(t, g.options, EngineNode)
			archive := &txtar.Archive{Comment: g.archive.Comment}
			want := ""
			for _, file := range g.archive.Files {
				if file.Name == "want.places" {
					want = string(file.Data)
				} else {
					archive.Files = append(archive.Files, file)
				}
			}
			if *update {
				archive.Files = append(archive.Files, txtar.File{Name: "want.places", Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("node: got\n%s\nwant\n%s", got, want)
			}
			if goja := placesIn(t, g.options, EngineGoja); goja != got {
				t.Errorf("goja: got\n%s\nnode\n%s", goja, got)
			}
		})
	}
}
