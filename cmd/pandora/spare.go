package main

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads a guard has from the start.
const spareThreads = 6

// makeThreads makes threads that the runtime keeps for later. When a user or a container may have no more processes, a
// runtime that needs another thread ends the program: a guard that has its threads sees a spawn fail instead, and tries
// again.
func makeThreads(n int) {
	var there, gone sync.WaitGroup
	all := make(chan struct{})
	there.Add(n)
	for range n {
		gone.Go(func() {
			runtime.LockOSThread() // each waits on a thread of its own
			defer runtime.UnlockOSThread()
			there.Done()
			<-all
		})
	}
	there.Wait()
	close(all)
	gone.Wait()
}
