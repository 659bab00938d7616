package engine

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// recorder remembers the names of the files that were read.
type recorder struct {
	fs.FS
	names *[]string
}

// Open notes the name.
func (r recorder) Open(name string) (fs.File, error) {
	*r.names = append(*r.names, name)
	return r.FS.Open(name)
}

// What a file does not use of Node's modules is neither read nor parsed.
func TestModulesAreLazy(t *testing.T) {
	tests := map[string][]string{
		"module.exports = 1;":                                                    nil,
		"module.exports = require('net').isIP('::1');":                           {"goja/network.js", "goja/shape.js", "goja/shapes/net.json"},
		"module.exports = require('http').METHODS.length;":                       {"goja/http.js", "goja/shape.js", "goja/shapes/http.json"},
		"module.exports = require('pandora-env').BaseEnvironment.name;":          {"goja/packages.js", "goja/packages/pandora-env.json", "goja/shape.js"},
		"module.exports = typeof require('async_hooks').AsyncLocalStorage;":      {"goja/async_hooks.js", "goja/shape.js", "goja/shapes/async_hooks.json"},
		"module.exports = class extends require('pandora-metrics').EndPoint {};": {"goja/packages.js", "goja/packages/pandora-metrics.json", "goja/shape.js"},
	}
	for source, want := range tests {
		dir := folder(t, map[string]string{"main.js": source})
		rt := newRuntime(t, dir, nil)
		var names []string
		rt.files = recorder{rt.files, &names}
		run(t, rt, dir)
		// What every evaluation, or nearly every module needs.
		common := []string{"goja/errors.js", "goja/events.js", "goja/process.js"}
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "shared/") || slices.Contains(common, name) })
		slices.Sort(names)
		names = slices.Compact(names)
		if !slices.Equal(names, want) {
			t.Errorf("%s reads %q, want %q", source, names, want)
		}
	}
}
