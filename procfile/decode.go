package procfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Decode reads a graph from JSON and validates it. It is strict: an unknown field, a missing or ill-typed one, or
// anything after the record is an error. Absent lists come back empty, never nil.
//
// The error is an *Error when the JSON is well-formed but the graph is not valid.
func Decode(data []byte) (*Application, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	app := new(Application)
	if err := decoder.Decode(app); err != nil {
		if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && typed.Field != "" {
			return nil, &Error{Path: typed.Field, Message: fmt.Sprintf("expected %s, got %s", typed.Type, typed.Value)}
		}
		return nil, fmt.Errorf("decode application graph: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("decode application graph: there is data after the record")
	}
	app.fill()
	if err := app.Validate(); err != nil {
		return nil, err
	}
	return app, nil
}

// fill replaces absent lists and maps by empty ones.
func (a *Application) fill() {
	a.Processes = orEmpty(a.Processes)
	a.DefinedProcesses = orEmpty(a.DefinedProcesses)
	a.Services = orEmpty(a.Services)
	a.Applets = orEmpty(a.Applets)
	a.Warnings = orEmpty(a.Warnings)
	for i := range a.Processes {
		p := &a.Processes[i]
		p.Args, p.ExecArgv = orEmpty(p.Args), orEmpty(p.ExecArgv)
		if p.Env == nil {
			p.Env = map[string]string{}
		}
	}
	a.fillScripts()
	for _, list := range [][]Service{a.Services, a.Applets} {
		for i := range list {
			list[i].Dependencies = orEmpty(list[i].Dependencies)
			if list[i].Config == nil {
				list[i].Config = map[string]any{}
			}
		}
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
