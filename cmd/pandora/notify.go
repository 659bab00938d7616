package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// serviceManager is who started the daemon as a service of Type=notify and wants to hear how it is; its zero value is
// nobody, and then nothing is sent.
type serviceManager struct {
	// socket is a path, or a name in the abstract namespace that begins with "@".
	socket string
	// watchdog is how often it wants a sign of life; 0 is never.
	watchdog time.Duration
	log      *zap.Logger
}

// newServiceManager reads what a service manager has left in the environment (sd_notify(3), sd_watchdog_enabled(3)).
func newServiceManager(getenv func(string) string, log *zap.Logger) *serviceManager {
	m := &serviceManager{socket: getenv("NOTIFY_SOCKET"), log: log}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return m
	}
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && m.socket != "" {
		m.watchdog = time.Duration(usec) * time.Microsecond
	}
	return m
}

// tell sends lines of NAME=value. What cannot be sent is logged: the service manager will act on its absence.
func (m *serviceManager) tell(format string, args ...any) {
	if m.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err == nil {
		_, err = fmt.Fprintf(conn, format, args...)
		conn.Close()
	}
	if err != nil {
		m.log.Warn("service manager not told", zap.Error(err))
	}
}

// watch gives signs of life until ctx ends. Each is worth something only because alive has returned before: it touches
// what a stuck daemon hangs in.
func (m *serviceManager) watch(ctx context.Context, alive func()) {
	if m.watchdog == 0 {
		return
	}
	tick := time.NewTicker(max(m.watchdog/2, time.Millisecond))
	defer tick.Stop()
	for {
		alive()
		m.tell("WATCHDOG=1")
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
