package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestInitStarts writes the procfile of projects with their real packages, and starts and reloads them with it.
func TestInitStarts(t *testing.T) {
	modules := installed(t, "apps", false)
	source := func(name string) string {
		text, err := os.ReadFile(filepath.Join("testdata", "apps", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct {
		files map[string]string
		// procfile is the name of what is written, and says a part of what init says.
		procfile, says string
	}{
		"express": {
			files: map[string]string{
				"package.json": `{"name": "shop", "main": "index.js", "dependencies": {"express": "4"}}`, // as npm init and npm install make it
				"app.js":       source("express.js"),
			},
			procfile: "procfile.js", says: "express (./app.js): 2 workers",
		},
		"koa": {
			files: map[string]string{
				"package.json":  `{"name": "shop", "scripts": {"start": "NODE_ENV=production node --no-deprecation src/serve"}, "dependencies": {"koa": "2"}}`,
				"src/serve.js":  source("koa.js"),
				"ecosystem.yml": "",
			},
			procfile: "procfile.js", says: "koa (./src/serve.js, scripts.start",
		},
		"fastify": {
			files: map[string]string{
				"package.json": `{"name": "shop", "type": "module", "main": "server.js", "dependencies": {"fastify": "4"}}`,
				"server.js":    strings.Replace(source("fastify.js"), "const app = require('fastify')();", "import fastify from 'fastify';\nconst app = fastify();", 1),
			},
			procfile: "procfile.cjs", says: "fastify (./server.js, main",
		},
		"hapi": {
			files: map[string]string{
				"package.json": `{"name": "shop", "main": "index.js", "dependencies": {"@hapi/hapi": "21"}}`,
				"index.js":     source("hapi.js"),
			},
			procfile: "procfile.js", says: "hapi (./index.js, main of package.json): 2 workers",
		},
		"nest": {
			files: map[string]string{
				"package.json": `{"name": "shop", "scripts": {"start": "nest start", "build": "nest build", "start:prod": "node dist/main"}, "dependencies": {"@nestjs/core": "10"}}`,
				"dist/main.js": source("nest.js"),
				"src/main.ts":  "",
			},
			procfile: "procfile.js", says: "nest (./dist/main.js, scripts.start:prod",
		},
		"egg": {
			files: map[string]string{
				"package.json":             `{"name": "shop", "scripts": {"start": "egg-scripts start --workers=1"}, "dependencies": {"egg": "3"}}`,
				"config/config.default.js": source("egg/config/config.default.js"),
				"app/router.js":            source("egg/app/router.js"),
			},
			procfile: "procfile.js", says: "egg (./server.js, egg): one plain process",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir, address := filepath.Join(b.dir, "shop"), freeAddress(t)
			for file, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				b.write(filepath.Join(dir, file), text)
			}
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(address)
			b.env = append(b.env, "PORT="+port, "EGG_HOME="+b.dir, "MOCK_HOME_DIR="+b.dir)
			if out := b.run("init", dir, "--yes"); !strings.Contains(out, c.says) || !strings.Contains(out, filepath.Join(dir, c.procfile)) {
				t.Errorf("init says\n%s", out)
			}
			b.run("start", dir)
			before := answerOf(t, "http://localhost:"+port+"/")
			b.run("reload", "shop")
			after := answerOf(t, "http://localhost:"+port+"/")
			if !strings.Contains(before, " "+name) || !strings.Contains(after, " "+name) || before == after {
				t.Errorf("it answers %q, and %q when it is reloaded", before, after)
			}
			b.run("stop", "shop")
		})
	}
}

// freeAddress is an address of this machine that nobody listens on. The port is below those that the system gives away when
// it is asked for any: one of these may be given to another test before it is used here.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)))
		if err != nil {
			continue
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// answerOf asks until there is an answer with status 200: some listen only after they were loaded.
func answerOf(t *testing.T, url string) string {
	t.Helper()
	// A reload would wait for a connection that is kept, with fastify for half a minute.
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); ; {
		response, err := client.Get(url)
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return string(body)
			}
			err = fmt.Errorf("%s: %s", response.Status, body)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// dialog is a terminal whose user types when something was shown.
type dialog struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
}

// openDialog runs pandora with a terminal as its input and error output, and in a session of its own, so that Ctrl+C
// reaches it; output goes to the terminal too. The function that is returned waits for its end and tells the exit code.
func openDialog(t *testing.T, columns uint16, dir string, args ...string) (*dialog, func() int) {
	t.Helper()
	exe, err := exec.LookPath("pandora")
	if err != nil {
		t.Fatal(err)
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals: ", err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &dialog{t: t, master: master}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = slave, slave, slave, dir
	cmd.Env = append(os.Environ(), "PANDORA_DIR="+t.TempDir(), "NO_COLOR=1", "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	var reader sync.WaitGroup
	reader.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			s.mu.Lock()
			s.shown.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil { // the other side is closed
				return
			}
		}
	})
	return s, func() int {
		_ = cmd.Wait()
		reader.Wait()
		cancel()
		master.Close()
		return cmd.ProcessState.ExitCode()
	}
}

// text is what was shown so far.
func (s *dialog) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.shown.String(), "\r\n", "\n")
}

// when waits until text is shown behind what was shown when it was last called, and types.
func (s *dialog) when(text, typed string) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(s.text(), text) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%q is not shown in\n%s", text, s.text())
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.mu.Lock()
	at := strings.Index(s.shown.String(), text)
	rest := s.shown.String()[at+len(text):]
	s.shown.Reset()
	s.shown.WriteString(rest)
	s.mu.Unlock()
	if _, err := s.master.WriteString(typed); err != nil {
		s.t.Fatal(err)
	}
}

// TestInitAsks answers the questions of init at a terminal.
func TestInitAsks(t *testing.T) {
	server := "require('http').createServer(() => {}).listen(0);\n"
	project := func(t *testing.T, files ...string) string {
		t.Helper()
		t.Parallel()
		dir := t.TempDir()
		for _, file := range files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(server), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	written := func(t *testing.T, dir, name, want string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v: %s does not hold %q:\n%s", err, name, want, text)
		}
	}
	t.Run("enter, enter", func(t *testing.T) {
		dir := project(t, "app.js")
		s, end := openDialog(t, 80, dir, "init")
		s.when("Which program is to be started? [./app.js]: ", "\n")
		s.when("[2]: ", "\n")
		if code := end(); code != 0 {
			t.Errorf("exit code %d\n%s", code, s.text())
		}
		written(t, dir, "procfile.js", "pandora.process('worker').scale(pandora.dev ? 1 : 2);\n  pandora.cluster('./app.js');")
	})
	t.Run("answers, some of them wrong", func(t *testing.T) {
		dir := project(t, "app.js", "server.js", "tool.ts")
		s, end := openDialog(t, 80, dir, "init")
		s.when("./app.js would be possible, too", "")
		s.when("[./server.js]: ", "nothing.js\n")
		s.when("there is no such file", "")
		s.when("[./server.js]: ", "tool.ts\n")
		s.when("[2]: ", "many\n")
		s.when("expected a number from 1 to 1024", "")
		s.when("[2]: ", "1\n")
		s.when("in TypeScript? [y/N]: ", "maybe\n")
		s.when("answer y or n", "")
		s.when("in TypeScript? [y/N]: ", "Y\n")
		if code := end(); code != 0 {
			t.Errorf("exit code %d\n%s", code, s.text())
		}
		written(t, dir, "procfile.ts", "pandora.fork('web', './tool.ts');")
	})
	t.Run("a procfile that is there", func(t *testing.T) {
		dir := project(t, "app.js", "procfile.js")
		s, end := openDialog(t, 20, dir, "init")
		s.when("do you want to overwrite it? [y/N]: ", "\n")
		if code := end(); code != 1 {
			t.Errorf("exit code %d\n%s", code, s.text())
		}
		written(t, dir, "procfile.js", server)
		s, end = openDialog(t, 20, dir, "init")
		s.when("do you want to overwrite it? [y/N]: ", "y\n")
		s.when("[./app.js]: ", "\n")
		s.when("[2]: ", "auto\n")
		if code := end(); code != 0 {
			t.Errorf("exit code %d\n%s", code, s.text())
		}
		written(t, dir, "procfile.js", "scale('auto')")
	})
	for name, c := range map[string]struct {
		key  string
		code int
	}{"Ctrl+C": {"\x03", exitInterrupted}, "Ctrl+D": {"\x04", exitFailure}} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, "app.js")
			s, end := openDialog(t, 80, dir, "init")
			s.when("[./app.js]: ", c.key)
			if code := end(); code != c.code {
				t.Errorf("exit code %d\n%s", code, s.text())
			}
			if _, err := os.Stat(filepath.Join(dir, "procfile.js")); err == nil {
				t.Error("a procfile was written")
			}
		})
	}
	t.Run("nothing is asked with --yes", func(t *testing.T) {
		dir := project(t, "app.js")
		s, end := openDialog(t, 80, dir, "init", "-y", "--mode", "fork")
		if code := end(); code != 0 || strings.Contains(s.text(), "?") {
			t.Errorf("exit code %d\n%s", code, s.text())
		}
	})
}
