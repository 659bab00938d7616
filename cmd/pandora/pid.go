package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
)

func (c *cli) pidCommand() *cobra.Command {
	var f *format
	cmd := &cobra.Command{
		Use:     "pid <appName>",
		Short:   "Print the process ids of an application's workers",
		Example: "  pandora pid shop",
		Args:    arguments(1, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.pid(cmd.Context(), args[0], f)
		},
	}
	f = addFormat(cmd, formatName)
	return cmd
}

// pid runs the verb pid.
func (c *cli) pid(ctx context.Context, name string, f *format) error {
	app, err := c.lookUp(ctx, name)
	if err != nil || app == nil {
		return err
	}
	if f.document() {
		return c.printDocument(f, struct {
			AppName string `json:"appName"`
			PIDs    []int  `json:"pids"`
		}{app.AppName, app.PIDs})
	}
	texts := make([]string, len(app.PIDs))
	for i, pid := range app.PIDs {
		texts[i] = strconv.Itoa(pid)
	}
	if f.name == formatName {
		for _, text := range texts {
			c.say("%s", text)
		}
		return nil
	}
	c.say("PID: %s", strings.Join(texts, ","))
	return nil
}

// lookUp asks the daemon for one application. Without a daemon it prints the 1.x sentence and returns nil.
func (c *cli) lookUp(ctx context.Context, name string) (*control.AppStatus, error) {
	_, d, err := c.attach(ctx)
	if err != nil {
		return nil, err
	}
	if d == nil {
		c.say(notRunning)
		return nil, nil
	}
	defer d.Close()
	app, err := d.Get(ctx, name)
	if control.CodeOf(err) == control.CodeNotFound {
		return nil, sentence(exitNotFound, "Error: App %s Not found", name)
	}
	return &app, err
}
