package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/singleflight"

	"github.com/pandora-go/pandora/internal/secret"
	"github.com/pandora-go/pandora/procfile"
)

// secrets reads the secrets of workers. Those of one process that start at the same time run a command once; nothing is
// kept.
type secrets struct{ flights singleflight.Group }

// reader reads for one worker, until unwanted is closed.
func (r *secrets) reader(plan *Plan, process *procfile.Process, dir string, unwanted <-chan struct{}) readSecret {
	ctx := stopContext{context.Background(), unwanted}
	if process.Cwd != "" {
		dir = process.Cwd
	}
	return func(s procfile.Secret, base map[string]string) (string, bool, error) {
		options := secret.Options{Dir: dir, Credentials: os.Getenv("CREDENTIALS_DIRECTORY")}
		for name, value := range base {
			options.Env = append(options.Env, name+"="+value)
		}
		value, err := r.read(ctx, fmt.Sprintf("%p %s %s", plan, process.ProcessName, s.Name), secret.Source(s), options)
		if s.Optional && errors.Is(err, secret.ErrMissing) {
			return "", false, nil
		}
		return value, err == nil, err
	}
}

// read shares what several ask for at once. Who reads for all may be stopped before the others are.
func (r *secrets) read(ctx context.Context, key string, source secret.Source, options secret.Options) (string, error) {
	if len(source.Command) == 0 {
		return secret.Read(ctx, source, options)
	}
	for {
		value, err, _ := r.flights.Do(key, func() (any, error) { return secret.Read(ctx, source, options) })
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			continue
		}
		text, _ := value.(string)
		return text, err
	}
}

// stopContext ends when a channel is closed.
type stopContext struct {
	context.Context
	stop <-chan struct{}
}

// Done is that channel.
func (c stopContext) Done() <-chan struct{} { return c.stop }

// Err is context.Canceled once it is closed.
func (c stopContext) Err() error {
	select {
	case <-c.stop:
		return context.Canceled
	default:
		return nil
	}
}

// secretChecker is a spawner that can tell, without starting anything, whether the environment of a process can be made.
type secretChecker interface {
	CheckSecrets(plan *Plan, process *procfile.Process, unwanted <-chan struct{}) error
}

// checkSecrets finds out, before a restart stops anything, whether what it starts would get its secrets.
func (s *Supervisor) checkSecrets(op *operation, plan *Plan, process *procfile.Process) *Failure {
	checker, ok := s.spawner.(secretChecker)
	if !ok || len(process.Secrets) == 0 {
		return nil
	}
	if err := checker.CheckSecrets(plan, process, op.ctx.Done()); err != nil {
		return &Failure{Process: process.ProcessName, Message: fmt.Sprintf(
			"process %q cannot be started: %v; nothing was stopped", process.ProcessName, err)}
	}
	return nil
}

// CheckSecrets reads the secrets of a process and forgets them. Its error is that of the Spawn that would fail.
func (n *NodeSpawner) CheckSecrets(plan *Plan, process *procfile.Process, unwanted <-chan struct{}) error {
	dir, err := folderOf(plan)
	if err != nil {
		return err
	}
	_, err = variables(plan, process, new(secrets).reader(plan, process, dir, unwanted))
	return err
}
