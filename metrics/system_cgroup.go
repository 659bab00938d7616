package metrics

import (
	"io/fs"
	"math"
	"path"
	"strings"
)

// unlimited is what version 1 has for no limit, less the rest of a page, or any that is no real one.
const unlimited = 1 << 60

// cgroupReading is what the kernel grants the daemon and the applications beside it, as in a container. NaN is no limit,
// or unknown.
type cgroupReading struct {
	// memory and used are in bytes; what is used leaves out files that may be dropped.
	memory, used float64
	// cpus is how many processors' time there is, throttled the seconds without any although it was wanted.
	cpus, throttled float64
}

func newCgroupReading() cgroupReading {
	return cgroupReading{memory: math.NaN(), used: math.NaN(), cpus: math.NaN(), throttled: math.NaN()}
}

// readCgroup reads the limits of the group of this process and those around it: the smallest is in force.
func readCgroup(root fs.FS) cgroupReading {
	r := newCgroupReading()
	eachLine(root, "proc/self/cgroup", func(line string) {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			return
		}
		controllers := strings.Split(parts[1], ",")
		for _, controller := range controllers {
			switch controller {
			case "": // version 2
				around(root, "sys/fs/cgroup", parts[2], r.second)
			case "memory":
				around(root, "sys/fs/cgroup/memory", parts[2], r.firstMemory)
			case "cpu":
				around(root, "sys/fs/cgroup/cpu", parts[2], r.firstCPU)
			}
		}
	})
	return r
}

// around calls f for a group and all around it, the innermost first. In a container the group may be called as its host
// calls it, while only what is in it can be seen.
func around(root fs.FS, mount, group string, f func(root fs.FS, dir string)) {
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		dir := mount + strings.TrimSuffix(group, "/")
		if _, err := fs.Stat(root, dir); err == nil {
			f(root, dir)
		}
		if group == "/" {
			return
		}
	}
}

// second reads a group of version 2.
func (r *cgroupReading) second(root fs.FS, dir string) {
	if limit := wordOf(root, dir+"/memory.max", 0); limit < unlimited {
		r.limitMemory(limit, wordOf(root, dir+"/memory.current", 0)-keyed(root, dir+"/memory.stat", "inactive_file"))
	}
	if quota, period := wordOf(root, dir+"/cpu.max", 0), wordOf(root, dir+"/cpu.max", 1); quota > 0 && period > 0 {
		r.limitCPU(quota/period, keyed(root, dir+"/cpu.stat", "throttled_usec")/1e6)
	}
}

// firstMemory and firstCPU read a group of version 1.
func (r *cgroupReading) firstMemory(root fs.FS, dir string) {
	if limit := wordOf(root, dir+"/memory.limit_in_bytes", 0); limit < unlimited {
		r.limitMemory(limit, wordOf(root, dir+"/memory.usage_in_bytes", 0)-keyed(root, dir+"/memory.stat", "total_inactive_file"))
	}
}

func (r *cgroupReading) firstCPU(root fs.FS, dir string) {
	quota, period := wordOf(root, dir+"/cpu.cfs_quota_us", 0), wordOf(root, dir+"/cpu.cfs_period_us", 0)
	if quota > 0 && period > 0 { // -1 is no limit
		r.limitCPU(quota/period, keyed(root, dir+"/cpu.stat", "throttled_time")/1e9)
	}
}

func (r *cgroupReading) limitMemory(limit, used float64) {
	if !(limit >= r.memory) { // also where there was none
		r.memory, r.used = limit, max(0, used)
	}
}

func (r *cgroupReading) limitCPU(cpus, throttled float64) {
	if !(cpus >= r.cpus) {
		r.cpus, r.throttled = cpus, throttled
	}
}

// wordOf is a number in the first line of a file, NaN for anything else.
func wordOf(root fs.FS, name string, at int) float64 {
	value, first := math.NaN(), true
	eachLine(root, name, func(line string) {
		if fields := strings.Fields(line); first && at < len(fields) {
			value = figure(fields[at])
		}
		first = false
	})
	if math.IsInf(value, 0) {
		return math.NaN()
	}
	return value
}

// keyed is the number behind a key in a file, 0 where there is none.
func keyed(root fs.FS, name, key string) float64 {
	value := 0.0
	eachLine(root, name, func(line string) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == key {
			if v := figure(fields[1]); finite(v) {
				value = v
			}
		}
	})
	return value
}

// samples gives what is limited, nothing where nothing is. Memory is in KiB, as that of the system.
func (r cgroupReading) samples() []Sample {
	var all []Sample
	if finite(r.memory) {
		all = append(all,
			systemSample("cgroup.mem.limit", r.memory/1024, Text{Name: "pandora_system_cgroup_mem_limit_bytes", Scale: 1024, Help: "Memory that the control group may take."}),
			systemSample("cgroup.mem.used", r.used/1024, Text{Name: "pandora_system_cgroup_mem_used_bytes", Scale: 1024, Help: "Memory of the control group, without files that may be dropped."}),
			systemSample("cgroup.mem.usage", r.used/r.memory, Text{Name: "pandora_system_cgroup_mem_usage_ratio", Help: "Share of its memory that the control group has taken."}))
	}
	if finite(r.cpus) {
		all = append(all,
			systemSample("cgroup.cpu.limit", r.cpus, Text{Name: "pandora_system_cgroup_cpu_limit_cores", Help: "Processors whose time the control group may take."}),
			systemSample("cgroup.cpu.throttled", r.throttled, Text{Name: "pandora_system_cgroup_cpu_throttled_seconds", Counter: true, Help: "Time that the control group had to wait for being at its limit."}))
	}
	return all
}
