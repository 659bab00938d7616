package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// upgradePoll is how often a client looks whether an upgrade is over: the guard that it began with cannot tell.
const upgradePoll = 10 * time.Millisecond

// GuardBuild describes a guard and the builds that it has been.
type GuardBuild struct {
	AppName string `json:"appName"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// Executable is the path of the build that runs.
	Executable string    `json:"executable"`
	StartedAt  time.Time `json:"startedAt"`
	// Upgrades counts the builds that took over from another in this process; UpgradedAt is when the last one did.
	Upgrades   int       `json:"upgrades"`
	UpgradedAt time.Time `json:"upgradedAt,omitzero"`
	// Upgrading is true while an upgrade is under way. UpgradeError says why the last one came to nothing; "" if it did not.
	Upgrading    bool   `json:"upgrading,omitempty"`
	UpgradeError string `json:"upgradeError,omitempty"`
}

// UpgradeRequest asks a guard to be replaced by another build, in the same process.
type UpgradeRequest struct {
	// Executable is the absolute path of the build.
	Executable string `json:"executable"`
	// WaitMs bounds how long the guard waits for what is under way, such as an operation.
	WaitMs int64 `json:"waitMs,omitempty"`
}

// handleUpgrade answers what concerns the guard itself.
func handleUpgrade(mux *http.ServeMux, cfg GuardConfig) {
	mux.Handle("GET /v1/guard", handlerFunc(func(*http.Request) (any, error) {
		if cfg.Info == nil {
			return nil, &Error{Code: CodeNotFound, Message: "this guard tells nothing about itself"}
		}
		return cfg.Info(), nil
	}))
	mux.Handle("POST /v1/upgrade", handlerFunc(func(r *http.Request) (any, error) {
		var request UpgradeRequest
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		if cfg.Upgrade == nil {
			return nil, &Error{Code: CodeRefused, Message: "this guard cannot be upgraded"}
		}
		if err := cfg.Upgrade(r.Context(), request); err != nil {
			return nil, &Error{Code: CodeRefused, Message: err.Error()}
		}
		return struct{}{}, nil
	}))
}

// Info asks a guard about itself. A guard of a version that could not be upgraded does not know the question
// (CodeInternal).
func (g *Guard) Info(ctx context.Context) (GuardBuild, error) {
	var info GuardBuild
	err := g.client.call(ctx, http.MethodGet, "/v1/guard", nil, &info)
	return info, err
}

// Upgrade replaces a guard by another build and returns what it is then. An error says that the guard goes on as it was,
// unless it wraps ErrUnreachable.
func (g *Guard) Upgrade(ctx context.Context, r UpgradeRequest) (GuardBuild, error) {
	before, err := g.Info(ctx)
	if err != nil {
		return before, err
	}
	if err := g.client.call(ctx, http.MethodPost, "/v1/upgrade", r, nil); err != nil {
		return before, err
	}
	tick := time.NewTicker(upgradePoll)
	defer tick.Stop()
	for {
		now, err := g.Info(ctx)
		switch {
		case err == nil && now.PID != before.PID:
			return now, fmt.Errorf("the guard with pid %d ended, and another one has taken its place: %w", before.PID, ErrUnreachable)
		case err == nil && now.Upgrades > before.Upgrades:
			return now, nil
		case err == nil && !now.Upgrading && now.UpgradeError != "":
			return now, errors.New(now.UpgradeError)
		case err != nil && !errors.Is(err, ErrUnreachable):
			return before, err
		}
		select {
		case <-ctx.Done():
			return before, fmt.Errorf("wait for the guard of %q: %w", before.AppName, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

// Leave makes the daemon end and leaves the guards as they are, for the daemon that comes next.
func (d *Daemon) Leave(ctx context.Context) error {
	return d.client.call(ctx, http.MethodPost, "/v1/leave", nil, nil)
}

// handleLeave answers the request for a daemon to end that another one takes the place of.
func (f *Fleet) handleLeave(mux *http.ServeMux, leave func()) {
	mux.Handle("POST /v1/leave", handlerFunc(func(*http.Request) (any, error) {
		if leave == nil {
			return nil, &Error{Code: CodeRefused, Message: "this daemon cannot be replaced"}
		}
		f.mu.Lock()
		closing := f.closing
		f.mu.Unlock()
		if closing {
			return nil, errClosing()
		}
		leave()
		return struct{}{}, nil
	}))
}
