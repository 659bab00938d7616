package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/procfile/pm2"
)

// maxProcessFile bounds a process file that is read here.
const maxProcessFile = 4 << 20

// processFiles are what import looks for in a folder, the first that is there.
func processFiles() []string {
	return []string{
		"ecosystem.config.js", "ecosystem.config.cjs", "ecosystem.config.mjs", "ecosystem.json", "pm2.config.js",
		"pm2.config.cjs", "pm2.json", "process.json", "processes.json", "Procfile",
	}
}

// isProcessFile reports whether a file is one of them by its name, such as ecosystem.config.js or api.config.cjs.
func isProcessFile(path string) bool {
	base := filepath.Base(path)
	for _, ending := range []string{".config.js", ".config.cjs", ".config.mjs"} {
		if strings.HasSuffix(base, ending) {
			return true
		}
	}
	return slices.Contains(processFiles(), base)
}

// importFlags are the flags of import.
type importFlags struct {
	env   string
	write bool
	force bool
}

func (c *cli) importCommand() *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import [file or dir]",
		Short: "Print the procfile.js for a process file of PM2, or a Procfile",
		Long: `Import evaluates a process file of PM2 (ecosystem.config.js, .cjs, .mjs, .json) as JavaScript, or reads a Procfile, and
prints the procfile.js that describes the same processes. What means something else here is a comment in it, and a warning
with its place. Nothing is started. Without a file it takes the first in the folder: ecosystem.config.js, …, Procfile.

The application's folder is that of the file, or the current one when the file lies below it and its scripts are found
from there only.`,
		Example: `  pandora import
  pandora import ecosystem.config.js --env production --write && pandora start
  pandora import Procfile > procfile.js`,
		Args: arguments(0, 1, "one file or folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.importFile(cmd.Context(), first(args), flags)
		},
	}
	cmd.Flags().StringVar(&flags.env, "env", "", "the environment whose env_NAME is taken, as PM2's --env")
	cmd.Flags().BoolVar(&flags.write, "write", false, "write it into the application's folder, as procfile.js (procfile.cjs in a package of ES modules); one that is there stays")
	cmd.Flags().BoolVar(&flags.force, "force", false, "with --write: replace a procfile.js that is there")
	return cmd
}

// importFile runs the verb import.
func (c *cli) importFile(ctx context.Context, argument string, flags importFlags) error {
	if flags.force && !flags.write {
		return usageError(errors.New("--force is of use with --write only"))
	}
	cwd, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the current folder: %w", err)
	}
	file, err := findProcessFile(cwd, argument)
	if err != nil {
		return err
	}
	result, err := convertFile(ctx, conversion{file: file, cwd: cwd, env: withoutWorkerMarks(c.environ), envName: flags.env})
	if err != nil {
		return procfileError(ctx, err)
	}
	dir := result.dir
	written := filepath.Join(dir, procfileName(dir))
	if flags.write {
		if err := writeProcfile(written, result.Text, flags.force); err != nil {
			return err
		}
	}
	for _, line := range result.Warnings() {
		c.warn("%s", line)
	}
	if flags.write {
		c.say("%s is written: %s; run [ pandora start %s ]", written, plural(len(result.Processes), "process"), dir)
		return nil
	}
	_, err = io.WriteString(c.out, result.Text)
	return err
}

// findProcessFile is the absolute path of the file that an argument means.
func findProcessFile(cwd, argument string) (string, error) {
	path := argument
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	info, err := os.Stat(path)
	if fserr.Missing(err) {
		return "", &failure{code: exitNotFound, err: fmt.Errorf("open process file %q: there is no such file%s", path, whyMissing(err))}
	}
	if err != nil {
		return "", fmt.Errorf("open process file %q: %w; give this user the right to read it", path, fserr.Bare(err))
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, name := range processFiles() {
		if info, err := os.Stat(filepath.Join(path, name)); err == nil && info.Mode().IsRegular() {
			return filepath.Join(path, name), nil
		}
	}
	return "", &failure{code: exitNotFound, err: fmt.Errorf("import: there is none of %s in %s; name the file", strings.Join(processFiles(), ", "), path)}
}

// conversion says which process file is converted, and how.
type conversion struct {
	file string
	// cwd is the folder of the shell, env its environment.
	cwd string
	env []string
	// dir is the folder of the application; "" is that of the file, or cwd where its scripts are found from there only.
	dir string
	// envName is PM2's --env, only its --only.
	envName string
	only    []string
	dev     bool
	timeout time.Duration
}

// converted is a process file that was converted.
type converted struct {
	*pm2.Result
	// dir is the folder of the application; files are those that the result depends on.
	dir   string
	files []string
}

// convertFile evaluates a process file and converts it.
func convertFile(ctx context.Context, v conversion) (*converted, error) {
	source, err := readBounded(v.file)
	if err != nil {
		return nil, err
	}
	env := envMap(v.env)
	o := pm2.Options{
		File: v.file, Source: source, Dir: cmp.Or(v.dir, filepath.Dir(v.file)), EnvName: v.envName, Only: v.only, Look: lookAt, Scripts: packageScripts,
		Shell: func(name string) (string, bool) { value := env[name]; return value, value != "" },
		Find:  func(program string) bool { return inPath(program, env["PATH"]) },
	}
	made := &converted{files: []string{v.file}}
	convert := func() (*pm2.Result, error) { return pm2.ConvertProcfile(o) }
	switch ext := strings.ToLower(filepath.Ext(v.file)); {
	case ext == ".yml" || ext == ".yaml":
		return nil, fmt.Errorf("import %s: YAML is not read; write it as JSON, such as with [ npx js-yaml %s > pm2.json ]", v.file, filepath.Base(v.file))
	case !isForeman(v.file):
		evaluated, err := evaluate.EvaluateProcessFile(ctx, evaluate.Options{
			Dir: v.cwd, AppName: applicationName(o.Dir), Env: v.env, Dev: v.dev, Timeout: v.timeout,
		}, v.file)
		if err != nil {
			return nil, err
		}
		o.Odd = map[string]string{}
		for _, odd := range evaluated.Odd {
			o.Odd[odd.Path] = odd.What
		}
		made.files = evaluated.Files
		convert = func() (*pm2.Result, error) { return pm2.Convert(evaluated.Config, o) }
	}
	made.Result, err = convert()
	if bad, ok := errors.AsType[*pm2.Error](err); ok && bad.Missing && v.dir == "" && isBelow(v.file, v.cwd) && v.cwd != o.Dir {
		// PM2 resolves scripts from the folder that the shell is in.
		o.Dir = v.cwd
		if fromShell, other := convert(); other == nil {
			made.Result, err = fromShell, nil
		}
	}
	made.dir = o.Dir
	return made, err
}

// isForeman reports whether a file is a Procfile by its name, such as Procfile or Procfile.dev.
func isForeman(path string) bool {
	base := strings.ToLower(filepath.Base(path))
	ext := filepath.Ext(base)
	return strings.TrimSuffix(base, ext) == "procfile" && !isScriptName(path) && ext != ".json"
}

// inPath reports whether a program is in one of the folders of a PATH.
func inPath(program, path string) bool {
	for _, dir := range filepath.SplitList(path) {
		info, err := os.Stat(filepath.Join(dir, program))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// isBelow reports whether a path lies below a folder.
func isBelow(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// readBounded reads a process file.
func readBounded(file string) (string, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that nobody writes to keeps nobody waiting
	if err != nil {
		return "", fmt.Errorf("read process file %s: %w", file, fserr.Bare(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("read process file %s: it is no regular file", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxProcessFile+1))
	if err != nil {
		return "", fmt.Errorf("read process file %s: %w", file, fserr.Bare(err))
	}
	if len(data) > maxProcessFile {
		return "", fmt.Errorf("read process file %s: it is larger than %d MiB", file, maxProcessFile>>20)
	}
	return string(data), nil
}

// lookAt tells what a file is: what begins with an interpreter other than Node, or holds what no text does, is a program.
func lookAt(path string) pm2.Sort {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return pm2.Missing
	}
	f, err := os.Open(path)
	if err != nil {
		return pm2.Script // Node says why it cannot be read
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	text := string(head[:n])
	line, _, _ := strings.Cut(text, "\n")
	if strings.ContainsRune(text, 0) || strings.HasPrefix(line, "#!") && !strings.Contains(line, "node") {
		return pm2.Program
	}
	return pm2.Script
}

// procfileName is procfile.js, or procfile.cjs where Node takes a .js for an ES module.
func procfileName(dir string) string {
	for {
		data, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err == nil {
			var pkg struct {
				Type any `json:"type"`
			}
			if json.Unmarshal(data, &pkg) == nil && pkg.Type == "module" {
				return "procfile.cjs"
			}
			return "procfile.js"
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "procfile.js"
		}
		dir = above
	}
}

// writeProcfile writes a new file, or replaces one when force says so. Another procfile beside it would apply, too.
func writeProcfile(path, text string, force bool) error {
	for _, extension := range []string{"js", "ts", "cjs", "mjs", "cts", "mts"} {
		other := filepath.Join(filepath.Dir(path), "procfile."+extension)
		if _, err := os.Lstat(other); err == nil && other != path {
			return fmt.Errorf("write %s: there is %s, and both would apply; move it away", path, other)
		}
	}
	if force {
		return replaceFile(path, text)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("write %s: it is there already; move it away, or replace it with --force", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, fserr.Bare(err))
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path) // half a file
		return fmt.Errorf("write %s: %w", path, fserr.Bare(err))
	}
	return nil
}

// replaceFile puts a new file in the place of an old one, in one step.
func replaceFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".procfile-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, fserr.Bare(err))
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, fserr.Bare(err))
	}
	return nil
}
