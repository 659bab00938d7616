package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// The targets of what a person waits for. Times are the least of all rounds: other work on the machine only adds to them.
const (
	listLimit  = 15 * time.Millisecond // with hundred workers
	listRatio  = 10                    // PM2's over ours
	helpLimit  = 10 * time.Millisecond
	binaryMax  = 45 << 20
	initsLimit = 2 * time.Millisecond // of all packages together
)

// hundred is how many workers are listed.
const hundred = 100

// speed prints what a person waits for at the command line, beside PM2.
func speed(l *place, runs int, env []string) error {
	fmt.Println("\nat the command line                        least ms  median ms")
	if err := programs(l.pandora, runs, env); err != nil {
		return err
	}
	if err := lists(l, runs); err != nil {
		return err
	}
	return verbs(l, max(runs/3, 1))
}

// programs prints what loading the program costs.
func programs(pandora string, runs int, env []string) error {
	help, err := walls(runs, env, []string{pandora, "--help"})
	if err != nil {
		return err
	}
	timeRow("pandora --help", help, judged(help[0] <= helpLimit, true, fmt.Sprintf("%g ms", ms(helpLimit))))
	if err := inits(pandora, runs, env); err != nil {
		return err
	}
	info, err := os.Stat(pandora)
	if err != nil {
		return err
	}
	fmt.Printf("  %-38s %10.1f MB%s\n", "the program", mb(info.Size()), judged(info.Size() <= binaryMax, true, fmt.Sprintf("%d MB", binaryMax>>20)))
	return nil
}

// inits prints how long the packages of a program take to be initialised. Some microseconds are measured for each, and a busy
// machine meets other packages in each run: what counts is the sum of each one's least time.
func inits(program string, runs int, env []string) error {
	least := map[string]time.Duration{}
	var sums []time.Duration
	for range max(runs, 30) {
		all, err := initsOf(program, env)
		if err != nil {
			return err
		}
		var sum time.Duration
		for name, took := range all {
			sum += took
			if was, seen := least[name]; !seen || took < was {
				least[name] = took
			}
		}
		sums = append(sums, sum)
	}
	var sum time.Duration
	for _, took := range least {
		sum += took
	}
	slices.Sort(sums)
	timeRow(fmt.Sprintf("initialisation of %d packages", len(least)), sums, "")
	note := judged(sum <= initsLimit, true, fmt.Sprintf("%g ms", ms(initsLimit)))
	fmt.Printf("  %-38s %10.1f%s\n", "  the least of each package", ms(sum), note)
	return nil
}

// initTrace is a line that the runtime prints for a package under GODEBUG=inittrace=1.
const initTrace = `(?m)^init (\S+) @\S+ ms, (\S+) ms clock`

// initsOf is how long each package of a program takes to be initialised, once.
func initsOf(program string, env []string) (map[string]time.Duration, error) {
	cmd := exec.Command(program, "version")
	cmd.Env = append(slices.Clip(env), "GODEBUG=inittrace=1")
	var trace traced
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s version: %w", program, err)
	}
	all := map[string]time.Duration{}
	for _, m := range regexp.MustCompile(initTrace).FindAllSubmatch(trace, -1) {
		took, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return nil, fmt.Errorf("read the trace of initialisations: %w", err)
		}
		all[string(m[1])] += time.Duration(took * float64(time.Millisecond))
	}
	if len(all) == 0 {
		return nil, errors.New("the runtime has printed no trace of initialisations")
	}
	return all, nil
}

// traced collects what a command prints.
type traced []byte

// Write appends; it never fails.
func (t *traced) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	return len(p), nil
}

// lists compares the lists of hundred workers, in turn.
func lists(l *place, runs int) error {
	var peers []*peer
	defer func() {
		for _, p := range peers {
			p.down()
		}
	}()
	times := map[string][]time.Duration{}
	for _, name := range []string{"pandora", "pm2"} {
		p, err := l.peer(name, shape{workers: hundred, cluster: true})
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		peers = append(peers, p)
		if _, err := p.up(); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second) // what starts is over
	for range runs {
		for _, p := range peers {
			f, err := run(p.env, p.list)
			if err != nil {
				return err
			}
			times[p.name] = append(times[p.name], f.wall)
		}
	}
	for _, all := range times {
		slices.Sort(all)
	}
	own, other := times["pandora"], times["pm2"]
	timeRow(fmt.Sprintf("pandora list, %d workers", hundred), own, judged(own[0] <= listLimit, true, fmt.Sprintf("%g ms", ms(listLimit))))
	if len(other) > 0 {
		ratio := float64(other[0]) / float64(own[0])
		timeRow(fmt.Sprintf("pm2 list, %d workers: %.0f times", hundred, ratio), other, judged(ratio >= listRatio, true, fmt.Sprintf("%d times", listRatio)))
	}
	return nil
}

// verbs prints how long the daily verbs take with two workers, and the memory of what runs beside them.
func verbs(l *place, rounds int) error {
	fmt.Println("\ntwo workers, least ms    start, no daemon      list    reload      stop   start again   memory beside the workers, MB")
	for _, name := range []string{"pandora", "pm2"} {
		var best [5]time.Duration
		var beside int64
		for range rounds {
			took, private, err := l.verbsOnce(name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if private == 0 {
				break // it is not there
			}
			for i := range best {
				if best[i] == 0 || took[i] < best[i] {
					best[i] = took[i]
				}
			}
			beside = private
		}
		if beside > 0 {
			fmt.Printf("  %-22s %17.0f %9.1f %9.0f %9.0f %13.0f   %.1f\n", name, ms(best[0]), ms(best[1]), ms(best[2]), ms(best[3]), ms(best[4]), mb(beside))
		}
	}
	return nil
}

// verbsOnce runs the daily verbs of a peer one after the other; private is 0 when its program is not there.
func (l *place) verbsOnce(name string) (took [5]time.Duration, private int64, err error) {
	p, err := l.peer(name, shape{workers: 2, cluster: true})
	if p == nil || err != nil {
		return took, 0, err
	}
	defer p.down()
	for i, command := range [][]string{p.start, p.list, p.reload, p.stop, p.start} {
		f, err := run(p.env, command)
		if err != nil {
			return took, 0, err
		}
		took[i] = f.wall
		if i != 1 {
			continue
		}
		for pid, line := range p.processes() {
			if role(line) != "worker" {
				_, own := memory(pid)
				private += own
			}
		}
	}
	return took, private, nil
}

// walls runs a command several times and returns how long each run took, sorted.
func walls(runs int, env, command []string) ([]time.Duration, error) {
	var all []time.Duration
	for range runs {
		f, err := run(env, command)
		if err != nil {
			return nil, err
		}
		all = append(all, f.wall)
	}
	slices.Sort(all)
	return all, nil
}

// timeRow prints the least and the median of sorted times.
func timeRow(name string, sorted []time.Duration, note string) {
	fmt.Printf("  %-38s %10.1f %10.1f%s\n", name, ms(sorted[0]), ms(sorted[len(sorted)/2]), note)
}
