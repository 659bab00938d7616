package supervisor

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// stopSettle is how long stopped processes are given to finish the write they are in; there is no way to ask.
const stopSettle = 20 * time.Millisecond

// stopTrees stops process groups and returns how to let them go on. On an error all go on.
func stopTrees(trees map[int]string) (resume func(), err error) {
	resume = func() {
		for group := range trees {
			_ = syscall.Kill(-group, syscall.SIGCONT)
		}
	}
	for group := range trees {
		if err := syscall.Kill(-group, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
			resume()
			return nil, fmt.Errorf("stop process group %d: %w", group, err)
		}
	}
	time.Sleep(stopSettle)
	return resume, nil
}
