package engine

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// shapesMain lists what can be seen of every imitated module: own names with their kinds, and for classes the names of
// their statics, their prototypes and those of their parents.
const shapesMain = `
const kind = (value) => (value === null ? 'null' : typeof value);
const own = (object) => Object.getOwnPropertyNames(object).filter((key) => !['length', 'name', 'prototype', 'caller', 'arguments', 'constructor', 'super_'].includes(key));
const notOurs = /^(_events|_eventsCount|_maxListeners)$/;
function chain(prototype) {
  const names = [];
  for (let at = Object.getPrototypeOf(prototype); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) names.push(at.constructor.name);
  // Streams are modules of their own, and an anonymous parent is one of Node's C++ classes.
  return names.filter((name) => !['', 'target', 'EventEmitter', 'Stream', 'Readable', 'Writable', 'Duplex', 'Transform'].includes(name));
}
const shapes = {};
for (const name of MODULES) {
  const exports = require(name);
  const shape = { keys: Object.keys(exports).filter((key) => !notOurs.test(key)).sort(), members: {} };
  for (const key of own(exports).filter((key) => !notOurs.test(key))) {
    if (key === 'rootCertificates') continue;
    const value = exports[key];
    shape.members[key] = kind(value);
    if (['number', 'string', 'boolean'].includes(typeof value)) shape.members[key] += ' ' + value;
    if (typeof value !== 'function') continue;
    if (!value.prototype || own(value.prototype).length + chain(value.prototype).length === 0) continue;
    shape.members[key] = { what: shape.members[key], chain: chain(value.prototype), statics: own(value).sort(),
      prototype: own(value.prototype).sort().map((member) => {
        const { get, value: held } = Object.getOwnPropertyDescriptor(value.prototype, member);
        return member + ' ' + (get ? 'get' : typeof held === 'function' ? 'function' : 'value');
      }) };
  }
  shapes[name] = shape;
}
module.exports = shapes;
`

// imitated are the modules with a table in js/goja/shapes.
func imitated(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../js/goja/shapes/*.json")
	if err != nil || len(paths) < 20 {
		t.Fatalf("tables: %v, %v", paths, err)
	}
	var names []string
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		name = strings.NewReplacer("dns-", "dns/", "readline-", "readline/", "stream-", "stream/").Replace(name)
		names = append(names, name)
	}
	return names
}

// nodeTwenty skips where the tables do not describe the Node at hand: they were written by Node 20.
func nodeTwenty(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not in PATH")
		}
		t.Skip("node is not in PATH")
	}
	version, err := exec.Command(node, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(version), "v20.2") {
		t.Skipf("the shapes of core modules are those of Node 20.20, this is %s", version)
	}
	return node
}

// shape is what can be seen of a module.
type shape struct {
	Keys    []string
	Members map[string]any
}

// like holds that the module of this name has the keys and members that are wanted.
func (s shape) like(t *testing.T, name string, want shape) {
	t.Helper()
	if !slices.Equal(s.Keys, want.Keys) {
		t.Errorf("%s: keys %v, want %v", name, s.Keys, want.Keys)
	}
	for member, shape := range want.Members {
		if !reflect.DeepEqual(s.Members[member], shape) {
			gotText, _ := json.Marshal(s.Members[member])
			wantText, _ := json.Marshal(shape)
			t.Errorf("%s.%s:\n got %s\nwant %s", name, member, gotText, wantText)
		}
	}
}

// Every core module that is only imitated has the names, kinds, values and classes that Node has.
func TestShapesLikeNode(t *testing.T) {
	node := nodeTwenty(t)
	names := imitated(t)
	list, _ := json.Marshal(names)
	dir := folder(t, map[string]string{"main.js": "const MODULES = " + string(list) + ";" + shapesMain})
	out, err := exec.Command(node, "--no-warnings", "-e", "process.stdout.write(JSON.stringify(require(process.argv[1])))", filepath.Join(dir, "main.js")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]shape
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(run(t, newRuntime(t, dir, nil), dir))
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		got[name].like(t, name, want[name])
		for member := range got[name].Members {
			if _, ok := want[name].Members[member]; !ok {
				t.Errorf("%s.%s: Node has no such member", name, member)
			}
		}
	}
}
