package supervisor

import (
	"fmt"
	"strconv"
	"strings"
)

// holder is a process that listens on an address.
type holder struct {
	// PID is 0 when the process cannot be seen; UID is its user then.
	PID, UID int
	// Command is how it was started.
	Command string
	// App, Process and Worker tell which worker it is, and Guard whose guard; "" when it is none of ours.
	App, Process string
	Worker       int
	Guard        string
	// Mine says that it belongs to the same start of the application.
	Mine bool
}

// maxCommand bounds the command that is shown of a process.
const maxCommand = 120

// text says who it is, as a sentence about what it holds.
func (h holder) text(what string) string {
	switch {
	case h.PID == 0:
		return fmt.Sprintf("%s is held by a process of user %d, which only that user and root may look at", what, h.UID)
	case h.Mine && h.Process != "":
		return fmt.Sprintf("%s is held by worker %d of process %q of this application (pid %d)", what, h.Worker, h.Process, h.PID)
	case h.Mine:
		return what + " is held for another process of this application"
	case h.App != "":
		return fmt.Sprintf("%s is held by worker %d of process %q of the application %q (pid %d)", what, h.Worker, h.Process, h.App, h.PID)
	case h.Guard != "":
		return fmt.Sprintf("%s is held for the application %q, by its guard (pid %d)", what, h.Guard, h.PID)
	}
	return fmt.Sprintf("%s is held by pid %d (%s)", what, h.PID, short(h.Command, maxCommand))
}

// addressOf is what an error wanted to listen on: a port, or the path of a unix socket.
func (r *errorReport) addressOf() (path string, port int) {
	if r.Port > 0 {
		return "", r.Port
	}
	if strings.HasPrefix(r.Address, "/") {
		return r.Address, 0
	}
	// "listen EADDRINUSE: address already in use 127.0.0.1:3000", and "bind EADDRINUSE :::3000" of a cluster's worker.
	words := strings.Fields(firstLine(r.Message))
	if len(words) == 0 {
		return "", 0
	}
	last := words[len(words)-1]
	if strings.HasPrefix(last, "/") {
		return last, 0
	}
	digits := last[strings.LastIndexByte(last, ':')+1:]
	if n, err := strconv.ParseUint(digits, 10, 16); strings.Contains(last, ":") && err == nil {
		return "", int(n)
	}
	return "", 0
}

// holder tells who has the address that an error wanted, as a sentence; "" when that is not known. mark is that of the
// workers of the application.
func (r *errorReport) holder(mark string) string {
	path, port := r.addressOf()
	what := "port " + strconv.Itoa(port)
	if path != "" {
		what = path
	} else if port == 0 {
		return ""
	}
	if h, found := holderOf(path, port, mark); found {
		return h.text(what)
	}
	if path != "" {
		return "nobody listens on " + path + ": it is left over, and can be removed"
	}
	return ""
}
