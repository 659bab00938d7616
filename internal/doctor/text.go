package doctor

import (
	"fmt"
	"maps"
	"slices"
)

// size shows bytes in a unit that fits.
func size(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// limit shows a limit; 0, and what the kernel has for none, is none.
func limit(n uint64) string {
	if n == 0 || n >= 1<<62 {
		return "no limit"
	}
	return fmt.Sprint(n)
}

// sorted lists the keys.
func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// Worst is the highest level of some findings; OK for none.
func Worst(all []Check) Level {
	order := []Level{OK, Note, Warning, Failure}
	worst := 0
	for _, c := range all {
		worst = max(worst, slices.Index(order, c.Level))
	}
	return order[worst]
}
