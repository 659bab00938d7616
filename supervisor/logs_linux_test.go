package supervisor

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/rotate"
)

// logLines reads the whole log, each line after who wrote it.
func logLines(t *testing.T, o *output) []string {
	t.Helper()
	r, err := rotate.OpenReader(o.stdoutPath())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	starts := r.Starts()
	r.SeekTo(starts[len(starts)-1])
	var all []string
	for {
		line, err := r.Next(false)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s-%d %s", line.Source.Process, line.Source.Worker, line.Text))
	}
}

// TestOutputSplit goes from one worker to two, as a reload or a scale does: the first generation goes on writing to the
// application's log itself, beside what is merged.
func TestOutputSplit(t *testing.T) {
	o := newOutput(t.TempDir(), true, nil)
	outputBegin(t, o)
	stop := outputRun(t, o)
	write := func(file *os.File, text string) {
		t.Helper()
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		outputEventually(t, "merged: "+text, func() bool {
			return strings.HasSuffix(outputRead(t, o.stdoutPath()), text)
		})
		outputEventually(t, "noted: "+text, func() bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.marks.End() == o.base+sizeOf(o.stdoutPath())
		})
	}
	first, path, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil || path != o.stdoutPath() {
		t.Fatal(path, err)
	}
	defer first.Close()
	write(first, "alone\n")
	o.split()
	next, path, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil || path == o.stdoutPath() {
		t.Fatal(path, err)
	}
	defer next.Close()
	other, _, err := o.open(rotate.Source{Process: "api", Worker: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	write(next, "next generation\n")
	write(first, "still there\n")
	write(other, "another\n")
	o.line("by itself")
	stop()
	got := logLines(t, o)
	if len(got) != 5 || !strings.HasSuffix(got[4], "by itself") || !strings.HasPrefix(got[4], "-0 ") {
		t.Fatalf("lines %q", got)
	}
	want := []string{"web-0 alone", "web-0 next generation", "web-0 still there", "api-1 another"}
	if fmt.Sprint(got[:4]) != fmt.Sprint(want) {
		t.Errorf("lines %q", got)
	}
}

// TestOutputOfLostGuard leaves output unmerged, as a guard does that is killed, and begins again.
func TestOutputOfLostGuard(t *testing.T) {
	dir := t.TempDir()
	lost := newOutput(dir, false, nil)
	outputBegin(t, lost)
	file, path, err := lost.open(rotate.Source{Process: "web", Worker: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString("merged\n")
	lost.look(path)
	file.WriteString("left behind\nand cut")
	next := newOutput(dir, false, nil)
	outputBegin(t, next)
	archives, err := rotate.Archives(next.stdoutPath())
	if err != nil || len(archives) != 1 {
		t.Fatalf("%v %v", archives, err)
	}
	if got := outputRead(t, archives[0].Path); got != "merged\nleft behind\nand cut\n" {
		t.Errorf("log of the lost run: %q", got)
	}
	if size := sizeOf(path); size != 0 {
		t.Errorf("the worker's file still has %d bytes", size)
	}
	again := newOutput(dir, false, nil)
	outputBegin(t, again)
	if archives, _ = rotate.Archives(next.stdoutPath()); len(archives) != 1 {
		t.Errorf("merged again: %v", archives)
	}
}

// TestOutputOfInterruptedRotation begins after a guard was lost while it took bytes away from the log.
func TestOutputOfInterruptedRotation(t *testing.T) {
	for _, taken := range []bool{false, true} {
		dir := t.TempDir()
		lost := newOutput(dir, true, nil)
		outputBegin(t, lost)
		lost.line("one")
		lost.line("two")
		end := lost.marks.End()
		if err := lost.marks.Begin(end); err != nil {
			t.Fatal(err)
		}
		if taken {
			if err := os.Truncate(lost.stdoutPath(), 0); err != nil {
				t.Fatal(err)
			}
		}
		next := newOutput(dir, true, nil)
		outputBegin(t, next)
		if h := next.marks.Header(); h.Cut != 0 || h.Base < end || h.Run != h.Base {
			t.Errorf("taken %v: %+v, end was %d", taken, h, end)
		}
		next.line("three")
		if got := logLines(t, next); len(got) != 1 || !strings.HasSuffix(got[0], "three") {
			t.Errorf("taken %v: %q", taken, got)
		}
	}
}

// TestMergeBacklog merges what has piled up, with little memory.
func TestMergeBacklog(t *testing.T) {
	o := newOutput(t.TempDir(), false, nil)
	outputBegin(t, o)
	file, path, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	block := strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)
	const blocks = 100
	for range blocks {
		if _, err := file.WriteString(block); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	looks := 0
	for o.look(path) {
		looks++
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
		t.Errorf("%d bytes of memory for a backlog of %d", used, blocks*len(block))
	}
	if looks < 2 {
		t.Errorf("merged in %d steps: nobody else has a turn", looks)
	}
	if size := sizeOf(o.stdoutPath()); size != int64(blocks*len(block)) {
		t.Errorf("%d bytes merged", size)
	}
}

// TestDailyRotation rotates at midnight by renaming, as nobody holds the log, and names the archive after the day before.
func TestDailyRotation(t *testing.T) {
	o := newOutput(t.TempDir(), true, nil)
	outputBegin(t, o)
	r := &rotation{output: o}
	if err := r.rotate(true); err != nil {
		t.Fatal(err)
	}
	o.line("today")
	if err := r.rotate(false); err != nil {
		t.Fatal(err)
	}
	if archives, _ := rotate.Archives(o.stdoutPath()); len(archives) != 0 {
		t.Errorf("rotated for no reason: %v", archives)
	}
	if err := r.rotate(true); err != nil {
		t.Fatal(err)
	}
	archives, err := rotate.Archives(o.stdoutPath())
	if err != nil || len(archives) != 1 || !strings.Contains(archives[0].Path, time.Now().AddDate(0, 0, -1).Format(time.DateOnly)) {
		t.Errorf("archives %v, %v", archives, err)
	}
	o.line("tomorrow")
	if got := logLines(t, o); len(got) != 2 {
		t.Errorf("lines %q", got)
	}
}

// TestRotationUnderTail rotates while the last output of a worker is being asked for.
func TestRotationUnderTail(t *testing.T) {
	o := newOutput(t.TempDir(), true, nil)
	outputBegin(t, o)
	o.line("before")
	from := o.end(o.stdoutPath())
	if err := (&rotation{output: o}).rotate(true); err != nil {
		t.Fatal(err)
	}
	file, err := o.appendTo(o.stdoutPath())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString("one\ntwo\n")
	if got := o.tail(o.stdoutPath(), from, 5); fmt.Sprint(got) != "[one two]" {
		t.Errorf("got %q", got)
	}
}

// TestStopTrees stops a process and a child of it that has left its group, and lets them go on.
func TestStopTrees(t *testing.T) {
	mark := TreeEnv + "=stop-test/1/"
	cmd := exec.Command("sh", "-c", "setsid sleep 60 & echo $!; exec sleep 60")
	cmd.Env = append(os.Environ(), mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		killTree(cmd.Process.Pid, mark, time.Second)
		cmd.Wait()
	}()
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	trees := map[int]string{cmd.Process.Pid: mark}
	resume, err := stopTrees(trees)
	if err != nil {
		t.Fatal(err)
	}
	state := func(pid int) string {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(data), ") ")
		return rest[:1]
	}
	for _, pid := range []int{cmd.Process.Pid, child} {
		if state(pid) != "T" {
			t.Errorf("process %d is in state %s", pid, state(pid))
		}
	}
	// One that was stopped before stays so.
	again, err := stopTrees(trees)
	if err != nil {
		t.Fatal(err)
	}
	again()
	if state(child) != "T" {
		t.Error("what somebody else had stopped goes on")
	}
	resume()
	for _, pid := range []int{cmd.Process.Pid, child} {
		outputEventually(t, "it goes on", func() bool { return state(pid) != "T" })
	}
}

// TestStoppedByLostGuard stops a writer in a process that then dies, as a guard may; the writer must not stay stopped.
func TestStoppedByLostGuard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PANDORA_TEST_STOPPER="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as a guard
	if err := cmd.Run(); err == nil {
		t.Fatal("it was not killed")
	}
	var pid int
	if _, err := fmt.Sscan(outputRead(t, path), &pid); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	outputEventually(t, "it goes on, or ends by SIGHUP", func() bool {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || !strings.Contains(string(data), ") T ")
	})
}
