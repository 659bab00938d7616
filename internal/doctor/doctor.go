// Package doctor judges what the machine and the home folder are like for pandora: each function takes facts that somebody
// else has found out and says whether they are fine, and what to do where they are not.
//
//	check := doctor.Node(doctor.NodeFacts{Path: "/usr/bin/node", Version: "v20.20.2"})
//	fmt.Println(check.Level, check.Name, check.Found, check.Advice)
//
// All functions are pure and may be called concurrently. The package finds out nothing itself.
package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Level says how much a finding matters.
type Level string

// The levels, least first. Only Failure makes the command fail: something does not work, or will not.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Failure Level = "failure"
)

// Check is one finding.
type Check struct {
	// Name says what was looked at, in a word or two.
	Name  string `json:"check"`
	Level Level  `json:"level"`
	// Found is what is there, in a sentence without a full stop.
	Found string `json:"found"`
	// Advice says what to do; "" where nothing is to be done.
	Advice string `json:"advice,omitempty"`
}

const (
	// oldestNode is the first major version that workers run on.
	oldestNode = 18
	// fewFiles is a limit of open files that one busy worker reaches.
	fewFiles = 4096
	// littleDisk is when logs and records may soon not be written any more; noDisk is when they are not.
	littleDisk, noDisk = 1 << 30, 64 << 20
	// fewInodes is the share of a file system's files, in percent, that should be free.
	fewInodes = 2
	// fewWatches is how many files dev may have to watch.
	fewWatches = 8192
)

// NodeFacts are about the Node in PATH.
type NodeFacts struct {
	// Path is "" where there is none.
	Path string
	// Version is as Node prints it, "v20.1.0"; "" where it does not run, and Problem says why.
	Version, Problem string
}

// Node judges the Node that workers are started with.
func Node(f NodeFacts) Check {
	c := Check{Name: "node", Level: OK, Found: fmt.Sprintf("%s at %s", f.Version, f.Path)}
	major, _, _ := strings.Cut(strings.TrimPrefix(f.Version, "v"), ".")
	number, err := strconv.Atoi(major)
	switch {
	case f.Path == "":
		return Check{c.Name, Failure, "there is no node in PATH", fmt.Sprintf("install Node %d or newer and put it first in PATH", oldestNode)}
	case f.Version == "":
		return Check{c.Name, Failure, fmt.Sprintf("%s does not run: %s", f.Path, f.Problem), "run it by hand to see why, or put another one first in PATH"}
	case err != nil:
		return Check{c.Name, Warning, fmt.Sprintf("%s says its version is %q", f.Path, f.Version), fmt.Sprintf("see that it is Node %d or newer", oldestNode)}
	case number < oldestNode:
		c.Level, c.Advice = Failure, fmt.Sprintf("workers need Node %d or newer: install one and put it first in PATH", oldestNode)
	case number%2 == 1:
		c.Level, c.Advice = Note, "odd versions of Node get no fixes after half a year; even ones do for years"
	}
	return c
}

// CommandFacts are about the commands named pandora in PATH.
type CommandFacts struct {
	// Executable is this command, Others the different ones in PATH, in its order; First is true if one of these comes first.
	Executable string
	Others     []string
	First      bool
}

// Command judges whether the user runs the command that is meant.
func Command(f CommandFacts, version string) Check {
	c := Check{Name: "command", Level: OK, Found: fmt.Sprintf("%s at %s", version, f.Executable)}
	if len(f.Others) > 0 {
		c.Level, c.Found = Note, c.Found+"; also in PATH: "+strings.Join(f.Others, ", ")
		c.Advice = "see that all of them are of one version, or remove those you do not use"
		if f.First {
			c.Level = Warning
		}
	}
	return c
}

// FolderFacts are about the home folder.
type FolderFacts struct {
	Dir string
	// Exists is false before the first start.
	Exists bool
	// Problem says why it cannot be used, with what to do; "" if it can.
	Problem string
	// Remote names the network file system it is on; "" for a local one.
	Remote string
}

// Folder judges the home folder.
func Folder(f FolderFacts) Check {
	switch {
	case f.Problem != "":
		return Check{"folder", Failure, f.Problem, "until then nothing can be started; PANDORA_DIR names another folder"}
	case !f.Exists:
		return Check{"folder", OK, f.Dir + " is made at the first start", ""}
	case f.Remote != "":
		return Check{"folder", Warning, fmt.Sprintf("%s is on a network file system (%s)", f.Dir, f.Remote),
			"sockets and locks want a local one: set PANDORA_DIR to a folder of this machine"}
	}
	return Check{"folder", OK, f.Dir, ""}
}

// DiskFacts are about the file system of a folder, sizes in bytes; all 0 where they are not known.
type DiskFacts struct {
	// What is kept there, "logs" or "state".
	What, Dir        string
	Free, Total      uint64
	FreeFiles, Files uint64
}

// Disk judges the room for what is written.
func Disk(f DiskFacts) Check {
	c := Check{Name: "disk of " + f.What, Level: OK, Found: fmt.Sprintf("%s free of %s at %s", size(f.Free), size(f.Total), f.Dir)}
	advice := "free some, or put " + f.What + " elsewhere"
	if f.What == "logs" {
		advice += " (PANDORA_LOGS_DIR); [ pandora daemon reload ] takes other limits of rotation, see docs/logs.md"
	}
	switch {
	case f.Total == 0:
		return Check{c.Name, Note, "how much room there is at " + f.Dir + " is not known", ""}
	case f.Free < noDisk:
		c.Level, c.Advice = Failure, advice
	case f.Free < littleDisk:
		c.Level, c.Advice = Warning, advice
	case f.Files > 0 && f.FreeFiles*100 < f.Files*fewInodes:
		c.Level, c.Found = Warning, fmt.Sprintf("%d of %d files (inodes) are left at %s", f.FreeFiles, f.Files, f.Dir)
		c.Advice = "remove files that are not needed: with none left nothing can be written, however much room there is"
	}
	return c
}

// LimitFacts are limits of this process and its surroundings; 0 is none, or not known.
type LimitFacts struct {
	// Files are the soft and hard limit of open files.
	Files, FilesHard uint64
	// Processes is the limit of processes of the control group, or of the user, and Running how many there are.
	Processes, Running uint64
	// Memory is the limit of the control group in bytes.
	Memory uint64
	// Backlog is the longest queue of connections that wait for accept (net.core.somaxconn).
	Backlog uint64
	// Watches is how many files a user may watch (fs.inotify.max_user_watches).
	Watches uint64
}

// Limits judges the limits that applications run into.
func Limits(f LimitFacts) []Check {
	files := Check{Name: "open files", Level: OK, Found: limit(f.Files)}
	if f.Files > 0 && f.Files < fewFiles {
		files.Level, files.Advice = Warning, fmt.Sprintf("each connection takes one: run [ ulimit -n %d ] before the daemon starts, or set LimitNOFILE in its unit", max(fewFiles*4, f.Files))
		if f.FilesHard > f.Files {
			files.Found += fmt.Sprintf(" (up to %s on request)", limit(f.FilesHard))
		}
	}
	processes := Check{Name: "processes", Level: OK, Found: limit(f.Processes)}
	if f.Processes > 0 && f.Running > 0 {
		processes.Found = fmt.Sprintf("%d of %d", f.Running, f.Processes)
		if f.Running*10 > f.Processes*8 {
			processes.Level = Warning
			processes.Advice = "threads count too, and each worker of Node has a dozen: raise pids.max of the control group, or the user's limit (ulimit -u)"
		}
	}
	all := []Check{files, processes}
	if f.Memory > 0 {
		all = append(all, Check{"memory", Note, fmt.Sprintf("the control group may use %s", size(f.Memory)),
			"Node sizes its heap by the machine: give workers --max-old-space-size by nodeArgs where that is much more"})
	}
	if f.Backlog > 0 {
		c := Check{Name: "backlog", Level: OK, Found: fmt.Sprintf("%d connections may wait for accept", f.Backlog)}
		if f.Backlog < 511 {
			c.Level, c.Advice = Note, "Node asks for 511: sysctl -w net.core.somaxconn=4096"
		}
		all = append(all, c)
	}
	if f.Watches > 0 {
		c := Check{Name: "watches", Level: OK, Found: fmt.Sprintf("%d files may be watched", f.Watches)}
		if f.Watches < fewWatches {
			c.Level, c.Advice = Note, "pandora dev may run out of them: sysctl -w fs.inotify.max_user_watches=524288"
		}
		all = append(all, c)
	}
	return all
}

// PortFacts are about the port of the HTTP server.
type PortFacts struct {
	// Address is host:port as configured; "" where the server is off.
	Address string
	// Serving is where the daemon serves; "" where it does not, or where no daemon runs.
	Serving string
	// Problem is why the daemon does not serve, or why nobody could listen there.
	Problem string
}

// Port judges the address of /health and /metrics.
func Port(f PortFacts) Check {
	switch {
	case f.Problem != "":
		return Check{"http", Failure, f.Problem, "end what has the port, or set PANDORA_ACTUATOR_PORT or actuator.http.port to another one, and restart the daemon"}
	case f.Serving != "":
		return Check{"http", OK, "served at http://" + f.Serving + "/", ""}
	case f.Address == "":
		return Check{"http", Note, "switched off by the configuration", ""}
	}
	return Check{"http", OK, f.Address + " is free for the daemon", ""}
}

// DaemonFacts are about the daemon.
type DaemonFacts struct {
	// Running is false where none answers; then the other members are empty, but for Problem.
	Running bool
	PID     int
	Version string
	Uptime  time.Duration
	// Problem says why it does not answer although there is one.
	Problem string
	// Problems are what it says of itself.
	Problems []string
	// Revivals is how often guards had to bring it back.
	Revivals int
	// Wanted is true where an application should be running.
	Wanted bool
}

// Daemon judges the daemon; version is this command's.
func Daemon(f DaemonFacts, version string) []Check {
	switch {
	case f.Problem != "":
		return []Check{{"daemon", Failure, f.Problem, "look at [ pandora log --daemon ]; applications go on without it, and killing it is safe: a guard brings it back"}}
	case !f.Running && f.Wanted:
		return []Check{{"daemon", Failure, "it does not run, although applications should", "[ pandora resurrect ] starts it and them"}}
	case !f.Running:
		return []Check{{"daemon", OK, "it does not run: nothing is started", ""}}
	}
	c := Check{Name: "daemon", Level: OK, Found: fmt.Sprintf("%s runs as process %d since %s", f.Version, f.PID, f.Uptime.Round(time.Second))}
	if f.Version != version {
		c.Level, c.Advice = Warning, fmt.Sprintf("this command is %s: [ pandora daemon upgrade ] replaces the daemon, applications do not notice", version)
	}
	all := []Check{c}
	if f.Revivals > 0 {
		all = append(all, Check{"daemon", Warning, fmt.Sprintf("guards had to bring it back, %d times", f.Revivals), "[ pandora log --daemon ] and the system's log (out of memory?) tell why it died"})
	}
	for _, p := range f.Problems {
		all = append(all, Check{"daemon", Warning, p, ""})
	}
	return all
}

// BootFacts are about what starts the daemon at boot.
type BootFacts struct {
	// Systemd is false where systemd does not run.
	Systemd bool
	// Unit is the path of the unit; "" where there is none.
	Unit string
	// Enabled tells that it is started at boot; for a unit of a user Linger tells that the user's manager is.
	Enabled, User, Linger bool
	UserName              string
	// Runs is the command of the unit, Exists whether that is there, Same whether it is this one.
	Runs         string
	Exists, Same bool
	// Wanted is true where an application should be running.
	Wanted bool
}

// Boot judges whether applications come back after a boot.
func Boot(f BootFacts) Check {
	kind := "--system"
	if f.User {
		kind = "--user"
	}
	again := "[ pandora startup " + kind + " ] writes it again"
	switch {
	case f.Unit == "" && !f.Systemd:
		return Check{"boot", Note, "systemd does not run here", "have what starts this machine or container run [ pandora resurrect ]"}
	case f.Unit == "" && f.Wanted:
		return Check{"boot", Warning, "after a boot nothing is started", "[ pandora startup --user ] or [ pandora startup --system ]"}
	case f.Unit == "":
		return Check{"boot", OK, "nothing is to be started at boot", ""}
	case !f.Exists:
		return Check{"boot", Failure, fmt.Sprintf("%s runs %s, which is gone", f.Unit, f.Runs), again}
	case !f.Enabled:
		return Check{"boot", Warning, f.Unit + " is not enabled", again + " and enables it"}
	case !f.Same:
		return Check{"boot", Warning, fmt.Sprintf("%s runs %s, not this command", f.Unit, f.Runs), again}
	case f.User && !f.Linger:
		return Check{"boot", Warning, f.Unit + " starts it at the first login only", "[ loginctl enable-linger " + f.UserName + " ]"}
	}
	return Check{"boot", OK, f.Unit + " starts it", ""}
}

// StateFacts are about what is kept of applications.
type StateFacts struct {
	// Applications is how many there are; Problems are records that cannot be read.
	Applications int
	Problems     []string
	// Gone names those whose folder does not exist any more, with that folder.
	Gone map[string]string
	// LeftBehind names applications that workers run of without a guard.
	LeftBehind []string
}

// State judges what is kept, and finds orphans.
func State(f StateFacts) []Check {
	applications := "applications are"
	if f.Applications == 1 {
		applications = "application is"
	}
	all := []Check{{"records", OK, fmt.Sprintf("%d %s known", f.Applications, applications), ""}}
	for _, p := range f.Problems {
		all = append(all, Check{"records", Warning, p, "start the application again from its folder"})
	}
	for _, app := range sorted(f.Gone) {
		all = append(all, Check{"records", Warning, fmt.Sprintf("the folder %s of %s is gone", f.Gone[app], app),
			"bring it back, or [ pandora delete " + app + " ]"})
	}
	orphans := Check{"orphans", OK, "no worker runs without its guard", ""}
	if len(f.LeftBehind) > 0 {
		orphans = Check{"orphans", Failure, "workers run without a guard, of " + strings.Join(f.LeftBehind, ", "),
			"[ pandora list ] starts the daemon, which ends them and starts the application again"}
	}
	return append(all, orphans)
}
