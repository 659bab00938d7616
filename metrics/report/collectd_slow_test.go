//go:build slow

package report

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// freePort is a UDP port that nobody has now.
func freePort(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	return port
}

// program finds a program that the Makefile installs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		for _, dir := range []string{"/usr/sbin", "../../.cache/bin"} {
			if _, statErr := os.Stat(filepath.Join(dir, name)); statErr == nil {
				return filepath.Join(dir, name)
			}
		}
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// started runs a program until the test ends.
func started(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(program(t, name), args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s printed\n%s", name, out.String())
		}
	})
}

// eventually asks until the answer is the expected one.
func eventually(t *testing.T, want string, ask func() string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got = ask(); strings.Contains(got, want) {
			return
		}
	}
	t.Errorf("no %q but\n%s", want, got)
}

// TestCollectd has a real collectd receive two reports and asks it for the values.
func TestCollectd(t *testing.T) {
	dir := t.TempDir()
	port, socket := freePort(t), filepath.Join(dir, "s")
	config := filepath.Join(dir, "collectd.conf")
	text := fmt.Sprintf(`Hostname "h"
Interval 1
BaseDir %q
PIDFile %q
LoadPlugin statsd
LoadPlugin unixsock
<Plugin statsd>
  Host "127.0.0.1"
  Port %q
  CounterSum true
  CounterGauge false
  DeleteGauges false
  DeleteCounters false
</Plugin>
<Plugin unixsock>
  SocketFile %q
</Plugin>
`, dir, filepath.Join(dir, "pid"), port, socket)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	started(t, "collectd", "-f", "-C", config)
	ask := func(command string) string {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		fmt.Fprintln(conn, command)
		in := bufio.NewScanner(conn)
		var lines []string
		for n := 1; len(lines) < n && in.Scan(); {
			if len(lines) == 0 {
				_, _ = fmt.Sscan(in.Text(), &n)
				n++
			}
			lines = append(lines, in.Text())
		}
		return strings.Join(lines, "\n")
	}
	eventually(t, "Value", func() string { return ask("LISTVAL") })
	sink := configured(t, "", "statsd", `{"port":`+port+`,"prefix":"pandora"}`, true)
	defer sink.(*statsdSink).Close()
	for _, b := range batches(t, sink, "") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"count-pandora.demo.test.counter.count.v_w":            "value=2.000000e+01",
		"count-pandora.demo.test.compass.hit_bucket_count.v_w": "value=4.000000e+00",
		"gauge-pandora.demo.test.timer.p95.v_w":                "value=5.000000e+01",
		"gauge-pandora.depth":                                  "value=-3.000000e+00",
	} {
		eventually(t, want, func() string { return ask(`GETVAL "h/statsd/` + name + `"`) })
	}
}
