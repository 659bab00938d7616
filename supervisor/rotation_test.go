package supervisor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/pandora-go/pandora/internal/rotate"
)

// TestMain lets the test binary be a writer of lines.
func TestMain(m *testing.M) {
	if n := os.Getenv("PANDORA_TEST_LINES"); n != "" {
		var from, to, length int
		fmt.Sscan(n, &from, &to, &length)
		pad := strings.Repeat("x", length)
		name, line := os.Getenv("PANDORA_TEST_NAME"), []byte(nil)
		for i := from; i < to; i++ {
			line = append(strconv.AppendInt(append(append(line[:0], name...), " line "...), int64(i), 10), ' ')
			// One write a line, as Node does with a file.
			if _, err := os.Stdout.Write(append(append(line, pad...), '\n')); err != nil {
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	if path := os.Getenv("PANDORA_TEST_STOPPER"); path != "" {
		stopper(path)
	}
	os.Exit(m.Run())
}

// rotationRun is an output that rotates, with processes that write as fast as they can.
type rotationRun struct {
	t       *testing.T
	output  *output
	r       *rotation
	stop    func()
	writers sync.WaitGroup
}

// newRotationRun begins a run in dir. Without collapse, writers are stopped for each rotation.
func newRotationRun(t *testing.T, dir string, single, collapse bool, maxFile int64) *rotationRun {
	t.Helper()
	o := newOutput(filepath.Join(dir, "app"), single, zaptest.NewLogger(t))
	o.policy = rotate.Policy{MaxFile: maxFile}
	outputBegin(t, o)
	run := &rotationRun{t: t, output: o, r: &rotation{output: o, noCollapse: !collapse}}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { o.run(ctx) })
	group.Go(func() { run.r.run(ctx) })
	run.stop = sync.OnceFunc(func() { cancel(); group.Wait() })
	t.Cleanup(run.stop)
	return run
}

// write starts a writer of the lines from one number to another.
func (run *rotationRun) write(name string, slot, from, to, length int) {
	run.t.Helper()
	file, path, err := run.output.open(rotate.Source{Process: name, Worker: slot}, false)
	if err != nil {
		run.t.Fatal(err)
	}
	defer file.Close()
	if log, err := run.output.appendTo(run.output.stdoutPath()); err != nil {
		run.t.Fatal(err)
	} else {
		log.Close()
	}
	mark := fmt.Sprintf("%s=%s-%d/", TreeEnv, name, slot)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), mark, fmt.Sprintf("PANDORA_TEST_LINES=%d %d %d", from, to, length), "PANDORA_TEST_NAME="+name)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		run.t.Fatal(err)
	}
	run.output.started(path, cmd.Process.Pid, mark)
	run.writers.Go(func() {
		if err := cmd.Wait(); err != nil {
			run.t.Errorf("writer %s: %v", name, err)
		}
		run.output.ended(path, cmd.Process.Pid)
	})
}

// archives is how many there are.
func (run *rotationRun) archives() int {
	archives, err := rotate.Archives(run.output.stdoutPath())
	if err != nil {
		run.t.Error(err)
	}
	return len(archives)
}

// parseLine reads what a writer wrote.
func parseLine(line string) (name string, i int, ok bool) {
	name, rest, ok1 := strings.Cut(line, " line ")
	number, pad, ok2 := strings.Cut(rest, " ")
	i, err := strconv.Atoi(number)
	return name, i, ok1 && ok2 && err == nil && strings.Trim(pad, "x") == "" && pad != ""
}

// follow reads the log while it is written and rotated, until done is closed, and looks for every line as check does.
// How late a mark may be depends on the machine: only lines read after done must have one.
func (run *rotationRun) follow(done <-chan struct{}, lines map[string]int) error {
	reader, err := rotate.OpenReader(run.output.stdoutPath())
	if err != nil {
		return err
	}
	defer reader.Close()
	reader.SeekTo(0)
	next := map[string]int{}
	ended := false
	for {
		line, err := reader.Next(!ended)
		if err == io.EOF {
			if ended {
				break
			}
			select {
			case <-done:
				ended = true
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		if err != nil {
			return err
		}
		name, i, ok := parseLine(string(line.Text))
		if !ok || i != next[name] {
			return fmt.Errorf("%.100q after %v", line.Text, next)
		}
		if line.Known && line.Source.Process != name || !line.Known && ended {
			return fmt.Errorf("%.100q is said to be of %+v", line.Text, line.Source)
		}
		next[name]++
	}
	if fmt.Sprint(next) != fmt.Sprint(lines) {
		return fmt.Errorf("read %v, want %v", next, lines)
	}
	return nil
}

// check looks for every line, once and in order, in archives and log together, and returns how many archives there are.
func (run *rotationRun) check(lines map[string]int) int {
	t := run.t
	t.Helper()
	run.writers.Wait()
	run.stop()
	path := run.output.stdoutPath()
	archives, err := rotate.Archives(path)
	if err != nil {
		t.Fatal(err)
	}
	var parts []io.Reader
	for _, a := range archives {
		f, err := a.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		parts = append(parts, f)
	}
	live, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	next := map[string]int{}
	in := bufio.NewReaderSize(io.MultiReader(append(parts, live)...), 1<<20)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		name, i, ok := parseLine(strings.TrimSuffix(line, "\n"))
		if !ok {
			t.Fatalf("broken line %.100q after %v", line, next)
		}
		if i != next[name] {
			t.Fatalf("%s: line %d, want %d", name, i, next[name])
		}
		next[name]++
	}
	for name, n := range lines {
		if next[name] != n {
			t.Errorf("%s: %d lines, want %d", name, next[name], n)
		}
	}
	return len(archives)
}

// needsCollapse skips where the file system cannot take away the head of a file.
func needsCollapse(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	if err := rotate.Collapse(f, 32<<10); err != nil {
		t.Skipf("the file system of %s: %v", dir, err)
	}
}

// rotationCase has writers write at full speed, by each way there is to rotate, until there are least archives.
func rotationCase(t *testing.T, lines, least int) {
	const length = 90
	for _, way := range []string{"collapse", "stop"} {
		collapse := way == "collapse"
		for _, writers := range [][]string{{"web"}, {"web", "api"}} {
			t.Run(fmt.Sprintf("%s/%d", way, len(writers)), func(t *testing.T) {
				dir := t.TempDir()
				if collapse {
					needsCollapse(t, dir)
				}
				run := newRotationRun(t, dir, len(writers) == 1, collapse, 256<<10)
				want := map[string]int{}
				done, followed := make(chan struct{}), make(chan error, 1)
				// How many lines there are between two rotations depends on the machine.
				for round := 0; round < 8 && (round == 0 || run.archives() < least); round++ {
					for slot, name := range writers {
						run.write(name, slot, want[name], want[name]+lines, length)
						want[name] += lines
					}
					if round == 0 {
						go func() { followed <- run.follow(done, want) }()
					}
					run.writers.Wait()
				}
				n := run.check(want)
				close(done)
				if err := <-followed; err != nil {
					t.Errorf("followed: %v", err)
				}
				if err := run.follow(done, want); err != nil {
					t.Errorf("read at the end: %v", err)
				}
				if n < least {
					t.Errorf("%d archives, want %d", n, least)
				}
				if run.r.noCollapse == collapse {
					t.Errorf("not rotated by %s", way)
				}
				t.Logf("%d archives", n)
			})
		}
	}
}

func TestRotationLosesNoLine(t *testing.T) { rotationCase(t, 100_000, 1) }

// stopper is the process of TestStoppedByLostGuard.
func stopper(path string) {
	mark := TreeEnv + "=stopper/1/"
	cmd := exec.Command("sleep", "60")
	cmd.Env = append(os.Environ(), mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if cmd.Start() != nil {
		os.Exit(0)
	}
	if _, err := stopTrees(map[int]string{cmd.Process.Pid: mark}); err != nil {
		os.Exit(0)
	}
	if os.WriteFile(path, fmt.Append(nil, cmd.Process.Pid), 0o600) == nil {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	os.Exit(0)
}
