package endpoints

import "math/bits"

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
