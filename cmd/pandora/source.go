package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/procfile/pm2"
)

// An application need not have a procfile: it may be started from a script, from a command, or from the process file of another manager. What
// it is started from is a procfile.Source, which the record keeps, and of which a procfile is generated whenever the
// application is evaluated.

// sourceFlags are the flags that say how an application without a procfile is run.
type sourceFlags struct {
	mode, instances string
	only            []string
	// dashed says that there was a --, rest is what stood behind it.
	dashed bool
	rest   []string
}

// add adds the flags.
func (f *sourceFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.mode, "mode", "m", "", "of a script: fork or cluster (default: cluster with --instances, else fork)")
	flags.StringVarP(&f.instances, "instances", "i", "", "of a script: how many workers, a number or max")
	flags.StringVarP(&f.instances, "scale", "s", "", "the same as --instances")
	flags.StringSliceVar(&f.only, "only", nil, "of a process file: the apps that are taken, as a,b")
	_ = flags.MarkHidden("scale") // as 0.1 has it; the flag is there
}

// sourceArguments are the arguments of a verb that takes at most one argument, and others behind a --.
func sourceArguments(what string) cobra.PositionalArgs {
	check := arguments(0, 1, what)
	return func(cmd *cobra.Command, args []string) error {
		if at := cmd.ArgsLenAtDash(); at >= 0 {
			args = args[:at]
		}
		return check(cmd, args)
	}
}

// split takes what stands behind a -- away from the arguments.
func (f *sourceFlags) split(cmd *cobra.Command, args []string) []string {
	if f.instances == "auto" {
		f.instances = "max" // as .scale() has it
	}
	at := cmd.ArgsLenAtDash()
	if at < 0 {
		return args
	}
	f.dashed, f.rest = true, args[at:]
	return args[:at]
}

// scriptExtensions are those of files that Node runs.
func scriptExtensions() []string {
	return []string{".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".tsx"}
}

// isScriptName reports whether a file is a script by its name.
func isScriptName(path string) bool {
	return slices.Contains(scriptExtensions(), strings.ToLower(filepath.Ext(path)))
}

// isConfigName reports whether a file is a process file of PM2 by its name: PM2 takes every .json for one.
func isConfigName(path string) bool {
	return isProcessFile(path) || slices.Contains([]string{".json", ".yml", ".yaml"}, strings.ToLower(filepath.Ext(path)))
}

// sourceOf reads what an argument and flags name where that is no folder; nil for a folder. A first word of --env without a
// "=" is the environment of a process file, and is taken out of the flag.
func (f *appFlags) sourceOf(cwd, argument string) (*procfile.Source, error) {
	path := argument
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	info, err := os.Stat(path)
	switch {
	case argument == "", err == nil && info.IsDir(), err != nil && !isScriptName(path) && !isConfigName(path) && !isForeman(path):
		return nil, f.unused("a folder", true, true)
	case fserr.Missing(err):
		return nil, &failure{code: exitNotFound, err: fmt.Errorf("open %s: there is no such file%s", path, whyMissing(err))}
	case err != nil:
		return nil, fmt.Errorf("open %s: %w; give this user the right to read it", path, fserr.Bare(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %s: it is no regular file", path)
	}
	source := &procfile.Source{Kind: procfile.SourceScript, Path: path, Args: f.rest, Mode: f.mode, Instances: f.instances, Only: f.only, Cwd: cwd}
	switch {
	case isForeman(path):
		source.Kind = procfile.SourceForeman
		return source, f.unused("a Procfile", true, false)
	case isConfigName(path):
		source.Kind = procfile.SourcePM2
		source.Environment = f.takeEnvironment()
		return source, f.unused("a process file", true, false)
	case strings.HasPrefix(filepath.Base(path), "procfile.") && isScriptName(path):
		return nil, usageError(fmt.Errorf("%s is a procfile: name its folder, like [ pandora start %s ]", argument, filepath.Dir(argument)))
	}
	if err := f.unused("a script", false, true); err != nil {
		return nil, err
	}
	if command := programOf(source); command != nil {
		source.Kind, source.Path, source.Args = procfile.SourceCommand, "", command
	}
	return source, f.checkScript(source)
}

// commandOf is the command behind a --.
func (f *appFlags) commandOf(cwd string, environ []string) (*procfile.Source, error) {
	if len(f.rest) == 0 || f.rest[0] == "" {
		return nil, usageError(errors.New("there is no command behind --, expected one like [ pandora start -- npm start ]"))
	}
	if err := f.unused("a command", false, true); err != nil {
		return nil, err
	}
	program := f.rest[0]
	if strings.ContainsRune(program, filepath.Separator) {
		path := program
		if !filepath.IsAbs(path) {
			path = filepath.Join(cwd, path)
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return nil, &failure{code: exitNotFound, err: fmt.Errorf("start %s: there is no program %s", f.rest[0], path)}
		}
	} else if !inPath(program, envMap(environ)["PATH"]) {
		return nil, &failure{code: exitNotFound, err: fmt.Errorf("start %s: there is no program of that name in PATH", program)}
	}
	source := &procfile.Source{Kind: procfile.SourceCommand, Args: f.rest, Mode: f.mode, Instances: f.instances, Cwd: cwd}
	return source, f.checkScript(source)
}

// overRecord puts flags in the place of what an application was started from before; nothing is taken of flags that are not
// given.
func (f *appFlags) overRecord(record *state.Record) error {
	source := sourceOfRecord(record).Clone()
	if source == nil {
		return f.unused("an application with a procfile", true, true)
	}
	if source.Kind == procfile.SourcePM2 || source.Kind == procfile.SourceForeman {
		if len(f.only) > 0 {
			source.Only = f.only
		}
		if name := f.takeEnvironment(); name != "" {
			source.Environment = name
		}
		record.App.Evaluation.Source = source
		return f.unused("an application of a process file", true, false)
	}
	source.Mode, source.Instances = cmp.Or(f.mode, source.Mode), cmp.Or(f.instances, source.Instances)
	if f.dashed {
		if source.Kind == procfile.SourceCommand {
			return usageError(fmt.Errorf("start %s: it is the command %q; delete it to start another under its name", record.AppName, source))
		}
		source.Args = f.rest
	}
	record.App.Evaluation.Source = source
	if err := f.unused("a script", false, true); err != nil {
		return err
	}
	return f.checkScript(source)
}

// programOf is the command that runs a file which Node does not; nil for a script of Node.
func programOf(source *procfile.Source) []string {
	var command []string
	info, err := os.Stat(source.Path)
	interpreter := pm2.Interpreter(source.Path)
	switch {
	case err == nil && lookAt(source.Path) == pm2.Program && info.Mode()&0o111 != 0:
		command = []string{source.Path}
	case interpreter != "":
		command = []string{interpreter, source.Path}
	default:
		return nil
	}
	return append(command, source.Args...)
}

// takeEnvironment takes a first word without a "=" out of --env.
func (f *appFlags) takeEnvironment() string {
	first, rest, _ := strings.Cut(strings.TrimLeft(f.env, " "), " ")
	if first == "" || strings.Contains(first, "=") {
		return ""
	}
	f.env = rest
	return first
}

// unused refuses flags that mean nothing for what is started: those of scripts, or those of process files.
func (f *sourceFlags) unused(what string, ofScripts, ofFiles bool) error {
	given := ""
	switch {
	case ofScripts && f.mode != "" && f.mode != "procfile.js":
		given = "--mode"
	case ofScripts && f.instances != "":
		given = "--instances"
	case ofFiles && len(f.only) > 0:
		given = "--only"
	case ofScripts && f.dashed:
		return usageError(fmt.Errorf("arguments behind -- are for a script, like [ pandora start app.js -- --port 80 ], and this is %s; --args gives arguments to all processes", what))
	default:
		return nil
	}
	kind := "a script, like [ pandora start -m cluster -i 2 app.js ]"
	if given == "--only" {
		kind = "a process file, like [ pandora start ecosystem.config.js --only api ]"
	}
	return usageError(fmt.Errorf("%s is of use for %s, and this is %s", given, kind, what))
}

// checkScript refuses a script that Node does not run, and a mode or a number that means nothing.
func (f *sourceFlags) checkScript(source *procfile.Source) error {
	switch n, err := strconv.Atoi(source.Instances); {
	case !slices.Contains([]string{"", "fork", "cluster"}, source.Mode):
		return usageError(fmt.Errorf("unknown mode %q, want fork or cluster", source.Mode))
	case source.Instances == "" || source.Instances == "max":
	case err != nil || n > procfile.MaxScale || n < -procfile.MaxScale:
		return usageError(fmt.Errorf("--instances is %q, want a number up to %d, or max for one worker for each processor", source.Instances, procfile.MaxScale))
	}
	switch {
	case source.Kind == procfile.SourceCommand:
	case lookAt(source.Path) == pm2.Program:
		return fmt.Errorf("start %s: it is no script that Node runs, and no program; [ chmod +x ] makes it one", source.Path)
	case filepath.Ext(source.Path) != "" && !isScriptName(source.Path):
		return fmt.Errorf("start %s: expected a folder, a script (%s), or a process file of PM2", source.Path, strings.Join(scriptExtensions(), " "))
	}
	return nil
}

// generate makes the procfile of a source, in the environment and for the folder of options; where options have no folder,
// they get that of the application.
func generate(ctx context.Context, source *procfile.Source, o *evaluate.Options) error {
	made := &converted{dir: o.Dir}
	var err error
	switch source.Kind {
	case procfile.SourceScript:
		if o.Dir == "" {
			made.dir = scriptFolder(source)
		}
		made.Result, err = convertScript(source, made.dir)
	case procfile.SourceCommand:
		if o.Dir == "" {
			made.dir = source.Cwd
		}
		made.Result, err = convertCommand(source, made.dir, o.Env)
	case procfile.SourcePM2, procfile.SourceForeman:
		made, err = convertFile(ctx, conversion{
			file: source.Path, cwd: source.Cwd, env: o.Env, dir: o.Dir, envName: source.Environment, only: source.Only,
			dev: o.Dev, timeout: o.Timeout,
		})
	default:
		err = fmt.Errorf("the application was started from %q, which this version of pandora does not know", source.Kind)
	}
	if err != nil {
		return err
	}
	o.Dir = made.dir
	o.Generated = &evaluate.Generated{Text: made.Text, Source: *source, Files: made.files, Warnings: made.Warnings()}
	return nil
}

// regenerate makes the procfile of options again, if they have one that is generated.
func regenerate(ctx context.Context, o *evaluate.Options) error {
	if o.Generated == nil {
		return nil
	}
	source := o.Generated.Source
	return generate(ctx, &source, o)
}

// sourceOfRecord is what a recorded application was started from; nil for a procfile.
func sourceOfRecord(record *state.Record) *procfile.Source {
	if record.App.Evaluation == nil {
		return nil
	}
	return record.App.Evaluation.Source
}

// sameOrigin reports whether an application is asked to start from what it was started from before.
func sameOrigin(record *state.Record, request control.StartRequest) bool {
	return record.AppDir == request.App.AppDir && origin(record.App) == origin(request.App)
}

// sourceLine says what an application was started from.
func sourceLine(s *procfile.Source) string {
	what := map[procfile.SourceKind]string{
		procfile.SourceScript: "script ", procfile.SourceCommand: "command ", procfile.SourcePM2: "process file of PM2 ", procfile.SourceForeman: "Procfile ",
	}[s.Kind]
	if s.Path == "" {
		return what + s.String()
	}
	return what + filepath.Join(filepath.Dir(s.Path), s.String())
}

// origin says where an application comes from.
func origin(app procfile.Application) string {
	if e := app.Evaluation; e != nil && e.Source != nil {
		return fmt.Sprintf("%s in %s", e.Source, app.AppDir)
	}
	return "the application in " + app.AppDir
}

// convertScript makes the procfile of a script: what PM2 makes of it on its command line.
func convertScript(source *procfile.Source, dir string) (*pm2.Result, error) {
	if lookAt(source.Path) == pm2.Missing {
		return nil, &failure{code: exitNotFound, err: fmt.Errorf("open script %s: there is no such file", source.Path)}
	}
	app := map[string]any{"name": withoutExtension(source.Path), "script": source.Path}
	if source.Mode != "" {
		app["exec_mode"] = source.Mode
	}
	switch n, err := strconv.Atoi(source.Instances); {
	case err == nil:
		app["instances"] = n
	case source.Instances != "" || source.Mode == "cluster":
		app["instances"] = "max"
	}
	if len(source.Args) > 0 {
		app["args"] = source.Args
	}
	config, err := json.Marshal(app)
	if err != nil {
		return nil, fmt.Errorf("describe script %s: %w", source.Path, err)
	}
	return pm2.Convert(config, pm2.Options{File: source.Path, Dir: dir, Look: lookAt})
}

// convertCommand makes the procfile of a command.
func convertCommand(source *procfile.Source, dir string, environ []string) (*pm2.Result, error) {
	path := envMap(environ)["PATH"]
	return pm2.ConvertCommand(pm2.Command{
		Name: commandProcess(source), Words: source.Args, Mode: source.Mode, Instances: source.Instances,
	}, pm2.Options{
		File: source.String(), Dir: dir, Look: lookAt, Scripts: packageScripts,
		Find: func(program string) bool { return inPath(program, path) },
	})
}

// packageScripts are the scripts of the package.json in a folder.
func packageScripts(dir string) map[string]string {
	scripts := map[string]string{}
	for name, script := range readPackage(dir).Scripts {
		if line, ok := script.(string); ok {
			scripts[name] = line
		}
	}
	return scripts
}

// commandFile is the first word of a command that is a file, as an absolute path, or "".
func commandFile(source *procfile.Source) string {
	for _, word := range source.Args {
		path := word
		if !filepath.IsAbs(path) {
			path = filepath.Join(source.Cwd, path)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(word, "-") {
			return path
		}
	}
	return ""
}

// isPackageManager reports whether a program runs what a package.json says.
func isPackageManager(program string) bool {
	return slices.Contains([]string{"npm", "npx", "yarn", "pnpm", "bun", "bunx"}, filepath.Base(program))
}

// commandProcess is the name of the process that a command is: the script of package.json that it runs, its file, or its program.
func commandProcess(source *procfile.Source) string {
	words := source.Args
	if isPackageManager(words[0]) {
		for _, word := range words[1:] {
			if word != "run" && word != "run-script" && word != "exec" && !strings.HasPrefix(word, "-") {
				return pm2.ProcessName(word)
			}
		}
	}
	if file := commandFile(source); file != "" {
		return pm2.ProcessName(withoutExtension(file))
	}
	return pm2.ProcessName(withoutExtension(words[0]))
}

// scriptFolder is the folder of an application that is a script: the one that the shell is in, or the script's own where that
// does not lie below it.
func scriptFolder(source *procfile.Source) string {
	if isBelow(source.Path, source.Cwd) {
		return source.Cwd
	}
	return filepath.Dir(source.Path)
}

// sourceName is the default name of an application without a procfile: that of the package in its folder, for a script
// only where it is the package's program, else the script's own.
func sourceName(source *procfile.Source, dir string) string {
	path := source.Path
	switch {
	case source.Kind == procfile.SourceCommand && !isPackageManager(source.Args[0]):
		if path = commandFile(source); path == "" {
			return withoutExtension(source.Args[0])
		}
	case source.Kind != procfile.SourceScript:
		return applicationName(dir)
	}
	pkg := readPackage(dir)
	if name := packageName(filepath.Join(dir, "package.json")); name != "" && pkg.runs(dir, path) {
		return name
	}
	if name := withoutExtension(path); name != "index" {
		return name
	}
	return filepath.Base(filepath.Dir(path))
}

// withoutExtension is a file's name without its extension.
func withoutExtension(path string) string {
	base := filepath.Base(path)
	if name := strings.TrimSuffix(base, filepath.Ext(base)); name != "" {
		return name
	}
	return base
}

// packageFile is what a package.json says of the programs in it.
type packageFile struct {
	Main    any            `json:"main"`
	Bin     any            `json:"bin"`
	Scripts map[string]any `json:"scripts"`
}

// readPackage reads the package.json of a folder; nothing of one that is not there or cannot be read.
func readPackage(dir string) packageFile {
	var pkg packageFile
	text, err := readBounded(filepath.Join(dir, "package.json"))
	if err != nil || json.Unmarshal([]byte(strings.TrimPrefix(text, "\ufeff")), &pkg) != nil {
		return packageFile{}
	}
	return pkg
}

// runs reports whether a script is the program of the package: its main or bin, or what its start script runs by node.
func (p packageFile) runs(dir, script string) bool {
	main, _ := p.Main.(string)
	if main == "" {
		main = "index.js"
	}
	programs := []string{main}
	switch bin := p.Bin.(type) {
	case string:
		programs = append(programs, bin)
	case map[string]any:
		for _, each := range bin {
			if path, ok := each.(string); ok {
				programs = append(programs, path)
			}
		}
	}
	start, _ := p.Scripts["start"].(string)
	if words := strings.Fields(start); len(words) > 1 && words[0] == "node" {
		programs = append(programs, words[1:]...)
	}
	return slices.ContainsFunc(programs, func(program string) bool {
		path := filepath.Join(dir, program)
		return path == script || path == strings.TrimSuffix(script, filepath.Ext(script))
	})
}
