package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pandora-go/pandora/internal/envfile"
	"github.com/pandora-go/pandora/procfile"
)

// envFileFlags are --env-file and --env-file-if-exists, in the order in which they were given.
type envFileFlags struct{ list []procfile.EnvFile }

func (f *envFileFlags) add(flags *pflag.FlagSet) {
	flags.Var(&envFileValue{flags: f}, "env-file", "a `file` of environment variables (.env) for all processes; may be given again, and the last counts")
	flags.Var(&envFileValue{flags: f, optional: true}, "env-file-if-exists", "the same for a `file` that may be missing")
}

// files are the files with absolute paths.
func (f *envFileFlags) files(cwd string) []procfile.EnvFile {
	var files []procfile.EnvFile
	for _, file := range f.list {
		if !filepath.IsAbs(file.Path) {
			file.Path = filepath.Join(cwd, file.Path)
		}
		files = append(files, file)
	}
	return files
}

// envFileValue is one of both flags.
type envFileValue struct {
	flags    *envFileFlags
	optional bool
}

// String is what help shows as the default.
func (v *envFileValue) String() string { return "" }

// Type is what help shows as the kind of value.
func (v *envFileValue) Type() string { return "file" }

// Set takes a path.
func (v *envFileValue) Set(path string) error {
	switch {
	case path == "" || strings.ContainsRune(path, 0):
		return fmt.Errorf("the path of a file is %q", path)
	case len(v.flags.list) == procfile.MaxEnvFiles/2:
		return fmt.Errorf("there are more than %d files", procfile.MaxEnvFiles/2)
	}
	v.flags.list = append(v.flags.list, procfile.EnvFile{Path: path, Optional: v.optional})
	return nil
}

// applicationEnviron is the environment that an application's procfile, and the functions in it, see: that of the shell,
// and below it what the application's files of variables say now.
func applicationEnviron(shell []string, app *procfile.Application, dev bool) ([]string, error) {
	given := envfile.Map(shell)
	var sources []envfile.Source
	for _, file := range app.EnvFiles {
		sources = append(sources, envfile.Source(file))
	}
	files, err := envfile.Load(sources, given)
	if err != nil {
		return nil, err
	}
	environ := slices.Clone(shell)
	for _, v := range files.Variables {
		if _, known := given[v.Name]; !known {
			given[v.Name] = v.Value
			environ = append(environ, v.Name+"="+v.Value)
		}
	}
	if dev && given["NODE_ENV"] == "" {
		environ = append(environ, "NODE_ENV=local")
	}
	return environ, nil
}

// readers are the processes that have been given variables or secrets of any of these files.
func readers(app *procfile.Application, changed []string) []string {
	var names []string
	for i := range app.Processes {
		p := &app.Processes[i]
		if slices.ContainsFunc(p.EnvFiles, func(f procfile.EnvFile) bool { return slices.Contains(changed, realPath(f.Path)) }) ||
			slices.ContainsFunc(p.Secrets, func(s procfile.Secret) bool { return s.File != "" && slices.Contains(changed, realPath(s.File)) }) {
			names = append(names, p.ProcessName)
		}
	}
	return names
}

// realPath is a path without links, as far as it exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
