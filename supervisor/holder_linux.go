package supervisor

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holderOf finds who listens on a port, or on the path of a unix socket: a worker rather than the guard that holds the
// socket for it. mark is that of the workers of the application that asks.
func holderOf(path string, port int, mark string) (holder, bool) {
	inodes := listeners(path, port)
	if len(inodes) == 0 {
		return holder{}, false
	}
	var found holder
	for _, pid := range append(processes(), os.Getpid()) {
		if !hasSocket(pid, inodes) {
			continue
		}
		h := describeHolder(pid, mark)
		if found.PID == 0 || found.Process == "" && h.Process != "" {
			found = h
		}
	}
	if found.PID == 0 {
		for _, uid := range inodes {
			found.UID = uid
		}
		if found.UID == os.Getuid() {
			return holder{}, false // it has gone meanwhile
		}
	}
	return found, true
}

// listeners maps the inodes of the sockets that listen there to their users.
func listeners(path string, port int) map[string]int {
	inodes := map[string]int{}
	if path != "" {
		data, _ := os.ReadFile("/proc/self/net/unix")
		parseNetUnix(string(data), path, inodes)
		return inodes
	}
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, _ := os.ReadFile(file)
		parseNetTCP(string(data), port, inodes)
	}
	return inodes
}

// tcpListen is the state of a listening socket in the tables of the kernel.
const tcpListen = "0A"

// parseNetTCP notes inode and user of the sockets that listen on a port.
func parseNetTCP(table string, port int, into map[string]int) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != tcpListen {
			continue
		}
		_, hex, ok := strings.Cut(fields[1], ":")
		n, err := strconv.ParseUint(hex, 16, 16)
		if uid, bad := strconv.Atoi(fields[7]); ok && err == nil && bad == nil && int(n) == port {
			into[fields[9]] = uid
		}
	}
}

// parseNetUnix notes the inode of the sockets bound to a path. The table does not tell whose they are.
func parseNetUnix(table, path string, into map[string]int) {
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		fields := strings.Fields(line)
		if len(fields) >= 8 && strings.HasSuffix(line, " "+path) {
			into[fields[6]] = -1
		}
	}
}

// hasSocket reports whether a process has one of these sockets open; only the user's own can be looked at.
func hasSocket(pid int, inodes map[string]int) bool {
	folder := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			if _, known := inodes[strings.TrimSuffix(inode, "]")]; known {
				return true
			}
		}
	}
	return false
}

// describeHolder tells what a process is, by its command and by the environment it was started with.
func describeHolder(pid int, mark string) holder {
	h := holder{PID: pid, Mine: pid == os.Getpid()}
	folder := "/proc/" + strconv.Itoa(pid) + "/"
	command, _ := os.ReadFile(folder + "cmdline")
	words := strings.Split(strings.TrimRight(string(command), "\x00"), "\x00")
	h.Command = strings.Join(words, " ")
	if name, _ := os.ReadFile(folder + "comm"); h.Command == "" {
		h.Command = strings.TrimSpace(string(name))
	}
	if len(words) > 2 && filepath.Base(words[0]) == "pandora" && words[1] == "guard" {
		h.Guard = words[len(words)-1]
		return h
	}
	environ, _ := os.ReadFile(folder + "environ")
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.HasPrefix(variable, []byte(mark)) {
			h.Mine = true
		}
		text, ok := bytes.CutPrefix(variable, []byte("PANDORA_WORKER="))
		if !ok {
			continue
		}
		var worker workerOptions
		if json.Unmarshal(text, &worker) == nil {
			h.App, h.Process, h.Worker = worker.AppName, worker.Process.ProcessName, worker.Worker
		}
	}
	return h
}

// oomKills counts what the kernel's out-of-memory killer has killed in our control group. exact is false when the count
// may be that of another group, so that only a rise says something.
func oomKills() (count int, exact bool) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 || parts[1] != "" && parts[1] != "memory" {
			continue
		}
		root, name := "/sys/fs/cgroup", "memory.events"
		if parts[1] == "memory" {
			root, name = "/sys/fs/cgroup/memory", "memory.oom_control"
		}
		for _, folder := range []string{parts[2], "/"} {
			data, err := os.ReadFile(filepath.Join(root, folder, name))
			if err != nil {
				continue
			}
			if n, ok := parseOOMKills(string(data)); ok {
				return n, folder == parts[2]
			}
		}
	}
	return 0, false
}

// parseOOMKills reads the count in memory.events, or in memory.oom_control of the first version.
func parseOOMKills(text string) (int, bool) {
	for line := range strings.Lines(text) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			n, err := strconv.Atoi(count)
			return n, err == nil
		}
	}
	return 0, false
}
