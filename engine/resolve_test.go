package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// reported is put before a main.js: tried(f) gives a result, or all that can be told of an error, with names of files
// relative to the folder.
const reported = `'use strict';
const path = require('path');
const here = (text) => (typeof text === 'string' ? text.split(__dirname + '/').join('') : text);
const tried = (f) => { try { return here(f()); } catch (e) { const stack = e.requireStack && e.requireStack.map(here); return { name: e.name, code: e.code, message: e.code === undefined ? here(e.message).split(': ')[0] : here(e.message), path: here(e.path), requestPath: e.requestPath, stack }; } };
`

// nodeAnswers runs dir/main.js in Node and returns its exports and Node's version.
func nodeAnswers(t *testing.T, dir string, env map[string]string) (any, string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not in PATH")
		}
		t.Skip("node is not in PATH")
	}
	cmd := exec.Command(node, "--no-deprecation", "-e", "require('fs').writeFileSync(process.argv[2], JSON.stringify([require('module')._load(process.argv[1]), process.version])); process.exit(0)",
		filepath.Join(dir, "main.js"), filepath.Join(t.TempDir(), "answer"))
	cmd.Dir = dir
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if _, err := cmd.Output(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("node: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	data, err := os.ReadFile(cmd.Args[len(cmd.Args)-1])
	if err != nil {
		t.Fatal(err)
	}
	var answer [2]any
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatalf("node answered %q", data)
	}
	return answer[0], answer[1].(string)
}

// likeNode runs dir/main.js in both engines and compares what it exports, element by element if that is an array.
func likeNode(t *testing.T, dir string, env map[string]string) {
	t.Helper()
	want, version := nodeAnswers(t, dir, env)
	rt := newRuntime(t, dir, env)
	rt.resolver = newResolver(version)
	got := run(t, rt, dir)
	gotList, _ := got.([]any)
	wantList, ok := want.([]any)
	if !ok || len(gotList) != len(wantList) {
		gotList, wantList = []any{got}, []any{want}
	}
	for i, want := range wantList {
		if !reflect.DeepEqual(gotList[i], want) {
			gotText, _ := json.Marshal(gotList[i])
			wantText, _ := json.Marshal(want)
			t.Errorf("%d:\ngoja %s\nnode %s", i, gotText, wantText)
		}
	}
}

// reportedFiles puts reported before main.js.
func reportedFiles(main string, files map[string]string) map[string]string {
	all := map[string]string{"main.js": reported + main}
	for name, content := range files {
		all[name] = content
	}
	return all
}

func TestResolutionLikeNode(t *testing.T) {
	// The words and members of later versions differ.
	nodeTwenty(t)
	resolveAll := func(specs ...string) string {
		list, _ := json.Marshal(specs)
		return "module.exports = " + string(list) + ".map((s) => [s, tried(() => require.resolve(s))]);"
	}
	tests := []struct {
		name, main string
		files      map[string]string
	}{
		{"conditions in the order of the file", resolveAll("a", "b", "c", "d", "e", "f"), map[string]string{
			"node_modules/a/package.json": `{"exports": {"import": "./i.js", "node": {"import": "./i.js", "require": "./nr.js"}, "default": "./d.js"}}`, "node_modules/a/nr.js": "",
			"node_modules/b/package.json": `{"exports": {"module-sync": "./m.js", "require": "./r.js"}}`, "node_modules/b/m.js": "", "node_modules/b/r.js": "",
			"node_modules/c/package.json": `{"exports": {".": {"browser": "./b.js"}, "./package.json": "./package.json"}}`,
			"node_modules/d/package.json": `{"exports": {"node": {"import": "./i.js"}, "require": {"node": {"development": "./x.js"}, "default": {"require": "./deep.js"}}}}`, "node_modules/d/deep.js": "",
			"node_modules/e/package.json": `{"exports": {"require": null, "default": "./d.js"}}`, "node_modules/e/d.js": "",
			"node_modules/f/package.json": `{"exports": {"node-addons": "./n.js"}}`, "node_modules/f/n.js": "",
		}},
		{"patterns", resolveAll("p/a", "p/lib/a", "p/lib/a.js", "p/lib/x/a.js", "p/lib/internal/a.js", "p/lib/", "p/features/a.js", "p/features/a", "p/none", "p/up/../x.js", "p/up/a%2fb.js", "p/esc/a%20b", "p/two/a/b", "p/lib//a.js", "p/q/node_modules/x", "p/deep/one/two/three.js", "p/*"), map[string]string{
			"node_modules/p/package.json": `{"exports": {"./lib/*": "./src/*.js", "./lib/*.js": "./src/*.js", "./lib/x/*": null, "./lib/internal/*": null, "./features/*.js": {"require": "./src/*.js"}, "./up/*": "./src/*", "./esc/*": "./src/*.js", "./two/*/*": "./src/a.js", "./q/*": "./src/*", "./deep/*.js": "./src/*/*.js"}}`,
			"node_modules/p/src/a.js":     "", "node_modules/p/src/a b.js": "", "node_modules/p/src/one/two/three/one/two/three.js": "",
		}},
		{"targets that are not allowed", resolveAll("t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9", "t10", "t11", "t12", "t13", "t14", "t15", "t16"), map[string]string{
			"node_modules/t1/package.json": `{"exports": "index.js"}`, "node_modules/t1/index.js": "",
			"node_modules/t2/package.json": `{"exports": "./../x.js"}`, "node_modules/t3/package.json": `{"exports": "./node_modules/x.js"}`,
			"node_modules/t4/package.json": `{"exports": {".": 5}}`, "node_modules/t5/package.json": `{"exports": {".": ["bad", "./ok.js"]}}`, "node_modules/t5/ok.js": "",
			"node_modules/t6/package.json": `{"exports": {".": ["bad", "worse"]}}`, "node_modules/t7/package.json": `{"exports": []}`,
			"node_modules/t8/package.json": `{"exports": {".": [null, {"import": "./x"}, "./ok.js"]}}`, "node_modules/t8/ok.js": "",
			"node_modules/t9/package.json": `{"exports": {".": "./x.js", "require": "./x.js"}}`, "node_modules/t10/package.json": `{"exports": {"1": "./x.js", "require": "./x.js"}}`,
			"node_modules/t11/package.json": `{"exports": "./%2e%2e/x.js"}`, "node_modules/t12/package.json": `{"exports": "./a%20b.js?q#h"}`, "node_modules/t12/a b.js": "",
			"node_modules/t13/package.json": `{"exports": {}}`, "node_modules/t14/package.json": `{"exports": null, "main": "m"}`, "node_modules/t14/m.js": "",
			"node_modules/t15/package.json": `{"exports": false}`, "node_modules/t16/package.json": `{"exports": "./dir"}`, "node_modules/t16/dir/index.js": "",
		}},
		{"imports", resolveAll("#a", "#null", "#dep", "#dep/sub", "#scoped", "#self", "#cond", "#x/y", "#x/y.js", "#gone", "#pkgsub", "#pkgsubjs", "#", "#/a", "#t/", "#abs", "#url", "#core", "#list", "#noext", "me", "me/sub", "me/none", "mexico"), map[string]string{
			"package.json": `{"name": "me", "exports": {".": "./a.js", "./sub": "./int/y.js"}, "imports": {"#a": "./a.js", "#null": null, "#dep": "dep", "#dep/*": "dep/*", "#scoped": "@s/p/x", "#self": "me/sub", "#cond": {"browser": "./b.js", "node": {"require": "./a.js"}}, "#x/*": "./int/*", "#gone": "gone", "#pkgsub": "plain/x", "#pkgsubjs": "plain/x.js", "#abs": "/x", "#url": "http://x/y", "#core": "fs", "#list": ["./../no.js", "./a.js"], "#noext": "./a"}}`,
			"a.js":         "", "int/y.js": "", "node_modules/dep/index.js": "", "node_modules/dep/sub.js": "", "node_modules/@s/p/package.json": `{"exports": {"./x": "./y.js"}}`, "node_modules/@s/p/y.js": "",
			"node_modules/plain/package.json": `{"main": "./x"}`, "node_modules/plain/x.js": "", "node_modules/mexico/index.js": "",
		}},
		{"names that are none", resolveAll("@s", "@/x", "@s/", ".hidden", "..x", "a\\b", "a%", "./a/", "./f.js/", "./f.js/.", "./f/..", "/none", "./", "..", "x/./y", "x//y", "x/../x/y.js", "f", "node:nope", "node:fs", "fs/promises", "fs/", "./f\u0000", "con/main", "core/lib"), map[string]string{
			"f.js": "", "index.js": "", "f/x.js": "", "node_modules/.hidden/index.js": "", "..x.js": "", "node_modules/x/y.js": "", "node_modules/fs/index.js": "", "node_modules/x/y/index.js": "",
		}},
		{"main", resolveAll("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "./m9", "m10", "m11/sub", "m12", "m13"), map[string]string{
			"node_modules/m1/package.json": `{"main": "lib"}`, "node_modules/m1/lib.js": "", "node_modules/m1/lib/index.js": "",
			"node_modules/m2/package.json": `{"main": "./lib/"}`, "node_modules/m2/lib/index.json": "{}",
			"node_modules/m3/package.json": `{"main": "gone"}`, "node_modules/m4/package.json": `{"main": {"x": 1}}`, "node_modules/m4/index.js": "",
			"node_modules/m5/package.json": `{"main": "../m4"}`, "node_modules/m6/package.json": "\ufeff{\"main\": \"a\"}", "node_modules/m6/a.js": "",
			"node_modules/m7/package.json": `{bad`, "node_modules/m7/index.js": "", "node_modules/m8.js": "", "m9/package.json": `{"main": "x.cjs", "exports": "./no.js"}`, "m9/x.cjs": "",
			"node_modules/m10/package.json": `{"main": "."}`, "node_modules/m10/index.js": "", "node_modules/m11/sub/package.json": `{"main": "../other"}`, "node_modules/m11/other.js": "",
			"node_modules/m12/package.json": `{"main": "x.node"}`, "node_modules/m12/x.node": "", "node_modules/m13/package.json": `[]`, "node_modules/m13/index.js": "",
		}},
		{"nested folders of modules", "module.exports = [tried(() => require('a')), tried(() => require('a/deep')), tried(() => require.resolve('b'))];", map[string]string{
			"node_modules/a/index.js": "module.exports = require.resolve('b');", "node_modules/a/node_modules/b/index.js": "", "node_modules/b/index.js": "",
			"node_modules/a/deep/index.js": "module.exports = [require.resolve('b'), require.resolve('c')].map((f) => require('path').relative(__dirname, f)).join();", "node_modules/a/deep/node_modules/c/index.js": "",
		}},
		{"the layout of pnpm", "module.exports = [tried(() => require('app')), tried(() => require.resolve('dep')), tried(() => require.resolve('@s/tool')), tried(() => require('@s/tool'))];", map[string]string{
			"node_modules/app": "-> .pnpm/app@1.0.0/node_modules/app", "node_modules/@s/tool": "-> ../.pnpm/@s+tool@2.0.0_dep@1.0.0/node_modules/@s/tool",
			"node_modules/.pnpm/app@1.0.0/node_modules/app/package.json":                   `{"name": "app", "exports": {".": "./lib/main.js"}}`,
			"node_modules/.pnpm/app@1.0.0/node_modules/app/lib/main.js":                    "module.exports = [__filename, require('dep'), require.resolve('app')].map((f) => require('path').relative(__dirname, f)).join();",
			"node_modules/.pnpm/app@1.0.0/node_modules/dep":                                "-> ../../dep@1.0.0/node_modules/dep",
			"node_modules/.pnpm/dep@1.0.0/node_modules/dep/index.js":                       "module.exports = __filename;",
			"node_modules/.pnpm/@s+tool@2.0.0_dep@1.0.0/node_modules/@s/tool/package.json": `{"main": "t"}`,
			"node_modules/.pnpm/@s+tool@2.0.0_dep@1.0.0/node_modules/@s/tool/t.js":         "module.exports = require('path').relative(__dirname, require('dep'));",
			"node_modules/.pnpm/@s+tool@2.0.0_dep@1.0.0/node_modules/dep":                  "-> ../../dep@1.0.0/node_modules/dep",
			"node_modules/.pnpm/node_modules/dep":                                          "-> ../dep@1.0.0/node_modules/dep",
		}},
		{"folders given by the caller", `module.exports = [['x', { paths: ['other'] }], ['x', { paths: [__dirname + '/other'] }], ['./c', { paths: [__dirname + '/none', __dirname + '/other'] }], ['x', { paths: [] }], ['x', { paths: 'no' }], ['x', {}], ['../main', { paths: [__dirname + '/other'] }], ['env', undefined], ['env/sub', undefined], ['homely', undefined], ['.', { paths: [__dirname + '/other'] }]].map(([s, o]) => tried(() => require.resolve(s, o)))
  .concat([['x'], ['./x'], ['fs'], ['node:fs'], ['..'], ['.x']].map(([s]) => tried(() => JSON.stringify(require.resolve.paths(s), (k, v) => Array.isArray(v) ? v.slice(0, 2).map(here) : v))), require.resolve.paths('x').filter((p) => /env|home/.test(p)).map(here));`, map[string]string{
			"other/node_modules/x/index.js": "", "other/c.js": "", "env/env/index.js": "", "env/env/sub.js": "", "home/.node_modules/homely.js": "",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, reportedFiles(tt.main, tt.files))
			likeNode(t, dir, map[string]string{"HOME": dir + "/home", "NODE_PATH": ":" + dir + "/env:/none"})
		})
	}
}

// generated makes count packages p0, p1… with exports or imports by chance, and the requests for them.
func generated(random *rand.Rand, count int) (files map[string]string, specs []string) {
	files = map[string]string{}
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var target func(depth int, star bool) any
	target = func(depth int, star bool) any {
		switch n := random.IntN(10); {
		case n < 5 || depth > 2:
			if star {
				return pick("./src/*.js", "./src/*", "./*", "./lib/*/index.js", "./src/a.js", "../*", "src/*", "./src/*/*.js")
			}
			return pick("./src/a.js", "./src/b.js", "./gone.js", "./src/a", "./src", "../out.js", "./node_modules/x.js", "bad", "./src/../src/a.js", "./index.js", "/abs")
		case n < 8:
			object := "{"
			for i, key := range random.Perm(6)[:1+random.IntN(3)] {
				value, _ := json.Marshal(target(depth+1, star))
				if i > 0 {
					object += ","
				}
				object += fmt.Sprintf("%q:%s", []string{"require", "import", "node", "default", "browser", "module-sync"}[key], value)
			}
			return json.RawMessage(object + "}")
		case n < 9:
			return []any{target(depth+1, star), target(depth+1, star)}
		}
		return nil
	}
	for i := range count {
		name := fmt.Sprintf("p%d", i)
		at := "node_modules/" + name + "/"
		for _, file := range []string{"src/a.js", "src/b.js", "src/c/index.js", "lib/x/index.js", "index.js"} {
			files[at+file] = ""
		}
		keys := "{"
		for j, key := range random.Perm(9)[:1+random.IntN(5)] {
			pattern := []string{".", "./a", "./sub", "./*", "./lib/*", "./lib/*.js", "./lib/x*", "./src/*", "./lib/*/z"}[key]
			value, _ := json.Marshal(target(0, strings.Contains(pattern, "*")))
			if j > 0 {
				keys += ","
			}
			keys += fmt.Sprintf("%q:%s", pattern, value)
		}
		exports := keys + "}"
		if random.IntN(6) == 0 {
			value, _ := json.Marshal(target(0, false))
			exports = string(value)
		}
		files[at+"package.json"] = fmt.Sprintf(`{"name": %q, "main": %q, "exports": %s}`, name, pick("index.js", "src", "gone", "./src/a"), exports)
		for _, sub := range []string{"", "/a", "/sub", "/lib/x", "/lib/a.js", "/lib/xy", "/src/a", "/src/a.js", "/lib/x/z", "/index.js", "/package.json"} {
			specs = append(specs, name+sub)
		}
	}
	return files, specs
}

// TestGeneratedPackagesLikeNode compares the path or the whole error for many requests on packages made by chance.
func TestGeneratedPackagesLikeNode(t *testing.T) {
	// The words and members of later versions differ.
	nodeTwenty(t)
	for seed := range uint64(4) {
		files, specs := generated(rand.New(rand.NewPCG(seed, 1)), 60)
		list, _ := json.Marshal(specs)
		files["main.js"] = reported + "module.exports = " + string(list) + ".map((s) => [s, tried(() => require.resolve(s))]);"
		dir := folder(t, files)
		likeNode(t, dir, map[string]string{"HOME": dir})
	}
}
