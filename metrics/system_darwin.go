package metrics

import (
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
)

// newSystemReader asks the system through gopsutil. macOS does not tell interrupts, context switches and TCP figures.
func newSystemReader(o SystemOptions) func() systemReading {
	space := o.StatFS
	if space == nil {
		space = statFS
	}
	return func() systemReading {
		r := newSystemReading()
		if times, err := cpu.Times(false); err == nil && len(times) > 0 {
			t := times[0]
			r.cpu = []float64{t.User, t.Nice, t.System, t.Idle, t.Iowait, t.Irq, t.Softirq, t.Steal, t.Guest}
		}
		if counters, err := net.IOCounters(true); err == nil {
			for _, c := range counters {
				r.interfaces = append(r.interfaces, interfaceReading{name: c.Name, values: []float64{
					float64(c.BytesRecv), float64(c.PacketsRecv), float64(c.Errin), float64(c.Dropin), float64(c.Fifoin), 0, 0, 0,
					float64(c.BytesSent), float64(c.PacketsSent), float64(c.Errout), float64(c.Dropout), float64(c.Fifoout), 0, 0, 0,
				}})
			}
		}
		if m, err := mem.VirtualMemory(); err == nil {
			r.memory = map[string]float64{
				"total": float64(m.Total) / 1024, "free": float64(m.Free) / 1024,
				"buffers": float64(m.Buffers) / 1024, "cached": float64(m.Inactive) / 1024,
			}
			if s, err := mem.SwapMemory(); err == nil {
				r.memory["swap.total"], r.memory["swap.free"] = float64(s.Total)/1024, float64(s.Free)/1024
			}
		}
		if l, err := load.Avg(); err == nil {
			r.load = [3]float64{l.Load1, l.Load5, l.Load15}
		}
		if d, err := space("/"); err == nil {
			r.disk = &d
		}
		return r
	}
}
