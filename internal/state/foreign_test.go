package state

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What lies where a record belongs and is none is set aside, whatever it is, and never keeps the others from being read.
func TestForeignFilesAmongTheRecords(t *testing.T) {
	home := testHome(t)
	for _, name := range []string{"good", "linked"} {
		if err := home.WriteRecord(&Record{AppName: name, AppDir: "/" + name, Desired: DesiredStopped}); err != nil {
			t.Fatal(err)
		}
	}
	apps := filepath.Dir(home.RecordPath("good"))
	// A record may be a link to one that lies elsewhere.
	elsewhere := filepath.Join(t.TempDir(), "linked.json")
	if err := os.Rename(home.RecordPath("linked"), elsewhere); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"linked": func(path string) error { return os.Symlink(elsewhere, path) },
		"loop":   func(path string) error { return os.Symlink(path, path) },
		"folder": func(path string) error { return os.MkdirAll(filepath.Join(path, "inside"), 0o700) },
		"fifo":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"null":   func(path string) error { return os.Symlink(os.DevNull, path) },
		"huge": func(path string) error {
			file, err := os.Create(path)
			if err != nil {
				return err
			}
			defer file.Close()
			return file.Truncate(64 << 30)
		},
		"future": func(path string) error {
			return os.WriteFile(path, []byte(`{"version":2,"appName":"future","appDir":"/f","desired":"running","app":{"processes":{}}}`), 0o600)
		},
	} {
		if err := make(home.RecordPath(name)); err != nil {
			t.Fatal(err)
		}
	}
	// A link to nothing is no record, and no trouble.
	if err := os.Symlink(filepath.Join(apps, "nothing"), home.RecordPath("dangling")); err != nil {
		t.Fatal(err)
	}
	records, problems := home.Records()
	var names []string
	for _, r := range records {
		names = append(names, r.AppName)
	}
	if !slices.Equal(names, []string{"good", "linked"}) {
		t.Errorf("records %q", names)
	}
	all := strings.Join(problems, "\n")
	for name, why := range map[string]string{
		"loop": "", "folder": "it is not a file", "fifo": "it is not a file", "null": "it is not a file",
		"huge": "it is larger than 32 MB", "future": "it has version 2, this pandora reads version 1",
	} {
		path := home.RecordPath(name)
		if !strings.Contains(all, path+`" cannot be read (`+why) || !strings.Contains(all, path+".bad") {
			t.Errorf("%s is not told:\n%s", name, all)
		}
		if _, err := os.Lstat(path + ".bad"); err != nil {
			t.Errorf("%s is not set aside: %v", name, err)
		}
		// The name is free for a new record.
		if err := home.WriteRecord(&Record{AppName: name, AppDir: "/" + name, Desired: DesiredStopped}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(problems) != 6 {
		t.Errorf("%d problems", len(problems))
	}
	if _, problems := home.Records(); len(problems) != 0 {
		t.Errorf("told twice: %q", problems)
	}
}

// A record that cannot be written leaves the old one and nothing beside it.
func TestRecordThatCannotBeWritten(t *testing.T) {
	home := testHome(t)
	if err := home.WriteRecord(&Record{AppName: "shop", AppDir: "/shop", Desired: DesiredStopped}); err != nil {
		t.Fatal(err)
	}
	// A folder in its place cannot be replaced by a file.
	blocked := home.RecordPath("blocked")
	if err := os.MkdirAll(filepath.Join(blocked, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := home.WriteRecord(&Record{AppName: "blocked", AppDir: "/b", Desired: DesiredRunning})
	if err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("error %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(blocked))
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if r, err := home.ReadRecord("shop"); err != nil || r.Desired != DesiredStopped {
		t.Errorf("the other one: %+v, %v", r, err)
	}
}
