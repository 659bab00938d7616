package metrics

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxCategories bounds the categories of one compass, maxCategory the length of one's name, in bytes.
	maxCategories = 20
	maxCategory   = 256
)

// FastCompass counts calls and their time by category, such as success and error. Its methods may be called
// concurrently. Registry.FastCompass makes it.
type FastCompass struct {
	width time.Duration

	mu         sync.Mutex // guards everything below
	categories []*category
}

// category is one kind of calls.
type category struct {
	name       string
	count, sum float64 // since the beginning
	buckets    buckets
}

// NewFastCompass returns a compass with buckets of that width.
func NewFastCompass(width time.Duration) *FastCompass { return &FastCompass{width: width} }

// Record counts a call that took some milliseconds. A negative or not finite number is ignored, as are categories
// beyond the twentieth.
func (f *FastCompass) Record(milliseconds float64, name string) {
	if milliseconds >= 0 {
		f.add(name, 1, milliseconds, true)
	}
}

// add counts calls, and tells whether there was room for their category; those that are not of now go to the totals
// only.
func (f *FastCompass) add(name string, count, sum float64, now bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	var c *category
	for _, known := range f.categories {
		if known.name == name {
			c = known
		}
	}
	if c == nil {
		if len(f.categories) >= maxCategories || len(name) > maxCategory {
			return false
		}
		c = &category{name: name, buckets: newBuckets(f.width)}
		f.categories = append(f.categories, c)
	}
	if !finite(c.count+count) || !finite(c.sum+sum) {
		return true
	}
	c.count += count
	c.sum += sum
	c.buckets.happened(now, count, sum)
	return true
}

// Calls is what a compass counted of one category.
type Calls struct {
	Category string
	// Count is the number of calls, Milliseconds the time of all together.
	Count, Milliseconds float64
}

// Totals is what was counted since the beginning, in order of the first call.
func (f *FastCompass) Totals() []Calls {
	var all []Calls
	for _, c := range f.totals() {
		all = append(all, c.Calls)
	}
	return all
}

// createdCalls are calls, and since when; 0 when nobody knows.
type createdCalls struct {
	Calls
	created uint32
}

func (f *FastCompass) totals() []createdCalls {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]createdCalls, 0, len(f.categories))
	for _, c := range f.categories {
		all = append(all, createdCalls{Calls{c.name, c.count, c.sum}, c.buckets.created})
	}
	return all
}

func (f *FastCompass) rest() {}

// compassView is the buckets of one category, to read without the lock.
type compassView struct {
	name    string
	buckets buckets
}

func (f *FastCompass) collect(to *collector, name Name) {
	f.mu.Lock()
	empty := newBuckets(f.width)
	width := empty.seconds()
	views := make([]compassView, 0, len(f.categories))
	for _, c := range f.categories {
		views = append(views, compassView{c.name, c.buckets.copy()})
	}
	f.mu.Unlock()
	if !to.compact {
		to.compass(name, views, lastComplete(to.now.Unix(), width), width)
		return
	}
	from, until := to.span(width)
	for start := until; start >= from && start > until-bucketsKept*width; start -= width {
		if slices.ContainsFunc(views, func(v compassView) bool { return len(v.buckets.list(start, start)) > 0 }) {
			to.compass(name, views, start, width)
		}
	}
}

// compass emits one bucket of all categories.
func (to *collector) compass(name Name, views []compassView, start, width int64) {
	at, interval := start*1000, int(width)
	var count, sum, success, hit float64
	hits := false
	for _, v := range views {
		b := v.buckets.at(start)
		to.add(name.Resolve(v.name+"_bucket_count"), at, b.count, KindDelta, interval)
		count += b.count
		sum += b.sum
		switch v.name {
		case "success":
			success += b.count
		case "hit":
			hits = true
			hit = b.count
			success += b.count
		}
	}
	to.add(name.Resolve("bucket_count"), at, count, KindDelta, interval)
	to.add(name.Resolve("bucket_sum"), at, sum*to.durations, KindDelta, interval)
	to.add(name.Resolve("qps"), at, count/float64(width), KindGauge, interval)
	to.add(name.Resolve("rt"), at, rate(sum*to.durations, count), KindGauge, interval)
	to.add(name.Resolve("success_rate"), at, ratio(success, count), KindGauge, interval)
	if hits {
		to.add(name.Resolve("hit_rate"), at, ratio(hit, success), KindGauge, interval)
	}
}

// rate is n per one of something, 0 where there is none.
func rate(n, per float64) float64 {
	if per == 0 {
		return 0
	}
	return n / per
}

// ratio is a part of a whole, from 0 to 1; 0 of nothing is 0.
func ratio(part, whole float64) float64 {
	if part > whole {
		return 1
	}
	return rate(part, whole)
}
