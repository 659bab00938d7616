package procfile

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// MaxEnvFiles bounds the files of one process, those of --env-file included, MaxSecrets its secrets.
const (
	MaxEnvFiles = 64
	MaxSecrets  = 256
)

// EnvFile is a file of environment variables. What it says is no part of the graph: it is read at each evaluation, and
// at each start of a worker.
type EnvFile struct {
	// Path is absolute.
	Path string `json:"path"`
	// Optional says that the file may be missing.
	Optional bool `json:"optional,omitempty"`
}

// Secret is where the value of a variable is: exactly one of File, Command and Credential is set. The value is looked up
// at each start of a worker, and is no part of the graph.
type Secret struct {
	// File is the absolute path of a file that holds it.
	File string `json:"file,omitempty"`
	// Command is a program with its arguments that prints it.
	Command []string `json:"command,omitempty"`
	// Credential is the name of a credential of the service manager's.
	Credential string `json:"credential,omitempty"`
	// TimeoutMs is how long the command may take; 0 is the default.
	TimeoutMs int64 `json:"timeoutMs,omitempty"`
	// At is where it is written, as "file:line:column"; "" when that is not known.
	At string `json:"at"`
}

// String tells where the value is, as "file /run/secrets/db". Arguments of commands are left out, as they may be secret.
func (s Secret) String() string {
	switch {
	case s.File != "":
		return "file " + s.File
	case s.Credential != "":
		return "credential " + s.Credential
	case len(s.Command) > 0:
		return "command " + s.Command[0]
	}
	return "nowhere"
}

// cloneEnviron makes what a process is given as environment independent of that of another graph.
func (p *Process) cloneEnviron() {
	p.Env, p.EnvFiles, p.Secrets = maps.Clone(p.Env), slices.Clone(p.EnvFiles), maps.Clone(p.Secrets)
	for name, s := range p.Secrets {
		s.Command = slices.Clone(s.Command)
		p.Secrets[name] = s
	}
}

// unplaceSecrets forgets where secrets are written.
func (a *Application) unplaceSecrets() {
	a.Processes = slices.Clone(a.Processes)
	for i := range a.Processes {
		p := &a.Processes[i]
		p.Secrets = maps.Clone(p.Secrets)
		for name, s := range p.Secrets {
			s.At = ""
			p.Secrets[name] = s
		}
	}
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

// secrets checks those of a process.
func (v *validator) secrets(path string, secrets map[string]Secret) {
	if len(secrets) > MaxSecrets {
		v.fail(path, "there are %d secrets, at most %d", len(secrets), MaxSecrets)
	}
	for _, name := range sortedKeys(secrets) {
		s, at := secrets[name], path+"."+name
		if name == "" || strings.ContainsAny(name, "=\x00") {
			v.fail(at, "expected the name of a variable, got %q", name)
		}
		kinds := 0
		for _, given := range []bool{s.File != "", s.Credential != "", len(s.Command) > 0} {
			if given {
				kinds++
			}
		}
		switch {
		case kinds != 1:
			v.fail(at, "expected one of file, command and credential, got %d", kinds)
		case s.File != "" && !filepath.IsAbs(s.File):
			v.fail(at+".file", "expected an absolute path, got %q", s.File)
		case s.Credential != "" && (s.Credential != filepath.Base(s.Credential) || s.Credential == ".."):
			v.fail(at+".credential", "expected a name, got %q", s.Credential)
		case len(s.Command) > 0 && s.Command[0] == "":
			v.fail(at+".command", "expected a program, got nothing")
		case s.TimeoutMs < 0 || s.TimeoutMs > 0 && len(s.Command) == 0:
			v.fail(at+".timeoutMs", "expected milliseconds beside a command, got %d", s.TimeoutMs)
		case strings.Contains(s.File+s.Credential+strings.Join(s.Command, ""), "\x00"):
			v.fail(at, "expected no NUL")
		}
	}
}
