package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writeTree writes files below a folder; a name that ends in a slash is a folder.
func writeTree(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		folder := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			folder = path
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if folder == path {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIgnoreRules asks for files of one repository what makes git ignore them, and git itself whether it does.
func TestIgnoreRules(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		".git/":              "",
		".gitignore":         "\ufeff# built\ndist/\n\n*.log\r\n!keep.log\n/only-here.js\nlogs/**\n!logs/keep.js\nvendor/*\n!vendor/ours/\ndocs/**/*.tmp.js\n\\#odd.js\ntrailing.js   \n[bad\n{a,b}.js\n[!x]-class.js\n/*-top/\nmid/dle.js\n**/any/where.js\ndir-only/\n!dir-only/a.js\n",
		"app/.gitignore":     "generated.js\n/local.json\n!/important.log\n",
		"app/lib/.gitignore": "!generated.js\n",
		"deep/.gitignore":    "*\n!*/\n!kept.js\n",
	})
	for file, want := range map[string]string{
		"app.js":                 "",
		"dist/main.js":           "dist",
		"app/dist/a/b.js":        "app/dist",
		"dist":                   "", // a file, and the rule is for folders
		"a.log":                  "a.log",
		"app/a.log":              "app/a.log",
		"app/keep.log":           "",
		"app/important.log":      "",
		"app/lib/important.log":  "app/lib/important.log",
		"only-here.js":           "only-here.js",
		"app/only-here.js":       "",
		"logs/a.js":              "logs/a.js",
		"logs/a/b.js":            "logs/a",
		"logs/keep.js":           "",
		"vendor/theirs/a.js":     "vendor/theirs",
		"vendor/ours/a.js":       "",
		"docs/a/b.tmp.js":        "docs/a/b.tmp.js",
		"docs/b.tmp.js":          "docs/b.tmp.js",
		"#odd.js":                "#odd.js",
		"trailing.js":            "trailing.js",
		"app/generated.js":       "app/generated.js",
		"app/other/generated.js": "app/other/generated.js",
		"app/lib/generated.js":   "",
		"generated.js":           "",
		"app/local.json":         "app/local.json",
		"app/lib/local.json":     "",
		"deep/a/kept.js":         "",
		"a.js":                   "",
		"{a,b}.js":               "{a,b}.js",
		"y-class.js":             "y-class.js",
		"x-class.js":             "",
		"a-top/b.js":             "a-top",
		"sub/a-top/b.js":         "",
		"mid/dle.js":             "mid/dle.js",
		"sub/mid/dle.js":         "",
		"any/where.js":           "any/where.js",
		"x/y/any/where.js":       "x/y/any/where.js",
		"dir-only/a.js":          "dir-only",
		"deep/a/other.js":        "deep/a/other.js",
	} {
		var rules ignoreRules
		got := rules.unit(filepath.Join(dir, file))
		if got != "" {
			got, _ = filepath.Rel(dir, got)
		}
		if got != want {
			t.Errorf("%s: ignored for %q, want %q", file, got, want)
		}
		if said, asked := askGit(t, dir, file); asked && said != (want != "") {
			t.Errorf("%s: git says %v, we expect %v", file, said, want != "")
		}
	}
}

// askGit asks git whether it ignores a file, where git is installed.
func askGit(t *testing.T, dir, file string) (ignored, asked bool) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		return false, false
	}
	run := func(args ...string) error {
		cmd := exec.Command(git, args...)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "PATH=" + os.Getenv("PATH")}
		return cmd.Run()
	}
	if _, err := os.Stat(filepath.Join(dir, ".git/HEAD")); err != nil {
		if err := run("init", "-q"); err != nil {
			return false, false
		}
	}
	return run("check-ignore", "-q", "--no-index", "--", file) == nil, true
}

func TestIgnoreRoot(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		"repo/.git/": "", "repo/app/package.json": "{}", "repo/app/src/": "",
		"worktree/.git": "gitdir: elsewhere", "worktree/src/": "",
		"fresh/package.json": "{}", "fresh/sub/package.json": "{}", "fresh/sub/src/": "",
	})
	for folder, want := range map[string]string{
		"repo/app/src": "repo", "repo": "repo", "worktree/src": "worktree", "fresh/sub/src": "fresh/sub", "fresh": "fresh",
	} {
		if got := ignoreRoot(filepath.Join(dir, folder)); got != filepath.Join(dir, want) {
			t.Errorf("%s: %s, want %s", folder, got, want)
		}
	}
}

// TestIgnoreRulesChange writes another .gitignore: it counts at once, and so does its removal.
func TestIgnoreRulesChange(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{".git/": "", ".gitignore": "a.js\n"})
	var rules ignoreRules
	file, path := filepath.Join(dir, "a.js"), filepath.Join(dir, ".gitignore")
	for i, step := range []struct {
		text string
		want string
	}{{"a.js\n", file}, {"another.js\n", ""}, {"*.js\n", file}, {"", ""}} {
		if step.text == "" {
			os.Remove(path)
		} else if err := os.WriteFile(path, []byte(step.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := rules.unit(file); got != step.want {
			t.Errorf("step %d, %q: %q, want %q", i, step.text, got, step.want)
		}
	}
}

func FuzzIgnoreRules(f *testing.F) {
	f.Add("dist/\n!keep\n", "dist/a.js")
	f.Add("**/a/**\n[x\n\\", "a/b/c")
	f.Add("/**", "a")
	f.Fuzz(func(t *testing.T, text, file string) {
		dir := t.TempDir()
		writeTree(t, dir, map[string]string{".git/": "", ".gitignore": text})
		path := filepath.Join(dir, filepath.Clean("/"+strings.ReplaceAll(file, "\x00", "")))
		if path == dir {
			return
		}
		var rules ignoreRules
		if unit := rules.unit(path); unit != "" && !contains(unit, path) {
			t.Fatalf("%q of %q: %q", text, path, unit)
		}
	})
}
