package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// env is a getenv over pairs.
func env(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func testHome(t *testing.T) Home {
	t.Helper()
	home, err := Locate(env("PANDORA_DIR", filepath.Join(t.TempDir(), "p"), "TMPDIR", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Prepare(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !strings.HasPrefix(home.Run, home.Dir) {
			os.RemoveAll(home.Run)
		}
	})
	return home
}

func TestLocate(t *testing.T) {
	for _, tt := range []struct {
		name, dir, logs, home string
		want                  Home
		err                   string
	}{
		{name: "default", home: "/home/u", want: Home{Dir: "/home/u/.pandora", Logs: "/home/u/logs", Run: "/home/u/.pandora/run"}},
		{name: "set", dir: "/srv/p", home: "/home/u", want: Home{Dir: "/srv/p", Logs: "/srv/p/logs", Run: "/srv/p/run"}},
		{name: "inside a worker", dir: "/home/u/.pandora", logs: "/home/u/logs", home: "/home/u", want: Home{Dir: "/home/u/.pandora", Logs: "/home/u/logs", Run: "/home/u/.pandora/run"}},
		{name: "nothing set", err: "PANDORA_DIR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Locate(env("PANDORA_DIR", tt.dir, "PANDORA_LOGS_DIR", tt.logs, "HOME", tt.home))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || got.Dir != tt.want.Dir || got.Logs != tt.want.Logs || got.Run != tt.want.Run {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestLongPathLinksToShortFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	home, err := Locate(env("PANDORA_DIR", dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home.Run) })
	for range 2 { // the second time everything is there
		if err := home.Prepare(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(home.GuardSocket(strings.Repeat("n", 90))); n > maxSocketPath {
		t.Errorf("guard socket has %d bytes", n)
	}
	target, err := os.Readlink(filepath.Join(dir, "run"))
	if err != nil || target != home.Run {
		t.Errorf("run links to %q, %v; want %q", target, err, home.Run)
	}
	info, err := os.Stat(home.Run)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("short folder: %v, %v", info, err)
	}
}

func TestPrepareNarrowsAndRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	home, _ := Locate(env("PANDORA_DIR", dir))
	if err := home.Prepare(); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %o, want 700", info.Mode().Perm())
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	home, _ = Locate(env("PANDORA_DIR", file))
	if err := home.Prepare(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as home: %v", err)
	}
	if os.Geteuid() == 0 {
		other := filepath.Join(t.TempDir(), "other")
		if err := os.Mkdir(other, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(other, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		home, _ = Locate(env("PANDORA_DIR", other))
		for _, err := range []error{home.Prepare(), home.Check()} {
			if err == nil || !strings.Contains(err.Error(), "65534") || !strings.Contains(err.Error(), other) {
				t.Errorf("a folder of another user: %v", err)
			}
		}
	}
}

func TestRecords(t *testing.T) {
	home := testHome(t)
	for _, name := range []string{"zebra", "ant", "with space", "ünï"} {
		r := &Record{AppName: name, AppDir: "/apps/" + name, Desired: DesiredRunning, Env: []string{"A=1"}, App: procfile.Application{AppName: name}}
		if err := home.WriteRecord(r); err != nil {
			t.Fatal(err)
		}
	}
	records, problems := home.Records()
	if len(problems) != 0 || len(records) != 4 || records[0].AppName != "zebra" || records[3].AppName != "ünï" {
		t.Fatalf("records %v, problems %v", records, problems)
	}
	info, err := os.Stat(home.RecordPath("ant"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of a record: %v, %v", info, err)
	}
	if err := home.DeleteRecord("ant"); err != nil {
		t.Fatal(err)
	}
	if err := home.DeleteRecord("ant"); err != nil {
		t.Errorf("forgetting twice: %v", err)
	}
	if _, err := home.ReadRecord("ant"); !errors.Is(err, ErrNoRecord) {
		t.Errorf("read of a forgotten one: %v", err)
	}
}

func TestBrokenRecordsAreSetAside(t *testing.T) {
	home := testHome(t)
	good := &Record{AppName: "good", AppDir: "/good", Desired: DesiredStopped}
	if err := home.WriteRecord(good); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(home.RecordPath("good"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"truncated": string(data[:len(data)/2]),
		"stranger":  string(data),
		"newer":     `{"version":99,"appName":"newer","appDir":"/n","desired":"running"}`,
		"noise":     "\x00\x01",
		"empty":     "",
		"other":     `{"version":1,"appName":"other"}`,
	} {
		if err := os.WriteFile(home.RecordPath(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	records, problems := home.Records()
	if len(records) != 1 || len(problems) != 6 {
		t.Fatalf("%d records, problems %q", len(records), problems)
	}
	for _, p := range problems {
		if !strings.Contains(p, ".bad") {
			t.Errorf("problem does not say where the file went: %s", p)
		}
	}
	if _, problems = home.Records(); len(problems) != 0 {
		t.Errorf("told twice: %q", problems)
	}
}

func TestDaemonFile(t *testing.T) {
	home := testHome(t)
	if d := home.ReadDaemon(); d != nil {
		t.Errorf("missing file gives %+v", d)
	}
	if err := home.WriteDaemon(&Daemon{Version: "1", Config: []byte(`{"a":[1]}`)}); err != nil {
		t.Fatal(err)
	}
	if d := home.ReadDaemon(); d == nil || d.Version != "1" {
		t.Errorf("read back %+v", d)
	}
}

func TestLockIsExclusiveAndReleased(t *testing.T) {
	home := testHome(t)
	first, err := home.LockDaemon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.Note("hello\n")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := home.LockDaemon(done); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v, want ErrLocked", err)
	}
	first.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	second, err := home.LockDaemon(ctx)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	second.Close()
}

func TestValidName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "my-app": true, "café": true, "with space": true, ".hidden": true,
		"": false, ".": false, "..": false, "a/b": false, "../x": false, "a\nb": false, "a\x00": false, `a\b`: false,
		strings.Repeat("x", 101): false, "\xff": false,
	} {
		if err := ValidName(name); (err == nil) != ok {
			t.Errorf("ValidName(%q) = %v", name, err)
		}
	}
}

func TestGuardSocketsDiffer(t *testing.T) {
	home := Home{Run: "/r"}
	seen := map[string]string{}
	for _, name := range []string{"a b", "a_b", "a.b", "ä", strings.Repeat("x", 50), strings.Repeat("x", 51)} {
		path := home.GuardSocket(name)
		if other, dup := seen[path]; dup {
			t.Errorf("%q and %q share %s", name, other, path)
		}
		if len(filepath.Base(path)) > maxSocketName {
			t.Errorf("%s is longer than %d", path, maxSocketName)
		}
		seen[path] = name
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"appName":"a","appDir":"/a","desired":"running"}`))
	f.Add([]byte(`{`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "r.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := readRecord(path)
		if err == nil && ValidName(r.AppName) != nil {
			t.Errorf("accepted name %q", r.AppName)
		}
	})
}
