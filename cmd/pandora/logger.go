package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
)

// ownRotation is when the logs of daemon and guards are rotated.
func ownRotation() rotate.Policy {
	return rotate.Policy{MaxFile: 10 << 20, MaxTotal: 50 << 20, Daily: true, Compress: true}
}

// logRotation is what the global configuration says in logs.rotation about the logs of applications; "" when nothing.
func (d *daemon) logRotation() string {
	var config struct {
		Logs struct {
			Rotation any `json:"rotation"`
		} `json:"logs"`
	}
	if len(d.spec.Config) == 0 || json.Unmarshal(d.spec.Config, &config) != nil || config.Logs.Rotation == nil {
		return "" // what logs is otherwise is for others
	}
	text, ok := config.Logs.Rotation.(string)
	if !ok {
		d.problem(fmt.Sprintf("logs.rotation is %v, want a text such as %q; logs are rotated by the defaults", config.Logs.Rotation, "size=50mb,total=500mb"))
		return ""
	}
	if _, err := rotate.ParsePolicy(text); err != nil {
		d.problem("logs.rotation: " + err.Error() + "; logs are rotated by the defaults")
		return ""
	}
	return text
}

// loggers is what the global configuration says about logs; what cannot be meant is a problem of the daemon.
func (d *daemon) loggers() config.Loggers {
	l, problems := config.DecodeLoggers(d.spec.Config)
	for _, p := range problems {
		d.problem(p)
	}
	return l
}

// configuredLogs is the folder of the logs by the global configuration, a path relative to cwd. It is "" where that says
// nothing, and, with a warning, where the folder cannot be used: that must not keep applications from running.
func (c *cli) configuredLogs(home state.Home, global json.RawMessage, cwd string) string {
	l, _ := config.DecodeLoggers(global) // the daemon tells of problems
	if l.Dir == "" || c.getenv("PANDORA_LOGS_DIR") != "" {
		return ""
	}
	dir := l.Dir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(cwd, dir)
	}
	if err := home.WithLogs(dir).Prepare(); err != nil {
		c.warn("logger.logsDir of the configuration: %v; logs go to %s", err, home.Logs)
		return ""
	}
	return dir
}

// daemonLevel is the lowest level of the log of daemon and guards.
func daemonLevel(spec *state.Daemon) zapcore.Level {
	if spec == nil {
		return zapcore.InfoLevel
	}
	l, _ := config.DecodeLoggers(spec.Config)
	switch l.DaemonLevel {
	case "ALL", "DEBUG":
		return zapcore.DebugLevel
	case "WARN":
		return zapcore.WarnLevel
	case "ERROR":
		return zapcore.ErrorLevel
	case "NONE":
		return zapcore.FatalLevel + 1
	default:
		return zapcore.InfoLevel
	}
}

// warnOfRotation tells of a PANDORA_LOG_ROTATION that makes no sense.
func (c *cli) warnOfRotation() {
	if _, err := rotate.ParsePolicy(c.getenv(rotate.PolicyEnv)); err != nil {
		c.warn("%s: %v; the defaults are used", rotate.PolicyEnv, err)
	}
}

// openLog opens a log of one JSON object a line. Daemon and guards share the file: each line is one append. On SIGUSR1
// the file is opened again, which also the next line does if the file was moved.
func openLog(path string, level zapcore.Level) (log *zap.Logger, closeLog func(), err error) {
	file, err := rotate.OpenFile(path, ownRotation())
	if err != nil {
		return nil, nil, err
	}
	reopen := make(chan os.Signal, 1)
	signal.Notify(reopen, syscall.SIGUSR1)
	var wg sync.WaitGroup
	wg.Go(func() { // ends with closeLog
		for range reopen {
			file.Reopen()
		}
	})
	encoding := zap.NewProductionEncoderConfig()
	encoding.TimeKey = "time"
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoding), file, level)
	return zap.New(core, zap.AddStacktrace(zapcore.DPanicLevel)), func() {
		signal.Stop(reopen)
		close(reopen)
		wg.Wait()
		file.Close()
	}, nil
}
