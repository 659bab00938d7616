package engine

import (
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"golang.org/x/sys/unix"
)

// system answers the os shim with one object; what the system does not tell stays at its zero value.
func (r *Runtime) system(goja.FunctionCall) goja.Value {
	o := r.vm.NewObject()
	set := func(name string, value any) { _ = o.Set(name, value) }
	hostname, _ := os.Hostname()
	set("hostname", hostname)
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		set("sysname", unix.ByteSliceToString(uts.Sysname[:]))
		set("release", unix.ByteSliceToString(uts.Release[:]))
		set("version", unix.ByteSliceToString(uts.Version[:]))
		set("machine", unix.ByteSliceToString(uts.Machine[:]))
	}
	if u, err := user.Current(); err == nil {
		set("username", u.Username)
		set("homedir", u.HomeDir)
	}
	cpus := processors()
	list := make([]any, len(cpus))
	for i, cpu := range cpus {
		entry := r.vm.NewObject()
		_ = entry.Set("model", cpu.model)
		_ = entry.Set("speed", cpu.speed)
		times := r.vm.NewObject()
		for j, name := range []string{"user", "nice", "sys", "idle", "irq"} {
			_ = times.Set(name, cpu.times[j])
		}
		_ = entry.Set("times", times)
		list[i] = entry
	}
	set("cpus", r.vm.NewArray(list...))
	// NumCPU follows the affinity mask, as os.availableParallelism does.
	set("parallelism", runtime.NumCPU())
	total, free := memory()
	set("totalmem", total)
	set("freemem", free)
	set("loadavg", r.floats(loadAverage()))
	set("uptime", uptime())
	return o
}

func (r *Runtime) floats(list [3]float64) goja.Value {
	return r.vm.NewArray(list[0], list[1], list[2])
}

// processor is one row of os.cpus(): times are milliseconds in user, nice, sys, idle, irq.
type processor struct {
	model string
	speed int
	times [5]int64
}

// processors lists the CPUs of the host, as Node does also under an affinity mask.
func processors() []processor {
	var all []processor
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			all = append(all, processor{model: "unknown"})
		case "model name":
			if len(all) > 0 {
				all[len(all)-1].model = value
			}
		case "cpu MHz":
			if mhz, err := strconv.ParseFloat(value, 64); err == nil && len(all) > 0 {
				all[len(all)-1].speed = int(mhz)
			}
		}
	}
	if len(all) == 0 {
		all = make([]processor, runtime.NumCPU())
	}
	stat, _ := os.ReadFile("/proc/stat")
	for line := range strings.Lines(string(stat)) {
		fields := strings.Fields(line)
		if len(fields) < 7 {
			continue
		}
		n, err := strconv.Atoi(strings.TrimPrefix(fields[0], "cpu"))
		if err != nil || n < 0 || n >= len(all) {
			continue
		}
		// user nice system idle iowait irq, in hundredths of a second
		for i, field := range []int{1, 2, 3, 4, 6} {
			ticks, _ := strconv.ParseInt(fields[field], 10, 64)
			all[n].times[i] = ticks * 10
		}
	}
	return all
}

// memory returns total and available memory in bytes.
func memory() (total, free float64) {
	info, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(info)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "MemTotal:":
			total = kib * 1024
		case "MemAvailable:":
			free = kib * 1024
		}
	}
	return total, free
}

func loadAverage() (load [3]float64) {
	text, _ := os.ReadFile("/proc/loadavg")
	for i, field := range strings.Fields(string(text)) {
		if i < len(load) {
			load[i], _ = strconv.ParseFloat(field, 64)
		}
	}
	return load
}

func uptime() float64 {
	text, _ := os.ReadFile("/proc/uptime")
	fields := strings.Fields(string(text))
	if len(fields) == 0 {
		return 0
	}
	seconds, _ := strconv.ParseFloat(fields[0], 64)
	return seconds
}
