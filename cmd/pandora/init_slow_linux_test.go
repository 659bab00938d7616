//go:build slow

package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/load"
)

// frameworkModules is the folder with the packages of next and midway 3, and with the compiler for all of them.
func frameworkModules(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no npm, whose scripts build the projects: ", err)
	}
	return installed(t, "frameworks", false)
}

// framework copies a project of testdata/frameworks, and gives it a port. With modules it gets them as its own; else it lies
// beside those of .cache/frameworks, because next's compiler refuses packages that are a link out of the project.
func (b *bench) framework(name, modules string) (dir, port string) {
	b.t.Helper()
	dir = filepath.Join(b.dir, "shop")
	if modules == "" {
		beside, err := os.MkdirTemp(filepath.Dir(frameworkModules(b.t)), "test-")
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { os.RemoveAll(beside) })
		dir = filepath.Join(beside, "shop")
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "frameworks", name))); err != nil {
		b.t.Fatal(err)
	}
	if modules != "" {
		if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
			b.t.Fatal(err)
		}
	}
	_, port, _ = net.SplitHostPort(freeAddress(b.t))
	b.env = append(b.env, "PORT="+port, "MIDWAY_HTTP_PORT="+port, "NEXT_TELEMETRY_DISABLED=1",
		"EGG_HOME="+b.dir, "MOCK_HOME_DIR="+b.dir) // below which midway 1 writes logs
	return dir, port
}

// inProject runs a command in the folder of a project, which has to end well in some minutes.
func (b *bench) inProject(dir, name string, args ...string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, b.env, 10*time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// initSays writes the procfile of a project, and holds what init says of it.
func (b *bench) initSays(dir string, args, says, saysNot []string) {
	b.t.Helper()
	out := b.run(append([]string{"init", dir, "--yes", "--force"}, args...)...)
	for _, text := range says {
		if !strings.Contains(out, text) {
			b.t.Errorf("init does not say %q:\n%s", text, out)
		}
	}
	for _, text := range saysNot {
		if strings.Contains(out, text) {
			b.t.Errorf("init says %q:\n%s", text, out)
		}
	}
}

// served starts the application shop, reloads it twice under light load and stops it: no request is lost, another process
// answers each time, and nothing is left. All answers are a pid and want.
func (b *bench) served(dir, port, want string) {
	b.t.Helper()
	b.run("start", dir)
	url := "http://localhost:" + port + "/"
	answers := []string{answerOf(b.t, url)}
	ctx, cancel := context.WithCancel(b.t.Context())
	result := make(chan load.Result, 1)
	go func() { result <- askHTTP(ctx, net.JoinHostPort("127.0.0.1", port)) }()
	for range 2 {
		b.run("reload", "shop")
		answers = append(answers, answerOf(b.t, url))
	}
	cancel()
	r := <-result
	if r.OK == 0 || r.Failed > 0 {
		b.t.Errorf("%v\n%s", r, b.log())
	}
	var pids []string
	for _, answer := range answers {
		pid, text, _ := strings.Cut(strings.TrimSpace(answer), " ")
		if text != want || slices.Contains(pids, pid) {
			b.t.Errorf("the answers are %q, want %q of another process each", answers, want)
		}
		pids = append(pids, pid)
	}
	b.run("stop", "shop")
	if left := b.processes(dir); len(left) > 0 {
		b.t.Errorf("left after stop: %v", left)
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort("localhost", port)); err == nil {
		conn.Close()
		b.t.Error("somebody listens after stop")
	}
}

// TestInitNext builds a project of next, and serves it in the ways that init writes.
func TestInitNext(t *testing.T) {
	frameworkModules(t)
	b := newBench(t)
	dir, port := b.framework("next", "")
	build := []string{"npm run build", "makes ./.next for pandora start"}
	b.initSays(dir, nil, append(build, "next (next/dist/bin/next, scripts.start of package.json): one plain process"), nil)
	b.inProject(dir, "npm", "run", "build")
	b.initSays(dir, nil, nil, build)
	b.served(dir, port, "next production")
	b.initSays(dir, []string{"--mode", "cluster"}, []string{"2 workers", "a cache in memory of its own"}, nil)
	b.served(dir, port, "next production")
}

// TestInitNextDev develops with what init writes, before anything is built: next follows changes itself.
func TestInitNextDev(t *testing.T) {
	frameworkModules(t)
	b := newBench(t)
	dir, port := b.framework("next", "")
	b.initSays(dir, nil, []string{"pandora dev needs none"}, nil)
	d := b.dev(dir)
	before := answerOf(t, "http://localhost:"+port+"/")
	if !strings.HasSuffix(before, " next development\n") {
		t.Errorf("it answers %q", before)
	}
	page := "http://localhost:" + port + "/about"
	if text := answerOf(t, page); !strings.Contains(text, "first text") {
		t.Errorf("the page is %s", text)
	}
	source := filepath.Join(dir, "app", "about", "page.js")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	b.write(source, strings.Replace(string(text), "first text", "second text", 1))
	within(t, time.Minute, "the changed page", func() bool { return strings.Contains(answerOf(t, page), "second text") })
	if after := answerOf(t, "http://localhost:"+port+"/"); after != before {
		t.Errorf("%q became %q: it was restarted", before, after)
	}
	if text := d.text(); strings.Contains(text, "non-standard") || strings.Contains(text, "restarting") {
		t.Errorf("dev says\n%s", text)
	}
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("dev ended with %v", err)
	}
	if left := b.processes(dir); len(left) > 0 {
		t.Errorf("left after dev: %v", left)
	}
}

// TestInitMidway builds a project of midway 3 and one of midway 1, and serves them as init writes it.
func TestInitMidway(t *testing.T) {
	modules := frameworkModules(t)
	build := []string{"npm run build", "makes ./dist, which is started"}
	t.Run("3", func(t *testing.T) {
		b := newBench(t)
		dir, port := b.framework("midway3", modules)
		b.initSays(dir, nil, append(build, "midway-bootstrap (./bootstrap.js, scripts.start of package.json): 2 workers"), nil)
		b.inProject(dir, "npm", "run", "build")
		b.initSays(dir, nil, nil, build)
		b.served(dir, port, "midway production")

		d := b.dev(dir)
		if answer := answerOf(t, "http://localhost:"+port+"/"); !strings.HasSuffix(answer, " midway local\n") {
			t.Errorf("under pandora dev it answers %q", answer)
		}
		d.waitFor("Application start successful", 1)
		source := filepath.Join(dir, "src", "controller", "home.controller.ts")
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		b.write(source, strings.Replace(string(text), "} midway $", "} changed $", 1))
		b.inProject(dir, "npm", "run", "build") // empties the folder first
		within(t, time.Minute, "the changed answer", func() bool {
			return strings.HasSuffix(answerOf(t, "http://localhost:"+port+"/"), " changed local\n")
		})
	})
	t.Run("1", func(t *testing.T) {
		old := installed(t, "midway", false)
		b := newBench(t)
		dir, port := b.framework("midway1", old)
		b.initSays(dir, nil, append(build, "midway (midway/server, the package midway): one plain process"), nil)
		// The compiler of its time does not know the types that its packages ask for today, and this one does not check them.
		b.inProject(dir, "node", filepath.Join(modules, "typescript", "bin", "tsc"), "-p", ".", "--noCheck")
		b.initSays(dir, nil, nil, build)
		b.served(dir, port, "midway production")
	})
}
