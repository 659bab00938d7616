package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/pandora-go/pandora/internal/state"
)

// bootUnit is a systemd unit for one home.
type bootUnit struct {
	system bool
	// folder and name are where the file is.
	folder, name string
	// user is who the daemon runs as.
	user       string
	executable string
	home       state.Home
	// env is the environment of the daemon, as KEY=VALUE.
	env []string
}

func (u *bootUnit) path() string { return filepath.Join(u.folder, u.name) }

// systemctl is a command for the user to type.
func (u *bootUnit) systemctl(args ...string) string {
	command := "systemctl "
	if !u.system {
		command += "--user "
	}
	return command + strings.Join(args, " ")
}

// unitEnviron picks what the daemon needs of an environment. Applications have theirs in their records.
func unitEnviron(environ []string, home state.Home) []string {
	values := map[string]string{}
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		switch key {
		case "HOME", "PATH", "LANG", "TZ", "TMPDIR", "PANDORA_CONFIG", "PANDORA_ACTUATOR_PORT", "DEFAULT_WORKER_COUNT":
		case "PANDORA_LOGS_DIR":
			value = home.Logs
		case "PANDORA_DIR":
			value = home.Dir
		default:
			continue
		}
		values[key] = value
	}
	env := make([]string, 0, len(values))
	for key, value := range values {
		if value != "" {
			env = append(env, key+"="+value)
		}
	}
	slices.Sort(env)
	return env
}

// text is the unit's file.
func (u *bootUnit) text() string {
	kind, target := "--user", "default.target"
	var unit, service strings.Builder
	if u.system {
		kind, target = "--system", "multi-user.target"
		unit.WriteString("Wants=network-online.target\nAfter=network-online.target\n")
		service.WriteString("User=" + unitEscape(u.user) + "\n")
	}
	for _, kv := range u.env {
		service.WriteString("Environment=" + unitQuote(kv) + "\n")
	}
	return `# Written by [ pandora startup ` + kind + ` ]; with --remove it takes this away again.
[Unit]
Description=pandora: the Node applications of ` + unitEscape(u.user) + `
` + unit.String() + `
[Service]
# The daemon tells that it is ready once commands reach it; it then starts what ran last. WatchdogSec: it also tells that it
# is not stuck.
Type=notify
NotifyAccess=main
WatchdogSec=30
ExecStart=` + unitQuote(u.executable) + ` daemon --stay
# The guards of the applications are processes of this unit, too, and live without a daemon. KillMode=process leaves them
# alone when the daemon dies, and Restart= brings the next one, which adopts them: no application notices. To stop the unit
# is a SIGTERM to the daemon, which stops all applications in order; what then is left without a daemon ends by itself.
# There is no ExecStop=: [ pandora exit ] would note that nothing is wanted, and nothing would come back at boot.
KillMode=process
TimeoutStopSec=100
Restart=on-failure
RestartSec=500ms
# A worker that the kernel ends for want of memory is its guard's business, and no reason to stop the others.
OOMPolicy=continue
` + service.String() + `
[Install]
WantedBy=` + target + `
`
}

// unitEscape makes a value literal where systemd replaces specifiers.
func unitEscape(value string) string { return strings.ReplaceAll(value, "%", "%%") }

// unitQuote makes one word of a value that systemd splits into words.
func unitQuote(word string) string {
	word = unitEscape(word)
	if !strings.ContainsAny(word, " \t\n\"'\\;#") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(word) + `"`
}
