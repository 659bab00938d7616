package nodecluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// shapeContext is what a shape of testdata/shapes.js is told.
type shapeContext struct {
	Port int    `json:"port"`
	Dir  string `json:"dir"`
}

// intended are the shapes whose result is not Node's, and why. Ours is compared with what is given here.
var intended = map[string]string{
	// Node 18 and 20 call it an error of listen, 22 and 24 differ between the modes; we always refuse it as taken.
	"twice, nested": `EADDRINUSE`, "twice, at once": `EADDRINUSE`,
	// Node 18 and 20 make it 777.
	"readable unix path": `666`,
}

// TestShapes lets two workers listen in every way, under Node's own primary and under this one: they see the same.
func TestShapes(t *testing.T) {
	script, err := os.ReadFile("testdata/shapes.js")
	if err != nil {
		t.Fatal(err)
	}
	for name, policy := range map[string]Policy{"rr": RoundRobin, "none": Shared} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, policy)
			a, b := c.start("shapes", string(script)), c.start("shapes", string(script))
			names := report[[]string](a, "start")
			report[[]string](b, "start")
			contexts, theirs, taken := map[string]shapeContext{}, map[string]shapeContext{}, map[int]bool{}
			for _, shape := range names {
				contexts[shape] = newShapeContext(t, taken)
				theirs[shape] = newShapeContext(t, taken)
			}
			ours := map[string][]any{}
			for _, shape := range names {
				for _, w := range []*worker{a, b} {
					w.channel.Send(map[string]any{"run": shape, "ctx": contexts[shape]})
					ours[shape] = append(ours[shape], report[any](w, shape))
				}
				for _, w := range []*worker{a, b} {
					w.channel.Send(map[string]any{"close": shape})
					report[any](w, "close "+shape)
				}
			}
			node := nodeShapes(t, c, name, theirs)
			for _, shape := range names {
				got, want := neutral(ours[shape], contexts[shape]), neutral(node[shape], theirs[shape])
				if part, differs := intended[shape]; differs {
					if text, _ := json.Marshal(got); !strings.Contains(string(text), part) {
						t.Errorf("%s: %s, want %s in it", shape, text, part)
					}
					continue
				}
				if !reflect.DeepEqual(got, want) {
					g, _ := json.Marshal(got)
					w, _ := json.Marshal(want)
					t.Errorf("%s:\nours   %s\nNode's %s", shape, g, w)
				}
			}
			t.Logf("%d shapes", len(names))
		})
	}
}

// newShapeContext has a folder and a port of its own, none of those that are taken.
func newShapeContext(t *testing.T, taken map[int]bool) shapeContext {
	// Short, because the paths of sockets are.
	dir, err := os.MkdirTemp("", "shape")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	child := `process.send({ primary: require('cluster').isPrimary, connected: process.connected });`
	if err := os.WriteFile(filepath.Join(dir, "child.js"), []byte(child), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	for taken[port] {
		port = freePort(t)
	}
	taken[port] = true
	return shapeContext{Port: port, Dir: dir}
}

// report is what a worker says next.
func report[T any](w *worker, about string) T {
	w.t.Helper()
	var m struct{ Report T }
	select {
	case raw := <-w.messages:
		if err := json.Unmarshal(raw, &m); err != nil {
			w.t.Fatalf("%s: %v", raw, err)
		}
	case <-w.ended:
		w.t.Fatalf("%s: worker ended: %v", about, w.exit)
	case <-time.After(patience):
		w.t.Fatalf("no report: %s", about)
	}
	return m.Report
}

// nodeShapes runs the shapes under Node's own primary.
func nodeShapes(t *testing.T, c *cluster, policy string, contexts map[string]shapeContext) map[string][]any {
	t.Helper()
	if policy == "none" {
		// Node 22 and 24 end the worker by an assertion of their own.
		delete(contexts, "twice, nested")
		delete(contexts, "twice, at once")
	}
	text, err := json.Marshal(contexts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(c.node, "testdata/shapes.js", string(text))
	cmd.Env = append(os.Environ(), "NODE_CLUSTER_SCHED_POLICY="+policy)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("Node's primary: %v\n%s", err, out)
	}
	var results map[string][]any
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return results
}

// neutral replaces what differs from one run to the next: folders, and ports by the order they are met in.
func neutral(v any, ctx shapeContext) any {
	ports := map[float64]string{float64(ctx.Port): "the port"}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case []any:
			all := make([]any, len(v))
			for i := range v {
				all[i] = walk(v[i])
			}
			return all
		case map[string]any:
			all := map[string]any{}
			for key, value := range v {
				if port, ok := value.(float64); ok && key == "port" {
					if ports[port] == "" {
						ports[port] = fmt.Sprintf("port %d", len(ports))
					}
					all[key] = ports[port]
					continue
				}
				all[key] = walk(value)
			}
			return all
		case string:
			return strings.ReplaceAll(v, ctx.Dir, "DIR")
		}
		return v
	}
	return walk(v)
}
