package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/state"
)

// systemctlTimeout bounds one call of systemctl.
const systemctlTimeout = time.Minute

// startupFlags are the flags of startup.
type startupFlags struct {
	user, system, print, remove bool
	runAs, folder               string
}

func (c *cli) startupCommand() *cobra.Command {
	var f startupFlags
	cmd := &cobra.Command{
		Use:   "startup {--user | --system}",
		Short: "Have systemd start the daemon at boot, which starts every application that ran last",
		Long: `Startup writes a systemd unit and enables it: with --user one of this user's own service manager, with --system one of
the machine's, which runs the daemon as this user and takes root to be written. The unit captures HOME, PATH and what is
set of pandora's own variables.`,
		Example: `  pandora startup --user
  sudo pandora startup --system`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.startup(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.user, "user", false, "a unit of this user's service manager")
	flags.BoolVar(&f.system, "system", false, "a unit of the machine's service manager")
	flags.BoolVar(&f.print, "print", false, "print the unit and change nothing")
	flags.BoolVar(&f.remove, "remove", false, "disable the unit and delete it")
	flags.StringVar(&f.runAs, "run-as", "", "with --system, the user to run as (default: who called sudo, else the current user)")
	flags.StringVar(&f.folder, "folder", "", "the folder of units, where it is not the usual one")
	_ = flags.MarkHidden("folder") // the flag exists
	return cmd
}

// startup runs the verb startup.
func (c *cli) startup(ctx context.Context, f startupFlags) error {
	switch {
	case f.user == f.system:
		return usageError(errors.New("startup needs one of --user and --system"))
	case f.print && f.remove:
		return usageError(errors.New("startup takes one of --print and --remove"))
	case f.user && f.runAs != "":
		return usageError(errors.New("--run-as is for --system; a unit of --user runs as its user"))
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("startup writes units for systemd, which %s has not; have your system run [ pandora resurrect ] at boot", runtime.GOOS)
	}
	unit, err := c.bootUnit(f)
	if err != nil {
		return err
	}
	switch {
	case f.print:
		fmt.Fprint(c.out, unit.text())
		return nil
	case f.remove:
		return c.removeUnit(ctx, unit)
	}
	return c.installUnit(ctx, unit)
}

// bootUnit describes the unit for this command's environment.
func (c *cli) bootUnit(f startupFlags) (*bootUnit, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the path of this program: %w", err)
	}
	u := &bootUnit{system: f.system, executable: executable}
	owner, err := c.unitOwner(f)
	if err != nil {
		return nil, err
	}
	u.user = owner.Username
	environ := slices.Clone(c.environ)
	if f.system {
		// Under sudo, HOME may be root's.
		environ = append(environ, "HOME="+owner.HomeDir)
	}
	inner := &cli{environ: environ}
	home, err := state.Locate(inner.getenv)
	if err != nil {
		return nil, err
	}
	u.home = home
	u.env = unitEnviron(withoutWorkerMarks(environ), home)
	u.folder, u.name = f.folder, "pandora.service"
	if f.system {
		u.name = "pandora-" + u.user + ".service"
	}
	switch {
	case u.folder != "":
	case f.system:
		u.folder = "/etc/systemd/system"
	case c.getenv("XDG_CONFIG_HOME") != "":
		u.folder = filepath.Join(c.getenv("XDG_CONFIG_HOME"), "systemd", "user")
	default:
		u.folder = filepath.Join(inner.getenv("HOME"), ".config", "systemd", "user")
	}
	return u, nil
}

// unitOwner is the user that the daemon is to run as.
func (c *cli) unitOwner(f startupFlags) (*user.User, error) {
	name := f.runAs
	if name == "" && f.system && os.Geteuid() == 0 {
		name = c.getenv("SUDO_USER")
	}
	if name == "" {
		u, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("find the current user: %w", err)
		}
		return u, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, usageError(fmt.Errorf("--run-as is %s: there is no user of that name on this machine", shorten(name)))
	}
	return u, nil
}

// installUnit writes the unit and enables it.
func (c *cli) installUnit(ctx context.Context, u *bootUnit) error {
	if err := os.MkdirAll(u.folder, 0o755); err != nil {
		return c.needsRoot(u, err)
	}
	if err := replaceUnit(u.path(), u.text()); err != nil {
		return c.needsRoot(u, err)
	}
	c.say("%s is written", u.path())
	if !c.haveSystemctl() {
		c.warn("systemctl is not in PATH, so the unit is not enabled; where systemd runs, do: %s && %s",
			u.systemctl("daemon-reload"), u.systemctl("enable", u.name))
		return nil
	}
	for _, args := range [][]string{{"daemon-reload"}, {"enable", u.name}} {
		if err := c.systemctl(ctx, u, args...); err != nil {
			return err
		}
	}
	c.say("%s is enabled: it starts the daemon at boot, and the daemon what ran last", u.name)
	if !u.system {
		c.say("at boot and not only at the first login: [ loginctl enable-linger %s ]", u.user)
	}
	if pid := u.home.DaemonPID(); pid != 0 && u.home.DaemonLives() {
		c.say("a daemon runs without it; to hand over now, which stops all applications and starts them again: [ kill %d; %s ]",
			pid, u.systemctl("start", u.name))
	} else {
		c.say("to begin now: [ %s ]", u.systemctl("start", u.name))
	}
	return nil
}

// replaceUnit writes a unit so that systemd sees the old or the new one.
func replaceUnit(path, text string) error {
	temp := path + ".new"
	err := os.WriteFile(temp, []byte(text), 0o644)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // half a file
	}
	return err
}

// removeUnit disables the unit and deletes it. The daemon, if it runs, goes on.
func (c *cli) removeUnit(ctx context.Context, u *bootUnit) error {
	if _, err := os.Lstat(u.path()); errors.Is(err, os.ErrNotExist) {
		return &failure{code: exitNotFound, err: fmt.Errorf("there is no unit %q", u.path())}
	}
	systemctl := c.haveSystemctl()
	var errs []error
	if systemctl {
		errs = append(errs, c.systemctl(ctx, u, "disable", u.name))
	}
	if err := os.Remove(u.path()); err != nil {
		return c.needsRoot(u, err)
	}
	c.say("%s is removed; a daemon that runs goes on", u.path())
	if systemctl {
		errs = append(errs, c.systemctl(ctx, u, "daemon-reload"))
	}
	return errors.Join(errs...)
}

// needsRoot explains an error of writing to the folder of units.
func (c *cli) needsRoot(u *bootUnit, err error) error {
	if !errors.Is(err, os.ErrPermission) || !u.system || os.Geteuid() == 0 {
		return fmt.Errorf("change unit %q: %w", u.path(), fserr.Bare(err))
	}
	command := `sudo env PATH="$PATH"`
	for _, kv := range u.env {
		if key, _, _ := strings.Cut(kv, "="); key != "PATH" && key != "HOME" {
			command += " " + shellQuote(kv)
		}
	}
	return fmt.Errorf("change unit %q: that takes root; run [ %s %s startup --system --run-as %s ], or use --user",
		u.path(), command, shellQuote(u.executable), u.user)
}

// shellQuote makes one word of a shell command.
func shellQuote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-=:,+@", r))
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// haveSystemctl reports whether the caller's PATH has systemctl.
func (c *cli) haveSystemctl() bool {
	_, err := exec.LookPath("systemctl")
	return err == nil
}

// systemctl runs systemctl for the unit's service manager.
func (c *cli) systemctl(ctx context.Context, u *bootUnit, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, systemctlTimeout)
	defer cancel()
	if !u.system {
		args = append([]string{"--user"}, args...)
	}
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run [ systemctl %s ]: %w\n%s", strings.Join(args, " "), err, indent(string(bytes.TrimSpace(out))))
	}
	return nil
}
