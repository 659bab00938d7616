package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/wire"
)

// loggerAction is the one action of the logger socket, in both directions.
const loggerAction = "LOGGER_INTERNAL"

// returnTime is how long after its start a daemon expects the clients of the last one.
const returnTime = 30 * time.Second

// logRotation is the socket that loggers have their files rotated by: they send strategies and heartbeats, and are told
// to open their files again.
type logRotation struct {
	server  *wire.Server
	rotator *rotate.Rotator
	// kept is the file with what the next daemon goes on with.
	kept string
	// returning is until when clients of the last daemon come back.
	returning time.Time
	log       *zap.Logger

	mu    sync.Mutex // guards conns
	conns map[*wire.Conn]struct{}
}

// loggerMessage is what is sent on the logger socket.
type loggerMessage struct {
	Type    string `json:"type"`
	Payload struct {
		Strategy json.RawMessage `json:"strategy,omitempty"`
		UUID     string          `json:"uuid,omitempty"`
	} `json:"payload"`
}

// newLogRotation listens on the logger socket beside that for metrics; nothing is served before run.
func newLogRotation(dir string, log *zap.Logger) (*logRotation, error) {
	server, err := wire.Listen(filepath.Join(dir, "pandorajs_pandora_logger.sock"), log)
	if err != nil {
		return nil, err
	}
	l := &logRotation{server: server, log: log, kept: filepath.Join(dir, "loggers.json"), conns: map[*wire.Conn]struct{}{}}
	l.rotator = rotate.NewRotator(rotate.RotatorOptions{Renamed: l.reload, Owned: rotatedOtherwise, Save: l.save, Log: log})
	l.restore()
	server.Handle(loggerAction, l.receive)
	server.OnOpen(l.opened)
	server.OnClose(func(c *wire.Conn) {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, c)
	})
	return l, nil
}

// opened notes a connection. The clients of the last daemon may have missed that their files were renamed.
func (l *logRotation) opened(c *wire.Conn) {
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	if time.Now().Before(l.returning) {
		l.tell(c)
	}
}

// restore goes on with what the last daemon has kept.
func (l *logRotation) restore() {
	data, err := os.ReadFile(l.kept)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = l.rotator.Restore(data)
	}
	if err != nil {
		l.log.Warn("rotation of loggers' files not taken over from the last daemon", zap.Error(err))
	}
	if len(l.rotator.Files()) > 0 {
		l.returning = time.Now().Add(returnTime)
	}
}

// save keeps what the next daemon goes on with.
func (l *logRotation) save(data []byte) {
	temp := l.kept + ".new"
	err := os.WriteFile(temp, data, 0o600)
	if err == nil {
		err = os.Rename(temp, l.kept)
	}
	if err != nil {
		l.log.Warn("rotation of loggers' files not kept for the next daemon", zap.Error(err))
	}
}

// rotatedOtherwise reports whether pandora writes a file and rotates it itself.
func rotatedOtherwise(file string) bool {
	switch dir, name := filepath.Split(file); name {
	case "nodejs_stdout.log":
		return true
	case "daemon.log", "daemon_std.log", metricsLog, consoleLog:
		return filepath.Base(dir) == "pandorajs"
	}
	return rotate.Marked(file)
}

// receive takes one message of a client.
func (l *logRotation) receive(c *wire.Conn, data json.RawMessage, reply func(any)) {
	var message loggerMessage
	if err := json.Unmarshal(data, &message); err != nil {
		l.log.Debug("logger message not read", zap.Int("pid", c.PeerPID()), zap.Error(err))
		return
	}
	switch message.Type {
	case "logger-send-strategy":
		err := l.rotator.Add(message.Payload.Strategy)
		if err == nil {
			reply(map[string]any{"error": nil, "result": "ok"})
			return
		}
		if _, again := errors.AsType[*rotate.DuplicateError](err); !again {
			l.log.Info("log is not rotated", zap.Int("pid", c.PeerPID()), zap.Error(err))
		}
		// The own properties of the error that the original replies.
		reply(map[string]any{"error": map[string]any{
			"name": "AssertionError", "code": "ERR_ASSERTION", "message": err.Error(), "stack": "AssertionError: " + err.Error(),
		}})
	case "logger-heartbeat":
		l.rotator.Beat(message.Payload.UUID)
	}
}

// reload tells all clients to open their files again.
func (l *logRotation) reload() {
	l.mu.Lock()
	conns := make([]*wire.Conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		l.tell(c)
	}
}

// tell tells one client to open its files again.
func (l *logRotation) tell(c *wire.Conn) {
	if err := c.Send(loggerAction, loggerMessage{Type: "logger-reload"}); err != nil {
		l.log.Debug("logger not told to reload", zap.Int("pid", c.PeerPID()), zap.Error(err))
	}
}

// run serves the loggers until ctx ends. On SIGUSR1 they open their files again.
func (l *logRotation) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := l.server.Serve(); err != nil && ctx.Err() == nil {
			l.log.Error("logger socket failed", zap.Error(err))
		}
	})
	wg.Go(func() { l.rotator.Run(ctx) })
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	defer signal.Stop(asked)
	for {
		select {
		case <-ctx.Done():
			l.close()
			return
		case <-asked:
			l.reload()
		}
	}
}

// close ends the connections; it may be called twice.
func (l *logRotation) close() { _ = l.server.Close() }
