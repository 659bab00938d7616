package main

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReaperTakesOrphansOnly runs in this process: the flag is cleared again at the end.
func TestReaperTakesOrphansOnly(t *testing.T) {
	r, err := newReaper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	// A child that leaves an orphan in a session of its own behind, which ends when its input does.
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "setsid sh -c 'read x' <&3 >/dev/null 2>&1 & echo $!")
	cmd.ExtraFiles = []*os.File{in}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for unix.Kill(orphan, 0) == nil {
		r.pass(time.Now())
		select {
		case <-deadline:
			t.Fatalf("orphan %d is still there", orphan)
		case <-tick.C:
		}
	}

	// A dead worker is left to whoever waits for it.
	worker := exec.Command("true")
	worker.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, worker.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Now())
	r.pass(time.Now())
	if err := worker.Wait(); err != nil {
		t.Errorf("the worker was reaped by somebody else: %v", err)
	}
}
