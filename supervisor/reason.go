package supervisor

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The codes of Exit.Reason.
const (
	// ReasonStopped: it ended when it was asked to; ReasonKilled: it had to be killed, Exit.Message says why.
	ReasonStopped = "stopped"
	ReasonKilled  = "killed"
	// ReasonExit: it ended itself with a code other than 0, and nothing more is known; ReasonExitZero: with 0, though it
	// is to run.
	ReasonExit     = "exit"
	ReasonExitZero = "exit-zero"
	// ReasonUncaught and ReasonRejection: an error, or a rejected promise, that nobody handled.
	ReasonUncaught  = "uncaught-error"
	ReasonRejection = "unhandled-rejection"
	// ReasonStart: the bootstrap could not start it, for a reason that has no code of its own.
	ReasonStart = "start-error"
	// The errors that have a code of their own, whichever way they came.
	ReasonModule     = "module-not-found"
	ReasonSyntax     = "syntax-error"
	ReasonAddress    = "address-in-use"
	ReasonPermission = "permission-denied"
	// ReasonHeap: V8's heap was full; ReasonMemory: the kernel's out-of-memory killer.
	ReasonHeap   = "out-of-heap"
	ReasonMemory = "out-of-memory"
	// ReasonSignal: a signal that was not ours; ReasonCrash: a fault in native code.
	ReasonSignal = "signal"
	ReasonCrash  = "native-crash"
	// ReasonChannel: its channel to the guard broke.
	ReasonChannel = "channel"
)

// handledTime is how soon after an error that the application handled itself an exit is put down to it.
const handledTime = 5 * time.Second

// errorReport is an error as a worker reports it.
type errorReport struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Stack   string `json:"stack"`
	Code    string `json:"code"`
	// Syscall, Address and Port say more about errors of the system.
	Syscall string `json:"syscall"`
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// line is the error's name and message.
func (r *errorReport) line() string {
	if r.Name == "" {
		return r.Message
	}
	return r.Name + ": " + r.Message
}

// text is the error with its stack.
func (r *errorReport) text() string {
	text := r.line()
	if _, at, found := strings.Cut(r.Stack, "\n    at "); found {
		text += "\n    at " + at
	}
	return text[:min(len(text), maxErrorText)]
}

// Exits are rare and a guard is small, so the patterns are compiled when they are needed.
const (
	// framePattern is a line of a stack with a place in the user's files, syntaxPattern the first line of the stack of a
	// syntax error.
	framePattern = `^\s+at (?:.*\()?(?:file://)?(/[^()]*:\d+:\d+)\)?$`
	// oursPattern is a file of our own in a worker.
	oursPattern   = `/js/[0-9a-f]{16}/(node|shared)/`
	syntaxPattern = `^(?:file://)?(/.*:\d+)\n`
	// thrownPattern is the line in which Node names an error, propertyPattern one of its properties, versionPattern the
	// last line.
	thrownPattern   = `^(?:Uncaught )?(?:\w+\s)?\[?((?:[A-Z]\w*)?(?:Error|Exception|Rejection))(?: \[(\w+)\])?: (.*?)\]?$`
	propertyPattern = `^\s+(code|syscall|address|port): '?([^',]*)'?,?$`
	versionPattern  = `^Node\.js v\d+`
	// collectedPattern is what V8 tells of its last collections: the heap in MB after it.
	collectedPattern = `(?:Mark-[Cc]ompact|Mark-sweep|Scavenge).* (\d+)(?:\.\d+)? \(\d`
)

// place is where in the user's files it was thrown; "" when that is not known.
func (r *errorReport) place() string {
	if m := regexp.MustCompile(syntaxPattern).FindStringSubmatch(r.Stack); m != nil && r.Name == "SyntaxError" {
		return m[1]
	}
	frame := regexp.MustCompile(framePattern)
	ours := regexp.MustCompile(oursPattern)
	for line := range strings.Lines(r.Stack) {
		if m := frame.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && !ours.MatchString(m[1]) {
			return m[1]
		}
	}
	return ""
}

// memoryVerdict is whether the kernel's out-of-memory killer has killed something near a process.
type memoryVerdict uint8

const (
	memoryUnknown memoryVerdict = iota
	memoryKilled
	memoryInnocent
)

// cause is what is known about the end of a process besides its exit code.
type cause struct {
	// report is an error that it reported itself; nil when it said nothing. uncaught is "uncaughtException" or
	// "unhandledRejection" when nobody caught it, "" when the bootstrap did; handled says that the application has a
	// handler for those, and age how long before the end it was.
	report   *errorReport
	uncaught string
	handled  bool
	age      time.Duration
	// broken says what was wrong with its channel; "" when nothing was.
	broken string
	// tail is the end of its output, oldest line first.
	tail []string
	// sent is the last signal that was sent to it, and because why, as a clause; "" when none was, or when a stop did.
	sent, because string
	// stopping says that it was to end.
	stopping bool
	// memory tells of the out-of-memory killer.
	memory memoryVerdict
	// holder tells who has the address that it wanted; "" when that is not known.
	holder string
}

// reported is the error that the exit is put down to: reported by the worker, or what Node wrote about it last; nil when
// there is none.
func (c *cause) reported(e Exit) *errorReport {
	if c.report != nil && (!c.handled || e.Code > 0 && c.age <= handledTime) {
		return c.report
	}
	if e.Code == 1 || e.Code == 7 {
		return errorInTail(c.tail)
	}
	return nil
}

// verdict is why a process ended: a code, a sentence and advice.
type verdict struct{ reason, message, hint string }

// reason says why a process ended. It has no clock and no I/O.
func reason(e Exit, c cause) verdict {
	how := "exited with code " + strconv.Itoa(e.Code)
	if e.Signal != "" {
		how = "was ended by " + e.Signal
	}
	heap := outOfHeap(e, c.tail)
	switch {
	case heap != "":
		return verdict{ReasonHeap, "ran out of its JavaScript heap" + heap,
			"raise it with nodeArgs(['--max-old-space-size=<MB>']), or look for a leak"}
	case c.because != "" && c.sent != "" && c.report == nil:
		return verdict{ReasonKilled, c.because, ""}
	case c.broken != "":
		return verdict{ReasonChannel, how + ": " + c.broken, ""}
	case e.Signal != "" && (c.stopping || c.report == nil || c.handled || c.sent != e.Signal):
		return bySignal(e, c, how)
	}
	if r := c.reported(e); r != nil {
		return byError(r, c, how)
	}
	switch {
	case c.stopping:
		return verdict{ReasonStopped, how + ", as it was asked to", ""}
	case e.Code == 0:
		return verdict{ReasonExitZero, how + ", although it is to go on running", "something calls process.exit()"}
	}
	if meaning := exitMeaning(e.Code); meaning != "" {
		how += ": " + meaning
	} else if e.Code > 128 && e.Code <= 128+64 {
		how += fmt.Sprintf(", as programs do that signal %d has ended", e.Code-128)
	}
	return verdict{ReasonExit, how, ""}
}

// exitMeaning says what Node means by an exit code of its own; "" when it is the application's.
func exitMeaning(code int) string {
	switch code {
	case 5:
		return "a fatal error inside V8"
	case 7:
		return "a handler of uncaught errors threw itself"
	case 9:
		return "Node refuses one of its options"
	case 12:
		return "Node cannot use the address for its inspector"
	case 13:
		return "a top-level await never came to its end"
	}
	return ""
}

// bySignal is the verdict on an end by a signal.
func bySignal(e Exit, c cause, how string) verdict {
	switch e.Signal {
	case c.sent:
		if c.stopping && e.Signal == "SIGTERM" {
			return verdict{ReasonStopped, how + " of its stop", ""}
		}
		return verdict{ReasonKilled, how + ": it did not end in its time", ""}
	case "SIGKILL":
		switch c.memory {
		case memoryKilled:
			return verdict{ReasonMemory, how + " of the kernel, because memory ran out",
				"give it more memory, or bound it with .maxMemory() so that it is replaced before"}
		case memoryInnocent:
			return verdict{ReasonSignal, how + ", which somebody else sent", ""}
		}
		return verdict{ReasonSignal, how + ", which somebody else sent, or probably the kernel because memory ran out",
			"dmesg tells whether it was the kernel"}
	case "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP":
		return verdict{ReasonCrash, how + ": a fault in native code, of an addon or of Node", "its last output may say more"}
	}
	return verdict{ReasonSignal, how + ", which somebody else sent", ""}
}

// byError is the verdict on an end by an error.
func byError(r *errorReport, c cause, how string) verdict {
	v := verdict{reason: ReasonStart, message: how + ": " + firstLine(r.line())}
	switch c.uncaught {
	case "uncaughtException":
		v.reason = ReasonUncaught
	case "unhandledRejection":
		v.reason, v.message = ReasonRejection, how+", unhandled rejection: "+firstLine(r.line())
	}
	if c.report != r {
		v.reason = ReasonUncaught
	}
	if at := r.place(); at != "" {
		v.message += " (at " + at + ")"
	}
	switch {
	case r.Code == "EADDRINUSE":
		v.reason = ReasonAddress
		if c.holder != "" {
			v.message += ": " + c.holder
		}
		v.hint = "end what listens there, or choose another address"
	case r.Code == "EACCES" && (r.Syscall == "listen" || r.Syscall == "bind"):
		v.reason = ReasonPermission
		if r.Port > 0 && r.Port < 1024 {
			v.hint = "ports below 1024 need a privilege: use a higher one behind a proxy, or sysctl net.ipv4.ip_unprivileged_port_start, or setcap cap_net_bind_service=+ep on the node binary"
		} else {
			v.hint = "the user may not listen there"
		}
	case r.Code == "MODULE_NOT_FOUND" || r.Code == "ERR_MODULE_NOT_FOUND":
		v.reason, v.hint = ReasonModule, moduleHint(r.Message)
	case r.Name == "SyntaxError" && regexp.MustCompile(syntaxPattern).MatchString(r.Stack):
		v.reason = ReasonSyntax
	}
	return v
}

// moduleHint is advice about a module that is not found.
func moduleHint(message string) string {
	m := regexp.MustCompile(`Cannot find (?:module|package) '([^']*)'`).FindStringSubmatch(message)
	switch {
	case m == nil:
		return ""
	case strings.HasPrefix(m[1], ".") || filepath.IsAbs(m[1]):
		return "check the path"
	}
	name := strings.SplitN(m[1], "/", 3)
	if strings.HasPrefix(m[1], "@") && len(name) > 1 {
		name[0] += "/" + name[1]
	}
	return "run [ npm install ] in the application's folder, or [ npm install " + name[0] + " ] if package.json does not name it"
}

// outOfHeap says how full V8's heap was when it ran out: " at 123 MB", or " " when that is not told; "" when it did not.
func outOfHeap(e Exit, tail []string) string {
	if e.Signal != "SIGABRT" && e.Signal != "SIGTRAP" && e.Signal != "SIGILL" && e.Code != 134 && e.Code != 133 {
		return ""
	}
	found, size := false, ""
	collected := regexp.MustCompile(collectedPattern)
	for _, line := range tail {
		if m := collected.FindStringSubmatch(line); m != nil {
			size = " at " + m[1] + " MB"
		}
		found = found || strings.Contains(line, "JavaScript heap out of memory")
	}
	if found && size == "" {
		return " (FATAL ERROR in its output)"
	}
	if !found {
		return ""
	}
	return size
}

// errorInTail is the error that Node wrote before it ended by it; nil when there is none. Node's version in the last
// lines says that it did.
func errorInTail(tail []string) *errorReport {
	version := regexp.MustCompile(versionPattern)
	end := len(tail) - 1
	for end >= 0 && len(tail)-end < 6 && !version.MatchString(tail[end]) {
		end--
	}
	if end < 0 || !version.MatchString(tail[end]) {
		return nil
	}
	thrown := regexp.MustCompile(thrownPattern)
	for i := end - 1; i >= 0; i-- {
		m := thrown.FindStringSubmatch(tail[i])
		if m == nil {
			if version.MatchString(tail[i]) {
				return nil // of an earlier process
			}
			continue
		}
		r := &errorReport{Name: m[1], Code: m[2], Message: m[3], Stack: strings.Join(tail[i:end], "\n")}
		r.complete(tail, i, end)
		return r
	}
	return nil
}

// complete reads what Node wrote about an error besides its name: the line above for a syntax error, and properties.
func (r *errorReport) complete(tail []string, at, end int) {
	place := regexp.MustCompile(syntaxPattern)
	for i := at - 1; r.Name == "SyntaxError" && i >= 0 && at-i < 8; i-- {
		if place.MatchString(tail[i] + "\n") {
			r.Stack = tail[i] + "\n" + r.Stack
			break
		}
	}
	property := regexp.MustCompile(propertyPattern)
	for _, line := range tail[at:end] {
		p := property.FindStringSubmatch(line)
		if p == nil {
			continue
		}
		switch p[1] {
		case "code":
			r.Code = p[2]
		case "syscall":
			r.Syscall = p[2]
		case "address":
			r.Address = p[2]
		case "port":
			r.Port, _ = strconv.Atoi(p[2])
		}
	}
}
