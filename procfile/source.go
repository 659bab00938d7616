package procfile

import (
	"path/filepath"
	"slices"
	"strings"
)

// SourceKind tells what a Source is.
type SourceKind string

const (
	// SourceScript is a script that Node runs.
	SourceScript SourceKind = "script"
	// SourceCommand is a command with its arguments.
	SourceCommand SourceKind = "command"
	// SourcePM2 is a process file of PM2, such as ecosystem.config.js.
	SourcePM2 SourceKind = "pm2"
	// SourceForeman is a Procfile of Heroku and foreman.
	SourceForeman SourceKind = "foreman"
)

// Source is what an application is started from where there is no procfile. It is kept with the graph, so that the
// application is evaluated again from the same.
type Source struct {
	Kind SourceKind `json:"kind"`
	// Path is the absolute path of the script or the process file; "" for a command.
	Path string `json:"path,omitempty"`
	// Args are the arguments of the script, or the command and its arguments; nil for a process file.
	Args []string `json:"args,omitempty"`
	// Mode is "fork" or "cluster", Instances a whole number or "max": of a script, each "" where it is not said.
	Mode      string `json:"mode,omitempty"`
	Instances string `json:"instances,omitempty"`
	// Environment is the NAME of env_NAME, Only are the apps that are taken; "" and nil are env alone and all. Of a
	// process file of PM2.
	Environment string   `json:"environment,omitempty"`
	Only        []string `json:"only,omitempty"`
	// Cwd is the folder of the shell: what process.cwd() is while a process file is evaluated.
	Cwd string `json:"cwd"`
}

// Clone copies it deeply; nil for nil.
func (s *Source) Clone() *Source {
	c := clonePointer(s)
	if c != nil {
		c.Args, c.Only = slices.Clone(s.Args), slices.Clone(s.Only)
	}
	return c
}

// String names it for messages: its file, or the command. Arguments of a script are not part of it.
func (s *Source) String() string {
	if s.Kind == SourceCommand {
		return strings.Join(s.Args, " ")
	}
	text := filepath.Base(s.Path)
	if s.Environment != "" {
		text += ", environment " + s.Environment
	}
	if len(s.Only) > 0 {
		text += ", only " + strings.Join(s.Only, ", ")
	}
	return text
}
