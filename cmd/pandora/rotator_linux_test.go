package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/wire"
)

// serveRotation runs a logger socket in dir until the returned function is called.
func serveRotation(t *testing.T, dir string) (*logRotation, func()) {
	t.Helper()
	l, err := newLogRotation(dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.run(ctx) })
	end := sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(end)
	return l, end
}

func TestLoggerSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := serveRotation(t, dir)
	told := make(chan string, 10)
	client, err := wire.Dial(t.Context(), filepath.Join(dir, "pandorajs_pandora_logger.sock"),
		func(_ *wire.Conn, action string, data json.RawMessage, _ func(any)) {
			told <- action + " " + string(data)
		})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ask := func(message string) string {
		answer, err := client.Request(t.Context(), loggerAction, json.RawMessage(message))
		if err != nil {
			t.Fatalf("%s: %v", message, err)
		}
		return string(answer)
	}
	for _, c := range []struct{ message, want string }{
		{`{"type":"logger-send-strategy","payload":{"strategy":{"uuid":"1","file":"/tmp/a.log"}}}`, `{"error":null,"result":"ok"}`},
		{`{"type":"logger-send-strategy","payload":{"strategy":{"uuid":"1","file":"/tmp/a.log"}}}`, `"message":"Strategy uuid 1 already has"`},
		{`{"type":"logger-send-strategy","payload":{"strategy":{"uuid":"2","file":"a.log"}}}`, `want an absolute path`},
		{`{"type":"logger-send-strategy","payload":{"strategy":{"uuid":"3","file":"/l/app/nodejs_stdout.log"}}}`, `is rotated by pandora itself`},
		{`{"type":"logger-send-strategy","payload":{"strategy":{"uuid":"4","file":"/l/pandorajs/daemon.log"}}}`, `is rotated by pandora itself`},
		{`{"type":"logger-send-strategy","payload":{}}`, `"error":{`},
		{`{"type":"logger-send-strategy"}`, `"error":{`},
	} {
		if got := ask(c.message); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.message, got, c.want)
		}
	}
	// What makes no sense is not answered, and harms nobody.
	for _, message := range []string{`7`, `null`, `{"type":7}`, `{"payload":[]}`, `{"type":"logger-heartbeat","payload":{"uuid":"1"}}`} {
		if err := client.Send(loggerAction, json.RawMessage(message)); err != nil {
			t.Errorf("%s: %v", message, err)
		}
	}
	ask(`{"type":"logger-send-strategy","payload":{"strategy":{"uuid":"5","file":"/tmp/b.log","type":"size"}}}`)
	if files := l.rotator.Files(); len(files) != 2 || files["/tmp/a.log"] != rotate.ByDate || files["/tmp/b.log"] != rotate.BySize {
		t.Errorf("rotated: %v", files)
	}
	l.reload()
	if got, want := <-told, `LOGGER_INTERNAL {"type":"logger-reload","payload":{}}`; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

// TestLoggersReload lets loggers, ours and those of the npm package, have their files rotated.
func TestLoggersReload(t *testing.T) {
	t.Parallel()
	requireNode(t)
	ours, err := filepath.Abs("../../js/node/logger/index.js")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("npm", func(t *testing.T) {
		reloads(t, filepath.Join(installed(t, "clients", false), "pandora-service-logger"))
	})
	t.Run("ours", func(t *testing.T) { reloads(t, ours) })
}

// reloads runs a process with a logger of the given module.
func reloads(t *testing.T, module string) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "pandora-logger-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, end := serveRotation(t, dir)
	log := filepath.Join(dir, "app.log")
	writer := loggerProcess(t, dir, module)
	known := func() bool { return l.rotator.Files()[log] == rotate.BySize }
	within(t, 20*time.Second, "the strategy comes", known)
	shows := func(path, want string) {
		t.Helper()
		within(t, 20*time.Second, path+" shows "+want, func() bool {
			text, err := os.ReadFile(path)
			return err == nil && string(text) == want
		})
	}
	writer("one")
	shows(log, "one\n")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	l.reload()
	shows(log, "")
	writer("two")
	shows(log, "two\n")
	shows(log+".1", "one\n")
	// What is renamed while no daemon is there, or by one that is about to end, is told by the next, which knows the strategy.
	end()
	if err := os.Rename(log, log+".2"); err != nil {
		t.Fatal(err)
	}
	l, _ = serveRotation(t, dir)
	if !known() {
		t.Errorf("the next daemon rotates %v", l.rotator.Files())
	}
	shows(log, "")
	writer("three")
	shows(log, "three\n")
	shows(log+".2", "two\n")
}

// loggerProcess starts Node with a logger whose file is app.log in dir, and returns what lets it write a line.
func loggerProcess(t *testing.T, dir, module string) func(line string) {
	t.Helper()
	cmd := exec.Command("node", "-e", `
		const { DefaultLoggerManager } = require(process.argv[1]);
		const logger = DefaultLoggerManager.getInstance().createLogger('app', {
			dir: process.argv[2], level: 'INFO', stdoutLevel: 'NONE', type: 'size', maxFileSize: 10,
		});
		require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
			logger.write(line);
			logger.get('file').flush();
		}).on('close', () => process.exit());`, module, dir)
	cmd.Env = append(os.Environ(), "PANDORA_TMP_DIR="+dir, "NODE_ENV=", "PANDORA_DEV=", "DO_NOT_CONNECT_MONITOR=")
	cmd.Stderr = &strings.Builder{}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the process with the logger: %v\n%s", err, cmd.Stderr)
		}
	})
	w := bufio.NewWriter(in)
	return func(line string) {
		_, err := io.WriteString(w, line+"\n")
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
