package supervisor

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pandora-go/pandora/internal/envfile"
	"github.com/pandora-go/pandora/internal/secret"
	"github.com/pandora-go/pandora/procfile"
)

// Origin tells where a variable of a worker comes from.
type Origin string

// The origins of variables, from what counts least to what counts most.
const (
	// OriginFile is a file of environment variables, see Variable.At.
	OriginFile Origin = "file"
	// OriginDefault is a value that we choose where nobody else says anything.
	OriginDefault Origin = "default"
	// OriginShell is the environment of the start.
	OriginShell Origin = "shell"
	// OriginSecret is a secret of the process, see Variable.At.
	OriginSecret Origin = "secret"
	// OriginProcfile is the environment of the process in the graph: what the procfile says, and --env.
	OriginProcfile Origin = "procfile"
)

// Variable is one variable that a process is given.
type Variable struct {
	Name, Value string
	Origin      Origin
	// At is where it is written, as "file:line", or where a secret comes from, as "file /run/secrets/db"; "" where Origin
	// says all.
	At string
}

// readSecret gives the value of a secret; found is false for an optional one that is not there. A command is given base as
// its environment.
type readSecret func(s procfile.Secret, base map[string]string) (value string, found bool, err error)

// unread is in place of the values of secrets where only their names count.
func unread(s procfile.Secret, _ map[string]string) (string, bool, error) {
	if s.File != "" && s.Optional {
		if _, err := os.Stat(s.File); err != nil {
			return "", false, nil // as for a worker
		}
	}
	return "", true, nil
}

// Variables are those that the workers of a process are given, sorted by name, without what makes them workers: what the
// process says counts more than its secrets, these more than the environment of the plan, and that more than files of
// variables. These are read now; secrets are not, and have no value.
func Variables(plan *Plan, process *procfile.Process) ([]Variable, error) {
	return variables(plan, process, unread)
}

func variables(plan *Plan, process *procfile.Process, read readSecret) ([]Variable, error) {
	shell := envfile.Map(plan.Env)
	sources := make([]envfile.Source, len(process.EnvFiles))
	for i, f := range process.EnvFiles {
		sources[i] = envfile.Source(f)
	}
	files, err := envfile.Load(sources, shell)
	if err != nil {
		return nil, err
	}
	all := map[string]Variable{}
	for _, v := range files.Variables {
		all[v.Name] = Variable{v.Name, v.Value, OriginFile, fmt.Sprintf("%s:%d", v.File, v.Line)}
	}
	for name, value := range shell {
		all[name] = Variable{name, value, OriginShell, ""}
	}
	if plan.Dev && all["NODE_ENV"].Value == "" {
		all["NODE_ENV"] = Variable{"NODE_ENV", "local", OriginDefault, ""}
	}
	// What npm's dorapan requires, unless the process says otherwise; what the shell says is another installation's.
	all["PANDORA_HOME"] = Variable{"PANDORA_HOME", filepath.Join(plan.JSDir, "node", "facade"), OriginDefault, ""}
	secrets, err := secretVariables(&plan.App, process, all, read)
	if err != nil {
		return nil, err
	}
	for _, v := range secrets {
		all[v.Name] = v
	}
	for name, value := range process.Env {
		all[name] = Variable{name, value, OriginProcfile, ""}
	}
	sorted := make([]Variable, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	return sorted, nil
}

// secretVariables are the secrets of a process that count, over what others say.
func secretVariables(app *procfile.Application, process *procfile.Process, others map[string]Variable, read readSecret) ([]Variable, error) {
	if len(process.Secrets) == 0 {
		return nil, nil
	}
	base := map[string]string{}
	for name, v := range others {
		base[name] = v.Value
	}
	maps.Copy(base, process.Env)
	var all []Variable
	for _, s := range process.Secrets {
		if _, given := process.Env[s.Name]; given {
			continue
		}
		value, found, err := read(s, base)
		if err != nil {
			return nil, named(err, app, process, s)
		}
		if found {
			all = append(all, Variable{s.Name, value, OriginSecret, secret.Source(s).String()})
		}
	}
	return all, nil
}

// named adds to an error where the procfile names the secret.
func named(err error, app *procfile.Application, process *procfile.Process, s procfile.Secret) error {
	member := "secrets." + s.Name
	place, known := app.Place(procfile.OfProcess, process.ProcessName, member)
	if !known {
		place, known = app.Place(procfile.OfApplication, "", member)
	}
	if !known {
		return err
	}
	return fmt.Errorf("%w (named at %s)", err, place)
}
