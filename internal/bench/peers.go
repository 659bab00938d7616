package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long an application may take until it answers.
const patience = 60 * time.Second

// markVariable is in the environment of everything that is started here: so it is found, and only it is ended.
const markVariable = "PANDORA_BENCH"

// shape says what a peer has to run.
type shape struct {
	// workers is how many there are; cluster whether they share the port as workers of a cluster.
	workers int
	cluster bool
	// delay is the longest time a request takes, in milliseconds.
	delay int
	// balance is given to pandora, where it is not "".
	balance string
	// name is the application's, "app" when it is "".
	name string
}

// peer is one way to keep an application running, in a home of its own.
type peer struct {
	name, home, mark string
	env              []string
	address, port    string
	// start, list, reload, stop and end are command lines. reload is what comes nearest to it: a peer without has a restart.
	start, list, reload, stop, end []string
	reloadName                     string
	// bare is the application itself, or Node's own cluster: start does not return.
	bare bool
	proc *exec.Cmd
}

// place is where the peers are found and what they need.
type place struct {
	pandora, peers, home string
	// rows is in the titles of those rows of a table that are wanted.
	rows   string
	serial int
}

// peer prepares one by name: "node", "pandora", "pm2" or "original". It is nil when its program is not there.
func (l *place) peer(name string, s shape) (*peer, error) {
	l.serial++
	home := filepath.Join(l.home, fmt.Sprintf("%s-%d", name, l.serial))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &peer{name: name, home: home, address: listener.Addr().String(), mark: fmt.Sprintf("%s=%d-%d", markVariable, os.Getpid(), l.serial)}
	_, p.port, _ = net.SplitHostPort(p.address)
	listener.Close()
	if s.name == "" {
		s.name = "app"
	}
	app := filepath.Join(home, "app")
	if err := os.MkdirAll(app, 0o700); err != nil {
		return nil, err
	}
	if err := p.write(app, s); err != nil {
		return nil, err
	}
	// No variable of ours leads to the user's own daemon.
	p.env = append(os.Environ(), p.mark, "HOME="+home, "PORT="+p.port, "PANDORA_DIR=", "NO_COLOR=1", "PANDORA_ACTUATOR_PORT=0")
	bin, err := filepath.Abs(filepath.Join(l.peers, "node_modules", ".bin"))
	if err != nil {
		return nil, err
	}
	switch name {
	case "node":
		p.bare, p.start = true, []string{"node", filepath.Join(app, "app.js")}
		if s.cluster {
			p.start[1] = filepath.Join(app, "primary.js")
		}
	case "pandora":
		p.env = append(p.env, "PANDORA_DIR="+filepath.Join(home, "p"))
		p.start, p.reload, p.end = []string{l.pandora, "start", "--name", s.name, app}, []string{l.pandora, "reload", "app"}, []string{l.pandora, "exit"}
		p.list, p.stop = []string{l.pandora, "list"}, []string{l.pandora, "stop", "app"}
		p.reloadName = "reload"
	case "pm2":
		program := filepath.Join(bin, "pm2")
		p.env = append(p.env, "PM2_HOME="+filepath.Join(home, "pm2"), "PM2_DISABLE_VERSION_CHECK=1", "PM2_API_IPADDR=127.0.0.1")
		p.start, p.reload, p.end = []string{program, "start", filepath.Join(app, "eco.json")}, []string{program, "reload", "app"}, []string{program, "kill"}
		p.list, p.stop = []string{program, "list"}, []string{program, "stop", "app"}
		p.reloadName = "reload"
	case "original":
		program, config := filepath.Join(bin, "pandora"), filepath.Join(home, "config.js")
		if err := os.WriteFile(config, []byte("module.exports = { actuator: { http: { enabled: false } } };\n"), 0o600); err != nil {
			return nil, err
		}
		p.env = append(p.env, "PANDORA_TMP_DIR="+home, "PANDORA_CONFIG="+config)
		p.start, p.reload, p.end = []string{program, "start", "--name", s.name, app}, []string{program, "restart", "app"}, []string{program, "exit"}
		p.reloadName = "restart, it has no reload"
	}
	if _, err := exec.LookPath(p.start[0]); err != nil {
		return nil, nil
	}
	return p, nil
}

// write makes the application: one server that answers its pid, and for each peer what tells it to run that.
func (p *peer) write(dir string, s shape) error {
	mode, procfile := "fork", "pandora.fork('app', './app.js');"
	if s.cluster {
		mode = "cluster"
		procfile = fmt.Sprintf("pandora.cluster('./app.js'); const worker = pandora.process('worker').scale(%d);", s.workers)
		if s.balance != "" {
			procfile += fmt.Sprintf(" worker.balance(%q);", s.balance)
		}
	}
	answer := "response.end(process.pid + '\\n')"
	if s.delay > 0 {
		answer = fmt.Sprintf("setTimeout(() => %s, Math.random() * %d)", answer, s.delay)
	}
	for name, text := range map[string]string{
		"package.json": `{"name":"app","version":"1.0.0"}`,
		"procfile.js":  "'use strict';\nmodule.exports = (pandora) => { " + procfile + " };\n",
		"app.js": fmt.Sprintf(`'use strict';
const http = require('node:http');
http.createServer((request, response) => %s).listen(Number(process.env.BENCH_PORT ?? %s), '127.0.0.1', () => console.log('listens'));
`, answer, p.port),
		"primary.js": fmt.Sprintf(`'use strict';
const cluster = require('node:cluster');
cluster.setupPrimary({ exec: __dirname + '/app.js' });
for (let i = 0; i < %d; i++) cluster.fork();
cluster.on('exit', () => cluster.fork());
`, s.workers),
		"eco.json": fmt.Sprintf(`{"apps":[{"name":%q,"script":"./app.js","cwd":%q,"exec_mode":%q,"instances":%d}]}`, s.name, dir, mode, s.workers),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// up starts it and waits for the first answer; it returns how long that took.
func (p *peer) up() (time.Duration, error) {
	began := time.Now()
	answered := make(chan time.Duration, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		if pid := p.answer("", stop); pid != "" {
			answered <- time.Since(began)
		}
	})
	if p.bare {
		p.proc = exec.Command(p.start[0], p.start[1:]...)
		// A session of its own, as all others make one: Linux shares the processors among sessions first.
		p.proc.Env, p.proc.SysProcAttr = p.env, &syscall.SysProcAttr{Setsid: true}
		if err := p.proc.Start(); err != nil {
			return 0, err
		}
	} else if _, err := run(p.env, p.start); err != nil {
		return 0, err
	}
	select {
	case took := <-answered:
		return took, nil
	case <-time.After(patience):
		return 0, fmt.Errorf("%s does not answer on %s", p.name, p.address)
	}
}

// answer asks until somebody answers whose pid is another than not, and returns that; "" when stop comes before.
func (p *peer) answer(not string, stop <-chan struct{}) string {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return ""
		case <-tick.C:
		}
		if pid := p.ask(); pid != "" && pid != not {
			return pid
		}
	}
}

// ask asks once and returns the pid that answers, "" for none.
func (p *peer) ask() string {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + p.address)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// down ends everything that it has started.
func (p *peer) down() {
	if p.end != nil {
		_, _ = run(p.env, p.end) // what it leaves is ended below
	}
	for range 20 {
		left := p.processes()
		if len(left) == 0 {
			break
		}
		for pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if p.proc != nil {
		_ = p.proc.Wait() // it was killed
	}
	_ = os.RemoveAll(p.home)
}

// processes maps the pids of all that it has started to their command lines.
func (p *peer) processes() map[int]string {
	all := map[int]string{}
	for pid, line := range processes() {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err == nil && bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+p.mark+"\x00")) {
			all[pid] = line
		}
	}
	return all
}

// role names a process by its command line.
func role(line string) string {
	for _, r := range []struct{ part, name string }{
		{"pandora guard", "guard"}, {"pandora daemon", "daemon"}, {"God Daemon", "daemon"}, {"DaemonBootstrap", "daemon"}, {"primary.js", "primary"},
	} {
		if strings.Contains(line, r.part) {
			return r.name
		}
	}
	return "worker"
}

// find returns the pid of the process with a role.
func (p *peer) find(name string) (int, error) {
	for pid, line := range p.processes() {
		if role(line) == name {
			return pid, nil
		}
	}
	return 0, errors.New("there is no " + name)
}

// cpu is the time that processes have used so far, in all their threads.
func cpu(pids map[int]string) time.Duration {
	var sum time.Duration
	for pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, file := range threads {
			if text, err := os.ReadFile(file); err == nil {
				first, _, _ := strings.Cut(string(text), " ")
				ns, _ := strconv.ParseInt(first, 10, 64)
				sum += time.Duration(ns)
			}
		}
	}
	return sum
}
