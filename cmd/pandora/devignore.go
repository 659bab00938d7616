package main

import (
	"bytes"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

const (
	ignoreName = ".gitignore"
	// maxIgnoreFile bounds what is read of one.
	maxIgnoreFile = 1 << 20
)

// ignoreRules tells which files git ignores, by the .gitignore files from the root of the repository down to a file's
// folder; where there is no repository, from the folder of the nearest package.json. A file of rules that has changed is
// read again. One goroutine uses it; the zero value is ready.
type ignoreRules struct {
	read map[string]ignoreFile // by path
}

// ignoreFile is what one .gitignore says.
type ignoreFile struct {
	changed time.Time
	size    int64
	rules   []ignoreRule
}

// ignoreRule is one line of a .gitignore.
type ignoreRule struct {
	// glob matches a path below the folder of the rules, or where anywhere is true a name in or below it.
	glob     string
	anywhere bool
	// again takes in again what an earlier rule ignores; folders is true for a rule that is for folders only.
	again, folders bool
}

// matches reports whether the rule is for a path, which is relative to the folder of the rules.
func (r ignoreRule) matches(rel string, isFolder bool) bool {
	if r.folders && !isFolder {
		return false
	}
	if r.anywhere {
		rel = path.Base(rel)
	}
	ok, err := doublestar.Match(r.glob, rel)
	return ok && err == nil // git takes no notice of a broken pattern either
}

// unit is the outermost of a file and the folders around it that git ignores, as an absolute path: an ignored file in a
// folder that is not ignored is its own. It is "" for a file that is not ignored. As in git, nothing in an ignored folder
// can be taken in again.
func (r *ignoreRules) unit(file string) string {
	root := ignoreRoot(filepath.Dir(file))
	if root == "" {
		return ""
	}
	rel, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	levels := make([][]ignoreRule, len(parts)) // by how deep their folder is
	for i := range parts {
		levels[i] = r.of(filepath.Join(root, filepath.Join(parts[:i]...)))
		if excluded(levels[:i+1], parts[:i+1], i+1 < len(parts)) {
			return filepath.Join(root, filepath.Join(parts[:i+1]...))
		}
	}
	return ""
}

// excluded reports whether the last rule that is for a path ignores it; the deepest folder's rules come last.
func excluded(levels [][]ignoreRule, parts []string, isFolder bool) bool {
	for depth, rules := range slices.Backward(levels) {
		rel := path.Join(parts[depth:]...)
		for _, rule := range slices.Backward(rules) {
			if rule.matches(rel, isFolder) {
				return !rule.again
			}
		}
	}
	return false
}

// of are the rules that lie in a folder.
func (r *ignoreRules) of(folder string) []ignoreRule {
	name := filepath.Join(folder, ignoreName)
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		delete(r.read, name)
		return nil
	}
	if known, ok := r.read[name]; ok && known.changed.Equal(info.ModTime()) && known.size == info.Size() {
		return known.rules
	}
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIgnoreFile))
	if err != nil {
		return nil
	}
	if r.read == nil {
		r.read = map[string]ignoreFile{}
	}
	rules := parseIgnore(text)
	r.read[name] = ignoreFile{changed: info.ModTime(), size: info.Size(), rules: rules}
	return rules
}

// parseIgnore reads the rules of a .gitignore.
func parseIgnore(text []byte) []ignoreRule {
	var rules []ignoreRule
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		glob := strings.TrimRight(string(line), "\r\n")
		if bare := strings.TrimRight(glob, " "); !strings.HasSuffix(bare, `\`) {
			glob = bare // a space after a backslash counts
		}
		var rule ignoreRule
		if glob == "" || glob[0] == '#' {
			continue
		}
		glob, rule.again = strings.CutPrefix(glob, "!")
		glob, rule.folders = strings.CutSuffix(glob, "/")
		rule.anywhere = !strings.Contains(glob, "/")
		glob = strings.TrimPrefix(glob, "/")
		if inside, all := strings.CutSuffix(glob, "/**"); all {
			glob = inside + "/*" // what lies in a folder, and not the folder: something in it may be taken in again
		}
		rule.glob = withoutBraces(glob)
		rules = append(rules, rule)
	}
	return rules
}

// withoutBraces makes letters of braces, which mean something to the matcher and nothing to git.
func withoutBraces(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '\\':
			b.WriteByte(c)
			if i++; i < len(glob) {
				b.WriteByte(glob[i])
			}
		case '{', '}':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ignoreRoot is the folder at which the rules for a folder begin, "" when there is none.
func ignoreRoot(folder string) string {
	nearest := ""
	for {
		if _, err := os.Lstat(filepath.Join(folder, ".git")); err == nil {
			return folder
		}
		if nearest == "" {
			if _, err := os.Lstat(filepath.Join(folder, "package.json")); err == nil {
				nearest = folder
			}
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return nearest
		}
		folder = parent
	}
}
