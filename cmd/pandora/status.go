package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func (c *cli) daemonStatusCommand() *cobra.Command {
	var f *format
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell the daemon's process id, version, folder and HTTP address",
		Example: `  pandora daemon status
  pandora daemon status -o json`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.daemonStatus(cmd.Context(), f) },
	}
	f = addFormat(cmd)
	return cmd
}

// daemonStatus runs the verb daemon status; any version of daemon answers it.
func (c *cli) daemonStatus(ctx context.Context, f *format) error {
	_, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		return &failure{code: exitUnreachable, err: errors.New(notRunning + "; [ pandora start ] starts it")}
	}
	defer d.Close()
	info, err := d.Info(ctx)
	if err != nil {
		return err
	}
	if f.document() {
		return c.printDocument(f, info)
	}
	c = c.wrapping(10)
	c.say("pid       %d", info.PID)
	c.say("version   %s", info.Version)
	c.say("dir       %s", info.Dir)
	c.say("logs      %s", info.LogsDir)
	c.say("running   %s", duration(time.Since(info.StartedAt)))
	if info.Actuator != "" {
		c.say("actuator  http://%s/", info.Actuator)
	} else {
		c.say("actuator  off")
	}
	for _, p := range info.ConfigPaths {
		c.say("config    %s", p)
	}
	for _, g := range info.Guards {
		c.say("guard     %s [ pid = %d ]", g.App, g.PID)
	}
	for _, r := range info.Reporters {
		name := r.Name
		if r.App != "" {
			name += " of " + r.App
		}
		c.say("reporter  %s [ sent = %d, failed = %d, dropped = %d ]", name, r.Sent, r.Failed, r.Dropped)
	}
	if info.Service {
		c.say("service   a service manager keeps the daemon")
	}
	if r := info.Revivals; r.Count > 0 {
		c.say("revived   %s, last %s ago by the guard of %s", times(r.Count), duration(time.Since(r.At)), r.By)
	}
	if info.Version != version {
		c.warn("this command is of version %s; [ pandora daemon upgrade ] replaces the running one, and the applications do not notice", version)
	}
	if r := info.Revivals; r.Failures > 0 {
		c.warn("bringing the daemon back failed %s, last %s ago: %s", times(r.Failures), duration(time.Since(r.FailedAt)), oneLine(r.Failure))
	}
	if info.ActuatorProblem != "" {
		c.warn("%s", info.ActuatorProblem)
	}
	for _, r := range info.Reporters {
		if r.Error != "" {
			c.warn("reporter %s fails: %s", r.Name, oneLine(r.Error))
		}
	}
	for _, p := range info.Problems {
		c.warn("%s", p)
	}
	return nil
}

// times is a number of times.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
