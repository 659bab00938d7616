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

// MaxSecrets bounds the secrets of one process.
const MaxSecrets = 64

// MaxSecretTimeoutMs bounds Secret.TimeoutMs: a worker that is being started waits for its secrets.
const MaxSecretTimeoutMs = 60_000

// Secret is a variable whose value is kept elsewhere. The value is no part of the graph: it is read at each start of a
// worker. One of File, Command and Credential is set.
type Secret struct {
	// Name is the variable.
	Name string `json:"name"`
	// File is the absolute path of a file with the value.
	File string `json:"file,omitempty"`
	// Command is a program that prints the value, with its arguments; no shell is involved.
	Command []string `json:"command,omitempty"`
	// Credential is the name of a credential that systemd gives the unit of the daemon.
	Credential string `json:"credential,omitempty"`
	// TimeoutMs bounds Command; 0 is 10,000.
	TimeoutMs int64 `json:"timeoutMs,omitempty"`
	// Optional says that File or Credential may be missing; then the variable is what others say.
	Optional bool `json:"optional,omitempty"`
}

// cloneEnviron makes what a process is given as environment independent of that of another graph.
func (p *Process) cloneEnviron() {
	p.Env, p.EnvFiles, p.Secrets = maps.Clone(p.Env), slices.Clone(p.EnvFiles), slices.Clone(p.Secrets)
	for i := range p.Secrets {
		p.Secrets[i].Command = slices.Clone(p.Secrets[i].Command)
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

// secrets checks a list of secrets.
func (v *validator) secrets(path string, secrets []Secret) {
	if len(secrets) > MaxSecrets {
		v.fail(path, "there are %d secrets, at most %d can be read", len(secrets), MaxSecrets)
	}
	seen := map[string]bool{}
	for i := range secrets {
		where := fmt.Sprintf("%s[%d]", path, i)
		v.secret(where, &secrets[i])
		if seen[secrets[i].Name] {
			v.fail(where+".name", "secret %q is there twice", secrets[i].Name)
		}
		seen[secrets[i].Name] = true
	}
}

func (v *validator) secret(path string, s *Secret) {
	if s.Name == "" || strings.ContainsAny(s.Name, "=\x00") {
		v.fail(path+".name", "expected the name of a variable, got %q", s.Name)
	}
	given := 0
	for _, is := range []bool{s.File != "", len(s.Command) > 0, s.Credential != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		v.fail(path, "expected one of file, command and credential, got %d", given)
	case s.File != "" && (!filepath.IsAbs(s.File) || strings.Contains(s.File, "\x00")):
		v.fail(path+".file", "expected an absolute path, got %q", s.File)
	case s.Credential != "" && (strings.ContainsAny(s.Credential, "/\x00") || s.Credential == "." || s.Credential == ".."):
		v.fail(path+".credential", "expected the name of a credential, got %q", s.Credential)
	case s.TimeoutMs < 0 || s.TimeoutMs > MaxSecretTimeoutMs:
		v.fail(path+".timeoutMs", "expected 0 to %d, got %d", MaxSecretTimeoutMs, s.TimeoutMs)
	case len(s.Command) > 0 && (s.Command[0] == "" || s.Optional):
		v.fail(path+".command", "expected a program, which is not optional")
	}
	for i, argument := range s.Command {
		v.argument(fmt.Sprintf("%s.command[%d]", path, i), argument)
	}
}
