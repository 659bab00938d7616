package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

func (c *cli) structureCommand() *cobra.Command {
	var flags appFlags
	var dev bool
	var f *format
	var engine string
	cmd := &cobra.Command{
		Use:   "structure [dir or file]",
		Short: "Evaluate a procfile and print the application it describes; nothing is started",
		Example: `  pandora structure
  pandora structure ./shop -o json
  pandora structure ecosystem.config.js`,
		Args: sourceArguments("one folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = flags.split(cmd, args)
			if !slices.Contains([]string{"auto", "goja", "node"}, engine) {
				return usageError(fmt.Errorf("--engine is %q, want auto, goja or node", engine))
			}
			d, err := flags.read(cmd.Context(), c, first(args), dev)
			if err != nil {
				return err
			}
			d.options.Engine = engine
			return c.structure(cmd.Context(), d.options, f)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&dev, "dev", false, "as pandora dev would see it: pandora.dev is true")
	f = addFormat(cmd, formatName)
	cmd.Flags().StringVar(&engine, "engine", "auto", "who evaluates: auto (Goja, and Node where Goja cannot), goja or node")
	return cmd
}

// structure runs the verb structure.
func (c *cli) structure(ctx context.Context, options evaluate.Options, f *format) error {
	result, err := evaluate.Evaluate(ctx, options)
	if err != nil {
		return procfileError(ctx, err)
	}
	for _, w := range result.App.Warnings {
		c.warn("%s", w)
	}
	switch {
	case f.document():
		return c.printDocument(f, result.App)
	case f.name == formatName:
		for _, p := range result.App.Processes {
			c.say("%s/%s", result.App.AppName, p.ProcessName)
		}
		return nil
	}
	c.wrapping(0).printStructure(result.App)
	return nil
}

// printStructure shows a graph as a tree of processes with what runs in each.
func (c *cli) printStructure(app *procfile.Application) {
	c.say("%s  %s", app.AppName, grey(c.outColour, fmt.Sprintf("%s, evaluated by %s", app.AppDir, app.Engine)))
	if len(app.Processes) == 0 {
		c.say("(no process: nothing would be started)")
	}
	for i, p := range app.Processes {
		branch, lead := "├─ ", "│  "
		if i == len(app.Processes)-1 {
			branch, lead = "└─ ", "   "
		}
		c.say("%s%s", branch, processLine(p))
		items := processItems(app, p)
		for j, item := range items {
			inner := "├─ "
			if j == len(items)-1 {
				inner = "└─ "
			}
			c.say("%s%s%s", lead, inner, item)
		}
	}
}

// processLine describes a process in one line.
func processLine(p procfile.Process) string {
	line := p.ProcessName
	if p.Scale > 1 {
		line += fmt.Sprintf(" × %d", p.Scale)
	}
	if p.Kind == procfile.KindWorker {
		line += " (cluster)"
	}
	if p.EntryFile != "" {
		line += "  " + p.EntryFile
	}
	return line
}

// processItems describes what a process has and what runs in it.
func processItems(app *procfile.Application, p procfile.Process) []string {
	var items []string
	if len(p.ExecArgv) > 0 {
		items = append(items, "node "+strings.Join(p.ExecArgv, " "))
	}
	if len(p.Args) > 0 {
		items = append(items, "args "+strings.Join(p.Args, " "))
	}
	if len(p.Env) > 0 {
		names := make([]string, 0, len(p.Env))
		for name := range p.Env {
			names = append(names, name)
		}
		slices.Sort(names)
		items = append(items, "env "+strings.Join(names, " ")) // values may be secrets
	}
	if len(p.Secrets) > 0 {
		items = append(items, "secrets "+strings.Join(secretNames(p), " "))
	}
	for _, s := range app.Services {
		if runsIn(s.Category, p.ProcessName) {
			items = append(items, "service "+serviceLine(s))
		}
	}
	for _, s := range app.Applets {
		if runsIn(s.Category, p.ProcessName) {
			items = append(items, "applet "+serviceLine(s))
		}
	}
	return items
}

// runsIn reports whether a service of this category runs in a process.
func runsIn(category, process string) bool {
	return category == process || category == "all" || category == "weak-all"
}

// serviceLine describes a service in one line.
func serviceLine(s procfile.Service) string {
	line := s.ServiceName
	switch {
	case s.Entry.Path != "":
		line += "  " + s.Entry.Path
	case s.Entry.Name != "":
		line += fmt.Sprintf("  %s %s", s.Entry.Kind, s.Entry.Name)
	}
	if len(s.Dependencies) > 0 {
		line += "  after " + strings.Join(s.Dependencies, ", ")
	}
	return line
}
