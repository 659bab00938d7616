package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// Bounds of what a command line may select by.
const (
	maxSelector  = 512 // bytes
	maxSelectors = 1000
	// maxSuggestions is how many names "did you mean" tells.
	maxSuggestions = 3
	// maxNamed is how many names are told when none is like the one that was given.
	maxNamed = 10
)

// everything selects every application, as long as none has this name.
const everything = "all"

// anyWorker is the worker of a selection that is not about one.
const anyWorker = -1

// selection is what a part of the command line has selected: an application, one process of it ("" is all of them), or
// one worker (anyWorker is all of them).
type selection struct {
	app, process string
	worker       int
}

// String is the selection as a user writes it.
func (s selection) String() string {
	switch {
	case s.process == "":
		return s.app
	case s.worker == anyWorker:
		return s.app + "/" + s.process
	}
	return fmt.Sprintf("%s/%s/%d", s.app, s.process, s.worker)
}

// isPattern reports whether a part of a selector is a glob.
func isPattern(text string) bool { return strings.ContainsAny(text, "*?[") }

// isSimple reports whether arguments are at most one selector that names one thing.
func isSimple(args []string) bool {
	return len(args) == 0 || len(args) == 1 && args[0] != everything && !isPattern(args[0])
}

// shorten makes a text that a user gave fit into a message.
func shorten(text string) string {
	const most = 60
	if len(text) <= most {
		return strconv.Quote(text)
	}
	// Bytes that are no text take more room when they are quoted than before.
	return fmt.Sprintf("%s…(%d bytes)…%s", strings.TrimSuffix(strconv.Quote(strings.ToValidUTF8(text[:most-20], "")), `"`), len(text),
		strings.TrimPrefix(strconv.Quote(strings.ToValidUTF8(text[len(text)-10:], "")), `"`))
}

// splitSelector takes app, app/process or app/process/worker apart; its errors are usage errors.
func splitSelector(text string) (selection, error) {
	s := selection{worker: anyWorker}
	if text == "" || len(text) > maxSelector {
		return s, usageError(fmt.Errorf("%s is no name: expected 1 to %d bytes; [ pandora list ] shows the applications", shorten(text), maxSelector))
	}
	parts := strings.Split(text, "/")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return s, usageError(fmt.Errorf("%s selects nothing, want app, app/process or app/process/worker", shorten(text)))
	}
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return s, usageError(fmt.Errorf("%s is not a pattern: a bracket is not closed", shorten(text)))
		}
	}
	s.app = parts[0]
	if len(parts) > 1 {
		s.process = parts[1]
	}
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 16)
		if err != nil {
			return s, usageError(fmt.Errorf("the worker in %s is not a number from 0", shorten(text)))
		}
		s.worker = int(n)
	}
	return s, nil
}

// choose finds what selectors mean among the applications that are known, in the order of the selectors and without
// doubles; none is every application. What names nothing is an error of exitNotFound that says what was perhaps meant.
func choose(apps []control.AppStatus, selectors []string) ([]selection, error) {
	if len(selectors) > maxSelectors {
		return nil, usageError(fmt.Errorf("%d names are given, at most %d may be", len(selectors), maxSelectors))
	}
	if len(selectors) == 0 {
		selectors = []string{everything}
	}
	names := make([]string, len(apps))
	for i, a := range apps {
		names[i] = a.AppName
	}
	var chosen []selection
	for _, text := range selectors {
		want, err := splitSelector(text)
		if err != nil {
			return nil, err
		}
		found := matching(names, want.app)
		if len(found) == 0 && want.app != everything {
			return nil, unknown("application", text, want.app, names)
		}
		matched := want.process == ""
		var processes []string
		for _, i := range found {
			if want.process == "" {
				chosen = append(chosen, selection{names[i], "", anyWorker})
				continue
			}
			own := processNames(apps[i])
			processes = append(processes, own...)
			for _, j := range matching(own, want.process) {
				matched = true
				if !hasWorker(apps[i], own[j], want.worker) {
					return nil, &failure{code: exitNotFound, err: fmt.Errorf("%s has no worker %d", names[i]+"/"+own[j], want.worker)}
				}
				chosen = append(chosen, selection{names[i], own[j], want.worker})
			}
		}
		if !matched {
			return nil, unknown("process", text, want.process, processes)
		}
	}
	return unique(chosen), nil
}

// matching are the indices of the names that a part of a selector means. One that has exactly this name comes first.
func matching(names []string, want string) []int {
	if i := slices.Index(names, want); i >= 0 {
		return []int{i}
	}
	var found []int
	for i, name := range names {
		if ok, _ := path.Match(want, name); ok || want == everything {
			found = append(found, i)
		}
	}
	return found
}

// processNames are the processes of an application.
func processNames(a control.AppStatus) []string {
	names := make([]string, len(a.Processes))
	for i, p := range a.Processes {
		names[i] = p.Name
	}
	return names
}

// hasWorker reports whether a process has a worker, or whether no single one is asked for.
func hasWorker(a control.AppStatus, process string, worker int) bool {
	return worker == anyWorker || slices.ContainsFunc(a.Processes, func(p supervisor.ProcessStatus) bool {
		return p.Name == process && slices.ContainsFunc(p.Workers, func(w supervisor.WorkerStatus) bool { return w.Worker == worker })
	})
}

// unique leaves the first of what is the same.
func unique(chosen []selection) []selection {
	seen := map[selection]bool{}
	return slices.DeleteFunc(chosen, func(s selection) bool {
		was := seen[s]
		seen[s] = true
		return was
	})
}

// unknown is the error for a name that nothing has.
func unknown(what, text, name string, names []string) error {
	if isPattern(name) {
		return &failure{code: exitNotFound, err: fmt.Errorf("no %s matches %s%s", what, shorten(text), suggested(what, name, names))}
	}
	return &failure{code: exitNotFound, err: errors.New("there is no " + what + " " + shorten(name) + suggested(what, name, names))}
}

// suggested is a clause that says where to go on when a name is unknown.
func suggested(what, name string, names []string) string {
	if near := didYouMean(name, names); near != "" {
		return near
	}
	switch {
	case len(names) == 0 && what == "application":
		return "; none is known, [ pandora start ] starts one"
	case what == "application":
		return "; [ pandora list ] shows those there are"
	case len(names) == 0 || len(names) > maxNamed:
		return "; [ pandora describe ] shows those there are"
	}
	return ", only " + strings.Join(sortedNames(names), ", ")
}

// didYouMean is a clause with the names that are like one; "" when none is.
func didYouMean(name string, names []string) string {
	type near struct {
		name     string
		distance int
	}
	var all []near
	most := max(1, len([]rune(name))/3)
	for _, n := range sortedNames(names) {
		d := distance(strings.ToLower(name), strings.ToLower(n))
		if d <= most || len(name) >= 3 && strings.HasPrefix(strings.ToLower(n), strings.ToLower(name)) {
			all = append(all, near{n, d})
		}
	}
	if len(all) == 0 || len(name) > maxSelector {
		return ""
	}
	slices.SortStableFunc(all, func(a, b near) int { return a.distance - b.distance })
	var shown []string
	for _, n := range all[:min(len(all), maxSuggestions)] {
		shown = append(shown, n.name)
	}
	return "; did you mean " + strings.Join(shown, " or ") + "?"
}

// sortedNames sorts names and leaves the first of what is the same.
func sortedNames(names []string) []string {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// distance counts the letters that are to be put in, taken out, replaced or swapped to make one name of another. Long
// names are as far apart as they are long.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > maxSelector || len(y) > maxSelector {
		return max(len(x), len(y))
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

// restrict leaves of applications what selections are about.
func restrict(apps []control.AppStatus, chosen []selection) []control.AppStatus {
	var out []control.AppStatus
	for _, a := range apps {
		mine := slices.DeleteFunc(slices.Clone(chosen), func(s selection) bool { return s.app != a.AppName })
		if len(mine) == 0 {
			continue
		}
		if !slices.ContainsFunc(mine, func(s selection) bool { return s.process == "" }) {
			a = onlyWorkers(a, mine)
		}
		out = append(out, a)
	}
	return out
}

// onlyWorkers leaves of an application the processes and workers that are selected, with their process ids.
func onlyWorkers(a control.AppStatus, chosen []selection) control.AppStatus {
	all := a.Processes
	a.Processes, a.PIDs = []supervisor.ProcessStatus{}, []int{}
	for _, p := range all {
		workers := []supervisor.WorkerStatus{}
		mine := false
		for _, s := range chosen {
			mine = mine || s.process == p.Name
		}
		for _, w := range p.Workers {
			if slices.ContainsFunc(chosen, func(s selection) bool { return s.process == p.Name && (s.worker == anyWorker || s.worker == w.Worker) }) {
				workers = append(workers, w)
				if w.PID != 0 {
					a.PIDs = append(a.PIDs, w.PID)
				}
			}
		}
		if mine {
			p.Workers = workers
			a.Processes = append(a.Processes, p)
		}
	}
	return a
}
