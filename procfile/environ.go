package procfile

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// MaxEnvFiles bounds the files of one process, those of --env-file included.
const MaxEnvFiles = 64

// EnvFile is a file of environment variables. What it says is no part of the graph: it is read at each evaluation, and
// at each start of a worker.
type EnvFile struct {
	// Path is absolute.
	Path string `json:"path"`
	// Optional says that the file may be missing.
	Optional bool `json:"optional,omitempty"`
}

// cloneEnviron makes what a process is given as environment independent of that of another graph.
func (p *Process) cloneEnviron() {
	p.Env, p.EnvFiles = maps.Clone(p.Env), slices.Clone(p.EnvFiles)
}

// envFiles checks a list of files.
func (v *validator) envFiles(path string, files []EnvFile) {
	if len(files) > MaxEnvFiles {
		v.fail(path, "there are %d files, at most %d can be read", len(files), MaxEnvFiles)
	}
	for i, f := range files {
		if !filepath.IsAbs(f.Path) || strings.Contains(f.Path, "\x00") {
			v.fail(fmt.Sprintf("%s[%d].path", path, i), "expected an absolute path, got %q", f.Path)
		}
	}
}
