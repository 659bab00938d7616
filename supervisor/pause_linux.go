package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/pandora-go/pandora/internal/procid"
)

// stopLimit is how long processes may take to stop; then they go on, and what they should have stopped for waits.
const stopLimit = time.Second

// stopTrees stops the trees of processes, each a process group and a mark as in killTree, and returns how to let them go
// on. On an error all go on. When the guard dies in between, the kernel lets them go on: they are process groups of its
// session that become orphaned then, and such are sent SIGHUP and SIGCONT.
func stopTrees(trees map[int]string) (resume func(), err error) {
	stopped := map[int]string{} // pid: start time
	seen := map[int]bool{}
	resume = func() {
		for pid, start := range stopped {
			if procid.Start(pid) == start {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
		}
	}
	deadline := time.Now().Add(stopLimit)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		// One that is being stopped may have started another just before, so it takes a look that finds nothing new.
		running := 0
		pids := processes()
		if len(pids) == 0 {
			resume()
			return nil, errors.New("list processes: there are none to be seen in /proc")
		}
		for _, pid := range pids {
			if !inTrees(pid, trees) {
				continue
			}
			seen[pid] = true
			if allStopped(pid) {
				continue
			}
			running++
			if stopped[pid] == "" {
				stopped[pid] = procid.Start(pid)
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
					resume()
					return nil, fmt.Errorf("stop process %d: %w", pid, err)
				}
			}
		}
		for pid := range trees {
			// One that could not be looked at, perhaps for want of descriptors, is not gone.
			if !seen[pid] && syscall.Kill(pid, 0) == nil {
				running++
			}
		}
		if running == 0 {
			return resume, nil
		}
		if time.Now().After(deadline) {
			resume()
			return nil, fmt.Errorf("%d processes do not stop within %s", running, stopLimit)
		}
		time.Sleep(pause)
	}
}

// inTrees reports whether a process is part of one of the trees.
func inTrees(pid int, trees map[int]string) bool {
	for group, mark := range trees {
		if belongs(pid, group, mark, nil) {
			return true
		}
	}
	return false
}

// allStopped reports whether all threads of a process are stopped, or it is gone.
func allStopped(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return gone(err)
	}
	for _, task := range tasks {
		data, err := os.ReadFile(dir + task.Name() + "/stat")
		if gone(err) {
			continue
		}
		if err != nil {
			return false
		}
		if s, alive := parseStat(string(data)); alive && s.state != 'T' && s.state != 't' {
			return false
		}
	}
	return true
}

// gone reports whether an error says that a process or thread has ended.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) }
