//go:build slow

package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// registry serves the packed packages of some folders as an npm registry does, and knows no others.
type registry struct {
	*httptest.Server
	packages map[string]map[string]any // the documents by name
	tarballs map[string][]byte
}

// newRegistry serves all *.tgz files of dirs.
func newRegistry(t *testing.T, dirs ...string) *registry {
	t.Helper()
	r := &registry{packages: map[string]map[string]any{}, tarballs: map[string][]byte{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		path, _ := url.PathUnescape(strings.TrimPrefix(q.URL.EscapedPath(), "/"))
		if data, ok := r.tarballs[path]; ok {
			w.Write(data)
			return
		}
		if doc, ok := r.packages[path]; ok {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(doc)
			return
		}
		http.NotFound(w, q)
	}))
	t.Cleanup(r.Close)
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no packages in %s: run make test-npm", dir)
		}
		for _, file := range files {
			r.add(t, file)
		}
	}
	return r
}

func (r *registry) add(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	manifest := packedManifest(t, data)
	name, version := manifest["name"].(string), manifest["version"].(string)
	sum := sha512.Sum512(data)
	manifest["dist"] = map[string]any{
		"tarball":   r.URL + "/-/" + filepath.Base(file),
		"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	r.tarballs["-/"+filepath.Base(file)] = data
	r.packages[name] = map[string]any{
		"name": name, "dist-tags": map[string]any{"latest": version}, "versions": map[string]any{version: manifest},
	}
}

// packedManifest is the package.json of a packed package.
func packedManifest(t *testing.T, data []byte) map[string]any {
	t.Helper()
	unzipped, err := gzip.NewReader(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if err != nil {
			t.Fatalf("no package.json: %v", err)
		}
		if h.Name != "package/package.json" {
			continue
		}
		text, err := io.ReadAll(in)
		var manifest map[string]any
		if err == nil {
			err = json.Unmarshal(text, &manifest)
		}
		if err != nil {
			t.Fatal(err)
		}
		return manifest
	}
}

// oldProject is one of Pandora.js 1.x, as its documentation had it.
func oldProject(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"package.json": `{
  "name": "old-project", "version": "1.0.0",
  "scripts": { "start": "pandora start --name old", "stop": "pandora stop old", "list": "pandora list" },
  "dependencies": { "pandora": "^1.11.0", "dorapan": "^1.0.5" }
}`,
		"procfile.js": `
module.exports = (pandora) => {
  pandora.process('web').scale(2);
  pandora.cluster('./app.js').process('web');
  pandora.service('greeter', class Greeter {
    constructor(context) { this.context = context; }
    async start() { this.context.logger.info('greeter starts'); }
    greet(name) { return 'hello ' + name; }
  }).process('background').publish();
};`,
		"app.js": `
const { getProxy, appName } = require('dorapan');
require('http').createServer(async (req, res) => {
  const greeter = await getProxy('greeter');
  res.end(await greeter.greet(appName + ' ' + require('pandora').processName));
}).listen(process.env.PORT);`,
		"typed.ts": `
import type { Procfile } from 'pandora';
import { getProxy } from 'pandora';
const procfile: Procfile = (pandora) => { pandora.process('a').scale(2); };
const bad: Procfile = (pandora) => { pandora.process(1); };
export { procfile, bad, getProxy };`,
		"names.mjs": `
import pandora, { DefaultConfigurator, Counter } from 'pandora';
console.log(typeof DefaultConfigurator, Counter === pandora.Counter, pandora.appName);`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// npmBench is a machine with that registry, where commands find no pandora but those that npm installs.
type npmBench struct {
	*bench
	dir string
}

// command runs a program in a folder below and returns all it printed.
func (b *npmBench) command(in, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = filepath.Join(b.dir, in), b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs a program that has to succeed.
func (b *npmBench) must(in, name string, args ...string) string {
	b.t.Helper()
	out, err := b.command(in, name, args...)
	if err != nil {
		b.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// absolute is a path from the folder of this package.
func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// newNpmBench makes it, with a project of Pandora.js 1.x in the folder project, and without in a folder of that name.
func newNpmBench(t *testing.T) *npmBench {
	t.Helper()
	b := &npmBench{bench: newBench(t), dir: t.TempDir()}
	for _, name := range []string{"others", "project", "without"} {
		if err := os.Mkdir(filepath.Join(b.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	oldProject(t, filepath.Join(b.dir, "project"))
	b.must("", "npm", "pack", "--ignore-scripts", "--pack-destination", "others", absolute(t, "../../.cache/clients/node_modules/dorapan"))
	server := newRegistry(t, absolute(t, "../../.cache/npm"), filepath.Join(b.dir, "others"))
	b.env = append(b.env, "PORT=0", "npm_config_registry="+server.URL, "npm_config_cache="+filepath.Join(b.dir, "npm-cache"),
		"npm_config_audit=false", "npm_config_fund=false", "npm_config_update_notifier=false")
	return b
}

// TestNpmPackage moves a project of Pandora.js 1.x to the npm package, by the one command that the documentation gives,
// from a registry that has what pack.js has packed.
func TestNpmPackage(t *testing.T) {
	b := newNpmBench(t)
	b.must("project", "npm", "install", "pandora@npm:pandora-go")
	defer func() {
		out, err := b.command("project", "npx", "pandora", "exit")
		t.Log(out, err)
	}()
	if out := b.must("project", "npm", "start"); !strings.Contains(out, "old started successfully!") {
		t.Errorf("npm start: %s", out)
	}
	out := b.must("project", "npx", "pandora", "describe", "old")
	port := regexp.MustCompile(`(?:127\.0\.0\.1|\*|\[::\]|0\.0\.0\.0):(\d+)`).FindStringSubmatch(out)
	if port == nil {
		t.Fatalf("nothing listens: %s", out)
	}
	within(t, 10*time.Second, "an answer of the application", func() bool {
		answer, err := http.Get("http://127.0.0.1:" + port[1])
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && string(text) == "hello old web"
	})
	if out := b.must("project", "npm", "run", "list"); !strings.Contains(out, "old") || !strings.Contains(out, "Running") {
		t.Errorf("npm run list: %s", out)
	}
	var exit *exec.ExitError
	if out, err := b.command("project", "npx", "pandora", "stop", "none-of-these"); !errors.As(err, &exit) || exit.ExitCode() != exitNotFound {
		t.Errorf("the exit code is not passed on: %v %s", err, out)
	}
	b.must("project", "npm", "stop")

	if out := b.must("project", "node", "names.mjs"); out != "function true undefined\n" {
		t.Errorf("names.mjs: %s", out)
	}
	out, err := b.command("project", "node", absolute(t, "../../js/node_modules/typescript/bin/tsc"),
		"--noEmit", "--strict", "--skipLibCheck", "--module", "node16", "--moduleResolution", "node16", "typed.ts")
	if err == nil || strings.Count(out, "error TS") != 1 || !strings.Contains(out, "typed.ts(5,") {
		t.Errorf("the types see %v %s, want the one error of line 5", err, out)
	}
}

// TestNpmPackageInstalls installs the command for all projects, and without what it depends on optionally.
func TestNpmPackageInstalls(t *testing.T) {
	b := newNpmBench(t)
	b.must("", "npm", "install", "--global", "--prefix", "global", "pandora-go")
	if out := b.must("", filepath.Join(b.dir, "global", "bin", "pandora"), "--help"); !strings.Contains(out, "procfile.js") {
		t.Errorf("the global command: %s", out)
	}
	b.must("without", "npm", "install", "--omit=optional", "pandora-go")
	out, err := b.command("without", "npx", "pandora", "list")
	if err == nil || !strings.Contains(out, "optional package @pandora-go/") {
		t.Errorf("without the binary: %v %s", err, out)
	}
}
