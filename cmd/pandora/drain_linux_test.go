package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// streams is an application with a WebSocket echo, a long poll and an endless answer.
const streams = `'use strict';
let polls = 0;
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/polls') response.end(String(polls));
  else if (request.url === '/poll') { polls += 1; setTimeout(() => response.end(process.pid + ' late\n'), 1500); }
  else if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    setInterval(() => response.write('data: ' + process.pid + '\n\n'), 20);
  } else response.end(process.pid + ' fast\n');
});
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.on('error', () => {}).on('end', () => socket.end()).on('data', (data) => {
    // A client's text frame, masked with zeros, as a server's.
    const text = Buffer.from(process.pid + ' ' + data.subarray(6, 6 + (data[1] & 0x7f)));
    socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
  });
});
server.listen(%s, '127.0.0.1');
`

// TestReloadOfLongConnections reloads while a WebSocket, a long poll and an endless answer are there: all of them stay
// with the old worker, new requests get the new one, and the reload ends when they do.
func TestReloadOfLongConnections(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	_, port, _ := net.SplitHostPort(address)
	b.write(dir+"/app.js", fmt.Sprintf(streams, port))
	b.run("start", dir)

	w, err := dialWebSocket(address)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	old, err := w.exchange("before")
	if err != nil {
		t.Fatal(err)
	}
	events, err := http.Get("http://" + address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	poll := make(chan string, 1)
	go func() { poll <- fetchText("http://" + address + "/poll") }()
	within(t, 10*time.Second, "the poll is under way", func() bool { return fetchText("http://"+address+"/polls") == "1" })

	reloaded := make(chan error, 1)
	go func() {
		_, err := b.try("reload", "app")
		reloaded <- err
	}()
	fresh := untilAnother(t, address, old)
	if pid, err := w.exchange("while"); err != nil || pid != old {
		t.Errorf("the WebSocket is answered by %s, want %s: %v", pid, old, err)
	}
	if got := readEvent(t, events.Body); got != old {
		t.Errorf("an event of %s, want %s", got, old)
	}
	if got := <-poll; got != old+" late" {
		t.Errorf("the long poll got %q", got)
	}
	select {
	case err := <-reloaded:
		t.Errorf("the reload has not waited for the WebSocket: %v", err)
	default:
	}
	events.Body.Close()
	w.Close()
	if err := <-reloaded; err != nil {
		t.Errorf("reload: %v", err)
	}
	if pid, _ := strconv.Atoi(old); pid > 0 {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			t.Errorf("the old worker %s is left", old)
		}
	}
	if got := fetchText("http://" + address + "/"); got != fresh+" fast" {
		t.Errorf("at last %q, want %s", got, fresh)
	}
}

// fetchText is what a URL answers, on a connection of its own.
func fetchText(url string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// untilAnother waits until another process than the named one answers, and names it.
func untilAnother(t *testing.T, address, old string) string {
	t.Helper()
	var pid string
	within(t, 30*time.Second, "a new worker answers", func() bool {
		var rest string
		pid, rest, _ = strings.Cut(fetchText("http://"+address+"/"), " ")
		if rest != "fast" {
			t.Fatalf("a request failed: %s %s", pid, rest)
		}
		return pid != old
	})
	return pid
}

// readEvent reads what has come and returns the pid in its last event.
func readEvent(t *testing.T, r io.Reader) string {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(buf[:n]))
	return fields[len(fields)-1]
}

// TestReloadChangesBalanceAndGrace reloads a cluster whose procfile has changed: a WebSocket is closed when its grace is
// over, and connections find their worker by the new policy, with no request lost on the way, there and back.
func TestReloadChangesBalanceAndGrace(t *testing.T) {
	b := newBench(t)
	procfile := `module.exports = (pandora) => {
  pandora.cluster('web', './app.js').scale(2).balance('%s').timeouts({ graceMs: 400 });
};`
	dir, address := b.app(fmt.Sprintf(procfile, "rr"))
	_, port, _ := net.SplitHostPort(address)
	b.write(dir+"/app.js", fmt.Sprintf(streams, port))
	b.run("start", dir)
	for _, balance := range []string{"rr", "shared", "rr"} {
		w, err := dialWebSocket(address)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		old, err := w.exchange("before")
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() {
			w.SetDeadline(time.Now().Add(60 * time.Second))
			_, err := w.receive()
			closed <- err
		}()
		b.write(dir+"/procfile.js", fmt.Sprintf(procfile, balance))
		for kind, r := range under(address, func() { b.run("reload", "app") }) {
			if r.Failed > 0 || r.OK == 0 {
				t.Errorf("%s, to %s: %v", kind, balance, r)
			}
		}
		if err := <-closed; err == nil || err.Error() != "closed with 1001" {
			t.Errorf("the WebSocket of the old worker: %v, want it closed with 1001", err)
		}
		pid, _, _ := strings.Cut(fetchText("http://"+address+"/"), " ")
		if pid == old {
			t.Errorf("worker %s still answers", old)
		}
		if has := holdsListener(t, pid, port); has != (balance == "shared") {
			t.Errorf("with %s a worker has the listening socket: %v", balance, has)
		}
	}
}

// holdsListener reports whether a process has the socket that listens on a port of 127.0.0.1.
func holdsListener(t *testing.T, pid, port string) bool {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != fmt.Sprintf("0100007F:%04X", number) || f[3] != "0A" {
			continue
		}
		links, _ := filepath.Glob("/proc/" + pid + "/fd/*")
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && to == "socket:["+f[9]+"]" {
				return true
			}
		}
		return false
	}
	t.Fatalf("nobody listens on port %s", port)
	return false
}
