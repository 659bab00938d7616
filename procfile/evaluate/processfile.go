package evaluate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pandora-go/pandora/internal/fserr"
)

// ProcessFile is an evaluated process file of PM2: ecosystem.config.js and its like, or a .json that PM2 reads as JavaScript.
type ProcessFile struct {
	// Config is what the file exports as JSON, usually {"apps": [...]}: an object or an array. What it means is told by
	// the package procfile/pm2.
	Config json.RawMessage
	// Odd is what JSON cannot carry, and is left out of Config.
	Odd []Odd
	// Engine is the one that evaluated it, EngineGoja or EngineNode; Fallback is why Goja could not, nil where it could.
	Engine   string
	Fallback *Error
	// Files are the real paths of the file and of what it required, sorted; Output is what it printed, bounded.
	Files  []string
	Output string
}

// Odd is a value that is no data, such as a function.
type Odd struct {
	// Path is where it is, such as apps[0].env.PORT; What describes it.
	Path string `json:"path"`
	What string `json:"what"`
}

// EvaluateProcessFile evaluates a process file of PM2 under the limits of Evaluate, in Goja, and in Node when Goja cannot.
// file is an absolute path, Options.Dir the folder that process.cwd() is. What is wrong with the file is an *Error.
func EvaluateProcessFile(ctx context.Context, o Options, file string) (*ProcessFile, error) {
	e, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("read process file %s: %w", file, fserr.Bare(err))
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read process file %s: it is no regular file", file)
	}
	e.processFile = file
	asJSON := strings.EqualFold(filepath.Ext(file), ".json")
	if e.argument, err = json.Marshal(map[string]any{"file": file, "json": asJSON, "appName": e.AppName, "appDir": e.Dir}); err != nil {
		return nil, fmt.Errorf("evaluate process file %s: %w", file, err)
	}
	e.begin()
	engine, found, err := e.ask(ctx)
	if err != nil {
		return nil, err
	}
	var value struct {
		Config json.RawMessage `json:"config"`
		Odd    []Odd           `json:"odd"`
	}
	if err := json.Unmarshal(found.value, &value); err != nil {
		return nil, fmt.Errorf("evaluate process file %s: %s returned no configuration: %w", file, engine, err)
	}
	files := append(found.loaded, e.realpath(file))
	slices.Sort(files)
	return &ProcessFile{
		Config: value.Config, Odd: value.Odd, Engine: engine, Fallback: e.fallback, Files: slices.Compact(files), Output: found.output,
	}, nil
}
