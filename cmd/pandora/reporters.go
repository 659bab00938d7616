package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/metrics/report"
	"github.com/pandora-go/pandora/supervisor"
)

// metricsLog and consoleLog are the names of the files that the reporters "file" and "console" write.
const (
	metricsLog = "metrics.log"
	consoleLog = "console.log"
)

// newReporters makes the reporters of the daemon's configuration. continues says that applications have run before this
// daemon. A mistake in a reporter must not keep the others from running.
func (d *daemon) newReporters(c *cli, options endpoints.Options, continues bool) {
	d.monitor.snapshot = d.fleet.Snapshot
	d.monitor.reporters = report.New(report.Config{
		Registry: d.monitor.registry, Interval: options.ReporterInterval, Output: d.console(), Getenv: c.getenv,
		Continues: continues, Version: version, Scope: d.monitor.instruments.Scope(), Log: d.log.Named("reporters"),
		File: func(app string) string {
			if app == "" {
				return filepath.Join(d.home.DaemonLogs(), metricsLog)
			}
			return filepath.Join(filepath.Dir(d.home.AppLog(app)), metricsLog)
		},
	})
	d.configureReporters(d.spec.Config)
}

// console is where the reporter of that name prints to: the output of a daemon that runs in a terminal or under a service
// manager, and a file that is rotated where that output is one which is not.
func (d *daemon) console() io.Writer {
	if info, err := os.Stdout.Stat(); err == nil && !info.Mode().IsRegular() {
		return os.Stdout
	}
	return &consoleFile{path: filepath.Join(d.home.DaemonLogs(), consoleLog)}
}

// consoleFile is a file that is made with the first line.
type consoleFile struct {
	path string

	mu   sync.Mutex // guards file
	file *rotate.File
}

// Write implements io.Writer.
func (c *consoleFile) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.file == nil {
		file, err := rotate.OpenFile(c.path, ownRotation())
		if err != nil {
			c.mu.Unlock()
			return 0, err
		}
		c.file = file
	}
	file := c.file
	c.mu.Unlock()
	return file.Write(p)
}

// configureReporters makes the global reporters what the configuration says, and returns a sentence for each that cannot be.
func (d *daemon) configureReporters(config json.RawMessage) []string {
	problems := d.monitor.reporters.Configure(config)
	for _, p := range problems {
		d.log.Warn("daemon has a problem", zap.String("problem", p))
	}
	return problems
}

// syncReporters makes the reporters of applications those of what runs.
func (m *monitor) syncReporters() {
	if m.reporters == nil {
		return
	}
	list := m.snapshot()
	apps := make([]report.Application, 0, len(list))
	for _, a := range list {
		if a.State == supervisor.AppStopped {
			continue
		}
		app := report.Application{Name: a.AppName}
		if a.Structure != nil {
			for _, r := range a.Structure.Reporters {
				if !r.Scripted {
					app.Reporters = append(app.Reporters, report.Declared{Name: r.Name, Options: r.Options})
				}
			}
		}
		apps = append(apps, app)
	}
	m.reporters.Sync(apps)
}

// runReporters reports until ctx ends.
func (m *monitor) runReporters(ctx context.Context, wg *sync.WaitGroup) {
	if m.reporters != nil {
		wg.Go(func() { m.reporters.Run(ctx) })
	}
}

// reporterStates tells commands how the reporters do.
func (m *monitor) reporterStates() []control.ReporterInfo {
	if m.reporters == nil {
		return nil
	}
	var all []control.ReporterInfo
	for _, s := range m.reporters.States() {
		all = append(all, control.ReporterInfo(s))
	}
	return all
}
