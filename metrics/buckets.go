package metrics

import (
	"math"
	"sync"
	"time"
)

// bucketsKept is how many buckets a metric keeps, the one of now included.
const bucketsKept = 10

// bucket is what happened in one interval.
type bucket struct {
	start int64 // seconds since 1970
	count float64
	sum   float64 // of whatever was counted: values, milliseconds
}

// buckets is a ring of the latest intervals in which something happened. Whoever holds it guards it. It takes no memory
// for buckets before the first event, nor for sums before the first one that is not zero.
type buckets struct {
	ring *ring
	sums *[bucketsKept]float64
	// until is when the newest bucket is over, or the clock has to be looked at for other reasons.
	until stamp
	width int32 // seconds
	// created is when the first event may have happened, in seconds since 1970; 0 when nobody knows.
	created uint32
}

// ring is counts by interval. There may be very many, so it has no more than it needs.
type ring struct {
	counts [bucketsKept]float64
	// newest is when the newest bucket began, in seconds since 1970; 0 when there is none.
	newest uint32
	// before is how many intervals before each bucket the one before it began; 0 when that is not known any more.
	before [bucketsKept]uint16
	last   uint8 // the place of the newest
}

// stamp is a time on a clock that nobody sets, in nanoseconds.
type stamp int64

// origin is when that clock began.
var origin = time.Now()

// monotonic reads the clock. That takes half the time of time.Now.
func monotonic() stamp { return stamp(time.Since(origin)) }

// clockCheck is how long a clock that is set goes unnoticed.
const clockCheck = 100 * time.Millisecond

// newBuckets makes a ring; a width below a second counts as one.
func newBuckets(width time.Duration) buckets {
	return buckets{width: int32(min(max(1, width/time.Second), math.MaxInt32)), created: second32(time.Now().Unix())}
}

// second32 is a second that has a place in the ring: those before 1970 do not.
func second32(second int64) uint32 { return uint32(min(max(0, second), math.MaxUint32)) }

// seconds is the width.
func (b *buckets) seconds() int64 { return int64(b.width) }

// bucketStart is when the interval began that holds the given second.
func bucketStart(second, width int64) int64 { return second - second%width }

// lastComplete is when the latest interval began that is over at the given second.
func lastComplete(second, width int64) int64 { return bucketStart(second-width, width) }

// count counts in the bucket of now, at as monotonic tells.
func (b *buckets) count(at stamp, count, sum float64) {
	if b.ring != nil && at < b.until {
		b.put(count, sum)
		return
	}
	now := time.Now()
	b.add(now, count, sum)
	over := time.Unix(bucketStart(now.Unix(), b.seconds())+b.seconds(), 0).Sub(now)
	b.until = at + stamp(min(over, clockCheck))
}

// add counts in the bucket of now. When the clock has been set back, what was counted in the future is forgotten.
func (b *buckets) add(now time.Time, count, sum float64) {
	start := second32(bucketStart(now.Unix(), b.seconds()))
	if b.ring == nil {
		b.ring = &ring{}
	}
	for b.ring.newest > start {
		b.dropNewest()
	}
	if b.ring.newest < start {
		b.begin(start)
	}
	b.put(count, sum)
}

// happened counts what is of now; of what is not, the time is not known any more.
func (b *buckets) happened(now bool, count, sum float64) {
	if now {
		b.count(monotonic(), count, sum)
	} else {
		b.created = 0
	}
}

// put counts in the newest bucket.
func (b *buckets) put(count, sum float64) {
	b.ring.counts[b.ring.last] += count
	if sum != 0 && b.sums == nil {
		b.sums = new([bucketsKept]float64)
	}
	if b.sums != nil {
		b.sums[b.ring.last] += sum
	}
}

// begin makes a bucket that is newer than all others.
func (b *buckets) begin(start uint32) {
	r := b.ring
	gap := (start - r.newest) / uint32(b.width)
	if r.newest == 0 || gap > math.MaxUint16 {
		gap = 0
	}
	r.last = (r.last + 1) % bucketsKept
	r.newest, r.before[r.last], r.counts[r.last] = start, uint16(gap), 0
	r.before[(r.last+1)%bucketsKept] = 0 // what was before that one is here now
	if b.sums != nil {
		b.sums[r.last] = 0
	}
}

// dropNewest forgets the newest bucket.
func (b *buckets) dropNewest() {
	r := b.ring
	if gap := uint32(r.before[r.last]); gap > 0 {
		r.newest -= gap * uint32(b.width)
	} else {
		r.newest = 0
	}
	r.last = (r.last + bucketsKept - 1) % bucketsKept
}

// list returns the buckets that began in [from, to], seconds since 1970, the newest first. Where nothing happened there
// is none.
func (b *buckets) list(from, to int64) []bucket {
	if b.ring == nil {
		return nil
	}
	var found []bucket
	start, i := int64(b.ring.newest), b.ring.last
	for range bucketsKept {
		if start <= 0 {
			break
		}
		one := bucket{start: start, count: b.ring.counts[i]}
		if b.sums != nil {
			one.sum = b.sums[i]
		}
		if start >= from && start <= to {
			found = append(found, one)
		}
		gap := int64(b.ring.before[i])
		if gap == 0 {
			break
		}
		start -= gap * b.seconds()
		i = (i + bucketsKept - 1) % bucketsKept
	}
	return found
}

// at returns the bucket that began then, an empty one if nothing happened.
func (b *buckets) at(start int64) bucket {
	for _, one := range b.list(start, start) {
		return one
	}
	return bucket{start: start}
}

// Bucket is what a metric counted in one interval.
type Bucket struct {
	Start time.Time
	Count float64
}

// since returns the buckets that began at from or later, and not after now, the newest first.
func (b *buckets) since(from, now time.Time) []Bucket {
	var found []Bucket
	for _, one := range b.list(ceilSecond(from), now.Unix()) {
		found = append(found, Bucket{time.Unix(one.start, 0), one.count})
	}
	return found
}

// ceilSecond is the first full second at or after a time; the zero time is the beginning.
func ceilSecond(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	second := t.Unix()
	if t.Nanosecond() > 0 {
		second++
	}
	return second
}

// BucketCounter is a Counter that also counts in buckets of time. Its methods may be called concurrently.
// Registry.BucketCounter makes it.
type BucketCounter struct {
	mu sync.Mutex // guards everything below
	// count is below zero while one worker's decrements are known and another's increments are not yet.
	count   float64
	buckets buckets
}

// NewBucketCounter returns a counter with buckets of that width, of which it keeps the latest ten.
func NewBucketCounter(width time.Duration) *BucketCounter {
	return &BucketCounter{buckets: newBuckets(width)}
}

// Inc adds n. A number that is not finite is ignored.
func (c *BucketCounter) Inc(n float64) { c.add(n, true) }

// Dec subtracts n, down to zero. A number that is not finite is ignored.
func (c *BucketCounter) Dec(n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		n = min(n, max(0, c.count))
	}
	c.addLocked(-n, true)
}

// add counts a difference: in the total, and in the bucket of now if it is of now.
func (c *BucketCounter) add(n float64, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addLocked(n, now)
}

func (c *BucketCounter) addLocked(n float64, now bool) {
	if n == 0 || !finite(c.count+n) {
		return
	}
	c.count += n
	c.buckets.happened(now, n, 0)
}

// Count is the current value, never below zero.
func (c *BucketCounter) Count() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.count)
}

// total is the current value, and since when; 0 when nobody knows.
func (c *BucketCounter) total() (count float64, created uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.count), c.buckets.created
}

// Buckets returns the counts of the intervals that began at from or later, the newest first, that of now included.
// Intervals in which nothing was counted are left out, and no more than ten are known.
func (c *BucketCounter) Buckets(from time.Time) []Bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buckets.since(from, time.Now())
}

// Width is how long a bucket lasts.
func (c *BucketCounter) Width() time.Duration {
	return time.Duration(c.buckets.seconds()) * time.Second
}

func (c *BucketCounter) rest() {}

func (c *BucketCounter) collect(to *collector, name Name) {
	c.mu.Lock()
	count, buckets := max(0, c.count), c.buckets.copy()
	c.mu.Unlock()
	if to.compact {
		to.completed(name, buckets)
		to.counter(name, count)
		return
	}
	to.counter(name, count)
	to.instant(name, buckets)
}

// copy returns a ring to read without the lock.
func (b *buckets) copy() buckets {
	c := *b
	if b.ring != nil {
		ring := *b.ring
		c.ring = &ring
	}
	if b.sums != nil {
		sums := *b.sums
		c.sums = &sums
	}
	return c
}
