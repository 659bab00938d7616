package supervisor

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pandora-go/pandora/procfile"
)

// maxPort is the highest port there is.
const maxPort = 65535

// inspector is one of Node's options for its inspector.
type inspector struct {
	// name is all before the "=", as "--inspect".
	name string
	// host is "" where none is said.
	host string
	// port is 0 for any.
	port int
}

// parseInspector reads an option of Node; ok is false when it is not about the inspector.
func parseInspector(option string) (i inspector, ok bool) {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "--inspect", "--inspect-brk", "--inspect-wait", "--inspect-port", "--debug-port":
	default:
		return inspector{}, false
	}
	i = inspector{name: name, host: value}
	digits := value
	if at := strings.LastIndexByte(value, ':'); at >= 0 && !strings.HasSuffix(value, "]") {
		i.host, digits = value[:at], value[at+1:]
	}
	port, err := strconv.Atoi(digits)
	if err != nil || port < 0 || port > maxPort {
		return i, true // a host alone
	}
	if i.port = port; digits == value {
		i.host = ""
	}
	return i, true
}

// at is the option with the port so far up, where it names one.
func (i inspector) at(up int) string {
	port := i.port
	if port != 0 {
		port += up
	}
	if port > maxPort {
		port = 0
	}
	if i.host == "" {
		return i.name + "=" + strconv.Itoa(port)
	}
	return i.name + "=" + i.host + ":" + strconv.Itoa(port)
}

// globalExecArgv are the options of Node that all processes of a plan have been given.
func (p *Plan) globalExecArgv() []string {
	if p.App.Evaluation == nil {
		return nil
	}
	return p.App.Evaluation.GlobalExecArgv
}

// execArgvOf are Node's options for one worker. Where all processes are asked to be inspected, each worker gets a port of
// its own: the one asked for and the running number of the process in the original, in which a scaled process has one for
// its master; options of the process give way. Else a process that asks for a port by itself has it, and its further
// workers those above it.
func execArgvOf(p procfile.Process, global []string, worker int) []string {
	about := func(option string) bool {
		_, ok := parseInspector(option)
		return ok
	}
	planned := slices.ContainsFunc(global, about)
	if !planned && p.Scale <= 1 || !slices.ContainsFunc(p.ExecArgv, about) {
		return p.ExecArgv
	}
	from, up := p.ExecArgv, worker
	if planned {
		from, up = global, p.Offset
		if p.Scale > 1 {
			up += 1 + worker
		}
	}
	var last inspector
	for _, option := range from {
		if i, ok := parseInspector(option); ok {
			last = i
		}
	}
	return append(slices.DeleteFunc(slices.Clone(p.ExecArgv), about), last.at(up))
}

// WithoutInspector leaves out what options of Node say about its inspector.
func WithoutInspector(execArgv []string) []string {
	return slices.DeleteFunc(slices.Clone(execArgv), func(option string) bool {
		_, ok := parseInspector(option)
		return ok
	})
}
