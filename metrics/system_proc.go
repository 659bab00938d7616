package metrics

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

// readProc reads a Linux /proc below root. What is missing or unreadable stays unknown; the load is then 0.
func readProc(root fs.FS) systemReading {
	r := newSystemReading()
	eachLine(root, "proc/stat", func(line string) { parseStat(&r, line) })
	eachLine(root, "proc/net/dev", func(line string) {
		if i, ok := parseNetDev(line); ok {
			r.interfaces = append(r.interfaces, i)
		}
	})
	var header []string
	eachLine(root, "proc/net/snmp", func(line string) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Tcp:" {
			return
		}
		if header == nil {
			header = fields
			return
		}
		r.tcp = parseTCP(header, fields)
	})
	eachLine(root, "proc/meminfo", func(line string) { parseMeminfo(&r, line) })
	eachLine(root, "proc/loadavg", func(line string) {
		fields := strings.Fields(line)
		for i := range min(len(fields), len(r.load)) {
			if v := figure(fields[i]); !math.IsNaN(v) {
				r.load[i] = v
			}
		}
	})
	r.cgroup = readCgroup(root)
	return r
}

// eachLine calls f with every line of a file; a missing one has none.
func eachLine(root fs.FS, name string, f func(line string)) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1) // the line of interrupts is long
	for lines.Scan() {
		f(lines.Text())
	}
}

// figure parses a number; anything else is unknown.
func figure(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

func parseStat(r *systemReading, line string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return
	}
	switch fields[0] {
	case "cpu":
		modes := len(cpuModes())
		r.cpu = make([]float64, modes)
		for i := range min(modes, len(fields)-1) { // old kernels have fewer modes
			if v := figure(fields[i+1]); !math.IsNaN(v) {
				r.cpu[i] = v
			}
		}
	case "intr":
		r.interrupts = figure(fields[1])
	case "ctxt":
		r.switches = figure(fields[1])
	case "procs_running":
		r.running = figure(fields[1])
	case "procs_blocked":
		r.blocked = figure(fields[1])
	}
}

// parseNetDev reads one interface. The colon may or may not be followed by a space, and the name may hold colons.
func parseNetDev(line string) (interfaceReading, bool) {
	colon := strings.LastIndexByte(line, ':')
	if colon < 0 {
		return interfaceReading{}, false
	}
	i := interfaceReading{name: strings.TrimSpace(line[:colon])}
	fields := strings.Fields(line[colon+1:])
	if i.name == "" || len(fields) < len(netKeys()) {
		return interfaceReading{}, false
	}
	for _, f := range fields[:len(netKeys())] {
		i.values = append(i.values, figure(f))
	}
	return i, true
}

// parseTCP finds the figures by the kernel's names for them.
func parseTCP(header, values []string) []float64 {
	kernel := []string{
		"ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "CurrEstab",
		"InSegs", "OutSegs", "RetransSegs", "InErrs", "OutRsts",
	}
	out := make([]float64, len(kernel))
	for i, name := range kernel {
		out[i] = math.NaN()
		for at, h := range header {
			if h == name && at < len(values) {
				out[i] = figure(values[at])
			}
		}
	}
	return out
}

func parseMeminfo(r *systemReading, line string) {
	kernel := map[string]string{
		"MemTotal": "total", "MemFree": "free", "Buffers": "buffers", "Cached": "cached",
		"SwapTotal": "swap.total", "SwapFree": "swap.free",
	}
	name, rest, ok := strings.Cut(line, ":")
	key := kernel[name]
	fields := strings.Fields(rest)
	if !ok || key == "" || len(fields) == 0 {
		return
	}
	if r.memory == nil {
		r.memory = map[string]float64{}
	}
	r.memory[key] = figure(fields[0])
}
