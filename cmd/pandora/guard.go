package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/supervisor"
)

// guardGC makes a guard collect garbage early: it allocates rarely, and there is one for every application.
const guardGC = 50

func (c *cli) guardCommand() *cobra.Command {
	fd, stateFD, ask := 0, 0, false
	cmd := &cobra.Command{
		Use:    "guard APP",
		Short:  "Run one application; started by the daemon",
		Hidden: true,
		Args:   arguments(0, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ask {
				return c.printJSON(takeOverAnswer{Version: version, Format: supervisor.HandoverFormat})
			}
			if len(args) == 0 {
				return usageError(errors.New("guard needs one application name"))
			}
			err := c.guard(cmd.Context(), args[0], stateFD, func(r readiness) { tellReady(fd, r) })
			if err != nil {
				tellReady(fd, readiness{Error: err.Error()})
			}
			return err
		},
	}
	cmd.Flags().IntVar(&fd, "ready-fd", 0, "descriptor to tell readiness on")
	cmd.Flags().IntVar(&stateFD, "state-fd", 0, "descriptor with the state of the build that this one takes over from")
	cmd.Flags().BoolVar(&ask, "can-take-over", false, "print what this build can take over")
	return cmd
}

// guard runs the process that is parent of an application's Node processes: a supervisor and its control socket, nothing
// else. It ends when the daemon lets it go, or on SIGTERM, and then stops its workers first; a second SIGTERM makes it kill
// them. A daemon that dies is brought back. With stateFD it goes on where another build has left off in the same process.
func (c *cli) guard(ctx context.Context, name string, stateFD int, ready func(readiness)) error {
	debug.SetGCPercent(guardGC)
	makeThreads(spareThreads)
	home, err := c.home()
	if err != nil {
		return err
	}
	log, closeLog, err := openLog(home.DaemonLog(), daemonLevel(home.ReadDaemon()))
	if err != nil {
		return err
	}
	defer closeLog()
	log = log.With(zap.Int("guard", os.Getpid()))

	listener, taken, err := c.guardSocket(home.GuardSocket(name), name, stateFD, log)
	if err != nil {
		return err
	}
	// Two steps, so that whoever follows the status learns how the workers ended.
	working, stop := context.WithCancel(ctx)
	defer stop()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()

	orphans, err := newReaper()
	if err != nil {
		log.Warn("orphans of workers are left to process 1", zap.String("app", name), zap.Error(err))
	}
	s := supervisor.New(supervisor.Config{Log: log, RosterPath: home.Roster(name)})
	upgrade := newUpgrades(name, c.environ, s, listener, log)
	if taken != nil {
		if err := s.TakeOver(taken.Supervisor); err != nil {
			log.Error("guard cannot take over", zap.String("app", name), zap.Error(err))
			return fmt.Errorf("guard application %q: %w", name, err)
		}
		upgrade.took(taken)
	}
	revival := newReviver(&guardWorld{home: home, app: name, environ: c.environ, orphans: orphans, end: stop, log: log}, log.With(zap.String("app", name)))
	var wg sync.WaitGroup
	var serveErr error
	wg.Go(func() {
		serveErr = upgrade.serve(serving, control.GuardHandler(control.GuardConfig{
			Supervisor: s, Version: version, Followed: revival.followed, Info: upgrade.info, Upgrade: upgrade.begin,
			Exit: func(now bool) {
				stop()
				if now {
					s.Hurry()
				}
			},
		}))
		stop() // without its socket nobody could stop it any more
	})
	wg.Go(func() { upgrade.run(serving) })
	wg.Go(func() { orphans.run(serving) })
	wg.Go(func() { revival.run(working) })
	wg.Go(func() { onSecondSignal(ctx, serving, s.Hurry) })
	ready(readiness{PID: os.Getpid()})
	log.Info("guard started", zap.String("app", name), zap.String("version", version), zap.Int("upgrades", upgrade.info().Upgrades))
	err = s.Run(working)
	if err != nil {
		log.Error("guard cannot work", zap.String("app", name), zap.Error(err))
		err = fmt.Errorf("guard application %q: %w", name, err)
	}
	orphans.all() // no worker is left; before the socket closes, which tells that all is over
	stopServing()
	wg.Wait()
	log.Info("guard ended", zap.String("app", name))
	if err == nil {
		err = serveErr
	}
	return err
}

// guardSocket is the control socket: a new one, or the one of the build that this one takes over from, with its state.
func (c *cli) guardSocket(path, name string, stateFD int, log *zap.Logger) (net.Listener, *guardState, error) {
	if stateFD == 0 {
		listener, err := socket.Listen(path)
		return listener, nil, err
	}
	state, err := takeOver(stateFD, name, c.environ, log)
	if err != nil {
		log.Error("guard cannot take over", zap.String("app", name), zap.Error(err))
		return nil, nil, err
	}
	if state.Back >= 0 {
		unix.Close(state.Back)
	}
	listener, err := socket.Adopt(state.Listener, path)
	if err != nil {
		log.Error("guard cannot take over", zap.String("app", name), zap.Error(err))
	}
	return listener, state, err
}
