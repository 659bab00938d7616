package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/scaffold"
)

// initFlags are the flags of init.
type initFlags struct {
	entry, mode, instances, name         string
	typeScript, yes, force, dry, scripts bool
}

func (c *cli) initCommand() *cobra.Command {
	var flags initFlags
	var f *format
	cmd := &cobra.Command{
		Use:   "init [dir or file]",
		Short: "Write the first procfile.js of a project",
		Long: `Init looks at a project and writes the procfile that starts it: what package.json starts (scripts, main) or a file of a
common name, in the way that its framework needs. It knows express, koa, fastify, hapi, nest, next, egg and midway, plain
Node, TypeScript and ES modules. On a terminal it asks, and Enter takes what stands in brackets; elsewhere, and with --yes,
it takes that itself. A file names the program to start, as init of Pandora.js 1.x has it.

In a package of ES modules it writes procfile.cjs. A procfile that is there is replaced only with --force, or when you say
so. For egg it also writes the small program that starts it, if there is none.`,
		Example: `  pandora init
  pandora init --yes && pandora start
  pandora init server.js --mode cluster --instances 4
  pandora init ./shop --dry-run
  pandora init --scripts                  # and "start": "pandora start" in package.json`,
		Args: arguments(0, 1, "one folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.initProject(cmd.Context(), first(args), flags, f)
		},
	}
	add := cmd.Flags()
	add.StringVar(&flags.entry, "entry", "", "the program to start, relative to the folder")
	add.StringVarP(&flags.mode, "mode", "m", "", "fork: one plain process; cluster: several workers that share a port")
	add.StringVarP(&flags.instances, "instances", "i", "", "how many workers, or auto: one for each processor")
	add.StringVarP(&flags.name, "name", "n", "", "the name of the process")
	add.BoolVar(&flags.typeScript, "typescript", false, "write procfile.ts")
	add.BoolVarP(&flags.yes, "yes", "y", false, "ask nothing")
	add.BoolVar(&flags.force, "force", false, "replace a procfile that is there, and with --scripts the scripts of these names")
	add.BoolVar(&flags.dry, "dry-run", false, "print the procfile to standard output and write nothing")
	add.BoolVar(&flags.scripts, "scripts", false, `add "start": "pandora start", "dev": "pandora dev" and "stop": "pandora stop" to package.json`)
	f = addFormat(cmd)
	_ = cmd.RegisterFlagCompletionFunc("mode", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"fork", "cluster"}, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// initDocument is what init prints with -o json.
type initDocument struct {
	Dir       string          `json:"dir"`
	Framework string          `json:"framework"`
	Entry     string          `json:"entry"`
	Mode      string          `json:"mode"`
	Instances string          `json:"instances"`
	Process   string          `json:"process"`
	Files     []scaffold.File `json:"files"`
	// Written is false with --dry-run.
	Written bool     `json:"written"`
	Notes   []string `json:"notes"`
	Next    []string `json:"next"`
}

// initProject runs the verb init.
func (c *cli) initProject(ctx context.Context, argument string, flags initFlags, f *format) error {
	dir, err := initTarget(argument, &flags)
	if err != nil {
		return err
	}
	facts, err := readProject(dir, flags.entry)
	if err != nil {
		return err
	}
	var ask *prompt
	if !flags.yes && !flags.dry && isTerminal(os.Stdin) && isTerminal(c.err) {
		ask = &prompt{in: os.Stdin, out: c.err}
	}
	if err := c.mayReplace(ctx, dir, facts, &flags, ask); err != nil {
		return err
	}
	wish := scaffold.Wish{Mode: scaffold.Mode(flags.mode), Instances: flags.instances, Name: flags.name, TypeScript: flags.typeScript}
	if ask != nil {
		if facts, err = askProject(ctx, ask, dir, facts, flags, &wish); err != nil {
			return err
		}
	}
	plan, err := scaffold.Make(facts, wish)
	if errors.Is(err, scaffold.ErrNothing) {
		return &failure{code: exitNotFound, err: fmt.Errorf("init %s: %w; name the program, such as with [ pandora init --entry server.js ]", dir, err)}
	}
	if err != nil {
		return usageError(fmt.Errorf("init: %w", err))
	}
	if !flags.dry {
		if err := c.writePlan(dir, facts, plan, flags); err != nil {
			return err
		}
	}
	return c.reportPlan(dir, facts, plan, flags, f)
}

// initTarget is the folder that an argument means; a file is the entry of the application in the current folder, or of
// the one that it lies in.
func initTarget(argument string, flags *initFlags) (dir string, err error) {
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the current folder: %w", err)
	}
	path := argument
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	info, err := os.Stat(path)
	if fserr.Missing(err) {
		return "", &failure{code: exitNotFound, err: fmt.Errorf("init: there is no folder or file %s%s; make it first, or run init in the project's folder", shorten(argument), whyMissing(err))}
	}
	if err != nil {
		return "", fmt.Errorf("init: look at %s: %w", shorten(argument), fserr.Bare(err))
	}
	if info.IsDir() {
		return path, nil
	}
	if flags.entry != "" {
		return "", usageError(fmt.Errorf("init: %q and --entry %q both name a program; leave one away", argument, flags.entry))
	}
	dir = cwd
	if !isBelow(path, dir) {
		dir = filepath.Dir(path)
	}
	flags.entry, err = filepath.Rel(dir, path)
	if err != nil {
		return "", fmt.Errorf("init: %w", err)
	}
	return dir, nil
}

// readProject looks at a folder; entry may be absolute, too.
func readProject(dir, entry string) (scaffold.Facts, error) {
	if filepath.IsAbs(entry) {
		if rel, err := filepath.Rel(dir, entry); err == nil {
			entry = rel
		}
	}
	facts, err := scaffold.Read(os.DirFS(dir), filepath.ToSlash(entry))
	if errors.Is(err, scaffold.ErrNoEntry) {
		return facts, &failure{code: exitNotFound, err: fmt.Errorf("init %s: %w in it; the program has to lie in the application's folder", dir, err)}
	}
	if err != nil {
		return facts, fmt.Errorf("init %s: %w", dir, err)
	}
	if !facts.Package { // a package.json above says what a .js is here
		facts.Module = procfileName(dir) == "procfile.cjs"
	}
	return facts, nil
}

// mayReplace refuses where a procfile is there already, unless the user agrees; then flags.force is set.
func (c *cli) mayReplace(ctx context.Context, dir string, facts scaffold.Facts, flags *initFlags, ask *prompt) error {
	if len(facts.Procfiles) == 0 || flags.force || flags.dry {
		return nil
	}
	path := filepath.Join(dir, facts.Procfiles[0])
	if ask != nil {
		yes, err := ask.yes(ctx, fmt.Sprintf("The %s at %s already exists, do you want to overwrite it?", facts.Procfiles[0], path), false)
		if err != nil {
			return err
		}
		if flags.force = yes; yes {
			return nil
		}
	}
	return fmt.Errorf("init: %s is there already and stays as it is; replace it with --force, or look at a new one with --dry-run", path)
}

// askProject asks what the flags leave open.
func askProject(ctx context.Context, ask *prompt, dir string, facts scaffold.Facts, flags initFlags, wish *scaffold.Wish) (scaffold.Facts, error) {
	entry := ""
	if flags.entry == "" {
		if len(facts.Entries) > 0 {
			entry = facts.Entries[0].Path
		}
		for others := facts.Entries; len(others) > 1; others = others[1:] {
			ask.say("  %s would be possible, too", others[1].Path)
		}
		answer, err := ask.line(ctx, "Which program is to be started?", entry, func(answer string) error {
			if answer == "" {
				return errors.New("name a file, such as server.js")
			}
			for _, e := range facts.Entries {
				if e.Path == answer || strings.TrimPrefix(e.Path, "./") == answer {
					return nil
				}
			}
			_, err := readProject(dir, answer)
			return err
		})
		if err != nil {
			return facts, err
		}
		if facts, err = withEntry(dir, facts, answer); err != nil {
			return facts, err
		}
	}
	preview, err := scaffold.Make(facts, *wish)
	if err != nil {
		return facts, usageError(fmt.Errorf("init: %w", err))
	}
	if wish.Mode == "" && wish.Instances == "" && len(preview.Others) == 0 && preview.Framework != scaffold.Midway {
		answer, err := ask.line(ctx, "How many workers share its port? 1 is a plain process, auto is one for each processor", preview.Instances, func(answer string) error {
			tried := *wish
			tried.Instances = answer
			_, err := scaffold.Make(facts, tried)
			return err
		})
		if err != nil {
			return facts, err
		}
		if answer != preview.Instances {
			wish.Instances = answer
		}
	}
	if preview.Entry.TypeScript() && !wish.TypeScript {
		if wish.TypeScript, err = ask.yes(ctx, "Write the procfile in TypeScript?", false); err != nil {
			return facts, err
		}
	}
	return facts, nil
}

// withEntry makes a program that the user named the first; one that was found keeps what is known of it.
func withEntry(dir string, facts scaffold.Facts, answer string) (scaffold.Facts, error) {
	for i, e := range facts.Entries {
		if e.Path == answer || strings.TrimPrefix(e.Path, "./") == answer {
			if i > 0 {
				facts.Entries = append([]scaffold.Entry{e}, facts.Entries...)
			}
			return facts, nil
		}
	}
	return readProject(dir, answer)
}

// writePlan writes the files of a plan, and the scripts if they are asked for; what fails leaves what was there.
func (c *cli) writePlan(dir string, facts scaffold.Facts, plan scaffold.Plan, flags initFlags) error {
	var changed []byte
	manifest := filepath.Join(dir, "package.json")
	if flags.scripts {
		data, err := os.ReadFile(manifest)
		if err != nil {
			return fmt.Errorf("init: add scripts to %s: %w; run [ npm init -y ] first, or leave --scripts away", manifest, fserr.Bare(err))
		}
		var kept []scaffold.Script
		if changed, kept, err = scaffold.AddScripts(data, scaffold.Scripts(), flags.force); err != nil {
			return fmt.Errorf("init: %w", err)
		}
		for _, s := range kept {
			c.warn("scripts.%s of package.json stays %q; --force replaces it", s.Name, s.Command)
		}
	}
	procfile := filepath.Join(dir, plan.Procfile.Name)
	for _, other := range plan.Others {
		if err := createFile(filepath.Join(dir, other.Name), other.Text); err != nil {
			return initWriteError(err)
		}
	}
	if err := writeProcfile(procfile, plan.Procfile.Text, flags.force); err != nil {
		for _, other := range plan.Others { // nothing would start them
			_ = os.Remove(filepath.Join(dir, other.Name))
		}
		return initWriteError(err)
	}
	if flags.scripts {
		if err := replaceContent(manifest, changed); err != nil {
			return fmt.Errorf("init: %s is written, but not the scripts: %w", procfile, err)
		}
	}
	return nil
}

// initWriteError says what else can be done.
func initWriteError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("init: %w; [ pandora init --dry-run ] prints it", err)
	}
	return fmt.Errorf("init: %w", err)
}

// createFile writes a file that is not there.
func createFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, fserr.Bare(err))
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path) // half a file
		return fmt.Errorf("write %s: %w", path, fserr.Bare(err))
	}
	return nil
}

// replaceContent gives a file another content in one step; its mode stays, and so does a link to it.
func replaceContent(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".pandora-init-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// reportPlan prints what was written, and says what comes next.
func (c *cli) reportPlan(dir string, facts scaffold.Facts, plan scaffold.Plan, flags initFlags, f *format) error {
	next := nextSteps(dir, facts, plan, flags)
	if f.document() {
		return c.printDocument(f, initDocument{
			Dir: dir, Framework: string(plan.Framework), Entry: plan.Entry.Path, Mode: string(plan.Mode), Instances: plan.Instances,
			Process: plan.Name, Files: append([]scaffold.File{plan.Procfile}, plan.Others...), Written: !flags.dry,
			Notes: append([]string{}, plan.Notes...), Next: commandsOf(next),
		})
	}
	fmt.Fprintln(c.err, plan.Summary())
	for _, note := range plan.Notes {
		c.warn("%s", note)
	}
	if flags.dry {
		for _, other := range plan.Others {
			fmt.Fprintf(c.err, "It would also write %s:\n\n%s\n", other.Name, other.Text)
		}
		_, err := io.WriteString(c.out, plan.Procfile.Text)
		return err
	}
	for _, other := range plan.Others {
		c.say("** The %s was auto generated to location %s **", other.Name, filepath.Join(dir, other.Name))
	}
	c.say("%s", green(c.outColour, fmt.Sprintf("** The %s was auto generated to location %s **", plan.Procfile.Name, filepath.Join(dir, plan.Procfile.Name))))
	fmt.Fprintln(c.err, "Next:")
	for _, s := range next {
		fmt.Fprintf(c.err, "  %-24s %s\n", s.command, s.what)
	}
	return nil
}

// step is a command that comes next.
type step struct{ command, what string }

// commandsOf are the commands alone.
func commandsOf(steps []step) []string {
	commands := make([]string, len(steps))
	for i, s := range steps {
		commands[i] = s.command
	}
	return commands
}

// nextSteps lists what the user does next.
func nextSteps(dir string, facts scaffold.Facts, plan scaffold.Plan, flags initFlags) []step {
	in, at := "", ""
	if cwd, err := os.Getwd(); err == nil && cwd != dir {
		at = " " + dir
		if rel, err := filepath.Rel(cwd, dir); err == nil && isBelow(dir, cwd) {
			at = " ./" + rel
		}
		in = "cd" + at + " && "
	}
	var steps []step
	if !facts.Installed {
		steps = append(steps, step{in + "npm install", "its packages are not there yet"})
	}
	if plan.Entry.Missing && plan.Entry.Build != "" {
		what := "makes " + plan.Entry.Built + ", which is started"
		if plan.Framework == scaffold.Next {
			what = "makes " + plan.Entry.Built + " for pandora start; pandora dev needs none"
		}
		steps = append(steps, step{in + plan.Entry.Build, what})
	}
	if flags.scripts {
		at = "" // the scripts are the package's
	}
	return append(steps,
		step{"pandora dev" + at, "in the foreground; restarts what changes"},
		step{"pandora start" + at, "in the background; then pandora list, pandora log -f"},
	)
}
