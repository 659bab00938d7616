package supervisor

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/procid"
)

func TestParseStat(t *testing.T) {
	tail := " S 1 77 88 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 123456 1000 200 18446744073709551615"
	for line, want := range map[string]bool{
		"5 (node)" + tail: true, "5 (a) b) S 9 9" + ") (x" + ")" + tail: true,
		"5 (node)" + strings.Replace(tail, " S ", " Z ", 1): false, "": false, "5 (node": false, ")": false, "5 (node) S 1": false,
	} {
		s, ok := parseStat(line)
		if ok != want || ok && (s.group != 77 || s.session != 88 || s.start != "123456") {
			t.Errorf("%q: %+v %v", line, s, ok)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	data, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add("1 (x) S")
	f.Fuzz(func(t *testing.T, line string) {
		if s, ok := parseStat(line); ok && (s.start == "" || s.state == 'Z') {
			t.Errorf("%q: %+v", line, s)
		}
	})
}

// TestKillTreeKillsOnlyItsOwn: a mark is a whole value's beginning, not any text somewhere in the environment.
func TestKillTreeKillsOnlyItsOwn(t *testing.T) {
	run := func(env ...string) *exec.Cmd {
		cmd := exec.Command("sleep", "300")
		cmd.Env = append(env, "PATH="+os.Getenv("PATH"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	mark := treeOfWorker("test-"+newUUID(), 1)
	_, value, _ := strings.Cut(mark, "=")
	mine := run(mark)
	others := []*exec.Cmd{run(), run(TreeEnv + "=x" + value), run("OTHER=" + mark), run("NOT_" + mark), run(strings.Replace(mark, "/1/", "/11/", 1))}
	gone := make(chan struct{})
	go func() { mine.Wait(); close(gone) }()
	if !killTree(0, mark, 5*time.Second) {
		t.Error("not all gone")
	}
	<-gone
	for _, cmd := range others {
		if procid.Start(cmd.Process.Pid) == "" {
			t.Errorf("killed one with %q", cmd.Env)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	if procid.Start(mine.Process.Pid) != "" {
		t.Error("a process that was reaped has a start time")
	}
}

// TestEndGroup ends what a dead leader has left in its group, and nothing of a group of that number in another session.
func TestEndGroup(t *testing.T) {
	leader := exec.Command("sh", "-c", "env -i sleep 300 >/dev/null 2>&1 & echo $!")
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := leader.Output()
	if err != nil {
		t.Fatal(err)
	}
	left, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	session, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	group := leader.Process.Pid
	if !endGroup(group, session+1, time.Second) || procid.Start(left) == "" {
		t.Error("ended one of another session")
	}
	if !endGroup(group, session, 5*time.Second) || procid.Start(left) != "" {
		t.Error("it lives on")
	}
}
