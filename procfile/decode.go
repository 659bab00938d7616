package procfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
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
		return nil, undecoded(err)
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

// undecoded says what is wrong with a graph in the words of who keeps it, and not of the library.
func undecoded(err error) error {
	typed, isType := errors.AsType[*json.UnmarshalTypeError](err)
	broken, isSyntax := errors.AsType[*json.SyntaxError](err)
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ") // it has no type
	switch {
	case isType && typed.Field != "":
		return &Error{Path: typed.Field, Message: fmt.Sprintf("expected %s, got %s", wanted(typed.Type), typed.Value)}
	case isType:
		return fmt.Errorf("decode application graph: expected an object, got %s", typed.Value)
	case isUnknown:
		return fmt.Errorf("decode application graph: it has the field %s, which this pandora does not know; a newer one may have written it", unknown)
	case errors.Is(err, io.EOF):
		return errors.New("decode application graph: there is nothing in it, expected an object in JSON")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("decode application graph: it ends in the middle, as if it had not been written to its end")
	case isSyntax:
		return fmt.Errorf("decode application graph: it is no JSON from its character %d on", broken.Offset)
	}
	return fmt.Errorf("decode application graph: %w", err)
}

// wanted names what JSON has for a type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
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
