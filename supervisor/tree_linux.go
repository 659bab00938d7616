package supervisor

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what is needed of /proc/<pid>/stat.
type stat struct {
	state          byte
	group, session int
	start          string
}

// readStat reads the stat of a process; false when there is none, or only its zombie.
func readStat(pid int) (stat, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(string(data))
}

// parseStat takes the line of a stat file apart. The name may hold spaces and parentheses, so what counts comes after
// the last parenthesis.
func parseStat(line string) (stat, bool) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, false
	}
	s := stat{state: fields[0][0], start: fields[19]}
	var err1, err2 error
	s.group, err1 = strconv.Atoi(fields[2])
	s.session, err2 = strconv.Atoi(fields[3])
	return s, err1 == nil && err2 == nil && s.state != 'Z' && s.state != 'X'
}

// awaitExit waits until a child has ended but does not reap it: until then its pid, and so the number of its process
// group, belongs to nobody else.
func awaitExit(pid int) {
	if pollExit(pid) {
		return
	}
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// pollExit waits in the runtime's poller: a thread that sleeps in a system call for each worker costs a guard of many
// workers more memory than anything else. It returns false where the kernel cannot do that.
func pollExit(pid int) bool {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return false
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	defer file.Close()
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	ended := false
	_ = conn.Read(func(fd uintptr) bool { // without an end the caller waits in its own way
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			if !errors.Is(err, unix.EINTR) {
				ended = n > 0
				return ended || err != nil
			}
		}
	})
	return ended
}

// killTree sends SIGKILL to every process whose environment has a value that begins with mark ("NAME=text"), that is in
// process group (0: none), or whose session one of these leads, until there is none. Kinship alone does not count. It
// returns false when some are left after limit. These processes are not our children, so looking again is the only way
// to learn that they are gone.
func killTree(group int, mark string, limit time.Duration) bool {
	killed := map[int]bool{}
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		var pids []int
		err := patiently(deadline, func() (err error) { pids, err = listProcesses(); return err })
		if err != nil {
			return false
		}
		found := false
		for _, pid := range pids {
			if belongsBy(deadline, pid, group, mark, killed) {
				found, killed[pid] = true, true
				kill(pid, func() bool { return belongsBy(deadline, pid, group, mark, killed) })
			}
		}
		if !found {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
}

// endGroup sends SIGKILL to what is left in a process group whose leader has ended, until there is none. The group counts
// only in that session: its number may belong to another by now, but then it is another's session, too.
func endGroup(group, session int, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		found := false
		for _, pid := range processes() {
			left := func() bool {
				s, alive := readStat(pid)
				return alive && s.group == group && s.session == session
			}
			if left() {
				found = true
				kill(pid, left)
			}
		}
		if !found || time.Now().After(deadline) {
			return !found
		}
	}
}

// patiently tries again until the deadline while no descriptor is to be had: what cannot be looked at is not gone.
func patiently(deadline time.Time, try func() error) error {
	for {
		err := try()
		if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// belongs reports whether a process is part of the tree, as far as it can be looked at.
func belongs(pid, group int, mark string, killed map[int]bool) bool {
	return belongsBy(time.Time{}, pid, group, mark, killed)
}

// belongsBy is belongs, patient until the deadline.
func belongsBy(deadline time.Time, pid, group int, mark string, killed map[int]bool) bool {
	read := func(name string) (data []byte, err error) {
		err = patiently(deadline, func() (err error) {
			data, err = os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
			return err
		})
		return data, err
	}
	line, err := read("stat")
	if err != nil {
		return false
	}
	s, alive := parseStat(string(line))
	if !alive {
		return false
	}
	if group > 0 && s.group == group || killed[s.session] {
		return true
	}
	environ, err := read("environ")
	return err == nil && (bytes.HasPrefix(environ, []byte(mark)) || bytes.Contains(environ, []byte("\x00"+mark)))
}

// kill sends SIGKILL to a process that still is what it was when it was looked at.
func kill(pid int, still func() bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		if !errors.Is(err, unix.ESRCH) && still() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return
	}
	defer unix.Close(fd)
	if still() {
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// processes lists the pids there are, without our own; none when they cannot be listed.
func processes() []int {
	pids, _ := listProcesses() // the caller looks again, or does without
	return pids
}

// listProcesses lists the pids there are, without our own.
func listProcesses() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
