package doctor

import (
	"strings"
	"testing"
	"time"
)

// want is what a finding must be; advice is a part of it, "" for none.
type want struct {
	level  Level
	found  string
	advice string
}

func hold(t *testing.T, name string, c Check, w want) {
	t.Helper()
	if c.Level != w.level || !strings.Contains(c.Found, w.found) || (w.advice == "") != (c.Advice == "") || !strings.Contains(c.Advice, w.advice) {
		t.Errorf("%s: %+v, want %+v", name, c, w)
	}
}

func TestNode(t *testing.T) {
	for name, c := range map[string]struct {
		facts NodeFacts
		want  want
	}{
		"fine":       {NodeFacts{Path: "/bin/node", Version: "v20.1.0"}, want{OK, "v20.1.0 at /bin/node", ""}},
		"none":       {NodeFacts{}, want{Failure, "no node in PATH", "install Node 18"}},
		"broken":     {NodeFacts{Path: "/bin/node", Problem: "exec format error"}, want{Failure, "exec format error", "by hand"}},
		"old":        {NodeFacts{Path: "/bin/node", Version: "v8.17.0"}, want{Failure, "v8.17.0", "Node 18"}},
		"odd":        {NodeFacts{Path: "/bin/node", Version: "v23.0.0"}, want{Note, "v23.0.0", "odd versions"}},
		"not a Node": {NodeFacts{Path: "/bin/node", Version: "hello"}, want{Warning, `"hello"`, "see that it is"}},
	} {
		hold(t, name, Node(c.facts), c.want)
	}
}

func TestCommandAndFolder(t *testing.T) {
	hold(t, "alone", Command(CommandFacts{Executable: "/a/pandora"}, "v1"), want{OK, "v1 at /a/pandora", ""})
	hold(t, "another later", Command(CommandFacts{Executable: "/a/pandora", Others: []string{"/b/pandora"}}, "v1"), want{Note, "/b/pandora", "one version"})
	hold(t, "another first", Command(CommandFacts{Executable: "/a/pandora", Others: []string{"/b/pandora"}, First: true}, "v1"), want{Warning, "/b/pandora", "one version"})
	hold(t, "fine", Folder(FolderFacts{Dir: "/h", Exists: true}), want{OK, "/h", ""})
	hold(t, "new", Folder(FolderFacts{Dir: "/h"}), want{OK, "first start", ""})
	hold(t, "remote", Folder(FolderFacts{Dir: "/h", Exists: true, Remote: "nfs"}), want{Warning, "nfs", "PANDORA_DIR"})
	hold(t, "of another", Folder(FolderFacts{Problem: "belongs to root"}), want{Failure, "belongs to root", "PANDORA_DIR"})
}

func TestDisk(t *testing.T) {
	for name, c := range map[string]struct {
		facts DiskFacts
		want  want
	}{
		"fine":     {DiskFacts{What: "logs", Dir: "/l", Free: 9 << 30, Total: 10 << 30}, want{OK, "9.0 GiB free of 10.0 GiB at /l", ""}},
		"little":   {DiskFacts{What: "logs", Dir: "/l", Free: 500 << 20, Total: 10 << 30}, want{Warning, "500.0 MiB", "PANDORA_LOGS_DIR"}},
		"none":     {DiskFacts{What: "state", Dir: "/s", Free: 1 << 20, Total: 10 << 30}, want{Failure, "1.0 MiB", "free some"}},
		"inodes":   {DiskFacts{What: "state", Dir: "/s", Free: 9 << 30, Total: 10 << 30, FreeFiles: 5, Files: 1000}, want{Warning, "5 of 1000 files", "remove files"}},
		"no count": {DiskFacts{What: "state", Dir: "/s", Free: 9 << 30, Total: 10 << 30}, want{OK, "9.0 GiB", ""}},
		"unknown":  {DiskFacts{What: "state", Dir: "/s"}, want{Note, "not known", ""}},
	} {
		hold(t, name, Disk(c.facts), c.want)
	}
}

func TestLimits(t *testing.T) {
	names := func(all []Check) (s string) {
		for _, c := range all {
			s += c.Name + " " + string(c.Level) + "; "
		}
		return s
	}
	for name, c := range map[string]struct {
		facts LimitFacts
		want  string
	}{
		"none":          {LimitFacts{}, "open files ok; processes ok; "},
		"few files":     {LimitFacts{Files: 1024, FilesHard: 1 << 20}, "open files warning; processes ok; "},
		"many files":    {LimitFacts{Files: 1 << 16}, "open files ok; processes ok; "},
		"few processes": {LimitFacts{Processes: 100, Running: 90}, "open files ok; processes warning; "},
		"enough":        {LimitFacts{Processes: 1000, Running: 90}, "open files ok; processes ok; "},
		"all":           {LimitFacts{Memory: 1 << 29, Backlog: 128, Watches: 100}, "open files ok; processes ok; memory note; backlog note; watches note; "},
		"all fine":      {LimitFacts{Backlog: 4096, Watches: 1 << 19}, "open files ok; processes ok; backlog ok; watches ok; "},
	} {
		if got := names(Limits(c.facts)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPortAndDaemon(t *testing.T) {
	hold(t, "free", Port(PortFacts{Address: "127.0.0.1:7002"}), want{OK, "127.0.0.1:7002 is free", ""})
	hold(t, "served", Port(PortFacts{Serving: "127.0.0.1:7002"}), want{OK, "http://127.0.0.1:7002/", ""})
	hold(t, "off", Port(PortFacts{}), want{Note, "switched off", ""})
	hold(t, "taken", Port(PortFacts{Address: "127.0.0.1:7002", Problem: "taken by node"}), want{Failure, "taken by node", "PANDORA_ACTUATOR_PORT"})
	one := func(f DaemonFacts) Check { return Daemon(f, "v1")[0] }
	hold(t, "runs", one(DaemonFacts{Running: true, PID: 7, Version: "v1", Uptime: time.Minute}), want{OK, "process 7 since 1m0s", ""})
	hold(t, "older", one(DaemonFacts{Running: true, PID: 7, Version: "v0"}), want{Warning, "v0", "daemon upgrade"})
	hold(t, "not needed", one(DaemonFacts{}), want{OK, "nothing is started", ""})
	hold(t, "missing", one(DaemonFacts{Wanted: true}), want{Failure, "should", "resurrect"})
	hold(t, "stuck", one(DaemonFacts{Problem: "does not answer"}), want{Failure, "does not answer", "log --daemon"})
	all := Daemon(DaemonFacts{Running: true, Version: "v1", Revivals: 2, Problems: []string{"odd"}}, "v1")
	if len(all) != 3 || Worst(all) != Warning || Worst(nil) != OK {
		t.Errorf("%+v", all)
	}
}

func TestBoot(t *testing.T) {
	unit := BootFacts{Systemd: true, Unit: "/u", Enabled: true, Runs: "/bin/pandora", Exists: true, Same: true, Wanted: true}
	with := func(change func(*BootFacts)) BootFacts {
		f := unit
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		facts BootFacts
		want  want
	}{
		"fine":           {unit, want{OK, "/u starts it", ""}},
		"no systemd":     {BootFacts{Wanted: true}, want{Note, "systemd", "resurrect"}},
		"no unit":        {BootFacts{Systemd: true, Wanted: true}, want{Warning, "nothing is started", "startup --user"}},
		"none needed":    {BootFacts{Systemd: true}, want{OK, "nothing is to be started", ""}},
		"program gone":   {with(func(f *BootFacts) { f.Exists = false }), want{Failure, "is gone", "startup --system"}},
		"not enabled":    {with(func(f *BootFacts) { f.Enabled = false }), want{Warning, "not enabled", "startup --system"}},
		"another":        {with(func(f *BootFacts) { f.Same = false }), want{Warning, "not this command", "startup --system"}},
		"without linger": {with(func(f *BootFacts) { f.User, f.UserName = true, "ann" }), want{Warning, "first login", "enable-linger ann"}},
		"with linger":    {with(func(f *BootFacts) { f.User, f.Linger = true, true }), want{OK, "/u starts it", ""}},
	} {
		hold(t, name, Boot(c.facts), c.want)
	}
}

func TestState(t *testing.T) {
	all := State(StateFacts{Applications: 2, Problems: []string{"bad record"}, Gone: map[string]string{"b": "/b", "a": "/a"}, LeftBehind: []string{"c"}})
	if len(all) != 5 || Worst(all) != Failure {
		t.Fatalf("%+v", all)
	}
	hold(t, "records", all[0], want{OK, "2 applications are", ""})
	hold(t, "problem", all[1], want{Warning, "bad record", "start the application again"})
	hold(t, "gone, in order", all[2], want{Warning, "/a of a", "pandora delete a"})
	hold(t, "orphans", all[4], want{Failure, "of c", "pandora list"})
	if fine := State(StateFacts{Applications: 1}); len(fine) != 2 || Worst(fine) != OK || !strings.Contains(fine[0].Found, "1 application is") {
		t.Errorf("%+v", fine)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 3 << 40: "3.0 TiB", 5 << 50: "5120.0 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if limit(0) != "no limit" || limit(1<<63) != "no limit" || limit(7) != "7" {
		t.Error("limits")
	}
}
