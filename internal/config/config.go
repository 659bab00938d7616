// Package config evaluates the global configuration: the modules that PANDORA_CONFIG names, merged into one JSON object.
//
//	result, err := config.Load(ctx, config.Options{Env: os.Environ(), Cwd: cwd})
//	options, err := endpoints.DecodeOptions(result.JSON)
//
// The modules are JavaScript and run in a child process, as a procfile does.
//
// Concurrency: Load may be called from any goroutine.
//
// It gives no meaning to any key; functions and classes in the configuration are left out, but that of a reporter, of which
// {"class": name} is told.
package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pandora-go/pandora/engine"
)

// separator stands between the modules in PANDORA_CONFIG.
const separator = ":"

// Options are what Load works with.
type Options struct {
	// Env is the environment as KEY=VALUE. PANDORA_CONFIG names modules, separated by ":": packages, or paths relative
	// to PANDORA_CWD, or to Cwd where that is not set.
	Env []string
	// Cwd is an absolute folder.
	Cwd string
	// Executable is this program, which is its own child; "" finds it.
	Executable string
}

// Result is the merged configuration.
type Result struct {
	// JSON is an object; {} without configuration.
	JSON json.RawMessage
	// Paths are the files that were loaded, in order.
	Paths []string
	// Layers are what each of Paths says, objects in the same order; nil without configuration.
	Layers []json.RawMessage
	// Warnings are sentences about modules that could not be loaded.
	Warnings []string
}

// Load evaluates the modules and merges them, a later one over an earlier one, arrays index by index. A module that
// cannot be loaded is a warning; an error means that the evaluation itself had to be ended (it took too long or too much
// memory).
func Load(ctx context.Context, o Options) (Result, error) {
	env := environment(o.Env)
	base, modules := Modules(o.Env, o.Cwd)
	if len(modules) == 0 {
		return Result{JSON: json.RawMessage("{}"), Paths: []string{}}, nil
	}
	arg, err := json.Marshal(map[string]any{"base": base, "modules": modules})
	if err != nil {
		return Result{}, fmt.Errorf("load configuration: %w", err)
	}
	executable := o.Executable
	if executable == "" {
		if executable, err = os.Executable(); err != nil {
			return Result{}, fmt.Errorf("load configuration: find the path of this program: %w", err)
		}
	}
	answer, err := engine.Isolate(ctx, executable, engine.Request{
		Options: engine.Options{Dir: base, Env: env},
		Module:  "shared/config.js", Function: "load", Arg: arg,
	})
	if failed, ok := errors.AsType[*engine.Error](err); ok {
		// The engine's advice is for those who write a procfile.
		failed.Message, _, _ = strings.Cut(failed.Message, "; a procfile ")
		return Result{}, fmt.Errorf("load configuration %q: %w; a module of PANDORA_CONFIG only exports an object", env["PANDORA_CONFIG"], failed)
	}
	if err != nil {
		return Result{}, fmt.Errorf("load configuration %q: %w", env["PANDORA_CONFIG"], err)
	}
	var out struct {
		Config   json.RawMessage   `json:"config"`
		Paths    []string          `json:"paths"`
		Layers   []json.RawMessage `json:"layers"`
		Warnings []string          `json:"warnings"`
	}
	if err := json.Unmarshal(answer.Value, &out); err != nil {
		return Result{}, fmt.Errorf("load configuration %q: %w", env["PANDORA_CONFIG"], err)
	}
	return Result{JSON: out.Config, Paths: out.Paths, Layers: out.Layers, Warnings: out.Warnings}, nil
}

// Modules are those that an environment names, and the folder that their names are resolved from. cwd is an absolute
// folder.
func Modules(env []string, cwd string) (base string, modules []string) {
	of := environment(env)
	base = cwd
	if dir := of["PANDORA_CWD"]; filepath.IsAbs(dir) {
		base = dir
	}
	return base, split(of["PANDORA_CONFIG"])
}

// split takes a list apart; empty parts and the word "undefined", which scripts produce, are left out.
func split(list string) []string {
	var modules []string
	for part := range strings.SplitSeq(list, separator) {
		if part = strings.TrimSpace(part); part != "" && part != "undefined" {
			modules = append(modules, part)
		}
	}
	return modules
}

// environment makes a map of KEY=VALUE; the last of a name counts.
func environment(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, kv := range pairs {
		if key, value, ok := strings.Cut(kv, "="); ok {
			env[key] = value
		}
	}
	return env
}
