package pm2

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// supervision reads what a process asks of its guard.
func (a *app) supervision() {
	listen, hasListen := a.take("listen_timeout")
	listenMs, listenOK := milliseconds(listen)
	if v, ok := a.take("wait_ready"); ok && truthy(v) && a.command != nil {
		a.find("wait_ready", "is not honoured: a command has no channel to say ready in", "", false)
	} else if ok && truthy(v) {
		condition := "message: 'ready'"
		if listenOK {
			condition += fmt.Sprintf(", timeoutMs: %d", listenMs)
		}
		a.call("ready({ %s })", condition)
		a.find("wait_ready", "is stricter: a worker that does not say ready in time fails the start, where PM2 goes on", "", true)
	} else if hasListen {
		a.find("listen_timeout", "is not needed: a reload waits until the new worker listens", "", true)
	}
	if v, ok := a.take("max_memory_restart"); ok && a.command != nil {
		a.find("max_memory_restart", "is not honoured: the memory of a command is not counted", "run it as a script of Node", false)
	} else if ok {
		switch n, isNumber := number(v); {
		case isNumber && n >= 1:
			a.call("maxMemory(%d)", int64(n))
		case memoryText().MatchString(text(v)):
			a.call("maxMemory(%s)", quote(text(v)))
		default:
			a.find("max_memory_restart", "is "+shown(v)+", expected bytes or a text like '300M'", "", false)
		}
	}
	if v, ok := a.take("kill_timeout"); ok {
		if ms, good := milliseconds(v); good {
			a.call("timeouts({ stopMs: %d })", ms)
		}
	}
	a.restarts()
	_, out, hasOut := a.first("out_file", "out", "output", "out_log", "outFile")
	_, errors, hasErrors := a.first("error_file", "error", "err", "err_file", "err_log", "errorFile")
	if hasOut && hasErrors && text(out) != text(errors) {
		a.call("stdio('split')")
	}
}

// restarts reads max_restarts and min_uptime. PM2 counts ends within min_uptime; here the time between is limited, so it is as
// long as that many ends within min_uptime take with the waiting between them.
func (a *app) restarts() {
	uptime, hasUptime := a.take("min_uptime")
	uptimeMs, ok := milliseconds(uptime)
	if !ok {
		uptimeMs = 1000
	}
	v, given := a.take("max_restarts")
	n, _ := number(v)
	switch {
	case given && n >= 1 && n <= 1e6:
		window, wait := int64(0), int64(100)
		for i := 0; i < int(n) && window < 1<<31-1; i++ {
			window += uptimeMs + wait
			wait = min(wait*2, 30000)
		}
		a.call("maxRestarts(%d, %d)", int(n), min(window, 1<<31-1))
	case given:
		a.find("max_restarts", "is "+shown(v)+": a worker that ends is always started again", "", false)
	case hasUptime:
		a.find("min_uptime", "counts nothing without max_restarts: a worker that ends is tried again for ever, ever more slowly", "", true)
	}
}

var memoryText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^\d+(\.\d+)?[kmg]b?$`) })

// call adds a call to the process.
func (a *app) call(format string, args ...any) {
	a.calls = append(a.calls, "."+fmt.Sprintf(format, args...))
}

// fate is what becomes of a field that is not converted.
type fate struct {
	fields           string
	message, instead string
	covered          bool
	// unless are values that ask for nothing; "" is none. falsy values of fields that switch something on are among them.
	when func(value any) bool
}

func on(value any) bool  { return truthy(value) && value != "false" }
func off(value any) bool { return !on(value) }
func always(any) bool    { return true }

// fates are the fields of PM2 that are not converted.
func fates() []fate {
	return []fate{
		{"watch", "is not done by start", "run [ pandora dev ] while you develop", false, on},
		{"ignore_watch watch_delay watch_options ignoreWatch", "is not read: [ pandora dev ] watches what the program has loaded", "", true, on},
		{"autorestart", "is not honoured: a worker that ends is started again, also with exit code 0", "run what is to end by itself with cron or a systemd timer", false, off},
		{"autostart", "is not honoured: every process starts with the application", "stop it with [ pandora stop app/process ]", false, off},
		{"stop_exit_codes", "is not honoured: a worker that ends is started again, with whatever code", "", false, always},
		{"restart_delay exp_backoff_restart_delay", "is not read: the first restart is at once, then it waits 100 ms, 200 ms and so on up to 30 s", "", true, on},
		{"cron_restart cron", "is not honoured", "call [ pandora reload app ] from cron or a systemd timer", false, on},
		{"shutdown_with_message", "is not honoured: no message is sent", "stop on SIGTERM in the program", false, on},
		{"error_file error err err_file err_log errorFile out_file out output out_log outFile log_file log pid_file pid", "is not used: logs lie in PANDORA_LOGS_DIR", "see [ pandora log ] and [ pandora pid ]", false, always},
		{"merge_logs combine_logs", "is not needed: nodejs_stdout.log merges all workers", "", true, always},
		{"log_date_format time", "is not needed: the time of each piece of output is kept", "see [ pandora log --since ]", true, on},
		{"log_type disable_logs", "is not honoured: what a worker prints is kept as it is", "", false, on},
		{"source_map_support", "is not done by itself", "add '--enable-source-maps' to nodeArgs", false, on},
		{"instance_var", "is not honoured: the number of a worker is NODE_APP_INSTANCE", "read that variable", false, func(v any) bool { return text(v) != "NODE_APP_INSTANCE" }},
		{"increment_var", "is not honoured: all workers have the same environment", "add NODE_APP_INSTANCE in the program", false, on},
		{"namespace", "is not kept: the file is one application, and its apps are processes of it", "", true, func(v any) bool { return text(v) != "default" }},
		{"uid gid user", "is not honoured: processes run as the user that starts them", "start the application as that user", false, on},
		{"filter_env", "is not honoured: processes get the environment of the shell", "start it with env -i, or unset these variables before", false, func(v any) bool {
			list, isList := v.([]any)
			return on(v) && (!isList || len(list) > 0)
		}},
		{"treekill", "is not honoured: whatever a worker has started ends with it", "", false, off},
		{"trace deep_monitoring v8 event_loop_inspector io", "belongs to the service of PM2", "see metrics and reporters of pandora", false, on},
		{"post_update install_url", "belongs to deployments of PM2", "deploy with your own tool", false, on},
		{"pmx automation vizion windowsHide disable_trace disable_source_map_support force kill_retry_time username write version", "means nothing here", "", true, always},
	}
}

// rest notes what becomes of all other fields.
func (a *app) rest() {
	for _, f := range fates() {
		for name := range strings.FieldsSeq(f.fields) {
			known := a.seen[name]
			value, ok := a.take(name)
			if !ok || !f.when(value) {
				continue
			}
			if known && strings.HasPrefix(f.fields, "error_file") || !known {
				a.find(name, f.message, f.instead, f.covered)
			}
		}
	}
	for _, name := range a.fields.keys {
		if !a.seen[name] {
			a.find(name, "is unknown, to PM2 too", "", false)
		}
	}
}
