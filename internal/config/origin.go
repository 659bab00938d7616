package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Origin tells who says a setting.
type Origin string

// The origins of settings, from what counts least to what counts most.
const (
	// OriginDefault is a value that holds where nobody says anything.
	OriginDefault Origin = "default"
	// OriginModule is a module of PANDORA_CONFIG.
	OriginModule Origin = "module"
	// OriginEnvironment is an environment variable.
	OriginEnvironment Origin = "environment"
)

// Layer is what one source says.
type Layer struct {
	Origin Origin
	// From is the path of the module or the name of the variable; "" for defaults.
	From string
	// JSON is an object.
	JSON json.RawMessage
}

// Setting is one value of the configuration that holds: a text, a number, a switch, null, or an object or list without
// anything in it.
type Setting struct {
	// Path are the names of the objects that it lies in, and its own; an item of a list is named "[0]".
	Path []string
	// Value is as encoding/json decodes it, with numbers as json.Number.
	Value  any
	Origin Origin
	// From is that of the layer.
	From string
}

// Key is the path as one text: actuator.http.allowedHosts[0].
func (s Setting) Key() string {
	var b strings.Builder
	for _, name := range s.Path {
		switch {
		case strings.HasPrefix(name, "["):
			b.WriteString(name)
			continue
		case strings.ContainsAny(name, ".[] \t\n\"") || name == "":
			name = strconv.Quote(name)
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}

// Lay lays layers over one another as Load does, objects key by key and lists index by index, and tells which layer each
// value is from, in the order of the keys. refused are keys, with dots, that do not count in modules. A null in the place
// of a text or a number of the defaults leaves that as it is. An error means that a layer is no object.
func Lay(layers []Layer, refused ...string) ([]Setting, error) {
	root := &node{}
	for _, layer := range layers {
		decoder := json.NewDecoder(bytes.NewReader(layer.JSON))
		decoder.UseNumber()
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			return nil, fmt.Errorf("lay configuration of %s %q over the others: %w", layer.Origin, layer.From, err)
		}
		if layer.Origin == OriginModule {
			for _, key := range refused {
				leaveOut(object, strings.Split(key, "."))
			}
		}
		root.lay(object, layer)
	}
	return root.settings(nil, nil), nil
}

// leaveOut takes the value at a path out of an object.
func leaveOut(object map[string]any, path []string) {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	delete(object, path[len(path)-1])
}

// node is a value with the layer that it is from. An object or a list has parts, those of a list named "[0]", "[1]" ….
type node struct {
	value  any
	layer  Layer
	parts  map[string]*node
	isList bool
}

// lay lays a value over what is there.
func (n *node) lay(value any, layer Layer) {
	switch v := value.(type) {
	case map[string]any:
		n.open(false, map[string]any{}, layer)
		for name, item := range v {
			n.part(name).lay(item, layer)
		}
	case []any:
		n.open(true, []any{}, layer)
		for i, item := range v {
			n.part(fmt.Sprintf("[%d]", i)).lay(item, layer)
		}
	case nil:
		if _, flag := n.value.(bool); n.layer.Origin == OriginDefault && n.parts == nil && n.value != nil && !flag {
			return
		}
		*n = node{layer: layer}
	default:
		*n = node{value: value, layer: layer}
	}
}

// open makes a value that has parts of a node, and keeps the parts of one that is of the same kind already.
func (n *node) open(list bool, empty any, layer Layer) {
	if n.parts != nil && n.isList == list {
		return
	}
	*n = node{value: empty, layer: layer, parts: map[string]*node{}, isList: list}
}

// part is the part of a name, made if it is not there.
func (n *node) part(name string) *node {
	part := n.parts[name]
	if part == nil {
		part = &node{}
		n.parts[name] = part
	}
	return part
}

// settings adds the values in and below a node.
func (n *node) settings(path []string, all []Setting) []Setting {
	if len(n.parts) == 0 {
		if len(path) == 0 {
			return all // nothing is configured at all
		}
		return append(all, Setting{Path: slices.Clone(path), Value: n.value, Origin: n.layer.Origin, From: n.layer.From})
	}
	names := slices.Sorted(maps.Keys(n.parts))
	if n.isList {
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	}
	for _, name := range names {
		all = n.parts[name].settings(append(path, name), all)
	}
	return all
}
