package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/supervisor"
)

// Settled is an application of which it is known whether it runs.
type Settled struct {
	Application AppStatus `json:"application"`
	// Wanted is false when it is meant to be stopped.
	Wanted bool `json:"wanted"`
	// Failure says why it does not run although it is wanted; "" when it runs. It is tried again.
	Failure string `json:"failure,omitempty"`
}

// Settled waits until an application that is wanted runs, or a try to run it has failed.
func (f *Fleet) Settled(ctx context.Context, name string) (Settled, error) {
	for {
		f.mu.Lock()
		app, closing := f.apps[name], f.closing
		if closing || app == nil || app.record == nil {
			f.mu.Unlock()
			if closing {
				return Settled{}, errClosing()
			}
			return Settled{}, notFound(name)
		}
		s, changed := f.settled(app), f.changed
		f.mu.Unlock()
		if s != nil {
			return *s, nil
		}
		select {
		case <-ctx.Done():
			return Settled{}, ctx.Err()
		case <-f.closed:
		case <-changed:
		}
	}
}

// settled is nil while an application is on its way up. Fleet.mu is held.
func (f *Fleet) settled(app *application) *Settled {
	s := &Settled{Application: app.show(time.Now(), false), Wanted: f.wanted(app)}
	op := app.status.Operation
	switch {
	case !s.Wanted:
	case app.trouble != "":
		s.Failure = app.trouble
	case app.guard != nil && app.status.State == supervisor.AppComplete:
	case op != nil && op.State == supervisor.OpFailed && op.Failure != nil:
		s.Failure = op.Failure.Message
	default:
		return nil
	}
	return s
}

// Settled waits until an application that is wanted runs, or a try to run it has failed.
func (d *Daemon) Settled(ctx context.Context, name string) (Settled, error) {
	var s Settled
	err := d.client.call(ctx, http.MethodGet, "/v1/applications/"+url.PathEscape(name)+"/settled", nil, &s)
	return s, err
}

// clear ends what lost guards have left of applications that are not wanted any more: no other guard will do it. It
// belongs to Adopt.
func (f *Fleet) clear() (problems []string) {
	for name, path := range f.cfg.Home.Rosters() {
		if app := f.apps[name]; app != nil && app.keeping || !supervisor.LeftBehind(path) {
			continue
		}
		f.cfg.Log.Warn("ending what a lost guard has left", zap.String("app", name))
		if err := supervisor.EndLeftBehind(path, f.cfg.Log); err != nil {
			problems = append(problems, fmt.Sprintf("end what the lost guard of %q has left: %v", name, err))
		}
	}
	return problems
}

// Guards lists the guards that are followed, in the order of List.
func (f *Fleet) Guards() []GuardInfo {
	guards := []GuardInfo{}
	for _, a := range f.List() {
		if a.GuardPID != 0 {
			guards = append(guards, GuardInfo{App: a.AppName, PID: a.GuardPID})
		}
	}
	return guards
}
