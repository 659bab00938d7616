package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/doctor"
)

// mayWrite tells whether this process may make files in a folder.
func mayWrite(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }

// diskFacts looks at the file system of a folder, or of the one above that exists.
func diskFacts(what, dir string) doctor.DiskFacts {
	f := doctor.DiskFacts{What: what, Dir: dir}
	var st unix.Statfs_t
	if unix.Statfs(existing(dir), &st) != nil {
		return f
	}
	block := uint64(st.Bsize)
	f.Free, f.Total = st.Bavail*block, st.Blocks*block
	f.FreeFiles, f.Files = st.Ffree, st.Files
	return f
}

// limitFacts reads limits; what is not known stays 0.
func limitFacts() doctor.LimitFacts {
	f := doctor.LimitFacts{
		Backlog: numberIn("/proc/sys/net/core/somaxconn"),
		Watches: numberIn("/proc/sys/fs/inotify/max_user_watches"),
	}
	// The runtime has raised the limit of this process, not that of its children.
	soft, hard := childLimit("-n"), childLimit("-Hn")
	f.Files, f.FilesHard = soft, hard
	f.Processes = childLimit("-u")
	for _, dir := range controlGroups() {
		if most := numberIn(dir + "/pids.max"); most > 0 && (f.Processes == 0 || most < f.Processes) {
			f.Processes, f.Running = most, numberIn(dir+"/pids.current")
		}
		for _, name := range []string{"/memory.max", "/memory.limit_in_bytes"} {
			// Version 1 says no limit by a number near the largest.
			if most := numberIn(dir + name); most > 0 && most < 1<<60 && (f.Memory == 0 || most < f.Memory) {
				f.Memory = most
			}
		}
	}
	return f
}

// childLimit asks a shell for a limit; 0 is none, or not known.
func childLimit(flag string) uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", "ulimit "+flag).Output()
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	return n
}

// numberIn reads a file with one number; 0 where there is none.
func numberIn(path string) uint64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
	return n
}

// controlGroups are the folders of the control groups of this process, of both versions.
func controlGroups() []string {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		root := "/sys/fs/cgroup"
		if controllers != "" {
			root += "/" + controllers
		}
		// In a container the path is one of the host, and the root is the group itself.
		dirs = append(dirs, root, root+path)
	}
	return dirs
}
