package top

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Column is a column of the table, in the order they are shown.
type Column int

// The columns.
const (
	ByName Column = iota
	ByPID
	ByState
	ByCPU
	ByMemory
	ByLag
	ByRestarts
	ByUptime
	ByHealth
	columns = iota
)

// names are what the columns are called by users.
func names() []string {
	return []string{"name", "pid", "state", "cpu", "memory", "lag", "restarts", "uptime", "health"}
}

// ColumnNames lists what ParseColumn knows, in the order of the columns.
func ColumnNames() []string { return names() }

// ParseColumn finds the column that a user names.
func ParseColumn(name string) (Column, error) {
	if i := slices.Index(names(), name); i >= 0 {
		return Column(i), nil
	}
	return 0, fmt.Errorf("no column is called %q, want one of %s", name, strings.Join(names(), ", "))
}

// String is the name of a column.
func (c Column) String() string { return names()[c] }

// title is what stands over a column.
func (c Column) title(level Level) string {
	titles := []string{"WORKER", "PID", "STATE", "CPU%", "MEM", "LAG", "RST", "UPTIME", "HEALTH"}
	if level != Workers {
		titles[ByPID], titles[ByName] = "WORKERS", "PROCESS"
	}
	if level == Applications {
		titles[ByName] = "APPLICATION"
	}
	return titles[c]
}

// width is how many columns of the terminal it takes; the name takes what is left.
func (c Column) width() int { return []int{0, 7, 10, 6, 6, 6, 4, 6, 6}[c] }

// right reports whether it is aligned to the right.
func (c Column) right() bool {
	return c != ByName && c != ByState && c != ByHealth
}

// kept lists the columns beside the name, those first that stay the longest when there is little room.
func kept() []Column {
	return []Column{ByCPU, ByState, ByMemory, ByHealth, ByRestarts, ByLag, ByUptime, ByPID}
}

// compare compares two rows by a column: what is to come first is less.
func (c Column) compare(a, b Row) int {
	switch c {
	case ByPID:
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(b.Workers, a.Workers))
	case ByState:
		return cmp.Or(cmp.Compare(b.Tone, a.Tone), cmp.Compare(a.State, b.State))
	case ByCPU:
		return cmp.Compare(b.CPU, a.CPU)
	case ByMemory:
		// As it is shown: what is the same to the eye does not change places.
		return cmp.Compare(megabytes(b), megabytes(a))
	case ByLag:
		return cmp.Or(truth(b.Silent)-truth(a.Silent), cmp.Compare(b.Lag.Milliseconds(), a.Lag.Milliseconds()))
	case ByRestarts:
		return cmp.Compare(b.Restarts, a.Restarts)
	case ByUptime:
		return cmp.Compare(a.Uptime/time.Second, b.Uptime/time.Second)
	case ByHealth:
		return cmp.Compare(rank(a.Health), rank(b.Health))
	}
	return byName(a, b)
}

func megabytes(r Row) int64 {
	if !r.Measured {
		return -1
	}
	return int64(r.Memory >> 20)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rank puts DOWN first.
func rank(h Health) int {
	switch h {
	case HealthDown:
		return 0
	case HealthUp:
		return 1
	}
	return 2
}

// text is what a row shows in a column.
func (c Column) text(r Row, level Level) string {
	const unknown = "-"
	switch c {
	case ByPID:
		switch {
		case level != Workers:
			return strconv.Itoa(r.Workers)
		case r.PID != 0:
			return strconv.Itoa(r.PID)
		}
		return unknown
	case ByState:
		return r.State
	case ByCPU:
		if r.CPU < 0 {
			return unknown
		}
		return strconv.FormatFloat(r.CPU, 'f', 1, 64)
	case ByMemory:
		if !r.Measured {
			return unknown
		}
		return bytesText(r.Memory)
	case ByLag:
		switch {
		case r.Silent:
			return ">1s"
		case r.Lag < 0:
			return unknown
		}
		return lagText(r.Lag)
	case ByRestarts:
		return strconv.Itoa(r.Restarts)
	case ByUptime:
		if r.Uptime < 0 {
			return unknown
		}
		return spanText(r.Uptime)
	case ByHealth:
		if r.Health == HealthUnknown {
			return unknown
		}
		return string(r.Health)
	}
	return r.Name
}

// bytesText is a size in at most five columns.
func bytesText(n uint64) string {
	const unit = 1024
	value, suffix := float64(n)/unit, "K"
	for _, next := range []string{"M", "G", "T"} {
		if value < 1000 {
			break
		}
		value, suffix = value/unit, next
	}
	if value < 99.95 && suffix != "K" {
		return strconv.FormatFloat(value, 'f', 1, 64) + suffix
	}
	return strconv.FormatFloat(value, 'f', 0, 64) + suffix
}

// lagText is how late an event loop was, in at most six columns.
func lagText(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + "ms"
	}
	return strconv.FormatFloat(min(d.Seconds(), 999), 'f', 1, 64) + "s"
}

// spanText is a time in at most six columns, in its two largest units.
func spanText(d time.Duration) string {
	s := int(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	case s < 100*86400:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
	return fmt.Sprintf("%dd", s/86400)
}
