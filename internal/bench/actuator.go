package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
)

// The targets of the rows on endpoints.
const (
	bareShare    = 0.8 // of the requests of a bare handler that sends the same bytes
	originalGain = 5.0 // requests over the original's
	hangingLimit = 2.0 // the 99th percentile beside an indicator that hangs, over that without
)

const (
	endpointClients = 16
	endpointRounds  = 5
	endpointTime    = 1500 * time.Millisecond
)

// endpointApp is one process with 20 health indicators and 20 metrics, for every generation of the packages.
const endpointApp = `'use strict';
const { HealthIndicator, MetricsClientUtil } = require('dorapan');
for (let i = 0; i < 20; i++) {
  class Each extends HealthIndicator { constructor() { super(); this.name = 'check_' + i; } async doCheck(builder) { builder.up(); } }
  new Each().initialize();
}
if (process.env.BENCH_HANGING) {
  class Hanging extends HealthIndicator { constructor() { super(); this.name = 'hanging'; } async doCheck() { await new Promise(() => {}); } }
  new Hanging().initialize();
}
const client = MetricsClientUtil.getMetricsClient();
for (let i = 0; i < 10; i++) {
  client.getCounter('bench', 'bench.counter' + i).inc(i);
  client.register('bench', 'bench.gauge' + i, { getValue() { return i; } });
}
require('node:http').createServer((request, response) => response.end(process.pid + '\n')).listen(%s, '127.0.0.1');
`

// endpointSample is one measurement of a path.
type endpointSample struct {
	rate float64       // requests per second
	cpu  float64       // microseconds of the server per request
	p99  time.Duration // of the answers
	size int           // bytes of a body
}

// better keeps the best of two rounds.
func (s endpointSample) better(o endpointSample) endpointSample {
	if s.rate == 0 {
		return o
	}
	return endpointSample{max(s.rate, o.rate), min(s.cpu, o.cpu), min(s.p99, o.p99), o.size}
}

// served is a daemon whose endpoints are measured.
type served struct {
	address string
	pids    map[int]string
}

// endpointTable prints what the endpoints cost beside a bare handler and the original.
func endpointTable(l *place) error {
	fmt.Println("\nendpoints                                        CPU µs/request   requests/s      p99 ms    bytes")
	paths := []string{"/health?appName=app", "/process?appName=app", "/metrics/list", "/metrics/bench"}
	got := map[string]map[string]endpointSample{}
	for _, name := range []string{"pandora", "original", "hanging"} {
		found, err := endpointPeer(l, name, paths)
		if err != nil {
			return fmt.Errorf("endpoints of %s: %w", name, err)
		}
		if found != nil {
			got[name] = found
		}
	}
	health, bare := got["pandora"][paths[0]], got["pandora"]["bare"]
	share := health.rate / bare.rate
	fmt.Printf("  %-30s %-15s %s\n", paths[0], "bare echo", bare)
	fmt.Printf("  %-30s %-15s %s%s\n", "", "pandora", health, judged(share >= bareShare, true, fmt.Sprintf("%g × the bare handler's requests, it has %.2f", bareShare, share)))
	if hung, ok := got["hanging"]; ok {
		slower := float64(hung[paths[0]].p99) / float64(health.p99)
		fmt.Printf("  %-30s %-15s %s%s\n", "", "one hangs", hung[paths[0]], judged(slower <= hangingLimit, true, fmt.Sprintf("p99 at most %g × as long, it is %.2f", hangingLimit, slower)))
	}
	for i, path := range paths {
		own, original := got["pandora"][path], got["original"][path]
		if i > 0 {
			fmt.Printf("  %-30s %-15s %s\n", path, "pandora", own)
		}
		if original.rate == 0 {
			continue
		}
		least := originalGain
		if i == 0 {
			least = 1
		}
		gain := own.rate / original.rate
		fmt.Printf("  %-30s %-15s %s%s\n", "", "pandora 1.11.0", original, judged(gain >= least, true, fmt.Sprintf("%g × its requests, it has %.1f", least, gain)))
	}
	return nil
}

// String is a row's figures.
func (s endpointSample) String() string {
	return fmt.Sprintf("%14.1f %12.0f %11.2f %8d", s.cpu, s.rate, float64(s.p99.Microseconds())/1000, s.size)
}

// endpointPeer measures the paths of one daemon; nil when its program is not there. "hanging" is pandora with one indicator
// that hangs, of which only the first path counts. The first path of pandora is measured in turn with a bare handler, which
// is "bare".
func endpointPeer(l *place, name string, paths []string) (map[string]endpointSample, error) {
	peerName := name
	if name == "hanging" {
		peerName, paths = "pandora", paths[:1]
	}
	p, err := l.peer(peerName, shape{workers: 1})
	if err != nil || p == nil {
		return nil, err
	}
	defer p.down()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	app := filepath.Join(p.home, "app")
	if err := os.WriteFile(filepath.Join(app, "app.js"), []byte(fmt.Sprintf(endpointApp, p.port)), 0o600); err != nil {
		return nil, err
	}
	if peerName == "original" {
		modules, err := filepath.Abs(filepath.Join(l.peers, "node_modules"))
		if err != nil {
			return nil, err
		}
		if err := os.Symlink(modules, filepath.Join(app, "node_modules")); err != nil {
			return nil, err
		}
		config := fmt.Sprintf("module.exports = { actuator: { http: { enabled: true, port: %s } } };\n", port)
		if err := os.WriteFile(filepath.Join(p.home, "config.js"), []byte(config), 0o600); err != nil {
			return nil, err
		}
	}
	p.env = append(p.env, "PANDORA_ACTUATOR_PORT="+port)
	if name == "hanging" {
		p.env = append(p.env, "BENCH_HANGING=1")
	}
	if _, err := p.up(); err != nil {
		return nil, err
	}
	daemon, err := p.find("daemon")
	if err != nil {
		return nil, err
	}
	s := served{address: net.JoinHostPort("127.0.0.1", port), pids: map[int]string{daemon: ""}}
	if err := s.await(paths[0], "check_19"); err != nil {
		return nil, err
	}
	var bare *served
	if name == "pandora" {
		first, err := s.measure(paths[0])
		if err != nil {
			return nil, err
		}
		handler, end, err := bareHandler(first.size)
		if err != nil {
			return nil, err
		}
		defer end()
		bare = &handler
	}
	return s.rounds(paths, bare)
}

// rounds measures every path several times, and a bare handler, if there is one, in turn with them.
func (s served) rounds(paths []string, bare *served) (map[string]endpointSample, error) {
	best := map[string]endpointSample{}
	for range endpointRounds {
		if bare != nil {
			one, err := bare.measure("/health")
			if err != nil {
				return nil, err
			}
			best["bare"] = best["bare"].better(one)
		}
		for _, path := range paths {
			one, err := s.measure(path)
			if err != nil {
				return nil, fmt.Errorf("GET %s: %w", path, err)
			}
			best[path] = best[path].better(one)
		}
	}
	return best, nil
}

// await asks until an answer has a word in it.
func (s served) await(path, word string) error {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		response, err := http.Get("http://" + s.address + path)
		if err == nil {
			body, _ := io.ReadAll(response.Body) // a broken answer has no word
			response.Body.Close()
			if bytes.Contains(body, []byte(word)) {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("GET %s has no %q", path, word)
}

// measure asks for a path with several clients for a while.
func (s served) measure(path string) (endpointSample, error) {
	before := cpu(s.pids)
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), endpointTime)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	var size int
	var failure error
	var wg sync.WaitGroup
	for range endpointClients {
		wg.Go(func() {
			took, bytes, err := s.client(ctx, path)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			size = max(size, bytes)
			if err != nil {
				failure = err
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	used := cpu(s.pids) - before
	if failure != nil || len(all) == 0 {
		return endpointSample{}, fmt.Errorf("%d answers: %w", len(all), failure)
	}
	slices.Sort(all)
	return endpointSample{
		rate: float64(len(all)) / elapsed.Seconds(), cpu: float64(used.Microseconds()) / float64(len(all)),
		p99: all[len(all)*99/100], size: size,
	}, nil
}

// client asks again and again on one connection, and reads as little of the answers as it can.
func (s served) client(ctx context.Context, path string) (took []time.Duration, size int, err error) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, 0, err
	}
	question := []byte("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	reader := bufio.NewReaderSize(conn, 64<<10)
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := conn.Write(question); err != nil {
			return nil, 0, err
		}
		if size, err = readAnswer(reader); err != nil {
			return nil, 0, err
		}
		took = append(took, time.Since(began))
	}
	return took, size, nil
}

// readAnswer reads one answer and returns the length of its body.
func readAnswer(reader *bufio.Reader) (int, error) {
	length := -1
	for first := true; ; first = false {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		text := strings.TrimSpace(string(line))
		if first && !strings.Contains(text, " 200 ") {
			return 0, fmt.Errorf("the answer is %q", text)
		}
		if text == "" {
			break
		}
		if key, value, _ := strings.Cut(text, ":"); strings.EqualFold(key, "content-length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("the answer does not tell its length")
	}
	return reader.Discard(length)
}

// freePort finds a port that is free now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// bareVariable makes this program a bare handler: the port and the length of its answers.
const bareVariable = "PANDORA_BENCH_BARE"

// bareHandler starts a handler of echo that does nothing but send so many bytes, in a process of its own, which end ends.
func bareHandler(size int) (s served, end func(), err error) {
	port, err := freePort()
	if err != nil {
		return s, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return s, nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s/%d", bareVariable, port, size))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return s, nil, err
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	s = served{address: net.JoinHostPort("127.0.0.1", port), pids: map[int]string{cmd.Process.Pid: ""}}
	if err := s.await("/health", "x"); err != nil {
		end()
		return s, nil, err
	}
	return s, end, nil
}

// serveBare is the process of bareHandler; it does not return.
func serveBare(what string) error {
	port, text, _ := strings.Cut(what, "/")
	size, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	body := bytes.Repeat([]byte("x"), size)
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/health", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/json; charset=utf-8", body) })
	return e.Start(net.JoinHostPort("127.0.0.1", port))
}
