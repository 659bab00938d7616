package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/doctor"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) doctorCommand() *cobra.Command {
	var f *format
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps applications from running well, and say what to do",
		Long: `Doctor looks at Node, the home folder, disks, limits, the port of the HTTP server, the daemon, the boot unit, the records of
applications and workers without a guard. It changes nothing and starts nothing. The exit code is 1 when something does
not work.`,
		Example: "  pandora doctor\n  pandora doctor -o json",
		Args:    arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.doctor(cmd.Context(), f)
		},
	}
	f = addFormat(cmd)
	return cmd
}

// doctor runs the verb doctor.
func (c *cli) doctor(ctx context.Context, f *format) error {
	checks := c.examine(ctx)
	worst := doctor.Worst(checks)
	if f.document() {
		if err := c.printDocument(f, struct {
			Level  doctor.Level   `json:"level"`
			Checks []doctor.Check `json:"checks"`
		}{worst, checks}); err != nil {
			return err
		}
	} else {
		c.wrapping(23).printChecks(checks)
	}
	if worst == doctor.Failure {
		return &failure{code: exitFailure, err: errors.New("something does not work"), told: true}
	}
	return nil
}

// printChecks writes a line for each finding, and one below it for what to do.
func (c *cli) printChecks(checks []doctor.Check) {
	for _, check := range checks {
		colour := map[doctor.Level]func(bool, string) string{
			doctor.OK: green, doctor.Note: grey, doctor.Warning: yellow, doctor.Failure: red,
		}[check.Level]
		c.say("%s %-13s %s", colour(c.outColour, fmt.Sprintf("%-8s", check.Level)), check.Name, abridged(oneLine(check.Found)))
		if check.Advice != "" {
			c.say("%s", grey(c.outColour, strings.Repeat(" ", 23)+abridged(oneLine(check.Advice))))
		}
	}
}

// examine finds out everything that is judged.
func (c *cli) examine(ctx context.Context) []doctor.Check {
	checks := []doctor.Check{doctor.Command(c.commandFacts(), version), doctor.Node(c.nodeFacts(ctx))}
	home, folder := c.folderFacts()
	checks = append(checks, doctor.Folder(folder))
	if folder.Problem == "" {
		checks = append(checks, doctor.Disk(diskFacts("state", home.Dir)), doctor.Disk(diskFacts("logs", home.Logs)))
	}
	checks = append(checks, doctor.Limits(limitFacts())...)
	if folder.Problem != "" {
		return checks
	}
	facts, wanted := stateFacts(home)
	running, info := daemonFacts(ctx, home, wanted)
	checks = append(checks, doctor.Daemon(running, version)...)
	if running.Problem == "" {
		checks = append(checks, doctor.Port(c.portFacts(ctx, info)))
	}
	return append(append(checks, doctor.Boot(c.bootFacts(wanted))), doctor.State(facts)...)
}

// commandFacts looks for commands of this name in PATH.
func (c *cli) commandFacts() doctor.CommandFacts {
	var f doctor.CommandFacts
	own, err := os.Executable()
	if err == nil {
		f.Executable = real(own)
	}
	met := false
	for _, dir := range filepath.SplitList(c.getenv("PATH")) {
		path := filepath.Join(dir, "pandora")
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			continue
		}
		if real(path) == f.Executable {
			met = true
			continue
		}
		f.Others = append(f.Others, path)
		f.First = f.First || !met
	}
	return f
}

// real is a path without symlinks, as far as that can be told.
func real(path string) string {
	if full, err := filepath.EvalSymlinks(path); err == nil {
		return full
	}
	return path
}

// nodeFacts asks the Node in PATH.
func (c *cli) nodeFacts(ctx context.Context) doctor.NodeFacts {
	path, err := exec.LookPath("node")
	if err != nil {
		return doctor.NodeFacts{}
	}
	version, err := nodeVersion(ctx)
	if err != nil {
		return doctor.NodeFacts{Path: path, Problem: err.Error()}
	}
	return doctor.NodeFacts{Path: path, Version: version}
}

// folderFacts looks at the home folder without making it.
func (c *cli) folderFacts() (state.Home, doctor.FolderFacts) {
	home, err := c.home()
	if err != nil {
		return home, doctor.FolderFacts{Problem: err.Error()}
	}
	f := doctor.FolderFacts{Dir: home.Dir}
	info, err := os.Stat(home.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		above := existing(home.Dir)
		if err := mayWrite(above); err != nil {
			f.Problem = fmt.Sprintf("%s cannot be made: %s: %v", home.Dir, above, err)
		}
		return home, f
	case err != nil:
		f.Problem = err.Error()
	case !info.IsDir():
		f.Problem = fmt.Sprintf("%s is a file, not a folder", home.Dir)
	default:
		f.Exists, f.Remote = true, remoteFileSystem(home.Dir)
		if err := mayWrite(home.Dir); err != nil {
			f.Problem = fmt.Sprintf("%s cannot be written: %v", home.Dir, err)
		} else if info, err := os.Stat(home.ControlSocket()); err == nil && info.Mode().Type() != fs.ModeSocket {
			f.Problem = fmt.Sprintf("%s is no socket; remove it", home.ControlSocket())
		}
	}
	return home, f
}

// existing is the folder itself, or the nearest one above that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// stateFacts looks at the records, and for workers without a guard; wanted tells whether an application should run.
func stateFacts(home state.Home) (f doctor.StateFacts, wanted bool) {
	records, problems := home.Records()
	f = doctor.StateFacts{Applications: len(records), Problems: problems, Gone: map[string]string{}}
	for _, r := range records {
		wanted = wanted || r.Desired == state.DesiredRunning
		if _, err := os.Stat(r.AppDir); errors.Is(err, os.ErrNotExist) {
			f.Gone[r.AppName] = r.AppDir
		}
		if roster := home.Roster(r.AppName); supervisor.LeftBehind(roster) && !listens(home.GuardSocket(r.AppName)) {
			f.LeftBehind = append(f.LeftBehind, r.AppName)
		}
	}
	return f, wanted && !home.IsDown()
}

// daemonFacts asks the daemon, if there is one.
func daemonFacts(ctx context.Context, home state.Home, wanted bool) (doctor.DaemonFacts, *control.DaemonInfo) {
	f := doctor.DaemonFacts{Wanted: wanted}
	d, err := probe(ctx, home)
	if err != nil {
		f.Problem = err.Error()
		return f, nil
	}
	if d == nil {
		return f, nil
	}
	defer d.Close()
	info, err := d.Info(ctx)
	if err != nil {
		f.Problem = err.Error()
		return f, nil
	}
	f.Running, f.PID, f.Version, f.Uptime = true, info.PID, info.Version, time.Since(info.StartedAt)
	f.Problems, f.Revivals = info.Problems, info.Revivals.Count
	for _, r := range info.Reporters {
		if r.Error != "" {
			f.Problems = append(f.Problems, fmt.Sprintf("reporter %s fails: %s", r.Name, r.Error))
		}
	}
	return f, &info
}

// portFacts tells where the daemon serves, or tries the address that it would.
func (c *cli) portFacts(ctx context.Context, info *control.DaemonInfo) doctor.PortFacts {
	if info != nil {
		return doctor.PortFacts{Serving: info.Actuator, Problem: info.ActuatorProblem}
	}
	cwd, err := os.Getwd()
	if err != nil {
		return doctor.PortFacts{Problem: err.Error()}
	}
	executable, err := os.Executable()
	if err != nil {
		return doctor.PortFacts{Problem: err.Error()}
	}
	result, err := config.Load(ctx, config.Options{Env: c.environ, Cwd: cwd, Executable: executable})
	if err != nil {
		return doctor.PortFacts{Problem: err.Error()}
	}
	options, err := endpoints.DecodeOptions(result.JSON)
	if err == nil {
		options, err = actuatorPort(options, c.getenv("PANDORA_ACTUATOR_PORT"))
	}
	if err == nil {
		options, err = actuatorHost(options)
	}
	switch {
	case err != nil:
		return doctor.PortFacts{Problem: err.Error()}
	case !options.Enabled:
		return doctor.PortFacts{}
	}
	address := net.JoinHostPort(options.Host, strconv.Itoa(options.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return doctor.PortFacts{Problem: (&actuator{address: address}).explain(ctx, err)}
	}
	listener.Close()
	return doctor.PortFacts{Address: address}
}

// bootFacts looks for a unit of the user's service manager, then for one of the machine's.
func (c *cli) bootFacts(wanted bool) doctor.BootFacts {
	f := doctor.BootFacts{Wanted: wanted}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		f.Systemd = true
	}
	for _, flags := range []startupFlags{{user: true}, {system: true}} {
		unit, err := c.bootUnit(flags)
		if err != nil {
			continue
		}
		text, err := os.ReadFile(unit.path())
		if err != nil {
			continue
		}
		target := "default.target.wants"
		if unit.system {
			target = "multi-user.target.wants"
		}
		f.Unit, f.User, f.UserName, f.Runs = unit.path(), !unit.system, unit.user, unitProgram(string(text))
		_, err = os.Lstat(filepath.Join(unit.folder, target, unit.name))
		f.Enabled = err == nil
		_, err = os.Stat(filepath.Join("/var/lib/systemd/linger", unit.user))
		f.Linger = err == nil
		_, err = os.Stat(f.Runs)
		f.Exists = err == nil
		f.Same = real(f.Runs) == real(unit.executable)
		break
	}
	return f
}

// unitProgram is the program that a unit of ours runs: its name is quoted as unitQuote does it.
func unitProgram(text string) string {
	for line := range strings.Lines(text) {
		command, found := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
		if !found {
			continue
		}
		command = strings.NewReplacer("%%", "%", "$$", "$").Replace(command)
		quoted, found := strings.CutPrefix(command, `"`)
		if !found {
			program, _, _ := strings.Cut(command, " ")
			return program
		}
		var program strings.Builder
		for i := 0; i < len(quoted) && quoted[i] != '"'; i++ {
			if quoted[i] == '\\' && i+1 < len(quoted) {
				i++
			}
			program.WriteByte(quoted[i])
		}
		return program.String()
	}
	return ""
}
