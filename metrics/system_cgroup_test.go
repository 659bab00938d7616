package metrics

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestCgroups(t *testing.T) {
	none := math.NaN()
	for name, c := range map[string]struct {
		files map[string]string
		want  cgroupReading
	}{
		"nothing": {nil, cgroupReading{none, none, none, none}},
		"version 2 in a container": {map[string]string{
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.max":     "1073741824\n",
			"sys/fs/cgroup/memory.current": "500000000\n",
			"sys/fs/cgroup/memory.stat":    "anon 1\ninactive_file 100000000\nactive_file 7\n",
			"sys/fs/cgroup/cpu.max":        "150000 100000\n",
			"sys/fs/cgroup/cpu.stat":       "usage_usec 9\nnr_throttled 3\nthrottled_usec 2500000\n",
		}, cgroupReading{1 << 30, 4e8, 1.5, 2.5}},
		"version 2, the group around is narrower": {map[string]string{
			"proc/self/cgroup":                               "0::/a.slice/b.service\n",
			"sys/fs/cgroup/a.slice/cpu.max":                  "50000 100000",
			"sys/fs/cgroup/a.slice/memory.max":               "1000",
			"sys/fs/cgroup/a.slice/memory.current":           "900",
			"sys/fs/cgroup/a.slice/b.service/memory.max":     "2000",
			"sys/fs/cgroup/a.slice/b.service/memory.current": "800",
			"sys/fs/cgroup/a.slice/b.service/cpu.max":        "max 100000",
		}, cgroupReading{1000, 900, .5, 0}},
		"version 2 without limits": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/cpu.max": "max 100000\n",
		}, cgroupReading{none, none, none, none}},
		"version 1, called as its host calls it": {map[string]string{
			"proc/self/cgroup":                           "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "3000\n",
			"sys/fs/cgroup/memory/memory.stat":    "cache 5\ntotal_inactive_file 1000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":  "200000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu/cpu.stat":          "nr_periods 1\nthrottled_time 3000000000\n",
		}, cgroupReading{4096, 2000, 2, 3}},
		"version 1 without limits": {map[string]string{
			"proc/self/cgroup": "5:memory:/\n4:cpu:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, cgroupReading{none, none, none, none}},
		"garbage": {map[string]string{
			"proc/self/cgroup": "x\n0::/../../etc\n5:memory:\n:::\n", "sys/fs/cgroup/memory.max": "inf\n",
			"sys/fs/cgroup/cpu.max": "1 0\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "\n",
		}, cgroupReading{none, none, none, none}},
	} {
		files := fstest.MapFS{}
		for file, text := range c.files {
			files[file] = &fstest.MapFile{Data: []byte(text)}
		}
		got := readCgroup(files)
		for i, pair := range [][2]float64{{got.memory, c.want.memory}, {got.used, c.want.used}, {got.cpus, c.want.cpus}, {got.throttled, c.want.throttled}} {
			if pair[0] != pair[1] && !(math.IsNaN(pair[0]) && math.IsNaN(pair[1])) {
				t.Errorf("%s: figure %d is %v, want %v", name, i, pair[0], pair[1])
			}
		}
		values := systemValues(testSet(files, testDisk))
		if usage, limited := values["cgroup.mem.usage"]; limited != !math.IsNaN(c.want.memory) || limited && usage != c.want.used/c.want.memory {
			t.Errorf("%s: usage %v", name, usage)
		}
		if cores, limited := values["cgroup.cpu.limit"]; limited != !math.IsNaN(c.want.cpus) || limited && cores != c.want.cpus {
			t.Errorf("%s: %v cores", name, cores)
		}
	}
}
