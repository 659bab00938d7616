//go:build oracle

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// inspectedApp reports an error of each kind that the original knows.
const inspectedApp = `'use strict';
console.error(new TypeError('boom'));
console.error('plain %s', 'text');
setInterval(() => {}, 60000);
`

// inspectShape lists what a JSON value consists of, as "path: type"; the elements of lists are taken together.
func inspectShape(path string, value any, into map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		into[path+": object"] = true
		for name, member := range v {
			inspectShape(path+"."+name, member, into)
		}
	case []any:
		into[path+": list"] = true
		for _, element := range v {
			inspectShape(path+"[]", element, into)
		}
	default:
		into[fmt.Sprintf("%s: %T", path, value)] = true
	}
}

// inspections are the answers of one server by request; what is of the moment is compared by type only.
type inspections map[string]any

// inspectionQuestions are put to both.
var inspectionQuestions = []string{
	"/daemon", "/info", "/info?appName=demo", "/info?appName=unknown", "/info?appName=stopped", "/info?appName=",
	"/process", "/process?appName=demo", "/process?appName=demo&pretty=1", "/process?appName=unknown", "/process?appName=stopped",
	"/error", "/error?appName=demo", "/error?appName=stopped", "/error?appName=unknown&offset=1&limit=2", "/error?appName=demo&by=size&value=1",
	"/error?appName=demo&order=DESC&offset=0&limit=1",
}

func inspected(t *testing.T, address string) inspections {
	t.Helper()
	all := inspections{}
	for _, question := range inspectionQuestions {
		response, err := http.Get(address + question)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		var value any
		if err != nil || json.Unmarshal(body, &value) != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v %s", question, response.Status, err, body)
		}
		all[question] = value
	}
	return all
}

// errorsOfDemo tells how many errors there are of the two that the application has.
func errorsOfDemo(address string) int {
	response, err := http.Get(address + "/error?appName=demo")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return strings.Count(string(body), `"message":"boom"`) + strings.Count(string(body), `"message":"plain text"`)
}

// inspectedFolders makes the two applications.
func inspectedFolders(t *testing.T, root string) (demo, stopped string) {
	for _, name := range []string{"demo", "stopped"} {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{
			"procfile.js": "module.exports = (pandora) => { pandora.fork('web', './app.js').env({ A: 'b' }); };", "app.js": inspectedApp,
		} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(root, "demo"), filepath.Join(root, "stopped")
}

// originalInspections asks the original.
func originalInspections(t *testing.T) inspections {
	program, err := filepath.Abs("../../.cache/peers/node_modules/.bin/pandora")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "pandora-oracle-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	config := filepath.Join(home, "config.js")
	if err := os.WriteFile(config, fmt.Appendf(nil, "module.exports = { actuator: { http: { port: %d } } };", port), 0o644); err != nil {
		t.Fatal(err)
	}
	demo, stopped := inspectedFolders(t, home)
	run := func(args ...string) {
		cmd := exec.Command(program, args...)
		cmd.Dir = home
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PANDORA_TMP_DIR=" + home, "PANDORA_CONFIG=" + config}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	defer run("exit")
	run("start", "--name", "demo", demo)
	run("start", "--name", "stopped", stopped)
	run("stop", "stopped")
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	within(t, 10*time.Second, "the original has the errors", func() bool { return errorsOfDemo(address) == 2 })
	return inspected(t, address)
}

// TestOriginalInspection: what the original answers on /daemon, /info, /process and /error is in ours, with the same types.
func TestOriginalInspection(t *testing.T) {
	theirs := originalInspections(t)
	b := newBench(t)
	demo, stopped := inspectedFolders(t, filepath.Join(b.dir, "apps"))
	b.run("start", "--name", "demo", demo)
	b.run("start", "--name", "stopped", stopped)
	b.run("stop", "stopped")
	address := b.actuator()
	within(t, 10*time.Second, "ours has the errors", func() bool { return errorsOfDemo(address) == 2 })
	ours := inspected(t, address)
	for _, question := range inspectionQuestions {
		want, got := map[string]bool{}, map[string]bool{}
		inspectShape("", theirs[question], want)
		inspectShape("", ours[question], got)
		for _, shape := range slices.Sorted(maps.Keys(want)) {
			// The daemon has no Node of its own, no file with the defaults, and adds no flag of Node's.
			except := strings.HasPrefix(shape, ".data.versions.") || shape == ".data.loadedGlobalConfigPaths[]: string" || shape == ".data[].execArgv[]: string"
			if !got[shape] && !except {
				t.Errorf("%s: the original has %s, ours has not", question, shape)
			}
		}
		if a, b := inspectTexts(theirs[question]), inspectTexts(ours[question]); a != b {
			t.Errorf("%s: the original says %s, ours %s", question, a, b)
		}
	}
}

// inspectTexts are the parts of an answer that have to be equal.
func inspectTexts(answer any) string {
	top, _ := answer.(map[string]any)
	data, _ := top["data"].(map[string]any)
	said := []any{top["success"], top["message"], data["offset"], data["limit"]}
	if list, ok := top["data"].([]any); ok && len(list) == 0 {
		said = append(said, "[]")
	}
	for name := range data {
		if name == "demo" || name == "stopped" {
			said = append(said, name)
		}
	}
	return fmt.Sprint(said...)
}
