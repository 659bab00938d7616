//go:build !linux

package evaluate

import "time"

// limit does nothing where the limits of another process cannot be set: Node's own heap limit and the deadline hold.
func limit(pid int, memory int64, timeout time.Duration) {}
