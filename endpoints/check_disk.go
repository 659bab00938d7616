package endpoints

import (
	"context"
	"fmt"
	"math"
	"math/bits"
)

// diskOptions are those of disk_space: a file system that is too full is DOWN.
type diskOptions struct {
	path string
	// rate is how many percent may be used; over 100 for any number of them.
	rate float64
	// minFree is how many bytes must be free, for those who are not root.
	minFree int64
}

func decodeDisk(f *fields) checkOptions {
	o := &diskOptions{path: f.text("path", "/"), minFree: f.integer("minFreeBytes", 0, 0, math.MaxInt64>>11)}
	if o.path[0] != '/' {
		f.fail("path", "an absolute path")
	}
	rate := float64(defaultRate)
	if o.minFree > 0 {
		rate = 100 // what is to be free is said in bytes
	}
	o.rate = f.number("rate", rate, 0, 100, "a percentage from 0 to 100")
	return o
}

func (o *diskOptions) perApp() bool                    { return false }
func (o *diskOptions) process() string                 { return "" }
func (o *diskOptions) probe(checkEnv, checkSpec) probe { return diskProbe{options: o} }

type diskProbe struct {
	stateless
	options *diskOptions
}

// diskUsage is how full a file system is. Free is what users who are not root can have.
type diskUsage struct {
	percent     int
	free, total uint64
}

// try compares the use of the file system with the limits. A path that cannot be measured is DOWN: the original takes a
// mount it does not find for full.
func (p diskProbe) try(context.Context, Application) finding {
	o := p.options
	used, err := diskUse(o.path)
	if err != nil {
		return down(map[string]any{"path": o.path}, "%w; correct the path, or mount it", err)
	}
	details := map[string]any{
		"path": o.path, "usedPercent": used.percent, "freeBytes": used.free, "totalBytes": used.total, "ratePercent": o.rate,
	}
	if o.minFree > 0 {
		details["minFreeBytes"] = o.minFree
	}
	switch {
	case float64(used.percent) > o.rate:
		return down(details, "%s is %d%% full, more than %v%%: delete something, or raise rate", o.path, used.percent, o.rate)
	case used.free < uint64(o.minFree):
		return down(details, "%s has %s free, less than %s: delete something, or lower minFreeBytes", o.path, bytesText(used.free), bytesText(uint64(o.minFree)))
	}
	return finding{details: details}
}

// bytesText writes a number of bytes for people.
func bytesText(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefixes := float64(n)/unit, "KMGTPE"
	for value >= unit && len(prefixes) > 1 {
		value /= unit
		prefixes = prefixes[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, prefixes[0])
}

// usePercent is df's use%: used/(used+available), rounded up; what is reserved for root counts neither way. A file
// system without blocks is empty.
func usePercent(blocks, free, available uint64) int {
	if int64(available) < 0 || available > free {
		available = 0 // some systems report a negative number once the reserve is being used
	}
	if free > blocks {
		free = blocks
	}
	used := blocks - free
	size := used + available
	if size == 0 {
		return 0
	}
	high, low := bits.Mul64(used, 100)
	percent, rest := bits.Div64(high, low, size)
	if rest > 0 {
		percent++
	}
	return int(percent)
}
