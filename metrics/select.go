package metrics

import (
	"cmp"
	"slices"
)

// exposedQuantiles are those of the Prometheus text, ascending.
var exposedQuantiles = [4]float64{.5, .75, .95, .99}

// selectQuantiles finds what the weighted snapshot of the values has at exposedQuantiles, without sorting them all. It
// changes the order of the values, of which there is at least one.
func selectQuantiles(values []weighted) (found [len(exposedQuantiles)]float64) {
	total := 0.0
	for _, v := range values {
		total += v.weight
	}
	var wanted [len(exposedQuantiles)]float64
	for i, q := range exposedQuantiles {
		wanted[i] = q * total
	}
	selectWeights(values, 0, wanted[:], found[:])
	return found
}

// selectWeights finds the values at which the weight of all up to them goes beyond what is wanted, ascending; below is the
// weight of what is less than all values.
func selectWeights(values []weighted, below float64, wanted, found []float64) {
	for len(wanted) > 0 {
		if len(values) <= 12 {
			selectFew(values, below, wanted, found)
			return
		}
		pivot := median(values[0].value, values[len(values)/2].value, values[len(values)-1].value)
		less, same := partition(values, pivot)
		weightLess, weightSame := weightOf(values[:less]), weightOf(values[less:same])
		left := countBelow(wanted, below+weightLess)
		if less > 0 {
			selectWeights(values[:less], below, wanted[:left], found[:left])
		} else {
			left = 0
		}
		wanted, found = wanted[left:], found[left:]
		middle := countBelow(wanted, below+weightLess+weightSame)
		if same == len(values) {
			middle = len(wanted)
		}
		for i := range middle {
			found[i] = pivot
		}
		wanted, found = wanted[middle:], found[middle:]
		values, below = values[same:], below+weightLess+weightSame
	}
}

// selectFew is selectWeights by sorting.
func selectFew(values []weighted, below float64, wanted, found []float64) {
	slices.SortFunc(values, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	at := 0
	for i, w := range wanted {
		for at < len(values)-1 && below+values[at].weight <= w {
			below += values[at].weight
			at++
		}
		found[i] = values[at].value
	}
}

// partition puts what is less than the pivot first and what is greater last; the places are where what is the same begins
// and ends.
func partition(values []weighted, pivot float64) (less, same int) {
	end := len(values)
	for same < end {
		switch v := values[same].value; {
		case v < pivot:
			values[less], values[same] = values[same], values[less]
			less++
			same++
		case v > pivot:
			end--
			values[same], values[end] = values[end], values[same]
		default:
			same++
		}
	}
	return less, same
}

func weightOf(values []weighted) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v.weight
	}
	return sum
}

// countBelow is how many of the ascending numbers are below a limit.
func countBelow(ascending []float64, limit float64) int {
	n := 0
	for n < len(ascending) && ascending[n] < limit {
		n++
	}
	return n
}

func median(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }
