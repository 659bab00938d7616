package endpoints

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// maxProcFile bounds what is read of one file of the kernel's.
const maxProcFile = 64 << 10

// groupMemory tells about the control group of a process that has the least room.
func groupMemory(pid int) (groupUse, bool) {
	return groupMemoryIn(os.DirFS("/"), pid)
}

// groupMemoryIn is groupMemory in a file system. The limit of a group holds for all in it, so those around the process's
// own count too. What the kernel can give back at once, the cache of files, does not count as used.
func groupMemoryIn(root fs.FS, pid int) (groupUse, bool) {
	own, ok := readSmall(root, fmt.Sprintf("proc/%d/cgroup", pid))
	if !ok {
		return groupUse{}, false
	}
	var tightest groupUse
	for line := range strings.Lines(own) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, limitName, usedName, cacheName := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		switch {
		case parts[1] == "": // version 2
		case strings.Contains(","+parts[1]+",", ",memory,"):
			mount, limitName, usedName, cacheName = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		default:
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			dir := path.Join(mount, at)
			limit, limited := readFigure(root, path.Join(dir, limitName))
			used, known := readFigure(root, path.Join(dir, usedName))
			// Version 1 writes no limit as a number beyond any memory.
			if limited && known && limit > 0 && limit < 1<<62 {
				used -= min(used, readKeyed(root, path.Join(dir, "memory.stat"), cacheName))
				if tightest.limit == 0 || float64(used)/float64(limit) > float64(tightest.used)/float64(tightest.limit) {
					tightest = groupUse{path: at, used: used, limit: limit}
				}
			}
			if at == "/" {
				break
			}
		}
	}
	return tightest, tightest.limit > 0
}

func readSmall(root fs.FS, name string) (string, bool) {
	file, err := root.Open(name)
	if err != nil {
		return "", false
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxProcFile))
	return string(data), err == nil
}

func readFigure(root fs.FS, name string) (uint64, bool) {
	text, ok := readSmall(root, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// readKeyed returns the number behind a word at the beginning of a line, 0 for none.
func readKeyed(root fs.FS, name, key string) uint64 {
	text, _ := readSmall(root, name)
	lines := bufio.NewScanner(bytes.NewReader([]byte(text)))
	for lines.Scan() {
		if word, value, ok := strings.Cut(lines.Text(), " "); ok && word == key {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}
