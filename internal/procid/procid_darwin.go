package procid

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// zombie is the state of a dead process that nobody has waited for.
const zombie = 5

// Start is the start time of a live process; "" when there is none.
func Start(pid int) string {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || p.Proc.P_stat == zombie {
		return ""
	}
	return strconv.FormatInt(p.Proc.P_starttime.Sec, 10) + "." + strconv.Itoa(int(p.Proc.P_starttime.Usec))
}

// Boot identifies this boot of the system; "" when it cannot be told.
func Boot() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
