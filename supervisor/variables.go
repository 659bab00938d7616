package supervisor

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/pandora-go/pandora/internal/envfile"
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
	// OriginProcfile is the environment of the process in the graph: what the procfile says, and --env.
	OriginProcfile Origin = "procfile"
)

// Variable is one variable that a process is given.
type Variable struct {
	Name, Value string
	Origin      Origin
	// At is where it is written, as "file:line"; "" where Origin says all.
	At string
}

// Variables are those that the workers of a process are given, sorted by name, without what makes them workers: what the
// process says counts more than the environment of the plan, and that more than files of variables. These are read now.
func Variables(plan *Plan, process *procfile.Process) ([]Variable, error) {
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
	for name, value := range process.Env {
		all[name] = Variable{name, value, OriginProcfile, ""}
	}
	sorted := make([]Variable, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	return sorted, nil
}
