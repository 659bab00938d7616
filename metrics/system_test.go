package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

func testDisk(string) (DiskSpace, error) {
	return DiskSpace{Total: 1000 << 10, Used: 301 << 10, Available: 600 << 10}, nil
}

// testSet reads root instead of the machine.
func testSet(root fs.FS, disk func(string) (DiskSpace, error)) *systemSet {
	read := func() systemReading {
		r := readProc(root)
		if d, err := disk("/"); err == nil {
			r.disk = &d
		}
		return r
	}
	return &systemSet{read: read, previous: read(), taken: time.Now()}
}

func systemValues(s *systemSet) map[string]any {
	all := map[string]any{}
	for _, sample := range s.Samples(context.Background()) {
		all[strings.TrimPrefix(sample.Name.Key, "system.")] = usable(sample.Value)
	}
	return all
}

func TestSystemGoldens(t *testing.T) {
	got := systemValues(testSet(os.DirFS("testdata"), testDisk))
	want := map[string]float64{
		"cpu.user": 0.6454658537, "cpu.system": 0.4943967350, "cpu.idle": 98.6503847693, "cpu.guest": 0.0894149327,
		"cpu.usage": 0.0134961523, "interrupts": 9132, "context.switches": 77123, "process.running": 3, "process.blocked": 1,
		"tcp.active.opens": 21983, "tcp.passive.opens": 748, "tcp.attempt.fails": 4433, "tcp.estab.resets": 5,
		"tcp.curr.resets": 11, "tcp.in.segs": 957905, "tcp.out.segs": 1027699, "tcp.retran.segs": 8704, "tcp.in.errs": 0,
		"tcp.out.rsts": 5349, "tcp.retry.rate": 0,
		"mem.total": 99163816, "mem.free": 89847992, "mem.buffers": 1459900, "mem.cached": 4494040, "mem.used": 3361884,
		"mem.usage": 0.0339023258, "mem.swap.total": 2097148, "mem.swap.free": 2000000, "mem.swap.used": 97148,
		"load.1min": 0.37, "load.5min": 0.48, "load.15min": 0.63,
		"disk.partition.total": 1000, "disk.partition.free": 600, "disk.partition.used_ratio": 0.34,
		"nettraffic.lo.net.in.bytes": 1000, "nettraffic.lo.net.in.multicast": 6, "nettraffic.lo.net.out.bytes": 2000,
		"nettraffic.lo.net.out.carrier.errs": 11, "nettraffic.lo.net.out.collisions": 10,
		"nettraffic.eth0.net.in.bytes": 5000, "nettraffic.eth0.net.out.packets": 61, "nettraffic.eth0.100.net.out.compressed": 16,
	}
	for key, w := range want {
		if g, ok := got[key].(float64); !ok || math.Abs(g-w) > 1e-10*math.Max(1, w) {
			t.Errorf("%s is %v, want %v", key, got[key], w)
		}
	}
	if n := len(got); n != 14+3*32+11+9+3+3 {
		t.Errorf("%d names", n)
	}
}

func TestSystemDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
		root := fstest.MapFS{
			"proc/stat":     file("cpu 1000 0 0 9000 0 0 0 0 0 0\n"),
			"proc/net/dev":  file("a\nb\n eth0: 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"),
			"proc/net/snmp": file("Tcp: OutSegs RetransSegs\nTcp: 100 10\n"),
		}
		noDisk := func(string) (DiskSpace, error) { return DiskSpace{}, errors.New("none") }
		set := testSet(root, noDisk)
		check := func(when string, want map[string]any) {
			t.Helper()
			got := systemValues(set)
			for key, w := range want {
				if got[key] != w {
					t.Errorf("%s: %s is %v, want %v", when, key, got[key], w)
				}
			}
		}
		check("at once", map[string]any{"cpu.user": 10.0, "nettraffic.eth0.net.in.bytes.rate": nil, "disk.partition.total": nil,
			"mem.total": nil, "mem.usage": nil, "load.1min": 0.0, "tcp.retry.rate": 0.0, "tcp.in.segs": nil})
		root["proc/stat"] = file("cpu 1030 0 0 9070 0 0 0 0 0 0\n")
		root["proc/net/dev"] = file("a\nb\n eth0:1100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nveth1: 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
		root["proc/net/snmp"] = file("Tcp: OutSegs RetransSegs\nTcp: 200 35\n")
		time.Sleep(4 * time.Second)
		check("too early", map[string]any{"cpu.user": 10.0})
		time.Sleep(6 * time.Second)
		check("after 10 s", map[string]any{"cpu.user": 30.0, "cpu.idle": 70.0, "nettraffic.eth0.net.in.bytes.rate": 100.0,
			"nettraffic.veth1.net.in.bytes": 5.0, "nettraffic.veth1.net.in.bytes.rate": nil, "tcp.retry.rate": 0.25})
		root["proc/net/dev"] = file("a\nb\n eth0:50 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
		delete(root, "proc/stat")
		time.Sleep(10 * time.Second)
		check("counter began again", map[string]any{"nettraffic.eth0.net.in.bytes.rate": 0.0, "cpu.user": nil, "cpu.usage": nil})
	})
}

func TestSystemOfThisMachine(t *testing.T) {
	r := NewRegistry()
	if err := AddSystem(r, SystemOptions{}); err != nil {
		t.Fatal(err)
	}
	rows, err := r.NormalRows(t.Context(), GroupSystem, "any")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, row := range rows {
		have[row.Metric] = true
		if row.Metric == "system.disk.partition.total" && fmt.Sprint(row.Tags) != "map[partition:/]" {
			t.Errorf("%+v", row)
		}
	}
	for _, name := range []string{"cpu.usage", "mem.total", "load.1min", "disk.partition.total"} {
		if !have["system."+name] {
			t.Errorf("no %s", name)
		}
	}
}

func FuzzProc(f *testing.F) {
	for _, name := range []string{"stat", "net/dev", "net/snmp", "meminfo", "loadavg"} {
		data, err := os.ReadFile("testdata/proc/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root := fstest.MapFS{}
		for _, name := range []string{"stat", "net/dev", "net/snmp", "meminfo", "loadavg"} {
			root["proc/"+name] = &fstest.MapFile{Data: data}
		}
		r := NewRegistry()
		if err := r.AddSet(GroupSystem, testSet(root, testDisk)); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		parseText(t, r, &text)
		rows, err := r.NormalRows(t.Context(), GroupSystem, "")
		if err != nil || slices.ContainsFunc(rows, func(row Row) bool { return row.Value == nil }) {
			t.Fatalf("%v %v", rows, err)
		}
	})
}
