package engine

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"time"
)

// watchEvery is how often the memory is looked at.
const watchEvery = 5 * time.Millisecond

// heapInUse is the Go heap in bytes, with what is not collected yet.
func heapInUse() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// watch interrupts the running script at the deadline, at the memory limit and when ctx ends. The function it returns
// ends the watch and waits for it.
func (r *Runtime) watch(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		deadline := time.NewTimer(r.options.Timeout)
		defer deadline.Stop()
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		base := heapInUse()
		var quiet time.Time
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				r.vm.Interrupt(&Error{Kind: KindTimeout, Message: fmt.Sprintf("stopped: %v", context.Cause(ctx))})
				return
			case <-deadline.C:
				r.vm.Interrupt(timeoutError(r.options.Timeout))
				return
			case now := <-tick.C:
				if heapInUse()-base <= r.options.MemoryLimit || now.Before(quiet) {
					continue
				}
				// Part of it may be garbage: what counts is what a collection leaves.
				runtime.GC()
				if heapInUse()-base > r.options.MemoryLimit {
					r.vm.Interrupt(memoryError(r.options.MemoryLimit))
					return
				}
				quiet = now.Add(10 * watchEvery)
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func timeoutError(limit time.Duration) *Error {
	return &Error{Kind: KindTimeout, Message: fmt.Sprintf("still running after %v; a procfile only describes the application and returns", limit)}
}

func memoryError(limit int64) *Error {
	return &Error{Kind: KindMemory, Message: fmt.Sprintf("uses more than %d MiB of memory", limit>>20)}
}

// output keeps the first limit bytes written to it.
type output struct {
	limit int
	cut   bool
	b     strings.Builder
}

func (o *output) write(text string) {
	if room := o.limit - o.b.Len(); len(text) > room {
		text = strings.ToValidUTF8(text[:max(room, 0)], "")
		o.cut = true
	}
	if !o.cut || text != "" {
		o.b.WriteString(text)
	}
	if o.cut {
		o.limit = o.b.Len()
	}
}

// String returns what was kept, and says so when something was not.
func (o *output) String() string {
	if o.cut {
		return o.b.String() + "\n… (output cut)\n"
	}
	return o.b.String()
}
