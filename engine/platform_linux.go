package engine

import "golang.org/x/sys/unix"

// statTimes returns access, status change and modification time.
func statTimes(st *unix.Stat_t) (access, change, modify unix.Timespec) {
	return st.Atim, st.Ctim, st.Mtim
}
