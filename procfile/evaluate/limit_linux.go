package evaluate

import (
	"time"

	"golang.org/x/sys/unix"
)

// limit bounds the data memory and the processor time of a running process; what it cannot bound stays unbounded, and
// the deadline holds anyhow.
func limit(pid int, memory int64, timeout time.Duration) {
	data := unix.Rlimit{Cur: uint64(memory), Max: uint64(memory)}
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &data, nil)
	// Should this process die before the deadline, nobody else ends a procfile that loops.
	seconds := uint64(4*timeout/time.Second) + 1
	cpu := unix.Rlimit{Cur: seconds, Max: seconds}
	_ = unix.Prlimit(pid, unix.RLIMIT_CPU, &cpu, nil)
}
