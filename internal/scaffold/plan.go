package scaffold

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// defaultInstances is how many workers share a port when nobody says: one answers while the other is replaced.
const defaultInstances = "2"

// maxName bounds the name of a process.
const maxName = 100

// ErrNothing says that no program was found.
var ErrNothing = errors.New("nothing to start is found")

// Make decides how the first of f.Entries is run. It fails with ErrNothing when there is none, and when a wish is not
// possible; the error says which.
func Make(f Facts, w Wish) (Plan, error) {
	if len(f.Entries) == 0 {
		return Plan{}, fmt.Errorf("%w: looked at %s", ErrNothing, strings.Join(f.Looked, "; "))
	}
	p := Plan{Framework: f.Framework, Entry: f.Entries[0], Mode: w.Mode, Instances: w.Instances}
	if p.Instances == "max" {
		p.Instances = "auto"
	}
	if err := checkInstances(p.Instances); err != nil {
		return Plan{}, err
	}
	master := ownMaster(f)
	if p.Mode == "" {
		p.Mode = defaultMode(f, p.Instances)
	}
	switch {
	case p.Mode != Fork && p.Mode != Cluster:
		return Plan{}, fmt.Errorf("mode %q: expected fork or cluster", p.Mode)
	case master && p.Mode == Cluster:
		return Plan{}, fmt.Errorf("mode cluster: %s forks workers of its own, and is a plain process itself; leave --mode away, or say fork", f.Framework)
	case p.Mode == Fork && !master && p.Instances != "" && p.Instances != "1":
		return Plan{}, fmt.Errorf("instances %q: mode fork is one plain process; with --mode cluster they share its port", p.Instances)
	}
	p.Instances = cmp.Or(p.Instances, map[Mode]string{Fork: "1", Cluster: defaultInstances}[p.Mode])
	if err := p.choose(w.Name); err != nil {
		return Plan{}, err
	}
	p.Procfile = File{Name: "procfile.js", Text: procfileText(p, f.Egg.Package != "", w.TypeScript)}
	switch {
	case w.TypeScript:
		p.Procfile.Name = "procfile.ts"
	case f.Module:
		p.Procfile.Name = "procfile.cjs"
	}
	if f.Egg.File != "" && p.Entry.Path == "./"+f.Egg.File {
		workers := cmp.Or(w.Instances, f.Egg.Workers, defaultInstances)
		p.Others = append(p.Others, File{Name: f.Egg.File, Text: eggText(f.Egg, workers)})
	}
	p.notes(f)
	return p, nil
}

// ownMaster reports whether the framework's program is the master of a cluster of its own.
func ownMaster(f Facts) bool {
	return (f.Framework == Egg || f.Framework == Midway) && f.Entries[0].Clusters
}

// defaultMode is a cluster for what listens, unless something speaks against it.
func defaultMode(f Facts, instances string) Mode {
	e := f.Entries[0]
	switch {
	case ownMaster(f), instances == "1":
		return Fork
	case instances != "":
		return Cluster
	case f.Framework == Unknown, f.Framework == Next, !e.Listens, e.Clusters, f.Alone != "":
		return Fork
	}
	return Cluster
}

// checkInstances refuses what is no number of workers.
func checkInstances(text string) error {
	if text == "" || text == "auto" {
		return nil
	}
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > MaxInstances || strconv.Itoa(n) != text {
		return fmt.Errorf("instances %q: expected a number from 1 to %d, or auto", text, MaxInstances)
	}
	return nil
}

// choose sets the name of the process. In every form of the API a cluster's own process is "worker"; the three that exist
// by themselves cannot be a fork.
func (p *Plan) choose(name string) error {
	builtIn := []string{"agent", "worker", "background"}
	switch {
	case name == "" && p.Mode == Cluster:
		p.Name = "worker"
	case name == "" && p.Entry.Listens:
		p.Name = "web"
	case name == "":
		p.Name = "main"
	case len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return r == '/' || r == '\\' || r == unicode.ReplacementChar || unicode.IsControl(r)
	}):
		return fmt.Errorf("name %q: expected at most %d bytes without a slash or control characters", name, maxName)
	case name == "all" || name == "weak-all" || slices.Contains(builtIn, name) && (p.Mode == Fork || name != "worker"):
		return fmt.Errorf("name %q: it means something else in a procfile; take another one", name)
	default:
		p.Name = name
	}
	return nil
}

// notes collects what the user should know.
func (p *Plan) notes(f Facts) {
	note := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	if p.Mode == Cluster && f.Alone != "" {
		note("%s, and there will be %s", f.Alone, workers(p.Instances))
	}
	if p.Mode == Fork && f.Alone != "" {
		note("it is one process, because %s", f.Alone)
	}
	if p.Mode == Cluster && p.Entry.Clusters {
		note("%s seems to fork workers itself; where it does, --mode fork is the right one", p.Entry.Path)
	}
	if p.Framework == Unknown && !p.Entry.Listens && p.Mode == Fork {
		note("%s does not seem to open a port, so it is one plain process", p.Entry.Path)
	}
	if p.Entry.Missing && p.Entry.Build == "" {
		note("%s is not there yet, and package.json has no script that builds it", p.Entry.Built)
	}
	if p.Framework == Next && p.Mode == Cluster {
		note("each worker of next has a cache in memory of its own: what revalidateTag or revalidatePath does in one is not seen by the others")
	}
	p.Notes = append(p.Notes, f.Notes...)
	for _, name := range f.ProcessFiles {
		note("there is %s, too: [ pandora import %s ] prints the procfile for it", name, name)
	}
}

// workers says a number of workers in words.
func workers(instances string) string {
	switch instances {
	case "auto":
		return "a worker for each processor"
	case "1":
		return "1 worker"
	}
	return instances + " workers"
}

// Summary says in one line what was found and what will run.
func (p Plan) Summary() string {
	what := string(p.Framework)
	switch p.Framework {
	case Unknown:
		what = "a program for Node"
	case Server:
		what = "an HTTP server"
	}
	where := p.Entry.Path
	if p.Entry.From != "" && p.Entry.From != "--entry" {
		where += ", " + p.Entry.From
	}
	how := "one plain process"
	switch {
	case p.Mode == Cluster:
		how = workers(p.Instances) + " that share its port"
		if p.Instances == "auto" || p.Instances == "1" {
			how = workers(p.Instances)
		}
	case p.Framework == Egg || p.Framework == Midway:
		how = "one plain process, the master of its workers"
	}
	return fmt.Sprintf("%s (%s): %s", what, where, how)
}
