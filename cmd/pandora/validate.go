package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/engine"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

func (c *cli) validateCommand() *cobra.Command {
	var flags appFlags
	var dev, strict bool
	var f *format
	cmd := &cobra.Command{
		Use:   "validate [dir or file]",
		Short: "Examine a procfile strictly, in both engines; nothing is started",
		Long: `Validate evaluates the procfile in Goja and in Node, and reports everything that is wrong or suspicious at once:
what is refused, members that are set and mean nothing, processes that never run, entries that are not found, services
on undefined processes, dependencies that cannot be met, and differences between the engines. One line each:

  file:line:column: severity: message (hint)

It needs no daemon. The exit code is 7 when there is an error (with --strict: or a warning), else 0.

-o json prints {"version": 1, "ok", "application": {"name", "dir"}, "processes", "services", "problems": [{"severity":
"error" or "warning", "code", "message", "file", "line", "column", "hint"}], "engines": {"goja" and "node": {"ok",
"milliseconds", "error"}}}; "services" counts applets too, "line" and "column" are 0 where they are not known.`,
		Example: `  pandora validate
  pandora validate ./shop --strict -o json`,
		Args: sourceArguments("one folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = flags.split(cmd, args)
			d, err := flags.read(cmd.Context(), c, first(args), dev)
			if bad, ok := errors.AsType[*evaluate.Error](err); ok && d.target.Dir != "" {
				return c.printReport(unread(d.target, bad), f, strict)
			}
			if err != nil {
				return err
			}
			d.options.Strict = true
			report, err := validate(cmd.Context(), d.options)
			if err != nil {
				return err
			}
			return c.printReport(report, f, strict)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&dev, "dev", false, "as pandora dev would see it: pandora.dev is true")
	f = addFormat(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings count as errors")
	return cmd
}

// engineReport tells how one engine fared.
type engineReport struct {
	OK           bool    `json:"ok"`
	Milliseconds float64 `json:"milliseconds"`
	Error        string  `json:"error,omitempty"`
}

// validation is the JSON of validate, version 1.
type validation struct {
	Version     int  `json:"version"`
	OK          bool `json:"ok"`
	Application struct {
		Name string `json:"name"`
		Dir  string `json:"dir"`
	} `json:"application"`
	Processes int                     `json:"processes"`
	Services  int                     `json:"services"`
	Problems  []procfile.Problem      `json:"problems"`
	Engines   map[string]engineReport `json:"engines"`
}

// verdict is what one engine made of a procfile.
type verdict struct {
	result *evaluate.Result
	failed *evaluate.Error
	took   time.Duration
}

// ask evaluates in one engine.
func ask(ctx context.Context, options evaluate.Options, name string) (verdict, error) {
	options.Engine = name
	began := time.Now()
	result, err := evaluate.Evaluate(ctx, options)
	v := verdict{result: result, took: time.Since(began)}
	if err == nil {
		return v, nil
	}
	var ok bool
	if v.failed, ok = errors.AsType[*evaluate.Error](err); !ok {
		return v, procfileError(ctx, err)
	}
	return v, nil
}

func (v verdict) report() engineReport {
	r := engineReport{OK: v.failed == nil, Milliseconds: float64(v.took.Microseconds()) / 1000}
	if v.failed != nil {
		r.Error = oneLine(v.failed.Message)
	}
	return r
}

// validate examines the procfile of a folder in both engines. The error is that of a folder that cannot be examined.
func validate(ctx context.Context, options evaluate.Options) (*validation, error) {
	goja, err := ask(ctx, options, evaluate.EngineGoja)
	if err != nil {
		return nil, err
	}
	node, err := ask(ctx, options, evaluate.EngineNode)
	if err != nil {
		return nil, err
	}
	report := &validation{Version: 1, Problems: []procfile.Problem{}, Engines: map[string]engineReport{
		evaluate.EngineGoja: goja.report(), evaluate.EngineNode: node.report(),
	}}
	report.Application.Name, report.Application.Dir = options.AppName, options.Dir
	result, problems := judge(goja, node)
	if result != nil {
		app := result.App
		report.Processes, report.Services = len(app.Processes), len(app.Services)+len(app.Applets)
		problems = append(problems, result.Problems...)
		problems = append(problems, procfile.Lint(app, func(dir, request string) bool {
			_, err := engine.Find("", dir, request)
			return err == nil
		})...)
		problems = append(problems, indicatorProblems(app)...)
		if goja.failed != nil {
			problems = append(problems, unscripted(app, goja.failed)...)
		}
	}
	procfile.SortProblems(problems)
	report.Problems = append(report.Problems, problems...)
	report.OK = !has(report.Problems, procfile.SeverityError)
	return report, nil
}

// unread is the report on a folder of which no procfile can be read.
func unread(t target, bad *evaluate.Error) *validation {
	failed := verdict{failed: bad}.report()
	report := &validation{Version: 1, Problems: []procfile.Problem{evaluate.ProblemOf(bad)}, Engines: map[string]engineReport{
		evaluate.EngineGoja: failed, evaluate.EngineNode: failed,
	}}
	report.Application.Name, report.Application.Dir = t.Name, t.Dir
	return report
}

// judge chooses the result that counts, nil when there is none, and says what the engines have to say about each other.
func judge(goja, node verdict) (*evaluate.Result, []procfile.Problem) {
	noNode := node.failed != nil && node.failed.Kind == evaluate.KindNoNode
	switch {
	case goja.failed == nil && node.failed == nil:
		return node.result, differences(goja.result.App, node.result.App)
	case goja.failed == nil && noNode:
		p := evaluate.ProblemOf(node.failed)
		p.Severity, p.File = procfile.SeverityWarning, ""
		p.Message = "evaluated in goja only, because there is no Node: " + p.Message
		return goja.result, []procfile.Problem{p}
	case node.failed == nil:
		p := evaluate.ProblemOf(goja.failed)
		p.Severity, p.Hint = procfile.SeverityWarning, "it is evaluated by node then, which takes longer"
		p.Message = "goja cannot evaluate this: " + p.Message
		return node.result, []procfile.Problem{p}
	case noNode:
		return nil, []procfile.Problem{evaluate.ProblemOf(goja.failed)}
	}
	p := evaluate.ProblemOf(node.failed)
	if p.Column == 0 && goja.failed != nil && goja.failed.Column > 0 {
		// V8 does not always say where a file ends too early.
		p.File, p.Line, p.Column = goja.failed.Path, goja.failed.Line, goja.failed.Column
	}
	return nil, []procfile.Problem{p}
}

// differences are warnings about what Goja and Node disagree on. Node is right, because workers run in it.
func differences(goja, node *procfile.Application) []procfile.Problem {
	var problems []procfile.Problem
	for _, change := range masked(goja).Diff(masked(node)) {
		problems = append(problems, procfile.Problem{
			Severity: procfile.SeverityWarning, Code: "engines-differ",
			Message: fmt.Sprintf("goja and node differ in %s: %s and %s", change.Path, shownValue(change.Old), shownValue(change.New)),
			Hint:    "the value depends on where the procfile runs; --engine node is what the workers see",
		})
	}
	return problems
}

func has(problems []procfile.Problem, severity procfile.Severity) bool {
	return count(problems, severity) > 0
}

func count(problems []procfile.Problem, severity procfile.Severity) int {
	n := 0
	for _, p := range problems {
		if p.Severity == severity {
			n++
		}
	}
	return n
}

// printReport shows a validation and makes the exit code of it.
func (c *cli) printReport(report *validation, f *format, strict bool) error {
	bad := !report.OK || strict && len(report.Problems) > 0
	if f.document() {
		if err := c.printDocument(f, report); err != nil {
			return err
		}
	} else {
		c := c.wrapping(2)
		for _, p := range report.Problems {
			colour := yellow
			if p.Severity == procfile.SeverityError {
				colour = red
			}
			c.say("%s", colour(c.outColour, abridged(oneLine(p.String()))))
		}
		c.say("%s", summary(report))
	}
	if bad {
		return &failure{code: exitProcfile, err: errors.New("the procfile has problems"), told: true}
	}
	return nil
}

// summary is the last line of a report.
func summary(report *validation) string {
	var by []string
	for _, name := range []string{evaluate.EngineGoja, evaluate.EngineNode} {
		if e := report.Engines[name]; e.OK {
			by = append(by, fmt.Sprintf("%s in %.0f ms", name, e.Milliseconds))
		}
	}
	text := "procfile ok"
	errorCount, warnings := count(report.Problems, procfile.SeverityError), count(report.Problems, procfile.SeverityWarning)
	if !report.OK {
		text = "procfile has " + plural(errorCount, "error")
		if warnings > 0 {
			text += " and " + plural(warnings, "warning")
		}
	}
	if len(by) > 0 {
		text += fmt.Sprintf(": %s, %s", plural(report.Processes, "process"), plural(report.Services, "service"))
		if report.OK && warnings > 0 {
			text += ", " + plural(warnings, "warning")
		}
		text += ", evaluated by " + strings.Join(by, " and ")
	}
	return text
}

// plural is "1 process", "2 processes".
func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
