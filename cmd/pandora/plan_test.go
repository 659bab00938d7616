package main

import (
	"reflect"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

func TestMaskedSteps(t *testing.T) {
	list := func(args ...any) []any { return args }
	for _, c := range []struct {
		field    []string
		was, is  any
		old, new any
	}{
		{[]string{"env", "API_TOKEN"}, "a", nil, mask, nil},
		{[]string{"env", "NAME"}, "a", "b", "a", "b"},
		{[]string{"args"}, list("--token=a", "x"), list("--token", "b", "y"), list("--token="+mask, "x"), list("--token", mask, "y")},
		{[]string{"execArgv"}, []any{}, list("--token", "--inspect"), []any{}, list("--token", "--inspect")},
		{[]string{"config", "db"}, map[string]any{"password": "a", "port": 1.0}, nil, map[string]any{"password": mask, "port": 1.0}, nil},
	} {
		got := maskedSteps([]procfile.Step{{Kind: procfile.OfProcess, Field: c.field, Old: c.was, New: c.is}})[0]
		if !reflect.DeepEqual(got.Old, c.old) || !reflect.DeepEqual(got.New, c.new) {
			t.Errorf("%q: %v and %v, want %v and %v", c.field, got.Old, got.New, c.old, c.new)
		}
	}
}

func TestEnvDifference(t *testing.T) {
	got := envDifference([]string{"A=1", "B=1", "C=1", "SHLVL=1", "PWD=/a"}, []string{"B=1", "C=2", "D=1", "SHLVL=2", "E=", "PWD=/b"})
	want := envNames{Added: []string{"D", "E"}, Removed: []string{"A"}, Changed: []string{"C"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !envDifference([]string{"A=1"}, []string{"A=0", "A=1"}).empty() {
		t.Error("the last one of a name does not count")
	}
}
