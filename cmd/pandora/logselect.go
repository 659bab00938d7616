package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
)

// logSource is one application whose log is to be printed.
type logSource struct {
	app string
	// record is nil where the application is deleted, and only its log is left.
	record *state.Record
	// logged is true where there is a log file.
	logged bool
	// named is true when the application is written out, false when a pattern or all has found it.
	named bool
	// parts are the processes and workers that are wanted, names or patterns; none is all of them.
	parts []selection
}

// processes are the names of the processes that the record tells of.
func (s logSource) processes() []string {
	if s.record == nil {
		return nil
	}
	names := make([]string, len(s.record.App.Processes))
	for i, p := range s.record.App.Processes {
		names[i] = p.ProcessName
	}
	return names
}

// splits reports whether some process writes standard error to a file of its own. What is not recorded may have done so.
func (s logSource) splits() bool {
	return s.record == nil || slices.ContainsFunc(s.record.App.Processes, func(p procfile.Process) bool {
		return p.PolicyOrDefault().Stdio == procfile.StdioSplit
	})
}

// logSources are all applications that have a record, in the order in which they were first started, and after them those
// of which only a log is left.
func (c *cli) logSources(home state.Home) ([]logSource, error) {
	records, problems := home.Records()
	for _, p := range problems {
		c.warn("%s", p)
	}
	logged := func(app string) bool {
		info, err := os.Stat(home.AppLog(app))
		return err == nil && !info.IsDir()
	}
	var all []logSource
	for _, r := range records {
		all = append(all, logSource{app: r.AppName, record: r, logged: logged(r.AppName)})
	}
	entries, err := os.ReadDir(home.Logs)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for logs: %w", err)
	}
	for _, e := range entries {
		recorded := slices.ContainsFunc(all, func(s logSource) bool { return s.app == e.Name() })
		if !recorded && state.ValidName(e.Name()) == nil && logged(e.Name()) {
			all = append(all, logSource{app: e.Name(), logged: true})
		}
	}
	return all, nil
}

// isOneName reports whether a command line is the name of one application that is called as a pattern or "all".
func isOneName(all []logSource, args []string) bool {
	return len(args) == 1 && slices.ContainsFunc(all, func(s logSource) bool { return s.app == args[0] })
}

// chooseLogs finds what selectors mean, one for each application, in the order of the selectors. Of what names nothing
// there is an error in absent, each of exitNotFound; it keeps nothing else from being printed.
func chooseLogs(all []logSource, selectors []string) (chosen []logSource, absent []error, err error) {
	if len(selectors) > maxSelectors {
		return nil, nil, usageError(fmt.Errorf("%d names are given, at most %d may be", len(selectors), maxSelectors))
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.app
	}
	for _, text := range selectors {
		want, err := splitSelector(text)
		if err != nil {
			return nil, nil, err
		}
		found := matching(names, want.app)
		if len(found) == 0 && want.app != everything {
			absent = append(absent, unknown("application", text, want.app, names))
			continue
		}
		matched := want.process == ""
		var known []string
		for _, i := range found {
			source := all[i]
			source.named = source.app == want.app
			own := source.processes()
			known = append(known, own...)
			// A log may have lines of a process that is no more. Only a pattern must not find what it is not about.
			literal := source.named && !isPattern(want.process)
			if want.process != "" && source.record != nil && !literal && len(matching(own, want.process)) == 0 {
				continue
			}
			matched = true
			chosen = addSource(chosen, source, selection{source.app, want.process, want.worker})
		}
		if !matched && len(found) > 0 {
			absent = append(absent, unknown("process", text, want.process, known))
		}
	}
	for i := range chosen {
		chosen[i].parts = outermost(unique(chosen[i].parts))
		if chosen[i].parts[0].process == "" {
			chosen[i].parts = nil
		}
	}
	return chosen, absent, nil
}

// addSource adds a part of an application to what is chosen already.
func addSource(chosen []logSource, source logSource, part selection) []logSource {
	i := slices.IndexFunc(chosen, func(s logSource) bool { return s.app == source.app })
	if i < 0 {
		chosen = append(chosen, source)
		i = len(chosen) - 1
	}
	chosen[i].named = chosen[i].named || source.named
	chosen[i].parts = append(chosen[i].parts, part)
	return chosen
}
