//go:build unix

package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/fserr"
)

// lockRetry is how often a lock that another process holds is tried again.
const lockRetry = 10 * time.Millisecond

// checkOwner refuses a folder of another user; a missing one is fine.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("use folder %q: %w; %s", dir, fserr.Bare(err), remedy(err))
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	return fmt.Errorf("use folder %q: it belongs to %s, and this is %s; set PANDORA_DIR to a folder of your own",
		dir, userName(int(stat.Uid)), userName(os.Geteuid()))
}

// userName shows a user as "name (uid n)".
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("%s (uid %d)", u.Username, uid)
	}
	return fmt.Sprintf("uid %d", uid)
}

// checkWritable tells a folder that this process cannot write to.
func checkWritable(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("write to folder %q: %w; %s", dir, err, remedy(err))
	}
	return nil
}

// Lock is a lock between processes. The kernel releases it when its holder ends, however it ends.
type Lock struct{ file *os.File }

// ErrLocked is returned by LockDaemon when a daemon runs.
var ErrLocked = errors.New("another daemon runs")

// LockDaemon takes the lock that a daemon holds while it lives. While another one is there, it waits until ctx ends and
// then returns an error that wraps ErrLocked.
func (h Home) LockDaemon(ctx context.Context) (*Lock, error) {
	return lock(ctx, h.daemonLock())
}

// LockStart takes the lock that a command holds while it starts a daemon, so that one of several commands does.
func (h Home) LockStart(ctx context.Context) (*Lock, error) {
	return lock(ctx, filepath.Join(h.State, "start.lock"))
}

// DaemonLives reports whether a process holds the daemon's lock: a daemon, or for a moment a command that waits for its
// end. It takes the lock in a way that hinders nobody else who asks.
func (h Home) DaemonLives() bool {
	file, err := os.Open(h.daemonLock())
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// DaemonPID is the process that holds, or held last, the daemon's lock; 0 when that is not known.
func (h Home) DaemonPID() int {
	data, err := os.ReadFile(h.daemonLock())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}

func (h Home) daemonLock() string { return filepath.Join(h.State, "daemon.lock") }

// lock opens the file and takes its lock, trying until ctx ends.
func lock(ctx context.Context, path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", path, fserr.Bare(err))
	}
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return &Lock{file: file}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %q: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("lock %q: %w", path, ErrLocked)
		case <-retry.C:
		}
	}
}

// Note writes text into the lock's file, for a human who looks.
func (l *Lock) Note(text string) {
	if l.file.Truncate(0) == nil {
		_, _ = l.file.WriteAt([]byte(text), 0)
	}
}

// Close releases the lock.
func (l *Lock) Close() error { return l.file.Close() }
