package supervisor

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestParseNet(t *testing.T) {
	const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0BB8 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000000000000000 100 0 0 10 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`
	for port, want := range map[int]map[string]int{3000: {"4711": 1000}, 80: {"4713": 0}, 81: {}} {
		got := map[string]int{}
		parseNetTCP(tcp, port, got)
		if len(got) != len(want) || len(want) > 0 && got[keyOf(want)] != want[keyOf(want)] {
			t.Errorf("port %d: %v, want %v", port, got, want)
		}
	}
	const unixes = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 77 /run/a b.sock
0000000000000000: 00000003 00000000 00000000 0001 03 78
`
	got := map[string]int{}
	parseNetUnix(unixes, "/run/a b.sock", got)
	if len(got) != 1 || got["77"] != -1 {
		t.Errorf("unix: %v", got)
	}
}

func keyOf(m map[string]int) string {
	for key := range m {
		return key
	}
	return ""
}

func FuzzParseNet(f *testing.F) {
	f.Add("   0: 0100007F:0BB8 00000000:0000 0A 0:0 0:0 0  1000 0 4711 1", "/a", 3000)
	f.Fuzz(func(t *testing.T, table, path string, port int) {
		into := map[string]int{}
		parseNetTCP(table, port, into)
		parseNetUnix(table, path, into)
	})
}

func TestParseOOMKills(t *testing.T) {
	for text, want := range map[string]int{
		"low 0\nhigh 1\noom 2\noom_kill 3\noom_group_kill 0\n": 3, "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n": 7,
		"": -1, "oom_kill x": -1,
	} {
		if n, ok := parseOOMKills(text); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d %v", text, n, ok)
		}
	}
}

// TestHolderOf finds this process and others by what they listen on.
func TestHolderOf(t *testing.T) {
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	port := own.Addr().(*net.TCPAddr).Port
	h, found := holderOf("", port, "x")
	if !found || h.PID != os.Getpid() || h.text("port 1") != "port 1 is held for another process of this application" {
		t.Errorf("own: %+v %v", h, found)
	}
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if h, found := holderOf(path, 0, "x"); !found || h.PID != os.Getpid() {
		t.Errorf("unix: %+v %v", h, found)
	}
	if h, found := holderOf(path+"x", 0, "x"); found {
		t.Errorf("nobody: %+v", h)
	}
	// Another process that has the socket, as the worker it says to be.
	file, err := own.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	mark := treeOfApp("test-" + newUUID())
	other := exec.Command("sleep", "300")
	other.ExtraFiles = []*os.File{file}
	other.Env = []string{"PATH=" + os.Getenv("PATH"), mark + "1/", `PANDORA_WORKER={"appName":"shop","worker":2,"process":{"processName":"web"}}`}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	file.Close()
	h, found = holderOf("", port, mark)
	if pid := strconv.Itoa(other.Process.Pid); !found || h.text("port 1") != `port 1 is held by worker 2 of process "web" of this application (pid `+pid+`)` {
		t.Errorf("same application: %+v %v", h, found)
	}
	h, _ = holderOf("", port, "PANDORA_TREE=another/")
	if !strings.HasPrefix(h.text("port 1"), `port 1 is held by worker 2 of process "web" of the application "shop" (pid `) {
		t.Errorf("other application: %s", h.text("port 1"))
	}
	for text, h := range map[string]holder{
		"it is held by a process of user 0, which only that user and root may look at": {},
		"it is held by pid 7 (nginx -g off)":                                           {PID: 7, Command: "nginx -g off"},
		`it is held for the application "shop", by its guard (pid 7)`:                  {PID: 7, Guard: "shop"},
	} {
		if got := h.text("it"); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}
