package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limitMemory lets the kernel refuse this process more than extra bytes of private memory beyond what it has mapped.
func limitMemory(extra int64) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	var mapped int64
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "VmData:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return fmt.Errorf("limit memory: %w", err)
			}
			mapped = kib << 10
		}
	}
	// The upper bound stays, so that a command which the code runs can be given back what is taken here.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	limit.Cur = min(limit.Max, uint64(mapped+extra))
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	return nil
}
