package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	psnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
)

// longestRetry bounds the wait between two tries to get the port of the actuator.
const longestRetry = time.Minute

// actuator serves the endpoints over TCP, and tries again while its port is taken.
type actuator struct {
	server  *endpoints.Server
	address string
	log     *zap.Logger

	mu sync.Mutex
	// The fields below are guarded by mu.
	serving string // host:port, "" while it does not serve
	problem string
}

// actuatorPort applies PANDORA_ACTUATOR_PORT over the configuration.
func actuatorPort(options endpoints.Options, env string) (endpoints.Options, error) {
	if env == "" {
		return options, nil
	}
	port, err := strconv.Atoi(env)
	if err != nil || port < 0 || port > 65535 {
		return options, fmt.Errorf("read PANDORA_ACTUATOR_PORT: %q is not a port; give a number from 0 (any free port) to 65535", env)
	}
	options.Port = port
	return options, nil
}

// actuatorHost keeps to this machine what must not be reached from others, and tells why.
func actuatorHost(options endpoints.Options) (endpoints.Options, error) {
	err := options.CheckBind()
	if err != nil {
		options.Host = "127.0.0.1"
		err = fmt.Errorf("%w; until then 127.0.0.1 is used", err)
	}
	return options, err
}

// state tells where it serves, or what keeps it from doing so.
func (a *actuator) state() (serving, problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.serving, a.problem
}

func (a *actuator) set(serving, problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serving, a.problem = serving, problem
}

// listen tries once to get the port; nil when it is taken.
func (a *actuator) listen(ctx context.Context) net.Listener {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.address)
	if err != nil {
		a.set("", a.explain(ctx, err))
		return nil
	}
	a.set(listener.Addr().String(), "")
	return listener
}

// explain says why the port cannot be had, who has it and what to do.
func (a *actuator) explain(ctx context.Context, err error) string {
	const remedy = "set PANDORA_ACTUATOR_PORT or actuator.http.port to another port (0 for any) and restart the daemon"
	if !errors.Is(err, syscall.EADDRINUSE) {
		if listen, ok := errors.AsType[*net.OpError](err); ok {
			err = listen.Err
		}
		if call, ok := errors.AsType[*os.SyscallError](err); ok {
			err = call.Err
		}
		return fmt.Sprintf("health and metrics are not served at %s: %v; %s", a.address, err, remedy)
	}
	return fmt.Sprintf("health and metrics are not served until %s is free: it is taken by %s; stop that, or %s", a.address, holder(ctx, a.address), remedy)
}

// holder names the process that listens on an address.
func holder(ctx context.Context, address string) string {
	const unknown = "another process"
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return unknown
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	connections, err := psnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return unknown
	}
	for _, c := range connections {
		if c.Status != "LISTEN" || strconv.Itoa(int(c.Laddr.Port)) != text || c.Pid == 0 {
			continue
		}
		p, err := process.NewProcessWithContext(ctx, c.Pid)
		if err != nil {
			continue
		}
		if name, err := p.NameWithContext(ctx); err == nil {
			return fmt.Sprintf("%s (pid %d)", name, c.Pid)
		}
	}
	return unknown
}

// run serves until ctx ends, with listener first if there is one already.
func (a *actuator) run(ctx context.Context, listener net.Listener) {
	wait := time.Second
	for ctx.Err() == nil {
		if listener == nil {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			wait = min(2*wait, longestRetry)
			if listener = a.listen(ctx); listener == nil {
				continue
			}
		}
		wait = time.Second
		a.log.Info("actuator serves", zap.Stringer("address", listener.Addr()))
		if err := a.server.Serve(ctx, listener); err != nil && ctx.Err() == nil {
			a.log.Error("actuator failed", zap.Error(err))
			a.set("", "health and metrics are not served for the moment: "+err.Error())
		}
		listener = nil
	}
}
