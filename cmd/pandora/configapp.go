package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/js"
	"github.com/pandora-go/pandora/supervisor"
)

// environmentReport is what the processes of an application find in their environment; docs/json.md documents it.
type environmentReport struct {
	AppName   string               `json:"appName"`
	AppDir    string               `json:"appDir"`
	Processes []processEnvironment `json:"processes"`
}

// processEnvironment is that of one process, sorted by name.
type processEnvironment struct {
	ProcessName string           `json:"processName"`
	Variables   []variableReport `json:"variables"`
}

// variableReport is one variable, masked.
type variableReport struct {
	Name   string            `json:"name"`
	Value  string            `json:"value"`
	Origin supervisor.Origin `json:"origin"`
	// At is the place in a file of variables, as "/srv/shop/.env:3", or where a secret comes from, as "file
	// /run/secrets/db"; "" for other origins.
	At string `json:"at,omitempty"`
}

// configOf runs the verb config show of one application.
func (c *cli) configOf(ctx context.Context, name string, f *format, flags configFlags) error {
	if err := state.ValidName(name); err != nil {
		return nameError(err)
	}
	home, err := state.Locate(c.getenv)
	if err != nil {
		return err
	}
	record, err := home.ReadRecord(name)
	switch {
	case errors.Is(err, state.ErrNoRecord):
		return &failure{code: exitNotFound, err: fmt.Errorf("config show: %s does not exists!%s", name, c.suggestion(ctx, name))}
	case err != nil:
		return err
	}
	report, err := environmentOf(home, record)
	if err != nil {
		return fmt.Errorf("read the environment of %s: %w", name, err)
	}
	if f.document() {
		return c.printDocument(f, report)
	}
	c.printEnvironment(report, flags.origin)
	return nil
}

// environmentOf is what a worker that starts now is given. Files of variables are read.
func environmentOf(home state.Home, record *state.Record) (*environmentReport, error) {
	jsDir, err := js.Install(home.JS) // the record says that it is there
	if err != nil {
		return nil, fmt.Errorf("find the JavaScript parts: %w", err)
	}
	plan := &supervisor.Plan{App: record.App, Env: record.Env, JSDir: jsDir}
	report := &environmentReport{AppName: record.AppName, AppDir: record.AppDir, Processes: []processEnvironment{}}
	for i := range record.App.Processes {
		process := &record.App.Processes[i]
		variables, err := supervisor.Variables(plan, process)
		if err != nil {
			return nil, err
		}
		shown := processEnvironment{process.ProcessName, make([]variableReport, len(variables))}
		for j, v := range variables {
			shown.Variables[j] = variableReport{v.Name, maskedVariable(v), v.Origin, v.At}
		}
		report.Processes = append(report.Processes, shown)
	}
	return report, nil
}

// maskedVariable is the value of a variable for showing.
func maskedVariable(v supervisor.Variable) string {
	if v.Origin == supervisor.OriginSecret || v.Value != "" && secretName(v.Name) {
		return mask
	}
	return endpoints.MaskURL(v.Value)
}

// printEnvironment writes a table with a row for each variable of each process.
func (c *cli) printEnvironment(report *environmentReport, origin bool) {
	header := []string{"Process", "Variable", "Value"}
	if origin {
		header = append(header, "Origin")
	}
	var rows [][]cell
	for _, p := range report.Processes {
		for _, v := range p.Variables {
			row := []cell{{text: p.ProcessName}, {text: v.Name}, {text: v.Value}}
			switch {
			case origin && v.At != "":
				row = append(row, cell{text: v.At})
			case origin:
				row = append(row, cell{text: string(v.Origin)})
			}
			rows = append(rows, row)
		}
	}
	table(c.out, c.width, header, rows)
}
