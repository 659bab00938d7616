package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

// codeIndicator is the code of problems with the options of built-in indicators.
const codeIndicator = "indicator"

// declaredIndicators shows the indicators of a graph to the endpoints.
func declaredIndicators(list []procfile.Indicator) []endpoints.DeclaredIndicator {
	var out []endpoints.DeclaredIndicator
	for _, i := range list {
		d := endpoints.DeclaredIndicator{
			Name: i.Name, Group: i.Group, Type: i.Type, Critical: i.Critical, Scripted: i.Scripted, At: i.At,
			Interval: time.Duration(i.IntervalMs) * time.Millisecond, Timeout: time.Duration(i.TimeoutMs) * time.Millisecond,
		}
		if len(i.Options) > 0 {
			d.Options, _ = json.Marshal(i.Options) // it came as JSON
		}
		out = append(out, d)
	}
	return out
}

// indicatorProblems tells what is wrong with the options of built-in indicators.
func indicatorProblems(app *procfile.Application) []procfile.Problem {
	var problems []procfile.Problem
	for _, d := range declaredIndicators(app.Indicators) {
		at := d.At
		d.At = "" // the problem tells it
		err := endpoints.CheckIndicator(d)
		if err == nil {
			continue
		}
		p := procfile.Problem{Severity: procfile.SeverityError, Code: codeIndicator, Message: err.Error(), Hint: "its row in /health would be DOWN"}
		p.File, p.Line, p.Column = splitPlace(at)
		problems = append(problems, p)
	}
	return problems
}

// unscripted tells what a script host cannot run, because of what Goja has said of the procfile.
func unscripted(app *procfile.Application, why *evaluate.Error) []procfile.Problem {
	var problems []procfile.Problem
	for _, u := range evaluate.Unscripted(app, why) {
		p := procfile.Problem{Severity: procfile.SeverityWarning, Code: codeIndicator, Message: u.Message, Hint: u.Hint}
		p.File, p.Line, p.Column = splitPlace(u.At)
		problems = append(problems, p)
	}
	return problems
}

// splitPlace takes "file:line:column" apart.
func splitPlace(at string) (file string, line, column int) {
	parts := strings.Split(at, ":")
	if len(parts) < 3 {
		return at, 0, 0
	}
	n := len(parts)
	line, errLine := strconv.Atoi(parts[n-2])
	column, errColumn := strconv.Atoi(parts[n-1])
	if errLine != nil || errColumn != nil {
		return at, 0, 0
	}
	return strings.Join(parts[:n-2], ":"), line, column
}
