package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
)

// serviceStart is how long a service manager has for starting the next daemon.
const serviceStart = 15 * time.Second

func (c *cli) daemonUpgradeCommand() *cobra.Command {
	executable, wait := "", upgradeWait
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Replace the running daemon and guards by this build; the applications do not notice",
		Long: `Replaces the guards of all applications, and then the daemon, by the program that runs this command. Each guard stays the
same process: its workers go on as they are, sockets stay open, and no request is lost. What it is told to do meanwhile
waits. A guard that is busy with an operation is replaced when that has ended.

Workers get the new JavaScript parts with their next reload. The exit code is 6 when something could not be replaced; that
then goes on as it was.`,
		Example: "  pandora daemon upgrade",
		Args:    arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if executable != "" {
				return c.upgradeBy(cmd.Context(), executable, wait)
			}
			return c.upgrade(cmd.Context(), wait)
		},
	}
	cmd.Flags().StringVar(&executable, "executable", "", "the build to replace them by (default: the one that runs this command)")
	cmd.Flags().DurationVar(&wait, "wait", wait, "how long to wait for an operation that is under way")
	return cmd
}

// upgradeBy has another build do it, which speaks for itself.
func (c *cli) upgradeBy(ctx context.Context, executable string, wait time.Duration) error {
	path, err := absolutePath(executable)
	if err != nil {
		return err
	}
	if _, err := askBuild(ctx, path); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, "daemon", "upgrade", "--wait", wait.String())
	cmd.Env, cmd.Stdout, cmd.Stderr = c.environ, c.out, c.err
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return &failure{code: exit.ExitCode(), err: err, told: true}
	} else if err != nil {
		return fmt.Errorf("upgrade to %q: %w", path, err)
	}
	return nil
}

// upgrade runs the verb daemon upgrade.
func (c *cli) upgrade(ctx context.Context, wait time.Duration) error {
	home, err := c.home()
	if err != nil {
		return err
	}
	executable, err := ownPath()
	if err != nil {
		return err
	}
	done, failed := c.upgradeGuards(ctx, home, executable, wait)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	replaced, err := c.replaceDaemon(ctx, home, executable)
	switch {
	case err != nil:
		fmt.Fprintln(c.err, red(c.errColour, "daemon: not replaced, "+err.Error()))
		failed++
	case replaced:
		done++
	case done+failed == 0:
		return &failure{code: exitUnreachable, err: errors.New(notRunning + "; the next [ pandora start ] starts this build")}
	}
	switch {
	case failed == 0:
		return nil
	case done == 0:
		return &failure{code: exitFailure, err: errors.New("nothing was replaced"), told: true}
	}
	return &failure{code: exitPartly, err: fmt.Errorf("%d of %d were not replaced", failed, done+failed), told: true}
}

// upgradeGuards replaces all guards at the same time.
func (c *cli) upgradeGuards(ctx context.Context, home state.Home, executable string, wait time.Duration) (done, failed int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, path := range home.GuardSockets() {
		wg.Go(func() {
			guard := control.DialGuard(path, version)
			defer guard.Close()
			text, err := upgradeGuard(ctx, guard, executable, wait)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed++
				fmt.Fprintln(c.err, red(c.errColour, text+err.Error()))
			case text != "":
				done++
				c.say("%s", text)
			}
		})
	}
	wg.Wait()
	return done, failed
}

// upgradeGuard replaces one guard and tells how that went; nothing when there is none any more.
func upgradeGuard(ctx context.Context, guard *control.Guard, executable string, wait time.Duration) (string, error) {
	before, err := guard.Info(ctx)
	switch {
	case errors.Is(err, control.ErrUnreachable):
		return "", nil
	case control.CodeOf(err) == control.CodeInternal:
		status, statusErr := guard.Status(ctx)
		if statusErr != nil {
			return "guard: not replaced, ", statusErr
		}
		return status.AppName + ": guard not replaced, ", errors.New("it is of a version that cannot be; stop the application and start it again")
	case err != nil:
		return "guard: not replaced, ", err
	}
	limited, cancel := context.WithTimeout(ctx, wait+2*askBuildTime)
	defer cancel()
	began := time.Now()
	after, err := guard.Upgrade(limited, control.UpgradeRequest{Executable: executable, WaitMs: wait.Milliseconds()})
	if errors.Is(err, control.ErrUnreachable) {
		return before.AppName + ": guard lost, ", fmt.Errorf("%w; run [ pandora log --daemon ] to see why", err)
	}
	if err != nil {
		return before.AppName + ": guard not replaced and goes on, ", err
	}
	return fmt.Sprintf("%s: guard of version %s replaced by version %s within %s [ pid = %d ]",
		after.AppName, before.Version, after.Version, time.Since(began).Round(time.Millisecond), after.PID), nil
}

// replaceDaemon makes the running daemon end and starts this build, which adopts the guards. It reports false when
// neither a daemon nor a guard lives.
func (c *cli) replaceDaemon(ctx context.Context, home state.Home, executable string) (bool, error) {
	d, err := probe(ctx, home)
	if err != nil {
		return false, err
	}
	if d == nil {
		if !guardLives(home) {
			return false, nil
		}
		d, started, err := c.ensure(ctx, home)
		if err != nil {
			return false, err
		}
		d.Close()
		if started != nil {
			c.say("daemon: was not running, version %s is started [ pid = %d ]", version, started.PID)
		}
		return true, nil
	}
	defer d.Close()
	before, err := d.Info(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// No guard and no command starts another one meanwhile.
	lock, err := home.LockStart(ctx)
	if err != nil {
		return false, fmt.Errorf("another command is starting the daemon and does not finish: %w", err)
	}
	defer lock.Close()
	spec := home.ReadDaemon()
	if spec == nil {
		if spec, err = c.daemonSpec(ctx, home); err != nil {
			return false, err
		}
	}
	spec.Version, spec.Executable = version, executable
	if err := d.Leave(ctx); err != nil {
		return false, fmt.Errorf("the daemon of version %s does not make way: %w", before.Version, err)
	}
	if err := home.WriteDaemon(spec); err != nil {
		return false, err
	}
	pid, err := nextDaemon(ctx, home, spec)
	if err != nil {
		return false, fmt.Errorf("%w; the applications go on, and the next command starts a daemon", err)
	}
	c.say("daemon: version %s replaced by version %s [ pid = %d ]", before.Version, version, pid)
	return true, nil
}

// nextDaemon waits for the end of a daemon that makes way, and for the one that follows it: that of the service manager
// where one keeps the daemon, else one that is started here.
func nextDaemon(ctx context.Context, home state.Home, spec *state.Daemon) (int, error) {
	if spec.Service {
		limited, cancel := context.WithTimeout(ctx, serviceStart)
		defer cancel()
		old := home.DaemonPID()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for limited.Err() == nil {
			if d, _ := probe(limited, home); d != nil {
				info, err := d.Info(limited)
				d.Close()
				if err == nil && info.PID != old && info.Version != version {
					return 0, fmt.Errorf("the service manager has started version %s; let its unit name %s: [ pandora startup ]", info.Version, spec.Executable)
				}
				if err == nil && info.PID != old {
					return info.PID, nil
				}
			}
			select {
			case <-limited.Done():
			case <-tick.C:
			}
		}
	}
	if err := awaitDaemonEnd(ctx, home); err != nil {
		return 0, err
	}
	ready, err := startDaemon(ctx, home, spec)
	return ready.PID, err
}
