package fdstate

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain also plays the program that hands over, and the one that takes over.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("FDSTATE_ROLE") == "" || len(os.Args) < 2:
		os.Exit(m.Run())
	case os.Args[1] == "before":
		before()
	case os.Args[1] == "after":
		after(os.Args[2])
	}
}

// before starts a child, makes a pipe with something in it, and hands both over.
func before() {
	child := exec.Command("sh", "-c", "read x; exit 7")
	in, err := child.StdinPipe()
	if err != nil || child.Start() != nil {
		fmt.Println("no child", err)
		os.Exit(1)
	}
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	w.WriteString("in the pipe\n")
	pipe := int(r.Fd())
	document := fmt.Sprintf("%d %d %d", os.Getpid(), pipe, child.Process.Pid)
	executable, _ := os.Executable()
	h := Handover{Executable: executable + "-missing", Env: os.Environ(), Document: []byte(document), Descriptors: []int{pipe, int(in.(*os.File).Fd())}}
	if err := Exec(h); err == nil || !strings.Contains(err.Error(), "no such file") {
		fmt.Println("a missing program:", err)
	}
	flags, _ := unix.FcntlInt(uintptr(pipe), unix.F_GETFD, 0)
	fmt.Println("close-on-exec after a refusal:", flags&unix.FD_CLOEXEC != 0)
	h.Executable, h.Args = executable, []string{"after", FDPlaceholder}
	fmt.Println("refused:", Exec(h))
}

// after tells what it has got.
func after(arg string) {
	var fd, pid, pipe, child int
	fmt.Sscan(arg, &fd)
	document, err := Load(fd)
	fmt.Sscan(string(document), &pid, &pipe, &child)
	flags, _ := unix.FcntlInt(uintptr(pipe), unix.F_GETFD, 0)
	line, _ := bufio.NewReader(os.NewFile(uintptr(pipe), "pipe")).ReadString('\n')
	fmt.Printf("same process: %v, close-on-exec: %v, %s", pid == os.Getpid(), flags&unix.FD_CLOEXEC != 0, line)
	syscall.Kill(child, syscall.SIGKILL)
	var status syscall.WaitStatus
	_, waited := syscall.Wait4(child, &status, 0, nil)
	fmt.Println(err, waited, status.Signal())
	if _, err := Load(fd); err != nil {
		fmt.Println("again:", err)
	}
}

func TestExec(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(executable, "before")
	cmd.Env = append(os.Environ(), "FDSTATE_ROLE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `close-on-exec after a refusal: true
same process: true, close-on-exec: true, in the pipe
<nil> <nil> killed
again: take over:`
	if !strings.HasPrefix(string(out), want) {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestSplitRefuses(t *testing.T) {
	file, err := store(Handover{Document: []byte("a document"), Descriptors: []int{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data := make([]byte, 4096)
	n, _ := file.ReadAt(data, 0)
	data = data[:n]
	if head, document, err := split(data); err != nil || string(document) != "a document" || len(head.Descriptors) != 2 {
		t.Errorf("%+v %q %v", head, document, err)
	}
	for name, bad := range map[string]string{
		"nothing":          "",
		"another framing":  strings.Replace(string(data), "pandora-state 1", "pandora-state 2", 1),
		"cut":              string(data[:n-1]),
		"longer":           string(data) + "x",
		"changed":          strings.Replace(string(data), "a document", "b document", 1),
		"no document":      magic,
		"a head not JSON":  magic + "x\nrest",
		"only the heading": strings.SplitAfter(string(data), "\n")[0],
	} {
		if _, document, err := split([]byte(bad)); err == nil {
			t.Errorf("%s: accepted as %q", name, document)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte(magic + `{"descriptors":[1],"size":0,"sum":""}` + "\n"))
	f.Add([]byte("pandora-state 1\n{}\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if head, document, err := split(data); err == nil && len(document) != head.Size {
			t.Errorf("%d bytes, the head says %d", len(document), head.Size)
		}
	})
}
