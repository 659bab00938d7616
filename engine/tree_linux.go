package engine

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepDescendants lets this process, and the program that it may become, inherit what its descendants leave behind, so
// that even what has detached itself stays below it. Where the kernel refuses, that is lost to process 1 as ever.
func keepDescendants() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// treeRounds is how often EndTree looks for descendants that were started while it ended the others.
const treeRounds = 5

// EndTree kills a process group and all descendants of its leader, whatever group or session they are in. It must not
// have been waited for. Errors say that something has ended already.
func EndTree(leader int) {
	for range treeRounds {
		found := descendants(leader, nil)
		if len(found) == 0 {
			break
		}
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = syscall.Kill(-leader, syscall.SIGKILL)
}

// descendants adds the living descendants of a process to known.
func descendants(pid int, known []int) []int {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, thread := range threads {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		for _, field := range strings.Fields(string(data)) {
			child, err := strconv.Atoi(field)
			if err != nil || slices.Contains(known, child) {
				continue
			}
			if !ended(child) {
				known = append(known, child)
			}
			known = descendants(child, known)
		}
	}
	return known
}

// ended reports whether a process is gone, or only waits to be asked how it ended.
func ended(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// The name before the state may hold anything.
	_, state, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}
