package endpoints

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// memoryOptions are those of memory: workers that come near one of their limits are DOWN.
type memoryOptions struct {
	name string // of the process, "" for all
	// rate is how many percent of the control group's limit may be used, heapRate of V8's limit of the heap.
	rate, heapRate float64
	// maxRSS and maxHeap are how many bytes one worker may have; 0 for any number of them.
	maxRSS, maxHeap int64
}

func decodeMemory(f *fields) checkOptions {
	const what = "a percentage from 1 to 100"
	return &memoryOptions{
		name: f.text("process", ""), rate: f.number("rate", 95, 1, 100, what), heapRate: f.number("heapRate", 95, 1, 100, what),
		maxRSS: f.integer("maxRssBytes", 0, 1<<20, math.MaxInt64>>11), maxHeap: f.integer("maxHeapBytes", 0, 1<<20, math.MaxInt64>>11),
	}
}

func (o *memoryOptions) perApp() bool    { return true }
func (o *memoryOptions) process() string { return o.name }
func (o *memoryOptions) probe(env checkEnv, _ checkSpec) probe {
	return memoryProbe{options: o, metrics: env.metrics, group: groupMemory}
}

// groupUse is what a control group uses of its memory; limit is 0 for none.
type groupUse struct {
	path        string
	used, limit uint64
}

type memoryProbe struct {
	stateless
	options *memoryOptions
	metrics Metrics
	// group tells about the control group of a process: the one with the least room of those around it.
	group func(pid int) (groupUse, bool)
}

func (p memoryProbe) try(ctx context.Context, app Application) finding {
	o := p.options
	told, silent, err := askWorkers(ctx, p.metrics, app, o.name, "", 0)
	if err != nil {
		return finding{err: err}
	}
	if len(told)+len(silent) == 0 {
		return finding{absent: true}
	}
	var problems []string
	workers, groups := map[string]any{}, map[string]groupUse{}
	for _, w := range told {
		rss, heap, limit := w.told.RSS, w.told.HeapUsed, w.told.HeapLimit
		workers[w.name()] = map[string]any{"rssBytes": uint64(rss), "heapUsedBytes": uint64(heap), "heapLimitBytes": uint64(limit)}
		switch {
		case o.maxRSS > 0 && rss > float64(o.maxRSS):
			problems = append(problems, fmt.Sprintf("worker %s has %s, more than maxRssBytes, %s", w.name(), bytesText(uint64(rss)), bytesText(uint64(o.maxRSS))))
		case o.maxHeap > 0 && heap > float64(o.maxHeap):
			problems = append(problems, fmt.Sprintf("the heap of worker %s is %s, more than maxHeapBytes, %s", w.name(), bytesText(uint64(heap)), bytesText(uint64(o.maxHeap))))
		case limit > 0 && heap > limit*o.heapRate/100:
			problems = append(problems, fmt.Sprintf("the heap of worker %s is %.0f%% full (%s of %s), more than %v%%: look for a leak with a heap snapshot, or raise --max-old-space-size",
				w.name(), heap/limit*100, bytesText(uint64(heap)), bytesText(uint64(limit)), o.heapRate))
		}
		if g, ok := p.group(w.pid); ok && g.limit > 0 {
			groups[g.path] = g
		}
	}
	details := map[string]any{"workers": workers}
	var cgroups []map[string]any
	for _, path := range slices.Sorted(maps.Keys(groups)) {
		g := groups[path]
		percent := float64(g.used) / float64(g.limit) * 100
		cgroups = append(cgroups, map[string]any{"path": path, "usedBytes": g.used, "limitBytes": g.limit, "usedPercent": math.Round(percent*10) / 10})
		if percent > o.rate {
			problems = append(problems, fmt.Sprintf("the control group %s uses %.0f%% of its memory (%s of %s), more than %v%%: the kernel will kill; raise the limit, or have fewer workers",
				path, percent, bytesText(g.used), bytesText(g.limit), o.rate))
		}
	}
	if len(cgroups) > 0 {
		details["cgroups"] = cgroups
	}
	if len(problems) > 0 {
		return down(details, "%s", strings.Join(problems, "; "))
	}
	return finding{err: silence(ctx, silent), details: details}
}
