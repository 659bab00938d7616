package supervisor

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pandora-go/pandora/internal/program"
	"github.com/pandora-go/pandora/procfile"
)

// workerOptions is PANDORA_WORKER: what the bootstrap needs to know.
type workerOptions struct {
	AppName                string           `json:"appName"`
	AppDir                 string           `json:"appDir"`
	Process                procfile.Process `json:"process"`
	Worker                 int              `json:"worker"`
	Generation             int              `json:"generation"`
	Dev                    bool             `json:"dev"`
	DefaultServiceCategory string           `json:"defaultServiceCategory"`
	// Evaluation is what the worker compares its own with; nil when it is not known.
	Evaluation *procfile.Evaluation `json:"evaluation,omitempty"`
	// Config is what the global configuration says that workers have to know.
	Config json.RawMessage `json:"config,omitempty"`
	// Transform is how the worker loads what Node does not; nil when there is no way.
	Transform *workerTransform `json:"transform,omitempty"`
}

// workerTransform names the program that transforms files, and the folder where workers keep what it gave.
type workerTransform struct {
	Command string `json:"command"`
	Cache   string `json:"cache"`
}

// transformOf is how workers of a plan load TypeScript.
func transformOf(plan *Plan) *workerTransform {
	if plan.Executable == "" {
		return nil
	}
	return &workerTransform{Command: plan.Executable, Cache: filepath.Join(plan.JSDir, "transformed")}
}

// environment is the environment of a worker: what its process is given, over it what makes it a worker.
func environment(spec SpawnSpec, read readSecret) ([]string, error) {
	options, err := json.Marshal(workerOptions{
		AppName: spec.Plan.App.AppName, AppDir: spec.Plan.App.AppDir, Process: spec.Process, Worker: spec.Worker,
		Generation: spec.Generation, Dev: spec.Plan.Dev, DefaultServiceCategory: spec.Plan.App.DefaultServiceCategory,
		Evaluation: spec.Plan.App.Evaluation, Transform: transformOf(spec.Plan),
		Config: spec.Plan.WorkerConfig,
	})
	if err != nil {
		return nil, fmt.Errorf("describe the worker: %w", err)
	}
	given, err := variables(spec.Plan, &spec.Process, read)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, v := range given {
		env[v.Name] = v.Value
	}
	// Of a worker that pandora itself may have been called from.
	delete(env, "NODE_UNIQUE_ID")
	maps.Copy(env, map[string]string{
		"NODE_CHANNEL_FD": "3", "NODE_CHANNEL_SERIALIZATION_MODE": "json",
		"NODE_APP_INSTANCE": strconv.Itoa(spec.Worker),
		"PANDORA_CWD":       spec.Plan.Cwd, "PANDORA_DIR": spec.Plan.Home, "PANDORA_TMP_DIR": spec.Plan.RunDir,
		"PANDORA_LOGS_DIR": spec.Plan.LogsDir, "PANDORA_WORKER": string(options),
	})
	delete(env, loadedEnv)
	if spec.Loaded != nil {
		env[loadedEnv] = "1"
	}
	delete(env, "PANDORA_DEV")
	if spec.Plan.Dev {
		env["PANDORA_DEV"] = "true"
	}
	if spec.Process.Kind == procfile.KindWorker {
		env["NODE_UNIQUE_ID"] = strconv.Itoa(spec.ID)
	}
	name, value, _ := strings.Cut(treeOfWorker(spec.AppID, spec.ID), "=")
	env[name] = value
	all := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.ContainsRune(name+env[name], 0) {
			return nil, &PermanentError{fmt.Errorf("environment variable %q holds a NUL character", name)}
		}
		all = append(all, name+"="+env[name])
	}
	return all, nil
}

// lookup returns the value of a variable in a list of KEY=VALUE, the last one winning; "" when it is not there.
func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// FindNode finds the Node binary that workers are started with: node as given, or "node", looked up in the PATH of env,
// relative parts from dir.
func FindNode(node string, env []string, dir string) (string, error) {
	if node == "" {
		node = "node"
	}
	path, err := program.Find(node, env, dir)
	switch {
	case err == nil:
		return path, nil
	case strings.Contains(node, "/"):
		return "", fmt.Errorf("Node binary %q: %w; install Node 18 or newer there, or name another", path, err)
	}
	return "", fmt.Errorf("%w; install Node 18 or newer, or put its folder into PATH", err)
}
