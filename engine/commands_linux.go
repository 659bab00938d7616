package engine

import "golang.org/x/sys/unix"

// withoutMemoryLimit calls start while limitMemory does not hold, so that the process started is free of it. No script
// runs meanwhile.
func withoutMemoryLimit(start func() error) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &limit) != nil || limit.Cur == limit.Max {
		return start()
	}
	free := limit
	free.Cur = free.Max
	if unix.Setrlimit(unix.RLIMIT_DATA, &free) != nil {
		return start()
	}
	err := start()
	if restored := unix.Setrlimit(unix.RLIMIT_DATA, &limit); err == nil {
		err = restored
	}
	return err
}
