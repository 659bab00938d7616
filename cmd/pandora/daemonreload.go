package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/control"
)

func (c *cli) daemonReloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Evaluate the global configuration again and change reporters and EndPoints accordingly",
		Long: `Evaluates the modules of PANDORA_CONFIG again, with the environment and from the folder that the daemon was started with.
Reporters are changed as the configuration says now; those whose options are as before are not disturbed. EndPoints and
reporters that are classes are made anew. What else the configuration says, of logs, HTTP and health, counts from the next
daemon on: [ pandora daemon upgrade ].`,
		Example: "  pandora daemon reload",
		Args:    arguments(0, 0, "no argument"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.daemonReload(cmd.Context()) },
	}
}

// daemonReload runs the verb daemon reload. The command evaluates, as the daemon runs no JavaScript.
func (c *cli) daemonReload(ctx context.Context) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		return &failure{code: exitUnreachable, err: errors.New(notRunning + "; [ pandora start ] starts it with the configuration as it is")}
	}
	defer d.Close()
	spec := home.ReadDaemon()
	if spec == nil {
		return errors.New("reload the configuration: it is not known what the daemon was started with; run [ pandora daemon upgrade ]")
	}
	result, err := config.Load(ctx, config.Options{Env: spec.Env, Cwd: spec.Cwd})
	if err != nil {
		return err
	}
	for _, w := range result.Warnings {
		c.warn("%s", w)
	}
	spec.Config, spec.ConfigPaths = result.JSON, result.Paths
	if err := home.WriteDaemon(spec); err != nil {
		return err
	}
	answer, err := d.Reload(ctx)
	if err != nil {
		return err
	}
	for _, p := range answer.Problems {
		c.warn("%s", p)
	}
	names := strings.Join(answer.Reporters, ", ")
	if names == "" {
		names = "none"
	}
	c.say("configuration read again, reporters: %s", names)
	return nil
}

// reload takes the reporters from the configuration as it is kept now.
func (d *daemon) reload() (control.Reloaded, error) {
	spec := d.home.ReadDaemon()
	if spec == nil {
		return control.Reloaded{}, errors.New("reload the configuration: there is none to be read")
	}
	answer := control.Reloaded{Problems: []string{}}
	options, err := endpoints.DecodeOptions(spec.Config)
	if err != nil {
		answer.Problems = append(answer.Problems, err.Error()+"; the defaults are used")
		options = endpoints.DefaultOptions()
	}
	d.monitor.reporters.SetInterval(options.ReporterInterval)
	answer.Problems = append(answer.Problems, d.configureReporters(spec.Config)...)
	answer.Reporters = d.monitor.reporters.Names()
	d.reloaded.Store(spec)
	d.log.Info("configuration read again", zap.Strings("reporters", answer.Reporters))
	return answer, nil
}

// configPaths are the modules of the configuration that was read last.
func (d *daemon) configPaths() []string {
	if spec := d.reloaded.Load(); spec != nil {
		return spec.ConfigPaths
	}
	return d.spec.ConfigPaths
}
