package metrics

import (
	"context"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// systemInterval is how long one reading of the system serves. Percentages and rates are over at least this time.
const systemInterval = 5 * time.Second

// SystemOptions says where AddSystem reads from.
type SystemOptions struct {
	// Root is the file system's root, for /proc; nil for the real one. Only Linux uses it.
	Root fs.FS
	// StatFS tells the size of the file system that holds path; nil for the real one.
	StatFS func(path string) (DiskSpace, error)
}

// DiskSpace is the size of a file system in bytes.
type DiskSpace struct {
	Total uint64
	// Used is what is taken, Available what a normal user may still take.
	Used, Available uint64
}

// AddSystem registers the system's gauges in group GroupSystem: cpu, network, tcp, memory, load and disk, with the
// names and units of the original, and on Linux the limits of the daemon's control group, where there are some. Percentages of cpu time and rates are those since the reading before, readings being at
// least five seconds apart; the first one is taken here. Where there is no time in between, cpu time is that since boot and
// rates have no value. What the system does not tell has no value.
func AddSystem(r *Registry, o SystemOptions) error {
	read := newSystemReader(o)
	set := &systemSet{read: read, previous: read(), taken: time.Now()}
	return r.AddSet(GroupSystem, set)
}

// systemReading is the raw figures of one moment; NaN and absent ones are unknown.
type systemReading struct {
	// cpu is the time spent in each of cpuModes, in any unit, since boot.
	cpu []float64
	// interrupts, switches, running and blocked are interrupts and context switches since boot and processes now.
	interrupts, switches, running, blocked float64
	interfaces                             []interfaceReading
	// tcp is in order of tcpKeys.
	tcp []float64
	// memory is in KiB by memoryKeys.
	memory map[string]float64
	// load is over 1, 5 and 15 minutes.
	load [3]float64
	disk *DiskSpace
	// cgroup is Linux's.
	cgroup cgroupReading
}

// interfaceReading is the counters of one network interface, in order of netKeys.
type interfaceReading struct {
	name   string
	values []float64
}

func newSystemReading() systemReading {
	return systemReading{interrupts: math.NaN(), switches: math.NaN(), running: math.NaN(), blocked: math.NaN(), cgroup: newCgroupReading()}
}

func cpuModes() []string {
	return []string{"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest"}
}

func netKeys() []string {
	return []string{
		"in.bytes", "in.packets", "in.errs", "in.dropped", "in.fifo.errs", "in.frame.errs", "in.compressed", "in.multicast",
		"out.bytes", "out.packets", "out.errs", "out.dropped", "out.fifo.errs", "out.collisions", "out.carrier.errs", "out.compressed",
	}
}

func tcpKeys() []string {
	return []string{
		"active.opens", "passive.opens", "attempt.fails", "estab.resets", "curr.resets",
		"in.segs", "out.segs", "retran.segs", "in.errs", "out.rsts",
	}
}

// The places of tcpKeys that are looked at one by one.
const (
	tcpEstablished   = 4
	tcpOutSegments   = 6
	tcpRetransmitted = 7
)

func memoryKeys() []string {
	return []string{"total", "used", "free", "buffers", "cached", "swap.total", "swap.used", "swap.free"}
}

// systemSet is all system gauges. It reads the system at most every systemInterval.
type systemSet struct {
	read func() systemReading

	mu       sync.Mutex // guards everything below
	previous systemReading
	taken    time.Time
	samples  []Sample
}

// Samples implements Set.
func (s *systemSet) Samples(context.Context) []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if elapsed := now.Sub(s.taken); s.samples == nil || elapsed >= systemInterval {
		current := s.read()
		before := s.previous
		if elapsed < time.Second {
			before = newSystemReading() // a difference over so little time is noise
		}
		s.samples = systemSamples(before, current, elapsed)
		s.previous, s.taken = current, now
	}
	return slices.Clone(s.samples)
}

// systemSamples derives the gauges from two readings.
func systemSamples(before, now systemReading, elapsed time.Duration) []Sample {
	all := cpuSamples(before.cpu, now)
	for _, i := range now.interfaces {
		var old []float64
		if at := slices.IndexFunc(before.interfaces, func(o interfaceReading) bool { return o.name == i.name }); at >= 0 {
			old = before.interfaces[at].values
		}
		all = append(all, netSamples(old, i, elapsed)...)
	}
	all = append(all, tcpSamples(before.tcp, now.tcp)...)
	all = append(all, memorySamples(now.memory)...)
	for i, minutes := range []string{"1min", "5min", "15min"} {
		all = append(all, systemSample("load."+minutes, now.load[i], Text{Help: "Runnable and blocked processes, averaged over " + minutes + "."}))
	}
	all = append(all, diskSamples(now.disk)...)
	return append(all, now.cgroup.samples()...)
}

func systemSample(key string, value float64, text Text) Sample {
	return Sample{Name: NewName(GroupSystem, key), Value: value, Text: text}
}

// cpuSamples compares with the reading before; where no time has passed, with boot.
func cpuSamples(before []float64, now systemReading) []Sample {
	modes := cpuModes()
	spent := slices.Repeat([]float64{math.NaN()}, len(modes))
	total, sinceBoot := 0.0, 0.0
	for i := range now.cpu {
		sinceBoot += now.cpu[i]
		spent[i] = now.cpu[i]
		if len(before) == len(now.cpu) {
			spent[i] = max(0, now.cpu[i]-before[i])
		}
		total += spent[i]
	}
	if total == 0 {
		copy(spent, now.cpu)
		total = sinceBoot
	}
	var all []Sample
	for i, mode := range modes {
		all = append(all, systemSample("cpu."+mode, 100*spent[i]/total, Text{
			Name: "pandora_system_cpu_ratio", Scale: 0.01, Labels: map[string]string{"mode": mode},
			Help: "Share of cpu time by mode since the reading before.",
		}))
	}
	return append(all,
		systemSample("cpu.usage", 1-spent[3]/total, Text{Name: "pandora_system_cpu_usage_ratio", Help: "Share of cpu time that was not idle."}),
		systemSample("interrupts", now.interrupts, Text{Name: "pandora_system_interrupts", Counter: true, Help: "Interrupts since boot."}),
		systemSample("context.switches", now.switches, Text{Name: "pandora_system_context_switches", Counter: true, Help: "Context switches since boot."}),
		systemSample("process.running", now.running, Text{Help: "Runnable processes."}),
		systemSample("process.blocked", now.blocked, Text{Help: "Processes that wait for I/O."}),
	)
}

// netSamples gives totals, and rates once the interface has been seen before.
func netSamples(before []float64, now interfaceReading, elapsed time.Duration) []Sample {
	var all []Sample
	for i, key := range netKeys() {
		value, rate := math.NaN(), math.NaN()
		if i < len(now.values) {
			value = now.values[i]
		}
		if i < len(before) && elapsed > 0 {
			rate = max(0, value-before[i]) / elapsed.Seconds()
		}
		name := "nettraffic." + now.name + ".net." + key
		all = append(all,
			systemSample(name, value, Text{
				Name: "pandora_system_net_" + identifier(key), Counter: true, Labels: map[string]string{"interface": now.name},
				Help: "Network traffic: " + strings.ReplaceAll(key, ".", " ") + ".",
			}),
			systemSample(name+".rate", rate, Text{Omit: true}),
		)
	}
	return all
}

func tcpSamples(before, now []float64) []Sample {
	var all []Sample
	at := func(values []float64, i int) float64 {
		if i < len(values) {
			return values[i]
		}
		return math.NaN()
	}
	for i, key := range tcpKeys() {
		text := Text{Name: "pandora_system_tcp_" + identifier(key), Counter: true, Help: "TCP: " + strings.ReplaceAll(key, ".", " ") + "."}
		if i == tcpEstablished {
			text = Text{Name: "pandora_system_tcp_established", Help: "TCP connections that are established or wait to be closed."}
		}
		all = append(all, systemSample("tcp."+key, at(now, i), text))
	}
	retry := at(now, tcpRetransmitted) - at(before, tcpRetransmitted)
	if sent := at(now, tcpOutSegments) - at(before, tcpOutSegments); sent > 0 {
		retry = max(0, retry) / sent
	} else if len(now) > 0 {
		retry = 0
	}
	return append(all, systemSample("tcp.retry.rate", retry, Text{
		Name: "pandora_system_tcp_retry_ratio", Help: "TCP segments sent again per segment sent, since the reading before.",
	}))
}

func memorySamples(memory map[string]float64) []Sample {
	memory = maps.Clone(memory)
	get := func(key string) float64 {
		if v, ok := memory[key]; ok {
			return v
		}
		return math.NaN()
	}
	if memory != nil {
		memory["used"] = get("total") - get("free") - get("buffers") - get("cached")
		memory["swap.used"] = get("swap.total") - get("swap.free")
	}
	var all []Sample
	for _, key := range memoryKeys() {
		all = append(all, systemSample("mem."+key, get(key), Text{
			Name: "pandora_system_mem_" + identifier(key) + "_bytes", Scale: 1024, Help: "Memory: " + strings.ReplaceAll(key, ".", " ") + ".",
		}))
	}
	return append(all, systemSample("mem.usage", get("used")/get("total"), Text{
		Name: "pandora_system_mem_usage_ratio", Help: "Share of memory that is neither free nor a cache.",
	}))
}

// diskSamples gives KiB, and the used share in whole percent, rounded up as df does.
func diskSamples(d *DiskSpace) []Sample {
	total, free, used := math.NaN(), math.NaN(), math.NaN()
	if d != nil {
		total, free = float64(d.Total)/1024, float64(d.Available)/1024
		used = math.Ceil(100*float64(d.Used)/float64(d.Used+d.Available)) / 100
	}
	all := []Sample{
		systemSample("disk.partition.total", total, Text{Name: "pandora_system_disk_total_bytes", Scale: 1024, Help: "Size of the file system."}),
		systemSample("disk.partition.free", free, Text{Name: "pandora_system_disk_free_bytes", Scale: 1024, Help: "Space that a user may still take."}),
		systemSample("disk.partition.used_ratio", used, Text{Name: "pandora_system_disk_used_ratio", Help: "Share of the file system that is taken."}),
	}
	for i := range all {
		all[i].Name = all[i].Name.Tagged(map[string]string{"partition": "/"})
	}
	return all
}
