package procfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Process returns the process of that name, or nil. It points into the graph.
func (a *Application) Process(name string) *Process {
	for i := range a.Processes {
		if a.Processes[i].ProcessName == name {
			return &a.Processes[i]
		}
	}
	return nil
}

// Place returns where a member of a process, service or applet is written, or the first of several members that has a
// place; "" is the definition. ok is false when none is known.
func (a *Application) Place(of Subject, name string, members ...string) (place Place, ok bool) {
	for _, member := range members {
		for _, p := range a.Places {
			if p.Of == of && p.Name == name && p.Member == member {
				return p, true
			}
		}
	}
	return Place{}, false
}

// Clone copies the graph deeply; nothing is shared with the original.
func (a *Application) Clone() *Application {
	c := *a
	c.Processes = slices.Clone(a.Processes)
	for i := range c.Processes {
		p := &c.Processes[i]
		p.Args, p.ExecArgv = slices.Clone(p.Args), slices.Clone(p.ExecArgv)
		p.cloneEnviron()
		p.Order, p.EntryFileBaseDir = clonePointer(p.Order), clonePointer(p.EntryFileBaseDir)
		p.Policy = p.Policy.clone()
	}
	c.DefinedProcesses, c.Warnings = slices.Clone(a.DefinedProcesses), slices.Clone(a.Warnings)
	c.EnvFiles = slices.Clone(a.EnvFiles)
	c.Places = slices.Clone(a.Places)
	c.cloneScripts()
	c.Services, c.Applets = cloneServices(a.Services), cloneServices(a.Applets)
	if c.Evaluation = clonePointer(a.Evaluation); c.Evaluation != nil {
		c.Evaluation.GlobalArgs = slices.Clone(a.Evaluation.GlobalArgs)
		c.Evaluation.GlobalExecArgv = slices.Clone(a.Evaluation.GlobalExecArgv)
		c.Evaluation.Source = a.Evaluation.Source.Clone()
	}
	return &c
}

func cloneServices(services []Service) []Service {
	list := slices.Clone(services)
	for i := range list {
		list[i].Dependencies = slices.Clone(list[i].Dependencies)
		list[i].Config = cloneJSON(list[i].Config)
	}
	return list
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// cloneJSON copies what json.Unmarshal makes of any.
func cloneJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = cloneJSON(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = cloneJSON(value)
		}
		return list
	default:
		return v
	}
}

// Digest identifies what the graph describes: 16 hex digits. Engine, Warnings, Evaluation, and where things are written
// do not count.
func (a *Application) Digest() string {
	described := *a
	described.Engine, described.Warnings, described.Evaluation, described.Places = "", nil, nil, nil
	described.unplace()
	data, err := json.Marshal(described)
	if err != nil {
		// Only a Config that did not come from JSON gets here.
		data = fmt.Appendf(nil, "%#v", described)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// Change is one difference between two graphs.
type Change struct {
	// Path is the place, with processes and services by their names: `process["web"].env.PORT`.
	Path string `json:"path"`
	// Old is the JSON value before; nil when it was absent.
	Old any `json:"old"`
	// New is the JSON value after; nil when it is gone.
	New any `json:"new"`
}

// Diff lists what changes from a to b, sorted by place; empty when they describe the same. Engine, Warnings,
// Evaluation and Places do not count. A process that is new or gone is one change; so is another start order of the processes that
// stay.
func (a *Application) Diff(b *Application) []Change {
	var changes []Change
	was, is := described(a), described(b)
	keys := maps.Clone(was)
	maps.Copy(keys, is)
	for _, key := range sortedKeys(keys) {
		changes = diff(changes, key, was[key], is[key])
	}
	for _, list := range []string{"process", "services", "applets"} {
		before, after := names(a, list), names(b, list)
		stays := func(other []string) func(string) bool {
			return func(name string) bool { return !slices.Contains(other, name) }
		}
		before, after = slices.DeleteFunc(before, stays(after)), slices.DeleteFunc(after, stays(before))
		if !slices.Equal(before, after) {
			changes = append(changes, Change{Path: list, Old: before, New: after})
		}
	}
	slices.SortStableFunc(changes, func(x, y Change) int {
		if x.Path < y.Path {
			return -1
		} else if x.Path > y.Path {
			return 1
		}
		return 0
	})
	return changes
}

// names lists the names in one of the lists of a graph, in order.
func names(a *Application, list string) []string {
	var result []string
	switch list {
	case "process":
		for i := range a.Processes {
			result = append(result, a.Processes[i].ProcessName)
		}
	case "services":
		for i := range a.Services {
			result = append(result, a.Services[i].ServiceName)
		}
	case "applets":
		for i := range a.Applets {
			result = append(result, a.Applets[i].ServiceName)
		}
	}
	return result
}

// described is the graph as JSON values, with its lists of processes, services and applets as maps by name.
func described(a *Application) map[string]any {
	record := map[string]any{
		"appName": a.AppName, "appDir": a.AppDir, "defaultServiceCategory": a.DefaultServiceCategory,
		"definedProcesses": generic(a.DefinedProcesses),
	}
	processes := map[string]any{}
	for i := range a.Processes {
		value := generic(a.Processes[i])
		if fields, ok := value.(map[string]any); ok {
			// Said once, by the application.
			delete(fields, "appName")
			delete(fields, "appDir")
			if secrets, ok := fields["secrets"].([]any); ok {
				fields["secrets"] = byName(secrets)
			}
		}
		processes[a.Processes[i].ProcessName] = value
	}
	record["process"] = processes
	for key, list := range map[string][]Service{"services": a.Services, "applets": a.Applets} {
		services := map[string]any{}
		for i := range list {
			services[list[i].ServiceName] = generic(list[i])
		}
		record[key] = services
	}
	describedScripts(a, record)
	return record
}

// byName are objects by their names, which are theirs alone.
func byName(list []any) map[string]any {
	named := map[string]any{}
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			name, _ := object["name"].(string)
			delete(object, "name")
			named[name] = object
		}
	}
	return named
}

// generic takes a value through JSON.
func generic(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%#v", v)
	}
	var result any
	_ = json.Unmarshal(data, &result) // just marshalled
	return result
}

func diff(changes []Change, path string, was, is any) []Change {
	before, ok1 := was.(map[string]any)
	after, ok2 := is.(map[string]any)
	if !ok1 || !ok2 {
		if !reflect.DeepEqual(was, is) {
			changes = append(changes, Change{Path: path, Old: was, New: is})
		}
		return changes
	}
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range sortedKeys(keys) {
		place := path + "." + key
		if path == "process" || path == "services" || path == "applets" || !plainKey(key) {
			place = fmt.Sprintf("%s[%q]", path, key)
		}
		changes = diff(changes, place, before[key], after[key])
	}
	return changes
}

// plainKey reports whether key can follow a dot in a path.
func plainKey(key string) bool {
	for i, r := range key {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return key != ""
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
