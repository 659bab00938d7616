//go:build !linux

package main

import (
	"github.com/shirou/gopsutil/v4/process"

	"github.com/pandora-go/pandora/internal/control"
)

// processUsage asks the system what a process uses; false when it is gone.
func processUsage(pid int) (control.Usage, bool) {
	p := &process.Process{Pid: int32(pid)}
	times, err := p.Times()
	if err != nil {
		return control.Usage{}, false
	}
	memory, err := p.MemoryInfo()
	if err != nil {
		return control.Usage{}, false
	}
	return control.Usage{PID: pid, CPUSeconds: times.User + times.System, RSS: memory.RSS}, true
}
