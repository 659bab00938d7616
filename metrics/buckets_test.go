package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestBucketRingIsAList: whatever the clock does, the ring has what a list of all buckets has: the latest ten, nothing of the
// future, and nothing from before a pause of 65,535 intervals.
func TestBucketRingIsAList(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		width := []int64{1, 5, 30, 60, 90}[random.IntN(5)]
		b := newBuckets(time.Duration(width) * time.Second)
		var list []bucket // the newest first
		now := int64(1_700_000_000)
		for step := range 300 {
			switch random.IntN(12) {
			case 0:
				now -= random.Int64N(4 * width)
			case 1:
				now -= random.Int64N(40 * width)
			case 2:
				now += random.Int64N(100 * width)
			case 3:
				now += width * (math.MaxUint16 + random.Int64N(3) - 1)
			default:
				now += random.Int64N(2 * width)
			}
			count := float64(random.IntN(9) - 3)
			sum := float64(random.IntN(2) * 10)
			start := bucketStart(now, width)
			list = slices.DeleteFunc(list, func(o bucket) bool { return o.start > start })
			if len(list) == 0 || list[0].start < start {
				if len(list) > 0 && (start-list[0].start)/width > math.MaxUint16 {
					list = nil
				}
				list = slices.Insert(list, 0, bucket{start: start})
			}
			list = list[:min(len(list), bucketsKept)]
			list[0].count += count
			list[0].sum += sum
			b.add(time.Unix(now, 0), count, sum)
			got := b.copy()
			if want := fmt.Sprint(list); fmt.Sprint(got.list(0, math.MaxInt64)) != want {
				t.Fatalf("seed %d, step %d: got %v, want %s", seed, step, got.list(0, math.MaxInt64), want)
			}
		}
	}
}

// TestOddClocks: no time makes a ring fail, or count what it did not.
func TestOddClocks(t *testing.T) {
	for name, times := range map[string][]int64{
		"before 1970":     {-100, -5, 3, 100},
		"beyond 2106":     {1 << 31, 1 << 32, 1 << 33, 1 << 40},
		"back and forth":  {1000, 10, 1000, 10, 1000},
		"all at once":     {500, 500, 500},
		"far into future": {1_700_000_000, math.MaxInt64 / 2, 1_700_000_000},
	} {
		b := newBuckets(5 * time.Second)
		for _, at := range times {
			b.add(time.Unix(at, 0), 1, 0)
		}
		sum := 0.0
		for _, one := range b.list(0, math.MaxInt64) {
			sum += one.count
		}
		if sum > float64(len(times)) || sum < 0 {
			t.Errorf("%s: %v of %d", name, b.list(0, math.MaxInt64), len(times))
		}
	}
}
