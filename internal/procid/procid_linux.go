package procid

import (
	"os"
	"strconv"
	"strings"
)

// Start is the start time of a live process in ticks since boot; "" when there is none, or only its zombie.
func Start(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil || pid <= 0 {
		return ""
	}
	// The name may hold spaces and parentheses: what counts comes after the last one.
	line := string(data)
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

// Boot identifies this boot of the system; "" when it cannot be told.
func Boot() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
