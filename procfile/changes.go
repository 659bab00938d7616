package procfile

import (
	"maps"
	"reflect"
	"slices"
)

// Action tells what a Step does.
type Action string

// The actions of a Step.
const (
	ActionAdded   Action = "added"
	ActionRemoved Action = "removed"
	ActionChanged Action = "changed"
)

// OfApplication is the subject of a Step about the application itself; see also OfProcess, OfService and OfApplet.
const OfApplication Subject = "application"

// Step is one difference between what runs and what would.
type Step struct {
	Action Action `json:"action"`
	// Kind is OfApplication, OfProcess, OfService or OfApplet.
	Kind Subject `json:"kind"`
	Name string  `json:"name"`
	// Field is what changes, as a path of names: ["scale"], ["env", "PORT"], ["config", "db", "host"]; nil when the whole
	// is added or removed.
	Field []string `json:"field,omitempty"`
	// Old and New are JSON values; nil where it is absent, and when the whole is added or removed.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
}

// derived are fields that follow from others, or from the order of definition: what changes there alone starts nothing
// anew.
var derived = [...]string{"offset", "serviceName", "processName"}

// Steps lists what running b instead of a means, process by process and service by service, in b's order, with what is
// removed last. A nil a runs nothing. It is empty when both run the same: what only differs in where it is defined, or in
// processes that never run, does not count.
func Steps(a, b *Application) []Step {
	var steps []Step
	if a == nil {
		a = &Application{AppDir: b.AppDir}
	}
	if a.AppDir != b.AppDir {
		steps = append(steps, Step{ActionChanged, OfApplication, b.AppName, []string{"appDir"}, a.AppDir, b.AppDir})
	}
	was, is := described(a), described(b)
	for _, list := range []struct {
		key  string
		kind Subject
	}{{"process", OfProcess}, {"services", OfService}, {"applets", OfApplet}} {
		before, _ := was[list.key].(map[string]any)
		after, _ := is[list.key].(map[string]any)
		for _, name := range names(b, list.key) {
			if _, known := before[name]; !known {
				steps = append(steps, Step{Action: ActionAdded, Kind: list.kind, Name: name})
				continue
			}
			steps = fieldSteps(steps, Step{Action: ActionChanged, Kind: list.kind, Name: name}, before[name], after[name])
		}
		for _, name := range names(a, list.key) {
			if _, stays := after[name]; !stays {
				steps = append(steps, Step{Action: ActionRemoved, Kind: list.kind, Name: name})
			}
		}
	}
	return steps
}

// fieldSteps appends the differences below step's field.
func fieldSteps(steps []Step, step Step, was, is any) []Step {
	before, ok1 := was.(map[string]any)
	after, ok2 := is.(map[string]any)
	if !ok1 || !ok2 {
		if !reflect.DeepEqual(was, is) {
			step.Old, step.New = was, is
			steps = append(steps, step)
		}
		return steps
	}
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range sortedKeys(keys) {
		if len(step.Field) == 0 && slices.Contains(derived[:], key) {
			continue
		}
		below := step
		below.Field = append(slices.Clone(step.Field), key)
		was, is := before[key], after[key]
		if step.Kind == OfProcess && len(step.Field) == 0 && (key == "policy" || key == "secrets") {
			was, is = orNone(was), orNone(is) // what they have is told one by one, also the first
		}
		steps = fieldSteps(steps, below, was, is)
	}
	return steps
}

// orNone is an object without fields in place of none.
func orNone(object any) any {
	if object == nil {
		return map[string]any{}
	}
	return object
}
