package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/pandora-go/pandora/internal/control"
)

const (
	// clockTicks is how many ticks a second has in /proc; it is 100 for every program on Linux.
	clockTicks = 100
	// The places of fields of /proc/<pid>/stat, from the one behind the name on, which may hold anything.
	statUser, statSystem, statRSS = 11, 12, 21
)

// processUsage reads what a process uses; false when it is gone. It reads one file, as it is asked about hundreds at a time.
func processUsage(pid int) (control.Usage, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return control.Usage{}, false
	}
	return parseUsage(pid, data)
}

// parseUsage reads a line of /proc/<pid>/stat.
func parseUsage(pid int, stat []byte) (control.Usage, bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= statRSS {
		return control.Usage{}, false
	}
	var figures [3]uint64
	for i, at := range []int{statUser, statSystem, statRSS} {
		n, err := strconv.ParseUint(string(fields[at]), 10, 64)
		if err != nil {
			return control.Usage{}, false
		}
		figures[i] = n
	}
	return control.Usage{
		PID: pid, CPUSeconds: float64(figures[0]+figures[1]) / clockTicks, RSS: figures[2] * uint64(os.Getpagesize()),
	}, true
}
