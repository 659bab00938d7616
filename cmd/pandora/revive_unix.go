//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
)

// guardWorld is the world of a reviver in a guard.
type guardWorld struct {
	home    state.Home
	app     string
	environ []string
	orphans *reaper
	end     func()
	log     *zap.Logger
}

func (w *guardWorld) daemonLives() bool { return w.home.DaemonLives() }

func (w *guardWorld) meantToEnd() bool { return w.home.IsDown() }

func (w *guardWorld) leave() { w.end() }

func (w *guardWorld) patience() time.Duration {
	if spec := w.home.ReadDaemon(); spec != nil && spec.Service {
		return servicePatience
	}
	return 0
}

// revive starts a daemon with what the lost one had. Of all guards, and of commands that miss the daemon, one does it at a
// time; the others find it alive then. A failure holds for all.
func (w *guardWorld) revive(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	lock, err := w.home.LockStart(ctx)
	if err != nil {
		return 0, fmt.Errorf("start the daemon: somebody else is doing it and does not finish: %w", err)
	}
	defer lock.Close()
	if w.home.DaemonLives() || w.home.IsDown() {
		return 0, nil
	}
	if r := w.home.Revivals(); r.Failures > 0 {
		if wait := time.Until(r.FailedAt.Add(revivalWait(r.Failures))); wait > 0 {
			return wait, nil
		}
	}
	spec := w.home.ReadDaemon()
	if spec == nil {
		executable, err := os.Executable()
		if err != nil {
			return 0, fmt.Errorf("start the daemon: %w", err)
		}
		spec = &state.Daemon{Executable: strings.TrimSuffix(executable, " (deleted)"), Env: daemonEnviron(w.environ, w.home)}
	}
	if spec.Service {
		// The service manager had its time; what it starts later notes itself again.
		spec.Service = false
		if err := w.home.WriteDaemon(spec); err != nil {
			return 0, fmt.Errorf("start the daemon: %w", err)
		}
	}
	began := time.Now()
	ready, err := startDetached(ctx, w.home, spec, w.orphans)
	if noteErr := w.home.NoteRevival(w.app, err); noteErr != nil {
		w.log.Warn("revival not noted", zap.Error(noteErr))
	}
	if err != nil {
		return revivalWait(w.home.Revivals().Failures), err
	}
	w.log.Warn("daemon was dead and is brought back", zap.Int("pid", ready.PID), zap.Duration("after", time.Since(began)))
	return 0, nil
}

// startDetached starts a daemon that is no descendant of this process, and waits until it is ready. A process in between
// starts it and ends at once; until then orphans are left to process 1, so that the daemon becomes no child of ours.
func startDetached(ctx context.Context, home state.Home, spec *state.Daemon, orphans *reaper) (readiness, error) {
	output, err := rotate.OpenShared(home.DaemonStd(), ownRotation())
	if err != nil {
		return readiness{}, fmt.Errorf("start the daemon: %w", err)
	}
	defer output.Close()
	if err := orphans.pause(); err != nil {
		return readiness{}, fmt.Errorf("start the daemon: %w", err)
	}
	defer orphans.resume()
	child, err := spawnReady(ctx, spawnSpec{
		executable: spec.Executable, verb: "daemon", flags: []string{"--detach"}, env: spec.Env, dir: home.Dir, output: output,
		started: func(between *os.Process) {
			_, _ = between.Wait() // its end is all that counts; the reaper may have been first
			orphans.resume()
		},
	})
	switch {
	case err != nil:
		return readiness{}, fmt.Errorf("start the daemon: %w", err)
	case child.ready.Error != "":
		return readiness{}, fmt.Errorf("start the daemon: %s", child.ready.Error)
	case child.ready.PID == 0:
		return readiness{}, fmt.Errorf("start the daemon: %s ended without a word; what it wrote is in %s", spec.Executable, home.DaemonStd())
	}
	return child.ready, nil
}
