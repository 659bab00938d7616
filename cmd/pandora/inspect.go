package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pandora-go/pandora/supervisor"
)

// inspectFlags are the flags of start and dev that let a debugger attach.
type inspectFlags struct{ inspect, port string }

// add adds the flags.
func (f *inspectFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.inspect, "inspect", "", "let a debugger attach to every worker, each on a port of its own from this one on: [host:]port; alone, on any")
	flags.Lookup("inspect").NoOptDefVal = "0"
	flags.StringVar(&f.port, "inspect-port", "", "the same ports, opened only when a worker gets SIGUSR1: [host:]port")
}

// options are the options of Node that the flags mean, for all processes; none when no flag is given.
func (f *inspectFlags) options() ([]string, error) {
	var options []string
	for _, flag := range []struct{ name, value string }{{"--inspect", f.inspect}, {"--inspect-port", f.port}} {
		if flag.value == "" {
			continue
		}
		if err := checkInspect(flag.value); err != nil {
			return nil, usageError(fmt.Errorf("read %s: %w", flag.name, err))
		}
		options = append(options, flag.name+"="+flag.value)
	}
	return options, nil
}

// checkInspect says what is wrong with [host:]port.
func checkInspect(value string) error {
	at := strings.LastIndexByte(value, ':')
	digits := value[at+1:]
	if at < 0 && strings.Contains(value, ".") || strings.HasSuffix(value, "]") {
		return nil // a host
	}
	port, err := strconv.Atoi(digits)
	if err != nil || port != 0 && (port < 1024 || port > 65535) || strings.ContainsAny(value, " \t") {
		return fmt.Errorf("expected a host, a port or host:port, with 0 or 1024 to 65535 as port, got %q", value)
	}
	return nil
}

// nodeOptions are the options of Node for all processes that flags give: in the place of the known ones, or nothing new.
func (f *appFlags) nodeOptions(known []string, given []string) []string {
	inspect, err := f.inspectFlags.options()
	switch {
	case f.nodeArgs != "":
		return given
	case err != nil || len(inspect) == 0:
		return known
	}
	return append(supervisor.WithoutInspector(known), inspect...)
}
