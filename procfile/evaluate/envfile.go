package evaluate

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/pandora-go/pandora/internal/envfile"
	"github.com/pandora-go/pandora/procfile"
)

// maxPasses is how often a procfile is evaluated until the files of variables that it names are those that it has seen.
const maxPasses = 4

// layer puts the variables of files below what the environment says. In the first pass nobody knows what files the
// procfile will name.
func (e *evaluation) layer() error {
	files := e.layered
	if files == nil {
		files = e.EnvFiles
	}
	if len(files) == 0 {
		return nil
	}
	e.layered = files
	set, err := envfile.Load(envSources(files), e.env)
	if err != nil {
		// Before the first pass nothing but the flags has named any.
		return namedBy(e.badFile(err), &procfile.Application{}, "")
	}
	for _, v := range set.Variables {
		if _, given := e.env[v.Name]; !given {
			e.env[v.Name] = v.Value
		}
	}
	e.warnings = append(e.warnings, set.Warnings...)
	return nil
}

// envSources are files in the form in which they are read.
func envSources(files []procfile.EnvFile) []envfile.Source {
	sources := make([]envfile.Source, len(files))
	for i, f := range files {
		sources[i] = envfile.Source(f)
	}
	return sources
}

// badFile is the error of a file that cannot be read.
func (e *evaluation) badFile(err error) error {
	failed := &Error{Procfile: e.procfile(), Engine: EngineGoja, Kind: KindEnvFile, Message: err.Error()}
	if file, ok := errors.AsType[*envfile.Error](err); ok {
		failed.Path, failed.Line, failed.Column, failed.Message = file.Path, file.Line, file.Column, "environment variables: "+file.Message
		failed.missing = errors.Is(err, fs.ErrNotExist)
	}
	return failed
}

// namedBy adds to the error of a file of environment variables who names it; process is that whose file it is, "" for one
// of all. What is wrong inside of a file has its own place.
func namedBy(err error, app *procfile.Application, process string) error {
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Kind != KindEnvFile || failed.Line != 0 || failed.Path == "" {
		return err
	}
	by, optional := "--env-file", "name it with --env-file-if-exists"
	place, known := app.Place(procfile.OfProcess, process, "envFile."+failed.Path)
	if !known {
		place, known = app.Place(procfile.OfApplication, "", "envFile."+failed.Path)
	}
	if known {
		by, optional = "envFile() at "+place.String(), "say { optional: true } behind its path"
	}
	failed.Hint = by + " names it"
	if failed.missing {
		failed.Hint += "; create it, or " + optional
	}
	return failed
}

// settled is the result once the procfile has seen the variables of the files that it names: it is evaluated again with
// these. Files of single processes are read once, to find out what is wrong with them before anything is started.
func (e *evaluation) settled(ctx context.Context, result *Result) (*Result, error) {
	for pass := 1; !slices.Equal(result.App.EnvFiles, e.layered); pass++ {
		if pass == maxPasses {
			return nil, &Error{
				Procfile: e.procfile(), Engine: result.App.Engine, Kind: KindEnvFile,
				Message: "which files of environment variables it names changes with what they say, again and again",
				Hint:    "name the files by what the shell says, and not by what is in them",
			}
		}
		o := e.given
		o.layered = result.App.EnvFiles
		if o.layered == nil {
			o.layered = []procfile.EnvFile{}
		}
		next, err := prepare(o)
		if err != nil {
			return nil, namedBy(err, result.App, "")
		}
		next.warm, next.processFile, next.deadline = e.warm, e.processFile, e.deadline
		engine, found, err := next.ask(ctx)
		if err != nil {
			return nil, err
		}
		if result, err = next.result(engine, found); err != nil {
			return nil, err
		}
		e = next
	}
	for i := range result.App.Processes {
		files := result.App.Processes[i].EnvFiles
		if len(files) == len(e.layered) {
			continue // the application's
		}
		set, err := envfile.Load(envSources(files), e.env)
		if err != nil {
			return nil, namedBy(e.badFile(err), result.App, result.App.Processes[i].ProcessName)
		}
		result.App.Warnings = append(result.App.Warnings, newOnes(result.App.Warnings, set.Warnings)...)
	}
	return result, nil
}

// newOnes are the sentences that are not known yet.
func newOnes(known, said []string) []string {
	return slices.DeleteFunc(slices.Clone(said), func(s string) bool { return slices.Contains(known, s) })
}
