package evaluate

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/pandora-go/pandora/procfile"
)

// WorkerCount is what scale 'auto' means on this machine: the processors that this process may run on, or its cgroup's
// quota in processors (rounded up) where that is less; at least 1.
func WorkerCount() int {
	return workerCount(runtime.NumCPU(), os.DirFS("/"))
}

// defaultWorkerCount is DEFAULT_WORKER_COUNT of the environment, else WorkerCount.
func (e *evaluation) defaultWorkerCount() int {
	value := strings.TrimSpace(e.env["DEFAULT_WORKER_COUNT"])
	if value == "" {
		return WorkerCount()
	}
	count, err := strconv.Atoi(value)
	if err != nil || count < 1 || count > procfile.MaxScale {
		count = WorkerCount()
		e.warnings = append(e.warnings, fmt.Sprintf(
			"DEFAULT_WORKER_COUNT expects a whole number from 1 to %d, got %q; %d is used", procfile.MaxScale, value, count))
	}
	return count
}

// workerCount is the smaller of cpus and the quota found in the file system root.
func workerCount(cpus int, root fs.FS) int {
	count := cpus
	if quota := cgroupQuota(root); quota > 0 {
		count = min(count, quota)
	}
	return min(max(count, 1), procfile.MaxScale)
}

// cgroupQuota is the smallest processor quota of this process' cgroup and its parents, in whole processors, rounded up;
// 0 when there is none.
func cgroupQuota(root fs.FS) int {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	smallest := 0
	for line := range strings.Lines(string(groups)) {
		// hierarchy:controllers:path
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		var quotaOf func(dir string) int
		var mounts []string
		switch {
		case fields[1] == "":
			mounts, quotaOf = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}, func(dir string) int { return quotaV2(root, dir) }
		case strings.Contains(","+fields[1]+",", ",cpu,"):
			mounts, quotaOf = []string{"sys/fs/cgroup/" + fields[1], "sys/fs/cgroup/cpu"}, func(dir string) int { return quotaV1(root, dir) }
		default:
			continue
		}
		for _, mount := range mounts {
			// In a container the mount may show only the own group, so a path that is not there means its root.
			for dir := path.Join(mount, path.Clean("/"+fields[2])); len(dir) >= len(mount); dir = path.Dir(dir) {
				if quota := quotaOf(dir); quota > 0 && (smallest == 0 || quota < smallest) {
					smallest = quota
				}
			}
		}
	}
	return smallest
}

// quotaV2 reads cpu.max: "<quota|max> <period>" in microseconds.
func quotaV2(root fs.FS, dir string) int {
	data, err := fs.ReadFile(root, path.Join(dir, "cpu.max"))
	if err != nil {
		return 0
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return processors(quota, period)
}

// quotaV1 reads cpu.cfs_quota_us (-1 for none) and cpu.cfs_period_us.
func quotaV1(root fs.FS, dir string) int {
	quota, err := fs.ReadFile(root, path.Join(dir, "cpu.cfs_quota_us"))
	if err != nil {
		return 0
	}
	period, err := fs.ReadFile(root, path.Join(dir, "cpu.cfs_period_us"))
	if err != nil {
		return 0
	}
	return processors(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

// processors is quota/period rounded up; 0 for anything that is not a quota.
func processors(quota, period string) int {
	q, err1 := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	// A quota of more than MaxScale processors bounds nothing.
	return int(min((q-1)/p+1, procfile.MaxScale))
}
