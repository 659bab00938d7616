//go:build zoo

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// zooPackage is one package that is loaded by Node and by goja. What both export must be the same, down to two levels
// of own properties and the prototypes of exported classes.
type zooPackage struct {
	// name is the folder in node_modules: the package, or an alias of one of its old versions.
	name string
	// use is a JavaScript expression over m (the exports) and require; its JSON must be the same in both. "" for none.
	use string
	// differs are the differences that are known and harmless.
	differs []difference
}

// difference allows the shapes to differ at the paths that match at, for the reason why.
type difference struct{ at, why string }

// zooResult is what testdata/zoo/shape.js answers.
type zooResult struct {
	MS    float64           `json:"ms"`
	Shape map[string]string `json:"shape"`
	Used  any               `json:"used"`
}

// zooFolder is where `make zoo` has installed testdata/zoo/package.json.
func zooFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PANDORA_ZOO")
	if dir == "" {
		t.Fatal("PANDORA_ZOO is not set: it names the folder where testdata/zoo/package.json is installed; run make zoo")
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// zooEnv is the environment of both engines.
func zooEnv() map[string]string {
	return map[string]string{"HOME": "/home/x", "PATH": "/usr/bin:/bin", "TZ": "UTC", "NODE_CONFIG": `{"port":7001}`, "SUPPRESS_NO_CONFIG_WARNING": "1"}
}

// zooArgument is what shape.js is called with.
func zooArgument(dir string, p zooPackage) json.RawMessage {
	arg, _ := json.Marshal(map[string]string{"dir": dir, "name": p.name, "check": p.use})
	return arg
}

// inNode loads p with the Node in PATH.
func inNode(t *testing.T, dir, script string, p zooPackage) zooResult {
	t.Helper()
	answer := filepath.Join(t.TempDir(), "answer.json")
	cmd := exec.Command("node", "-e", script+"\nconst [arg, to] = process.argv.splice(1); require('fs').writeFileSync(to, JSON.stringify(exports.zoo(JSON.parse(arg)))); process.exit(0);", string(zooArgument(dir, p)), answer)
	cmd.Dir = dir
	for name, value := range zooEnv() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if _, err := cmd.Output(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("node cannot load %s: %v\n%s", p.name, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var result zooResult
	data, err := os.ReadFile(answer)
	if err == nil {
		err = json.Unmarshal(data, &result)
	}
	if err != nil {
		t.Fatalf("read what node answered: %v", err)
	}
	return result
}

// zooNode asks the Node in PATH for its version and versions.
func zooNode(t *testing.T) (version string, versions map[string]string) {
	t.Helper()
	out, err := exec.Command("node", "-p", "JSON.stringify(process.versions)").Output()
	if err == nil {
		err = json.Unmarshal(out, &versions)
	}
	if err != nil {
		t.Fatalf("the zoo needs node in PATH: %v", err)
	}
	return "v" + versions["node"], versions
}

// shapeDifferences lists where got is not as want, each with whether p allows it, and the allowances without use.
func shapeDifferences(p zooPackage, got, want map[string]string) (bad []string, allowed int, unused []difference) {
	used := map[string]bool{}
	all := maps.Clone(got)
	maps.Copy(all, want)
	for _, at := range slices.Sorted(maps.Keys(all)) {
		if got[at] == want[at] {
			continue
		}
		known := slices.IndexFunc(p.differs, func(d difference) bool { return regexp.MustCompile("^(?:" + d.at + ")$").MatchString(at) })
		if known >= 0 {
			used[p.differs[known].at] = true
			allowed++
			continue
		}
		bad = append(bad, fmt.Sprintf("%s: goja %q, node %q", at, got[at], want[at]))
	}
	for _, d := range p.differs {
		if !used[d.at] {
			unused = append(unused, d)
		}
	}
	return bad, allowed, unused
}

// installedVersion is the version in the package.json of an installed package.
func installedVersion(t *testing.T, dir, name string) string {
	t.Helper()
	var pkg struct{ Version string }
	data, err := os.ReadFile(filepath.Join(dir, "node_modules", name, "package.json"))
	if err == nil {
		err = json.Unmarshal(data, &pkg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pkg.Version
}

// TestZoo loads each package in Node and in goja and compares.
func TestZoo(t *testing.T) {
	dir := zooFolder(t)
	source, err := os.ReadFile("testdata/zoo/shape.js")
	if err != nil {
		t.Fatal(err)
	}
	version, versions := zooNode(t)
	packages := append(slices.Clone(zooLight()), zooServers()...)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "package\tversion\tfiles\tnode ms\tgoja ms\tverdict")
	var row sync.Mutex
	for _, p := range packages {
		t.Run(p.name, func(t *testing.T) {
			want := inNode(t, dir, string(source), p)
			rt, err := New(Options{Dir: dir, Env: zooEnv(), NodeVersion: version, NodeVersions: versions, MemoryLimit: 1 << 30, Timeout: 30 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			rt.files = overlay{rt.files, string(source)}
			value, err := rt.Invoke(t.Context(), "shared/x.js", "zoo", zooArgument(dir, p))
			var got zooResult
			verdict := "same"
			if err != nil {
				var failure *Error
				errors.As(err, &failure)
				verdict = "not loaded"
				t.Errorf("goja cannot load %s: %v\n%s", p.name, err, failure.Stack)
			} else if err := json.Unmarshal(value, &got); err != nil {
				t.Fatal(err)
			} else {
				bad, allowed, unused := shapeDifferences(p, got.Shape, want.Shape)
				if allowed > 0 {
					verdict = fmt.Sprintf("same but for %d known", allowed)
				}
				if len(bad) > 0 {
					verdict = fmt.Sprintf("%d differences", len(bad))
					t.Errorf("exports differ in %d places:\n%s", len(bad), strings.Join(bad[:min(len(bad), 40)], "\n"))
				}
				for _, d := range unused {
					t.Errorf("the difference %q (%s) is no more: take it out of the list", d.at, d.why)
				}
				if !reflect.DeepEqual(got.Used, want.Used) {
					verdict += ", use differs"
					gotText, _ := json.Marshal(got.Used)
					wantText, _ := json.Marshal(want.Used)
					t.Errorf("%s\ngoja: %s\nnode: %s", p.use, gotText, wantText)
				} else if p.use != "" && len(bad) == 0 {
					verdict += ", use agrees"
				}
			}
			row.Lock()
			defer row.Unlock()
			fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%.0f\t%s\n", p.name, installedVersion(t, dir, p.name), len(rt.Loaded()), want.MS, got.MS, verdict)
		})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages, Node %s\n%s", len(packages), version, table.String())
}
