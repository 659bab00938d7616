package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this test binary as pandora, and as the few helpers they need.
func TestMain(m *testing.M) {
	// A process with the race detector sleeps a second before it exits, and the tests start many hundreds.
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=10")
	}
	testscript.Main(m, map[string]func(){
		"pandora":  main,
		"fetch":    fetchMain,
		"until":    untilMain,
		"asnobody": asNobodyMain,
	})
}

// TestScripts runs the end-to-end scripts: a real daemon, real guards, real Node, each in a home of its own.
func TestScripts(t *testing.T) {
	requireNode(t)
	for _, group := range []string{"verbs", "bad", "hostile", "examples"} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 filepath.Join("testdata", "scripts", group),
				Setup:               setupScript,
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"capture": captureCmd,
					"example": exampleCmd,
				},
			})
		})
	}
}

// requireNode skips where Node is missing, and fails there in CI.
func requireNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not in PATH")
		}
		t.Skip("node is not in PATH")
	}
}

// setupScript gives a script its own home and ports, and ends what it started.
func setupScript(env *testscript.Env) error {
	// Unix socket paths are short; the work directory of a script may not be.
	home, err := os.MkdirTemp("", "pandora-e2e-")
	if err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("PANDORA_DIR", filepath.Join(home, "p"))
	env.Setenv("PANDORA_ACTUATOR_PORT", "0")
	env.Setenv("PORT", "0")
	env.Setenv("NO_COLOR", "1")
	env.Setenv("GORACE", os.Getenv("GORACE"))
	env.Setenv("DEFAULT_WORKER_COUNT", "2")
	env.Defer(func() {
		exe, err := exec.LookPath("pandora")
		if err != nil {
			exe = filepath.Join(strings.Split(env.Getenv("PATH"), string(os.PathListSeparator))[0], "pandora")
		}
		cmd := exec.Command(exe, "exit")
		cmd.Env = env.Vars
		if out, err := cmd.CombinedOutput(); err != nil {
			env.T().Log("exit: ", err, "\n", string(out))
		}
		if os.Getenv("PANDORA_TEST_KEEP") == "" {
			os.RemoveAll(home)
		}
	})
	return nil
}

// captureCmd sets a variable from the last standard output: capture NAME REGEXP (its first group).
func captureCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	m := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("capture %s: no match for %q in\n%s", args[0], args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], m[1])
}

// exampleCmd copies an example of the repository into the script's folder: example NAME.
func exampleCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: example NAME")
	}
	ts.Check(copyExample(args[0], ts.MkAbs(args[0])))
}

// copyExample copies examples/name to dir; its node_modules are linked.
func copyExample(name, dir string) error {
	source, err := filepath.Abs(filepath.Join("..", "..", "examples", name))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(source, e.Name()), filepath.Join(dir, e.Name())
		switch {
		case e.Name() == "node_modules":
			err = os.Symlink(from, to)
		case e.IsDir():
			err = os.CopyFS(to, os.DirFS(from))
		default:
			var data []byte
			if data, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, data, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetchMain prints an answer: fetch [-status N] [-head] [-accept TYPE] [-post] URL.
func fetchMain() {
	status, method, accept := 200, http.MethodGet, ""
	args := os.Args[1:]
	for len(args) > 1 {
		switch args[0] {
		case "-status":
			status, _ = strconv.Atoi(args[1])
			args = args[1:]
		case "-accept":
			accept = args[1]
			args = args[1:]
		case "-post":
			method = http.MethodPost
		}
		args = args[1:]
	}
	request, err := http.NewRequest(method, args[0], nil)
	if err != nil {
		fail(err)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		fail(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		fail(err)
	}
	fmt.Printf("%s", body)
	if response.StatusCode != status {
		fail(fmt.Errorf("status %d, want %d", response.StatusCode, status))
	}
}

// untilMain runs a command again and again until its output matches: until SECONDS REGEXP COMMAND ARGS….
// A leading ! of the expression waits until it no longer matches.
func untilMain() {
	seconds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	pattern, absent := strings.CutPrefix(os.Args[2], "!")
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		fail(err)
	}
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		out, _ := exec.Command(os.Args[3], os.Args[4:]...).CombinedOutput()
		if re.Match(out) != absent {
			os.Stdout.Write(out)
			return
		}
		if time.Now().After(deadline) {
			os.Stdout.Write(out)
			fail(fmt.Errorf("still no match for %q after %d s", os.Args[2], seconds))
		}
		<-tick.C
	}
}

// asNobodyMain runs a command as an unprivileged user; where it is one already, it just runs it.
func asNobodyMain() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if os.Geteuid() == 0 {
		// The folders of go test are closed to others.
		binary, err := exec.LookPath("pandora")
		if err != nil {
			fail(err)
		}
		here, err := os.Getwd()
		if err != nil {
			fail(err)
		}
		for _, dir := range []string{filepath.Dir(binary), here} {
			for ; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					fail(err)
				}
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	err := cmd.Run()
	if cmd.ProcessState != nil {
		os.Exit(cmd.ProcessState.ExitCode())
	}
	fail(err)
}

// fail ends a helper with an error.
func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
