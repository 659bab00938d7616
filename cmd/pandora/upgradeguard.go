//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/fdstate"
	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// upgradeWait is how long an upgrade waits for what is under way, unless it is told otherwise.
	upgradeWait = time.Minute
	// upgradeRetry is when to try again what no change of the status announces.
	upgradeRetry = 100 * time.Millisecond
	// drainSocket bounds how long the callers of a guard may take to read their answers before it is replaced.
	drainSocket = time.Second
	// askBuildTime bounds the question what a build can take over.
	askBuildTime = 10 * time.Second
)

// guardState is what a guard hands over to the build that replaces it.
type guardState struct {
	App      string             `json:"app"`
	Build    control.GuardBuild `json:"build"`
	Listener int                `json:"listener"`
	// Back is a descriptor of the build that hands over, for going back to it; -1 for none. Came is true on the way back.
	Back        int             `json:"back"`
	Came        bool            `json:"came,omitempty"`
	Descriptors []int           `json:"descriptors"`
	Supervisor  json.RawMessage `json:"supervisor"`
}

// upgrades serves the control socket of a guard and replaces the guard when it is asked to.
type upgrades struct {
	app        string
	environ    []string
	listener   net.Listener
	supervisor *supervisor.Supervisor
	log        *zap.Logger
	// requests has at most one upgrade, turns hands it to the goroutine that serves.
	requests chan control.UpgradeRequest
	turns    chan upgradeTurn

	mu    sync.Mutex
	build control.GuardBuild
}

// upgradeTurn is one try; done takes why it came to nothing.
type upgradeTurn struct {
	executable string
	done       chan error
}

func newUpgrades(app string, environ []string, s *supervisor.Supervisor, listener net.Listener, log *zap.Logger) *upgrades {
	executable, _ := os.Executable() // it is only shown
	return &upgrades{
		app: app, environ: environ, listener: listener, supervisor: s, log: log,
		requests: make(chan control.UpgradeRequest, 1), turns: make(chan upgradeTurn),
		build: control.GuardBuild{AppName: app, PID: os.Getpid(), Version: version, Executable: executable, StartedAt: time.Now()},
	}
}

// info describes the guard.
func (u *upgrades) info() control.GuardBuild {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.build
}

// begin begins an upgrade, after a look at the build that is to take over.
func (u *upgrades) begin(ctx context.Context, r control.UpgradeRequest) error {
	if err := canTakeOver(ctx, r.Executable); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.build.Upgrading {
		return errors.New("another upgrade is under way")
	}
	u.build.Upgrading, u.build.UpgradeError = true, ""
	u.requests <- r // there is room: none is under way
	return nil
}

// run performs what begin has begun, until ctx ends.
func (u *upgrades) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-u.requests:
			err := u.perform(ctx, r) // returns only when it came to nothing
			u.log.Warn("guard not upgraded", zap.String("app", u.app), zap.String("executable", r.Executable), zap.Error(err))
			u.mu.Lock()
			u.build.Upgrading, u.build.UpgradeError = false, err.Error()
			u.mu.Unlock()
		}
	}
}

// perform tries until everything is at rest.
func (u *upgrades) perform(ctx context.Context, r control.UpgradeRequest) error {
	wait := upgradeWait
	if r.WaitMs > 0 {
		wait = time.Duration(r.WaitMs) * time.Millisecond
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	changes := u.supervisor.Changes(limited)
	for {
		err := u.supervisor.Settled()
		if err == nil {
			turn := upgradeTurn{executable: r.Executable, done: make(chan error, 1)}
			select {
			case u.turns <- turn:
				err = <-turn.done
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !errors.Is(err, supervisor.ErrUnsettled) {
			return err
		}
		again := time.NewTimer(upgradeRetry)
		select {
		case <-limited.Done():
			again.Stop()
			return fmt.Errorf("upgrade the guard of %s: %w, not within %s; try again later", u.app, err, wait)
		case <-changes:
		case <-again.C:
		}
		again.Stop()
	}
}

// serve serves the control socket until ctx ends. For an upgrade it stops for a moment, in which callers wait.
func (u *upgrades) serve(ctx context.Context, handler http.Handler) error {
	defer u.listener.Close()
	for {
		// The end of the guard is seen at once by whoever connects: it must not seem to live.
		borrowed, err := socket.Borrow(u.listener, func() bool { return ctx.Err() == nil })
		if err != nil {
			return err
		}
		round, end := context.WithCancel(ctx)
		served := make(chan error, 1)
		var wg sync.WaitGroup
		wg.Go(func() { served <- control.Serve(round, borrowed, handler) })
		var turn upgradeTurn
		select {
		case err = <-served:
		case turn = <-u.turns:
			end()
			err = <-served
		}
		end()
		wg.Wait()
		if turn.done != nil {
			turn.done <- errors.Join(err, u.replace(ctx, turn.executable, borrowed))
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// replace replaces this build; it returns when that came to nothing.
func (u *upgrades) replace(ctx context.Context, executable string, closed *socket.Borrowed) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, drainSocket)
	defer cancel()
	if err := closed.Drained(limited); err != nil && ctx.Err() == nil {
		u.log.Warn("a caller of the guard does not read its answer", zap.String("app", u.app))
	}
	began := time.Now()
	return u.supervisor.HandOver(ctx, func(document []byte, descriptors []int) error {
		listener, err := socket.Descriptor(u.listener)
		if err != nil {
			return err
		}
		back, err := os.Open("/proc/self/exe")
		state := guardState{App: u.app, Build: u.info(), Listener: listener, Back: -1, Supervisor: document}
		if err == nil {
			defer back.Close()
			state.Back = int(back.Fd())
			descriptors = append(descriptors, state.Back)
		}
		state.Descriptors = append(descriptors, listener)
		u.log.Info("guard is replaced", zap.String("app", u.app), zap.String("executable", executable), zap.Duration("after", time.Since(began)))
		if ctx.Err() != nil { // it is told to end
			return ctx.Err()
		}
		return execGuard(executable, executable, u.environ, state)
	})
}

// execGuard replaces this program by a build with this name; it returns when that was refused.
func execGuard(executable, name string, environ []string, state guardState) error {
	document, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("describe the guard: %w", err)
	}
	return fdstate.Exec(fdstate.Handover{
		Executable: executable, Name: name, Args: []string{"guard", "--state-fd=" + fdstate.FDPlaceholder, "--", state.App},
		Env: environ, Document: document, Descriptors: state.Descriptors,
	})
}

// takeOver makes a new guard go on where the build before it has left off. When it cannot, it goes back to that build,
// which knows its own words; it returns only when that is not possible either.
func takeOver(fd int, app string, environ []string, log *zap.Logger) (*guardState, error) {
	document, err := fdstate.Load(fd)
	if err != nil {
		return nil, err
	}
	var state guardState
	if err := json.Unmarshal(document, &state); err != nil {
		return nil, fmt.Errorf("take over the guard of %q: %w", app, err)
	}
	err = supervisor.CheckHandover(state.Supervisor)
	if err == nil && state.App != app {
		err = fmt.Errorf("the state is that of %q", state.App)
	}
	if err == nil {
		return &state, nil
	}
	err = fmt.Errorf("take over the guard of %q: %w", app, err)
	if state.Back < 0 || state.Came {
		return nil, err
	}
	log.Error("guard goes back to the build before", zap.String("app", app), zap.Error(err))
	back := state
	back.Came = true
	back.Build.UpgradeError = err.Error()
	return nil, errors.Join(err, execGuard(fmt.Sprintf("/proc/self/fd/%d", state.Back), state.Build.Executable, environ, back))
}

// took notes that this build has taken over, or was gone back to.
func (u *upgrades) took(state *guardState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.build.StartedAt, u.build.Upgrades, u.build.UpgradedAt = state.Build.StartedAt, state.Build.Upgrades, state.Build.UpgradedAt
	if state.Came {
		u.build.UpgradeError = state.Build.UpgradeError
		return
	}
	u.build.Upgrades++
	u.build.UpgradedAt = time.Now()
}

// takeOverAnswer is what a build says about itself before it takes over.
type takeOverAnswer struct {
	Version string `json:"version"`
	Format  int    `json:"format"`
}

// canTakeOver asks a build whether it understands what this one would hand over.
func canTakeOver(ctx context.Context, executable string) error {
	if !filepath.IsAbs(executable) {
		return fmt.Errorf("upgrade to %q: the path is not absolute", executable)
	}
	answer, err := askBuild(ctx, executable)
	if err != nil {
		return err
	}
	if answer.Format != supervisor.HandoverFormat {
		return fmt.Errorf("upgrade to %q: it is of version %s and takes over format %d, this guard hands over format %d; stop the application and start it again",
			executable, answer.Version, answer.Format, supervisor.HandoverFormat)
	}
	return nil
}

// askBuild asks a build who it is.
func askBuild(ctx context.Context, executable string) (takeOverAnswer, error) {
	var answer takeOverAnswer
	ctx, cancel := context.WithTimeout(ctx, askBuildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, executable, "guard", "--can-take-over")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the reaper leaves it to us
	out, err := cmd.Output()
	if err == nil && json.Unmarshal(out, &answer) != nil {
		err = errors.New("what it prints is no answer")
	}
	if err != nil {
		err = fserr.Bare(err)
		return answer, fmt.Errorf("upgrade to %q: it does not say what it can take over (%w); is it pandora, of a version that can be upgraded to?", executable, err)
	}
	return answer, nil
}

// absolutePath is the path of a program as a guard, which runs in another folder, has to be told it.
func absolutePath(executable string) (string, error) {
	path, err := filepath.Abs(executable)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(path)
	if fserr.Missing(err) {
		return "", &failure{code: exitNotFound, err: fmt.Errorf("upgrade to %q: there is no such program%s", executable, whyMissing(err))}
	}
	if err != nil {
		return "", fmt.Errorf("upgrade to %q: %w; give this user the right to run it", executable, fserr.Bare(err))
	}
	return path, nil
}

// ownPath is the path of this program, also when the file was replaced since.
func ownPath() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this program: %w", err)
	}
	return strings.TrimSuffix(executable, " (deleted)"), nil
}
