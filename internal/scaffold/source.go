package scaffold

import (
	"path"
	"regexp"
	"strings"
	"sync"
)

// maxLooked bounds how many files of a project are looked into for one entry.
const maxLooked = 60

// The patterns of what a source does. They are guesses: what they decide is a default that the user can change.
var (
	opensPort = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\.listen\s*\(|\bcreateServer\s*\(|\bserve\s*\(|\bBootstrap\s*\.\s*(?:run|configure|load)\b|\bstartCluster\s*\(|\bstartServer\s*\(|\bserver\.start\s*\(|\b[Hh]api\.[sS]erver\s*\(`)
	})
	forksWorkers = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:require\s*\(\s*|from\s+|import\s*\(\s*)['"](?:node:)?cluster['"]|\bstartCluster\s*\(|\bClusterBootstrap\b|['"]throng['"]`)
	})
	loads = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:\brequire\s*\(\s*|\bfrom\s*|\bimport\s*\(\s*|\bimport\s*)['"](\.{1,2}/[^'"\n]*|\.{1,2})['"]`)
	})
	nextSettings = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("\\b(output|distDir)\\s*:\\s*['\"`]([^'\"`$\\n]+)['\"`]")
	})
	comments = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?s)/\*.*?\*/|(?m:(?:^|[ \t;{])//.*$)`)
	})
)

// look reports whether a program, or what it loads of the project, seems to open a port and to fork workers of its own.
// Files of a folder that it loads in another way than by name are not seen.
func (r *reader) look(file string) (listens, clusters bool) {
	seen := map[string]bool{file: true}
	for next := []string{file}; len(next) > 0 && len(seen) <= maxLooked; next = next[1:] {
		data, err := r.read(next[0])
		if err != nil {
			continue
		}
		text := comments().ReplaceAllString(string(data), " ")
		listens = listens || opensPort().MatchString(text)
		clusters = clusters || forksWorkers().MatchString(text)
		for _, m := range loads().FindAllStringSubmatch(text, -1) {
			if found := r.loaded(path.Dir(next[0]), m[1]); found != "" && !seen[found] {
				seen[found] = true
				next = append(next, found)
			}
		}
	}
	return listens, clusters
}

// loaded is the file that a source in dir means by a relative name; "" for none. TypeScript writes .js for what is a .ts.
func (r *reader) loaded(dir, name string) string {
	joined := path.Join(dir, name)
	if found := r.file(joined); found != "" {
		return found
	}
	if stem, ok := strings.CutSuffix(joined, ".js"); ok {
		return r.file(stem + ".ts")
	}
	return ""
}

// mentions reports whether a source loads a package by its name.
func (r *reader) mentions(file, name string) bool {
	data, err := r.read(strings.TrimPrefix(file, "./"))
	return err == nil && (strings.Contains(string(data), `'`+name+`'`) || strings.Contains(string(data), `"`+name+`"`))
}
