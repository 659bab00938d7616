package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/state"
)

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "What is configured, and where each value comes from",
		Example: "  pandora config show --origin",
		Args:    subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError(fmt.Errorf("[ %s ] needs the word show, like [ %[1]s show --origin ]", cmd.CommandPath()))
		},
	}
	cmd.AddCommand(c.configShowCommand())
	return cmd
}

// configFlags are those of config show.
type configFlags struct {
	// origin shows where each value comes from.
	origin bool
}

func (c *cli) configShowCommand() *cobra.Command {
	var f *format
	var flags configFlags
	cmd := &cobra.Command{
		Use:   "show [app]",
		Short: "Show the configuration that a daemon started here would use, or the environment of an application",
		Long: `Show prints every value of the global configuration as a daemon that this shell and folder start would use it: the
defaults, over them the modules of PANDORA_CONFIG, and over them environment variables. With --origin it tells which of these
each value is from. Values under the names of secrets, and passwords in URLs, are masked. What is wrong with a module or a
value is told on standard error, and what is used instead is shown. Nothing is started; a daemon that runs already is asked
for nothing, but where it has other values, a warning names them.

With the name of an application it prints what a worker of each process that starts now finds in its environment: variables
of the shell that started it, of the procfile, of --env, and of files, which are read. What makes it a worker (PANDORA_…) is
left out.`,
		Example: `  pandora config show --origin
  PANDORA_CONFIG=./production.js pandora config show -o json
  pandora config show shop --origin`,
		Args: arguments(0, 1, "at most one application"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return c.configOf(cmd.Context(), args[0], f, flags)
			}
			return c.configShow(cmd.Context(), f, flags)
		},
		ValidArgsFunction: c.completed(nameCompletion{most: 1}),
	}
	f = addFormat(cmd)
	cmd.Flags().BoolVar(&flags.origin, "origin", false, "show where each value comes from: default, a module of PANDORA_CONFIG, an environment variable, a file:line of variables, the procfile or the shell")
	return cmd
}

// configReport is the global configuration; docs/json.md documents it.
type configReport struct {
	// Modules are the files that were loaded, in order.
	Modules  []string        `json:"modules"`
	Settings []settingReport `json:"settings"`
	// Problems are sentences about what is not used.
	Problems []string `json:"problems"`
}

// settingReport is one value, masked.
type settingReport struct {
	Key    string        `json:"key"`
	Value  any           `json:"value"`
	Origin config.Origin `json:"origin"`
	// From is the path of the module or the name of the variable; "" for defaults.
	From string `json:"from,omitempty"`
}

// configShow runs the verb config show.
func (c *cli) configShow(ctx context.Context, f *format, flags configFlags) error {
	home, err := state.Locate(c.getenv)
	if err != nil {
		return err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the current folder: %w", err)
	}
	result, err := config.Load(ctx, config.Options{Env: c.environ, Cwd: cwd})
	if err != nil {
		return err
	}
	source := configSource{merged: result.JSON, getenv: c.getenv, cwd: cwd, application: true}
	for i, path := range result.Paths {
		source.modules = append(source.modules, config.Layer{Origin: config.OriginModule, From: path, JSON: result.Layers[i]})
	}
	settings, problems, err := source.settings()
	if err != nil {
		return err
	}
	report := configReport{Modules: result.Paths, Settings: []settingReport{}, Problems: append(slices.Clone(notNil(result.Warnings)), problems...)}
	for _, s := range settings {
		report.Settings = append(report.Settings, settingReport{s.Key(), maskedSetting(s), s.Origin, s.From})
	}
	for _, p := range report.Problems {
		c.warn("%s", p)
	}
	source.application = false
	if err := c.warnOfOtherDaemon(ctx, home, source); err != nil {
		return err
	}
	if f.document() {
		return c.printDocument(f, report)
	}
	c.printSettings(report.Settings, flags.origin)
	return nil
}

// printSettings writes a table with a row for each value.
func (c *cli) printSettings(settings []settingReport, origin bool) {
	header := []string{"Key", "Value"}
	if origin {
		header = append(header, "Origin")
	}
	rows := make([][]cell, len(settings))
	for i, s := range settings {
		text, isText := s.Value.(string)
		if !isText || text == "" {
			data, _ := json.Marshal(s.Value) // came from JSON
			text = string(data)
		}
		rows[i] = []cell{{text: s.Key}, {text: text}}
		if origin && s.From != "" {
			rows[i] = append(rows[i], cell{text: s.From})
		} else if origin {
			rows[i] = append(rows[i], cell{text: string(s.Origin)})
		}
	}
	table(c.out, c.width, header, rows)
}

// maskedSetting is the value of a setting for showing: no text or number under the name of a secret, or below one.
func maskedSetting(s config.Setting) any {
	switch value := s.Value.(type) {
	case string:
		if value != "" && slices.ContainsFunc(s.Path, secretName) {
			return mask
		}
		return endpoints.MaskURL(value)
	case json.Number:
		if slices.ContainsFunc(s.Path, secretName) {
			return mask
		}
	}
	return s.Value
}

// warnOfOtherDaemon tells when a daemon runs, or is due because guards wait for it, that has other values than mine.
func (c *cli) warnOfOtherDaemon(ctx context.Context, home state.Home, mine configSource) error {
	spec := home.ReadDaemon()
	if spec == nil {
		return nil
	}
	d, err := probe(ctx, home)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && d == nil && !guardLives(home):
		return nil
	case d != nil:
		d.Close()
	}
	other := configSource{merged: spec.Config, getenv: (&cli{environ: spec.Env}).getenv, cwd: spec.Cwd}
	if len(spec.Config) > 0 {
		other.modules = []config.Layer{{Origin: config.OriginModule, JSON: spec.Config}}
	}
	theirs, _, err := other.settings()
	if err != nil {
		return fmt.Errorf("read what the running daemon was started with: %w", err)
	}
	ours, _, err := mine.settings()
	if err != nil {
		return err
	}
	if keys := differing(ours, theirs); len(keys) > 0 {
		const most = 5
		text := strings.Join(keys[:min(len(keys), most)], ", ")
		if len(keys) > most {
			text += fmt.Sprintf(" and %d more", len(keys)-most)
		}
		c.warn("the running daemon has other values of %s; run [ pandora exit ] first to change them", text)
	}
	return nil
}

// differing are the keys whose values are not the same in both, sorted.
func differing(a, b []config.Setting) []string {
	values := map[string]any{}
	for _, s := range b {
		values[s.Key()] = s.Value
	}
	var keys []string
	for _, s := range a {
		key := s.Key()
		value, there := values[key]
		if delete(values, key); !there || !reflect.DeepEqual(value, s.Value) {
			keys = append(keys, key)
		}
	}
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
