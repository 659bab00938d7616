package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// identityStart is the command line that the application in testdata/identity is started with.
var identityStart = []string{"start", "--name", "app", "--env", "FLAG=cli", "--args=last word", "--node-args=--no-warnings", "."}

// identityApp copies the application.
func identityApp(t *testing.T, parent string) (dir, dump string) {
	t.Helper()
	dir, dump = filepath.Join(parent, "app"), filepath.Join(parent, "dump")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "identity"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dump, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, dump
}

// compareIdentity holds what the processes have written down against testdata/identity/want.json, which is what the
// original shows.
func compareIdentity(t *testing.T, dump string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "identity", "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]any
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dump, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		count[name]++
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v: %s", file, err, data)
		}
		for key := range want[name] {
			if !reflect.DeepEqual(got[key], want[name][key]) {
				t.Errorf("%s of %s is\n%v, want\n%v", key, name, got[key], want[name][key])
			}
		}
		if len(got) != len(want[name]) {
			t.Errorf("%s has %d members, want %d: %s", name, len(got), len(want[name]), data)
		}
	}
	if wanted := map[string]int{"web": 1, "pool": 2, "folder": 1, "service-background": 1}; !reflect.DeepEqual(count, wanted) {
		t.Errorf("dumps %v, want %v", count, wanted)
	}
}

// TestIdentity: a process sees of itself what it sees under the original.
func TestIdentity(t *testing.T) {
	b := newBench(t)
	dir, dump := identityApp(t, b.dir)
	b.dir, b.env = dir, append(b.env, "INHERITED=shell", "DUMP="+dump)
	b.run(identityStart...)
	compareIdentity(t, dump)
}

// TestChildren: a Node process that a worker starts is a process of the application, until it ends: it calls objects of
// others, and has its row in /process.
func TestChildren(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(dir+"/app.js", `require('pandora').publishObject('adder', { add: async (a, b) => a + b });
		const child = require('child_process').spawn('node', ['child.js'], { stdio: ['pipe', 'inherit', 'inherit'] });
		child.on('exit', () => console.log('child ended'));
		process.on('SIGUSR2', () => child.stdin.end());
		setInterval(() => {}, 60000);`)
	b.write(dir+"/child.js", `require('pandora').getProxy('adder').then((adder) => adder.add(40, 2))
			.then((sum) => console.log('the sum is ' + sum), (error) => console.log(error.stack));
		require('fs').writeFileSync('child.pid', String(process.pid));
		process.stdin.resume();`)
	b.run("start", dir)
	var pid string
	within(t, 10*time.Second, "the child runs", func() bool {
		data, err := os.ReadFile(dir + "/child.pid")
		pid = string(data)
		return err == nil && pid != ""
	})
	row := fmt.Sprintf(`"pid":%s,`, pid)
	within(t, 10*time.Second, "its row in /process", func() bool { return strings.Contains(b.get("/process?appName=app"), row) })
	if list := b.get("/process?appName=app"); !strings.Contains(list, `"processName":"web"`) {
		t.Errorf("no web in %s", list)
	}
	within(t, 10*time.Second, "the answer of a worker", func() bool { return strings.Contains(b.log(), "the sum is 42") })
	worker := b.apps()["app"].PIDs[0]
	if err := syscall.Kill(worker, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "the child has ended", func() bool { return strings.Contains(b.log(), "child ended") })
	within(t, 10*time.Second, "its row is gone", func() bool { return !strings.Contains(b.get("/process?appName=app"), row) })
}
