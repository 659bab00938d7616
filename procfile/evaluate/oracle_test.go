//go:build oracle

package evaluate

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// original is the package that goldens are recorded from; .cache/peers holds it.
const original = "pandora@1.11.0"

// recordedFrom is the line of a golden's comment that says that its want side is the original's.
const recordedFrom = "recorded from " + original

// oursPrefix begins the line of a golden's comment that says why its want side is not the original's.
const oursPrefix = "ours: "

// oracleAnswer is what procfile/testdata/oracle/structure.js sends.
type oracleAnswer struct {
	Value *oracleGraph `json:"value"`
	Error *struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"error"`
}

// oracleGraph is the part of a graph that the original knows too. Values are compared as JSON.
type oracleGraph struct {
	AppName                string           `json:"appName"`
	AppDir                 string           `json:"appDir"`
	Processes              []map[string]any `json:"process"`
	DefinedProcesses       []any            `json:"definedProcesses"`
	DefaultServiceCategory any              `json:"defaultServiceCategory"`
	Services               []map[string]any `json:"services"`
}

// TestOriginal holds every golden against the original: the want side is what the original finds, or the comment says why
// not. With -update it notes which is which.
func TestOriginal(t *testing.T) {
	needNode(t)
	home := originalFolder(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	version := nodeVersion(t.Context(), node)
	paths, err := filepath.Glob("../testdata/golden/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			g := readGolden(t, path)
			if g.needs != "" && semver.Compare(version, g.needs) < 0 {
				return
			}
			g.compare(t, g.askOriginal(t, node, home))
		})
	}
}

// originalFolder is where the original is installed.
func originalFolder(t *testing.T) string {
	t.Helper()
	home := absolute(t, "../../.cache/peers/node_modules/pandora")
	if _, err := os.Stat(home); err != nil {
		t.Fatalf("%v; install it with `make .cache/peers/.installed`", err)
	}
	return home
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOriginalAtRandom compares the reconcilers on procfiles made by chance: the same ones, and others at each run.
func TestOriginalAtRandom(t *testing.T) {
	needNode(t)
	home := originalFolder(t)
	const count = 3000
	for _, seed := range []int32{1, rand.Int32()} {
		cmd := exec.CommandContext(t.Context(), "node", absolute(t, "../testdata/oracle/random.js"), home, absolute(t, "../../js"),
			t.TempDir(), strconv.Itoa(int(seed)), strconv.Itoa(count))
		scratch := t.TempDir()
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch, "PANDORA_TMP_DIR=" + scratch}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("seed %d: %v: %s", seed, err, out)
		}
		var answer struct {
			Compared  int   `json:"compared"`
			Defined   int   `json:"defined"`
			Different []any `json:"different"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatalf("seed %d: %v: %s", seed, err, out)
		}
		if answer.Compared != count || answer.Defined < count/2 {
			t.Errorf("seed %d: %d compared, of which the original accepts %d", seed, answer.Compared, answer.Defined)
		}
		for _, difference := range answer.Different {
			t.Errorf("seed %d: %s", seed, indented(t, difference))
		}
	}
}

// askOriginal runs the original's own structure computation for the golden's folder.
func (g *golden) askOriginal(t *testing.T, node, home string) oracleAnswer {
	t.Helper()
	script := absolute(t, "../testdata/oracle/structure.js")
	e, err := prepare(g.options)
	if err != nil {
		t.Fatal(err)
	}
	count := g.options.WorkerCount
	if count == 0 {
		count = e.defaultWorkerCount()
	}
	representation := map[string]any{"appName": e.AppName, "appDir": e.Dir}
	if e.GlobalEnv != nil {
		representation["globalEnv"] = e.GlobalEnv
	}
	if e.GlobalArgs != nil {
		representation["globalArgs"] = e.GlobalArgs
	}
	if e.GlobalExecArgv != nil {
		representation["globalExecArgv"] = e.GlobalExecArgv
	}
	request, err := json.Marshal(map[string]any{"representation": representation, "env": e.env, "workerCount": count})
	if err != nil {
		t.Fatal(err)
	}
	answers, answerer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	scratch := t.TempDir()
	cmd := exec.CommandContext(t.Context(), node, script, home)
	cmd.Dir, cmd.Stdin, cmd.ExtraFiles = g.options.Dir, bytes.NewReader(request), []*os.File{answerer}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch, "PANDORA_TMP_DIR=" + scratch}
	if g.options.Dev {
		cmd.Env = append(cmd.Env, "PANDORA_DEV=true")
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err = cmd.Start()
	answerer.Close()
	if err != nil {
		t.Fatal(err)
	}
	data, readErr := io.ReadAll(answers)
	waitErr := cmd.Wait()
	var answer oracleAnswer
	if len(data) == 0 {
		// It ended by itself, which a procfile can do.
		answer.Error = &struct {
			Name    string `json:"name"`
			Message string `json:"message"`
		}{Message: "no answer"}
		return answer
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatalf("%v, %v, %v: %s", err, readErr, waitErr, &output)
	}
	return answer
}

// compare holds the want side against the original's answer.
func (g *golden) compare(t *testing.T, answer oracleAnswer) {
	t.Helper()
	difference := g.difference(t, answer)
	reason := g.note(oursPrefix)
	switch {
	case difference == "" && reason != "":
		t.Errorf("the comment says %q, but the original finds the same", reason)
	case difference == "" && *update:
		g.addNote(t, recordedFrom)
	case difference != "" && reason == "":
		t.Errorf("the original differs, and no line %q says why: %s", oursPrefix+"<reason>", difference)
	}
	if difference != "" && g.note(recordedFrom) != "" {
		t.Errorf("the comment says %q, but the original differs: %s", recordedFrom, difference)
	}
}

// note returns the line of the comment that begins with prefix, or "".
func (g *golden) note(prefix string) string {
	for line := range strings.Lines(string(g.archive.Comment)) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// addNote writes a line at the end of the comment, unless it is there.
func (g *golden) addNote(t *testing.T, line string) {
	t.Helper()
	if g.note(line) != "" {
		return
	}
	data, err := os.ReadFile(g.path)
	if err != nil {
		t.Fatal(err)
	}
	at := len(g.archive.Comment)
	noted := string(data[:at]) + line + "\n" + string(data[at:])
	if err := os.WriteFile(g.path, []byte(noted), 0o644); err != nil {
		t.Fatal(err)
	}
}

// difference says in what the want side and the original's answer differ; "" when in nothing.
func (g *golden) difference(t *testing.T, answer oracleAnswer) string {
	t.Helper()
	switch {
	case g.wantError != "" && answer.Error != nil:
		if !strings.Contains(g.wantError, answer.Error.Message) && !strings.Contains(answer.Error.Message, messageOf(g.wantError)) {
			return "it says " + answer.Error.Message
		}
		return ""
	case g.wantError != "":
		return "it finds no error"
	case answer.Error != nil:
		return "it fails: " + answer.Error.Name + ": " + answer.Error.Message
	}
	var ours oracleGraph
	if err := json.Unmarshal([]byte(g.wantJSON), &ours); err != nil {
		t.Fatal(err)
	}
	for i := range ours.Processes {
		delete(ours.Processes[i], "kind")
	}
	theirs := answer.Value
	for i, service := range ours.Services {
		entry, _ := service["entry"].(map[string]any)
		path, _ := entry["path"].(string)
		cluster := false
		if i < len(theirs.Services) {
			// The original keeps the path of cluster(path) in a closure.
			if other, _ := theirs.Services[i]["entry"].(map[string]any); other["cluster"] == true {
				cluster, path = path != "", ""
			}
		}
		service["entry"] = map[string]any{"cluster": cluster, "path": path}
	}
	a, b := generic(t, ours), generic(t, *theirs)
	for key, value := range a {
		if !reflect.DeepEqual(value, b[key]) {
			return key + " is " + indented(t, b[key]) + "\nnot " + indented(t, value)
		}
	}
	var applets struct {
		Applets []any `json:"applets"`
	}
	if err := json.Unmarshal([]byte(g.wantJSON), &applets); err != nil {
		t.Fatal(err)
	}
	if len(applets.Applets) > 0 {
		return "it has no applets"
	}
	return ""
}

// messageOf is an error without place and class: the message alone.
func messageOf(short string) string {
	_, message, ok := strings.Cut(short, "Error: ")
	if !ok {
		return short
	}
	return message
}

func generic(t *testing.T, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var result map[string]any
	if err := json.Unmarshal(data, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func indented(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
