package endpoints

import (
	"testing"
	"testing/fstest"
)

func TestGroupMemory(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	second := fstest.MapFS{
		"proc/7/cgroup": file("0::/shop/web\n"), "proc/8/cgroup": file("0::/\n"),
		"sys/fs/cgroup/shop/web/memory.max": file("max\n"), "sys/fs/cgroup/shop/web/memory.current": file("50\n"),
		"sys/fs/cgroup/shop/memory.max": file("200\n"), "sys/fs/cgroup/shop/memory.current": file("150\n"), "sys/fs/cgroup/shop/memory.stat": file("anon 1\ninactive_file 30\n"),
	}
	if got, ok := groupMemoryIn(second, 7); !ok || got != (groupUse{"/shop", 120, 200}) {
		t.Errorf("%+v %v", got, ok)
	}
	for _, pid := range []int{8, 9} {
		if got, ok := groupMemoryIn(second, pid); ok {
			t.Errorf("%d: %+v", pid, got)
		}
	}
	first := fstest.MapFS{
		"proc/7/cgroup": file("3:cpu:/other\n5:memory,x:/shop\n"),
		"sys/fs/cgroup/memory/memory.limit_in_bytes":      file("9223372036854771712\n"),
		"sys/fs/cgroup/memory/memory.usage_in_bytes":      file("5000\n"),
		"sys/fs/cgroup/memory/shop/memory.limit_in_bytes": file("1000\n"),
		"sys/fs/cgroup/memory/shop/memory.usage_in_bytes": file("900\n"),
		"sys/fs/cgroup/memory/shop/memory.stat":           file("total_inactive_file 100\n"),
	}
	if got, ok := groupMemoryIn(first, 7); !ok || got != (groupUse{"/shop", 800, 1000}) {
		t.Errorf("%+v %v", got, ok)
	}
}
