// Package state is what survives on disk between commands, daemons and guards: where the home folder is, the record of
// each application, what the daemon was started with, and the locks that keep it single.
//
//	home, err := state.Locate(os.Getenv)     // where things are; touches nothing
//	err = home.Prepare()                     // makes the folders, or says who owns them
//	record, err := home.ReadRecord("shop")
//	err = home.WriteRecord(record)           // whole or not at all
//
// Concurrency: Home is a value without state. Files are replaced by renaming, so a reader sees the old or the new one;
// only the daemon writes records.
//
// It starts nothing and knows neither sockets' protocols nor the supervisor.
package state

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/procfile"
)

const (
	// maxSocketPath is the longest path a unix socket can have on every supported system.
	maxSocketPath = 103
	// maxSocketName is the longest file name that the sockets in the run folder have.
	maxSocketName = len("guard-") + guardNamePart + len("-") + 8 + len(".sock")
	// guardNamePart is how much of an application's name its guard's socket shows.
	guardNamePart = 20
	// maxName bounds application names: they become file and folder names.
	maxName = 100
)

// Home tells where everything of one user's pandora lies. All paths are absolute.
type Home struct {
	// Dir is PANDORA_DIR, by default ~/.pandora.
	Dir string
	// Run holds the sockets. It is <Dir>/run, or, where that is too long for a socket, the short folder that
	// <Dir>/run links to.
	Run string
	// State holds records and locks.
	State string
	// JS holds the installed js/<digest> folders.
	JS string
	// Logs holds one folder per application: <Dir>/logs when PANDORA_DIR is set, otherwise ~/logs.
	Logs string
}

// Locate finds the home folder from the environment variables PANDORA_DIR, PANDORA_LOGS_DIR (set in workers, so that a
// pandora started by a worker finds the same logs) and HOME. It touches no file.
func Locate(getenv func(string) string) (Home, error) {
	dir, logs, user := getenv("PANDORA_DIR"), getenv("PANDORA_LOGS_DIR"), getenv("HOME")
	if dir == "" {
		if user == "" {
			return Home{}, errors.New("find the home folder: neither PANDORA_DIR nor HOME is set; set PANDORA_DIR to a folder of your own")
		}
		dir = filepath.Join(user, ".pandora")
		if logs == "" {
			logs = filepath.Join(user, "logs")
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("find the home folder %q: %w", dir, err)
	}
	if logs == "" {
		logs = filepath.Join(dir, "logs")
	}
	if logs, err = filepath.Abs(logs); err != nil {
		return Home{}, fmt.Errorf("find the log folder %q: %w", logs, err)
	}
	home := Home{
		Dir:   dir,
		Run:   filepath.Join(dir, "run"),
		State: filepath.Join(dir, "state"),
		JS:    filepath.Join(dir, "js"),
		Logs:  logs,
	}
	if len(home.Run)+1+maxSocketName > maxSocketPath {
		home.Run = shortRun(dir, getenv("TMPDIR"))
	}
	return home, nil
}

// shortRun names the short folder that stands in for a run folder whose path is too long. The name depends on the home
// folder and the user only, so that everybody finds it.
func shortRun(dir, temp string) string {
	name := fmt.Sprintf("pandora-%d-%s", os.Geteuid(), digest(dir))
	if temp == "" || len(temp)+1+len(name)+1+maxSocketName > maxSocketPath {
		temp = "/tmp"
	}
	return filepath.Join(temp, name)
}

// digest is eight hex digits over text.
func digest(text string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("%08x", h.Sum32())
}

// WithLogs is the same with the logs in another folder, an absolute path.
func (h Home) WithLogs(dir string) Home {
	h.Logs = dir
	return h
}

// Check reports whether the home folder may be used: an error names another owner. A missing folder is fine.
func (h Home) Check() error {
	for _, dir := range []string{h.Dir, h.Run} {
		if err := checkOwner(dir); err != nil {
			return err
		}
	}
	return nil
}

// Prepare makes the folders that are missing and checks that all of them can be used. An error names the folder and
// says what to do.
func (h Home) Prepare() error {
	if err := os.MkdirAll(filepath.Dir(h.Dir), 0o755); err != nil {
		return h.cannotMake(h.Dir, err)
	}
	if err := h.private(h.Dir); err != nil {
		return err
	}
	if err := h.prepareRun(); err != nil {
		return err
	}
	for _, dir := range []string{h.State, filepath.Join(h.State, appsFolder), h.JS} {
		if err := h.private(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(h.DaemonLogs(), 0o700); err != nil {
		return h.cannotMake(h.DaemonLogs(), err)
	}
	return checkWritable(h.DaemonLogs())
}

// private makes dir with mode 0700, or checks and narrows the one that is there.
func (h Home) private(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return h.cannotMake(dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return h.cannotMake(dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("use folder %q: it is a file; remove it, or set PANDORA_DIR to another folder", dir)
	}
	if err := checkOwner(dir); err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("use folder %q: others may read it, and its mode cannot be changed: %w; run chmod 700 on it, or set PANDORA_DIR to another folder", dir, err)
		}
	}
	return checkWritable(dir)
}

func (h Home) cannotMake(dir string, err error) error {
	return fmt.Errorf("make folder %q: %w; %s", dir, fserr.Bare(err), remedy(err))
}

// remedy says what to do about a folder that cannot be made or used.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "set PANDORA_DIR to a shorter path"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on its disk, or set PANDORA_DIR to a folder on another one"
	case errors.Is(err, fs.ErrNotExist):
		return "set PANDORA_DIR to a folder of your own"
	case errors.Is(err, syscall.EROFS):
		return "set PANDORA_DIR to a folder on a disk that can be written to"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return "a file lies where a folder belongs; move it away, or set PANDORA_DIR to another folder"
	}
	return "give this user the right to it, or set PANDORA_DIR to a folder of your own"
}

// prepareRun makes the run folder, and the link to it where it is a short one.
func (h Home) prepareRun() error {
	if err := h.private(h.Run); err != nil {
		return err
	}
	link := filepath.Join(h.Dir, "run")
	if link == h.Run {
		return nil
	}
	// An attacker could have put a link where the short folder belongs.
	if info, err := os.Lstat(h.Run); err != nil || !info.IsDir() {
		return fmt.Errorf("use folder %q: it is not a folder; remove it, or set PANDORA_DIR to a shorter path", h.Run)
	}
	if target, err := os.Readlink(link); err == nil && target == h.Run {
		return nil
	}
	err := os.Remove(link)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("use folder %q: its path is too long for a socket, and it cannot be replaced by a link to %q: %w", link, h.Run, err)
	}
	if err := os.Symlink(h.Run, link); err != nil && !errors.Is(err, os.ErrExist) {
		return h.cannotMake(link, err)
	}
	return nil
}

// ControlSocket is where the daemon listens for commands.
func (h Home) ControlSocket() string { return filepath.Join(h.Run, "control.sock") }

// AnnouncedPath is the file of what workers have announced to the daemon and would not announce to the next one.
func (h Home) AnnouncedPath() string { return filepath.Join(h.State, "announced.json") }

// ErrorsPath is the file of the last errors that workers have reported.
func (h Home) ErrorsPath() string { return filepath.Join(h.State, "errors.ndjson") }

// MetricSocket is where the daemon listens for the workers' metric frames; the name is the original's.
func (h Home) MetricSocket() string { return filepath.Join(h.Run, "pandorajs_pandora_metric.sock") }

// GuardSocket is where the guard of an application listens.
func (h Home) GuardSocket(app string) string {
	shown := strings.Map(func(r rune) rune {
		if r > 126 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' && r != '.' {
			return '_'
		}
		return r
	}, app)
	return filepath.Join(h.Run, "guard-"+shown[:min(len(shown), guardNamePart)]+"-"+digest(app)+".sock")
}

// GuardSockets lists the guards' sockets that exist, live or not.
func (h Home) GuardSockets() []string {
	all, _ := filepath.Glob(filepath.Join(h.Run, "guard-*.sock")) // the pattern is valid
	return all
}

// Roster is the file in which the guard of an application notes its living workers.
func (h Home) Roster(app string) string {
	return filepath.Join(h.State, "roster-"+fileName(app)+".json")
}

// Rosters lists the rosters that exist, by application.
func (h Home) Rosters() map[string]string {
	paths, _ := filepath.Glob(filepath.Join(h.State, "roster-*.json")) // the pattern is valid
	rosters := map[string]string{}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "roster-"), ".json")
		if app, err := url.PathUnescape(name); err == nil {
			rosters[app] = path
		}
	}
	return rosters
}

// DaemonLogs is the folder of the daemon's own logs.
func (h Home) DaemonLogs() string { return filepath.Join(h.Logs, "pandorajs") }

// DaemonLog is the log of daemon and guards, one JSON object a line.
func (h Home) DaemonLog() string { return filepath.Join(h.DaemonLogs(), "daemon.log") }

// DaemonStd receives what daemon and guards write to standard output and error, which is nothing unless they crash.
func (h Home) DaemonStd() string { return filepath.Join(h.DaemonLogs(), "daemon_std.log") }

// AppLog is the file with the output of an application.
func (h Home) AppLog(app string) string { return filepath.Join(h.Logs, app, "nodejs_stdout.log") }

// ValidName reports what is wrong with an application's name; it becomes a folder name under Logs.
func ValidName(name string) error {
	problem := ""
	switch {
	case name == "":
		problem = "it is empty"
	case name == "." || name == "..":
		problem = "it would name a folder of its own"
	case len(name) > maxName:
		problem = fmt.Sprintf("it has %d bytes, at most %d", len(name), maxName)
	case !utf8.ValidString(name):
		problem = "it is not UTF-8"
	case strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }):
		problem = "it contains a slash or a control character"
	}
	if problem == "" {
		return nil
	}
	return fmt.Errorf("use application name %q: %s", name, problem)
}

// Desired is what the user last asked for.
type Desired string

// The two wishes.
const (
	DesiredRunning Desired = "running"
	DesiredStopped Desired = "stopped"
)

// Record is everything kept about one application: enough to list it, to start it again and to evaluate it again.
type Record struct {
	// Version is the version of this form; see RecordVersion.
	Version int    `json:"version"`
	AppName string `json:"appName"`
	// AppDir is absolute, as the user gave it: symlinks are resolved at each evaluation.
	AppDir  string  `json:"appDir"`
	Desired Desired `json:"desired"`
	// CreatedAt and UpdatedAt are RFC 3339 times; records are listed in the order of CreatedAt.
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
	// App is the graph of the last start.
	App procfile.Application `json:"app"`
	// Env is the environment of the shell that started it, as KEY=VALUE.
	Env []string `json:"env"`
	// Cwd is the folder that shell was in.
	Cwd string `json:"cwd"`
	// Node is the Node binary asked for; "" means looked up in PATH at each spawn.
	Node string `json:"node,omitempty"`
	// GlobalEnvFiles are those of --env-file; what they say is not kept.
	GlobalEnvFiles []procfile.EnvFile `json:"globalEnvFiles,omitempty"`
	// GlobalEnv, GlobalArgs and GlobalExecArgv are --env, --args and --node-args of the start.
	GlobalEnv      map[string]string `json:"globalEnv,omitempty"`
	GlobalArgs     []string          `json:"globalArgs,omitempty"`
	GlobalExecArgv []string          `json:"globalExecArgv,omitempty"`
	// Stopped names processes that were stopped on their own and are not to run.
	Stopped []string `json:"stopped,omitempty"`
}
