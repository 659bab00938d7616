package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs is the text of all pages.
func docs(t *testing.T) string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	var b strings.Builder
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// inSource lists what a pattern finds first in the files of a package that are no tests.
func inSource(t *testing.T, glob, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../" + glob)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = strings.TrimPrefix(file, "../../")
		}
	}
	return found
}

// TestConfigurationIsDocumented holds that every key which the configuration of the HTTP server and its checks is read by
// has a word in the pages.
func TestConfigurationIsDocumented(t *testing.T) {
	pages := docs(t)
	const reads = `\b\w+\.(?:truthy|value|object|text|integer|number|millis|flag|file|choice|url|headers|statuses|account|scalar|body|has)\("([a-zA-Z]+)"`
	keys := inSource(t, "endpoints/*.go", reads)
	if len(keys) < 50 {
		t.Fatalf("only %d keys found: the pattern fits no more", len(keys))
	}
	for key, file := range keys {
		if !regexp.MustCompile("\\b" + key + "\\b").MatchString(pages) {
			t.Errorf("%s reads %q, which no page tells of", file, key)
		}
	}
}

// TestRoutesAreDocumented holds that every path that is served is in docs/http.md.
func TestRoutesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	routes := inSource(t, "endpoints/routes.go", `"(/[a-z/]*)`)
	if len(routes) < 10 {
		t.Fatalf("only %d routes found: the pattern fits no more", len(routes))
	}
	for route := range routes {
		if path := strings.TrimSuffix(route, "/"); path != "" && !strings.Contains(string(page), "`"+path) {
			t.Errorf("docs/http.md does not tell of %s", path)
		}
	}
}

// TestVariablesAreDocumented holds that every environment variable that the command reads is told of.
func TestVariablesAreDocumented(t *testing.T) {
	pages := docs(t)
	variables := inSource(t, "cmd/pandora/*.go", `(?:c|cli)\.getenv\("([A-Z_]+)"\)`)
	for name, file := range inSource(t, "internal/state/*.go", `getenv\("([A-Z_]+)"\)`) {
		variables[name] = file
	}
	if len(variables) < 5 {
		t.Fatalf("only %d variables found: the pattern fits no more", len(variables))
	}
	// What every program of such a system reads needs no word.
	for _, known := range []string{"PATH", "HOME", "TMPDIR", "TERM", "SUDO_USER", "XDG_CONFIG_HOME", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		delete(variables, known)
	}
	for name, file := range variables {
		if !strings.Contains(pages, name) {
			t.Errorf("%s reads %s, which no page tells of", file, name)
		}
	}
}

// TestPagesAreLinked holds that a reader comes to every page from the README, and that links lead somewhere.
func TestPagesAreLinked(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	seen := map[string]bool{}
	var visit func(page string)
	visit = func(page string) {
		if seen[page] {
			return
		}
		seen[page] = true
		text, err := os.ReadFile(page)
		if err != nil {
			t.Errorf("a link leads to %s: %v", page, err)
			return
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(page), m[1])
			if strings.HasSuffix(target, ".md") {
				visit(target)
			} else if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
	visit("../../README.md")
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !seen[page] {
			t.Errorf("no way leads from the README to %s", page)
		}
	}
}
