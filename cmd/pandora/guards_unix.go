//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
)

// guardYard starts guards for a daemon.
type guardYard struct {
	home state.Home
	env  []string
	log  *zap.Logger
	// reaping counts the guards that are waited for.
	reaping sync.WaitGroup
}

// spawn starts the guard of an application and returns when it listens. It must have a session of its own, so that the
// end of the daemon and a key pressed on some terminal do not reach it.
func (y *guardYard) spawn(ctx context.Context, app string) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the guard of %q: %w", app, err)
	}
	// After an upgrade the running file has been replaced; the new one has the same path.
	executable = strings.TrimSuffix(executable, " (deleted)")
	output, err := rotate.OpenShared(y.home.DaemonStd(), ownRotation())
	if err != nil {
		return fmt.Errorf("start the guard of %q: %w", app, err)
	}
	defer output.Close()
	child, err := spawnReady(ctx, spawnSpec{
		executable: executable, verb: "guard", args: []string{app}, env: y.env, dir: y.home.Dir, output: output,
	})
	if err != nil {
		return fmt.Errorf("start the guard of %q: %w", app, err)
	}
	if child.ready.PID == 0 {
		state, err := child.process.Wait()
		text := child.ready.Error
		if text == "" {
			text = fmt.Sprintf("it ended at once (%v, %v)", state, err)
		}
		return fmt.Errorf("start the guard of %q: %s; its log is %s", app, text, y.home.DaemonLog())
	}
	y.reaping.Go(func() { y.reap(child.process, app) })
	return nil
}

// wait gives guards that were told to end the time to do so; one that goes on is left alone.
func (y *guardYard) wait(limit time.Duration) {
	done := make(chan struct{})
	go func() {
		y.reaping.Wait()
		close(done)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// reap waits for the end of a guard, so that it leaves no zombie. It ends with the guard, or with the daemon.
func (y *guardYard) reap(process *os.Process, app string) {
	state, err := process.Wait()
	if err != nil {
		y.log.Warn("guard not waited for", zap.String("app", app), zap.Error(err))
		return
	}
	y.log.Info("guard process ended", zap.String("app", app), zap.Int("pid", process.Pid), zap.Int("code", state.ExitCode()))
}
