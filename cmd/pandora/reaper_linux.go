package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// reapDelay gathers the ends of several processes.
	reapDelay = 200 * time.Millisecond
	// reapPatience is how long a dead process that might be a worker is left to the supervisor.
	reapPatience = 30 * time.Second
)

// reaper waits for the orphans of workers. A guard is the parent of what its workers leave behind, so that the tree stays
// together and leaves no zombies where process 1 does not care, as in many containers.
type reaper struct {
	session int
	// seen tells since when a dead process that might be a worker is there.
	seen map[int]time.Time
}

// newReaper makes this process the parent of its orphaned descendants.
func newReaper() (*reaper, error) {
	session, err := unix.Getsid(0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	return &reaper{session: session, seen: map[int]time.Time{}}, err
}

// pause leaves orphans to somebody else, until resume.
func (r *reaper) pause() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("leave orphans to process 1: %w", err)
	}
	return nil
}

// resume takes orphans again.
func (r *reaper) resume() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } // newReaper has told if that fails

// run reaps orphans as they end, until ctx ends.
func (r *reaper) run(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		select {
		case <-ctx.Done():
			return
		case <-died:
		}
		timer := time.NewTimer(reapDelay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		r.pass(time.Now())
	}
}

// pass reaps the dead children that no worker can be: workers lead a process group in our own session. One that does, too,
// is reaped by the supervisor; if it is still there after a while, it was none.
func (r *reaper) pass(now time.Time) {
	there := map[int]bool{}
	for _, z := range deadChildren() {
		there[z.pid] = true
		if z.group == z.pid && z.session == r.session {
			since, known := r.seen[z.pid]
			if !known {
				r.seen[z.pid] = now
			}
			if !known || now.Sub(since) < reapPatience {
				continue
			}
		}
		_, _ = unix.Wait4(z.pid, nil, unix.WNOHANG, nil) // it may be gone already
	}
	for pid := range r.seen {
		if !there[pid] {
			delete(r.seen, pid)
		}
	}
}

// all reaps every dead child. It may only be called when nobody else waits for one.
func (r *reaper) all() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

// deadChild is a child that has ended and was not waited for.
type deadChild struct{ pid, group, session int }

// deadChildren lists them.
func deadChildren() []deadChild {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	self := strconv.Itoa(os.Getpid())
	var dead []deadChild
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + name.Name() + "/stat")
		if err != nil {
			continue
		}
		// The command's name, in parentheses, may contain anything: what follows the last one counts.
		line := string(data)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		if len(fields) < 4 || fields[0] != "Z" || fields[1] != self {
			continue
		}
		group, _ := strconv.Atoi(fields[2])
		session, _ := strconv.Atoi(fields[3])
		dead = append(dead, deadChild{pid: pid, group: group, session: session})
	}
	return dead
}
