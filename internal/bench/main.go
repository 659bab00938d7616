// Command bench measures the built binary beside its peers: PM2, the original Pandora.js and bare Node. It prints whole
// process figures and ratios, and says of those that have a target whether it is reached.
//
//	make bench        # or: go run ./internal/bench -pandora bin/pandora -peers .cache/peers
//	make loss         # or: go run ./internal/bench -only loss
//
// Concurrency: one command at a time, so that nothing disturbs the figures.
//
// It is not a test: times depend on the machine and are for reading.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// contender is one program that can run the fork example.
type contender struct {
	name string
	// env is added to the environment.
	env []string
	// start, list and end are command lines; empty when the contender has no such verb.
	start, list, end []string
}

// figure is what one command cost.
type figure struct {
	wall time.Duration
	// peak is the largest resident size of the command itself, in bytes.
	peak int64
}

func main() {
	pandora := flag.String("pandora", "bin/pandora", "the binary to measure")
	peers := flag.String("peers", ".cache/peers", "folder with node_modules of pm2 and pandora@1.11.0; peers that are not there are left out")
	runs := flag.Int("runs", 15, "runs of each command")
	only := flag.String("only", "", "measure only these, separated by commas: "+strings.Join(sections[:], ", ")+"; without it all but loss")
	rows := flag.String("rows", "", "of traffic and loss, only the rows with this in their title")
	flag.Parse()
	if bare := os.Getenv(bareVariable); bare != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveBare(bare))
		os.Exit(1)
	}
	if err := bench(*pandora, *peers, *runs, *only, *rows); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sections are what can be measured.
var sections = [...]string{"commands", "speed", "structure", "processes", "start", "many", "memory", "worker", "hub", "endpoints", "traffic", "loss"}

// bench measures what only names, or everything, and prints it.
func bench(pandora, peers string, runs int, only, rows string) error {
	wanted := strings.Split(only, ",")
	if only == "" {
		wanted = sections[:len(sections)-1]
	}
	for _, name := range wanted {
		if !slices.Contains(sections[:], name) {
			return fmt.Errorf("-only %q: there is %s", name, strings.Join(sections[:], ", "))
		}
	}
	pandora, err := filepath.Abs(pandora)
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "pandora-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	env := append(os.Environ(), "HOME="+home, "PANDORA_DIR="+filepath.Join(home, "p"), "PANDORA_ACTUATOR_PORT=0", "PORT=0")
	l := &place{pandora: pandora, peers: peers, home: home, rows: rows}
	for _, name := range wanted {
		var err error
		switch name {
		case "commands":
			err = commands(pandora, runs, env)
		case "speed":
			err = speed(l, runs, env)
		case "structure":
			err = structures(pandora, peers, home, runs, env)
		case "processes":
			err = listing(pandora, peers, home, runs, env)
		case "start":
			err = starts(l, runs)
		case "many":
			err = many(l, 3)
		case "memory":
			err = sizes(l)
		case "worker":
			err = workers(l, runs)
		case "hub":
			err = hubCalls(l, runs)
		case "endpoints":
			err = endpointTable(l)
		case "traffic":
			err = traffic(l)
		case "loss":
			err = loss(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// commands prints what commands cost that need no daemon.
func commands(pandora string, runs int, env []string) error {
	fmt.Println("command                                   median ms   peak RSS MB")
	for _, c := range [][]string{
		{"node", "-e", "0"},
		{pandora, "version"},
		{pandora, "structure", "examples/fork"},
		{pandora, "structure", "examples/fork", "--engine", "node"},
	} {
		f, err := median(runs, env, c)
		if err != nil {
			return err
		}
		row(strings.Join(append([]string{filepath.Base(c[0])}, c[1:]...), " "), f)
	}
	return nil
}

// listing prints what the contenders need for one application and its list.
func listing(pandora, peers, home string, runs int, env []string) error {
	fmt.Println()
	fmt.Println("contender        start ms   list ms   list RSS MB   processes besides the application: RSS / private MB")
	for _, c := range contenders(pandora, peers, home) {
		if err := measure(c, env, runs); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// contenders are the programs that are here to be measured.
func contenders(pandora, peers, home string) []contender {
	all := []contender{{
		name:  "pandora",
		start: []string{pandora, "start", "examples/fork"},
		list:  []string{pandora, "list"},
		end:   []string{pandora, "exit"},
	}}
	bin, err := filepath.Abs(filepath.Join(peers, "node_modules", ".bin"))
	if err != nil {
		return all
	}
	if _, err := os.Stat(filepath.Join(bin, "pm2")); err == nil {
		pm2 := filepath.Join(bin, "pm2")
		all = append(all, contender{
			name: "pm2", env: []string{"PM2_HOME=" + filepath.Join(home, "pm2")},
			start: []string{pm2, "start", "examples/fork/app.js"}, list: []string{pm2, "list"}, end: []string{pm2, "kill"},
		})
	}
	if _, err := os.Stat(filepath.Join(bin, "pandora")); err == nil {
		config := filepath.Join(home, "config.js")
		_ = os.WriteFile(config, []byte("module.exports = { actuator: { http: { enabled: false } } };\n"), 0o600)
		original := filepath.Join(bin, "pandora")
		all = append(all, contender{
			name:  "pandora 1.11.0",
			env:   []string{"PANDORA_TMP_DIR=" + home, "PANDORA_CONFIG=" + config, "PANDORA_DIR="},
			start: []string{original, "start", "examples/fork"}, list: []string{original, "list"}, end: []string{original, "exit"},
		})
	}
	return all
}

// measure starts the fork example under one contender, looks at what runs, and ends it.
func measure(c contender, env []string, runs int) error {
	env = append(slices.Clip(env), c.env...)
	before := processes()
	started, err := run(env, c.start)
	if err != nil {
		return err
	}
	defer func() { _, _ = run(env, c.end) }()
	list, err := median(runs, env, c.list)
	if err != nil {
		return err
	}
	var rest []string
	for pid, line := range processes() {
		if _, old := before[pid]; old || strings.Contains(line, "app.js") || strings.Contains(line, "bootstrap.js") ||
			strings.Contains(line, "ProcessContainer") || strings.Contains(line, "ProcessBootstrap") || !strings.Contains(line, " ") {
			continue
		}
		rss, private := memory(pid)
		if rss > 0 {
			rest = append(rest, fmt.Sprintf("%.1f / %.1f", mb(rss), mb(private)))
		}
	}
	slices.Sort(rest)
	fmt.Printf("%-16s %8.0f  %8.1f  %12.1f   %s\n", c.name, ms(started.wall), ms(list.wall), mb(list.peak), strings.Join(rest, ", "))
	return nil
}

// median runs a command several times and returns the median of each figure.
func median(runs int, env, command []string) (figure, error) {
	var walls []time.Duration
	var peaks []int64
	for range runs {
		f, err := run(env, command)
		if err != nil {
			return figure{}, err
		}
		walls, peaks = append(walls, f.wall), append(peaks, f.peak)
	}
	slices.Sort(walls)
	slices.Sort(peaks)
	return figure{wall: walls[runs/2], peak: peaks[runs/2]}, nil
}

// run runs one command to its end.
func run(env, command []string) (figure, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	out, err := os.CreateTemp("", "bench-out-")
	if err != nil {
		return figure{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	// A file, not a pipe: daemons inherit it, and waiting for a pipe's end would wait for them.
	cmd.Stdout, cmd.Stderr = out, out
	began := time.Now()
	err = cmd.Run()
	f := figure{wall: time.Since(began)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.peak = int64(usage.Maxrss) << 10
	}
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		return f, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, text)
	}
	return f, nil
}

// processes maps the pid of every process of this user to its command line; it needs /proc.
func processes() map[int]string {
	all := map[int]string{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")); err == nil {
			all[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		}
	}
	return all
}

// memory returns the resident and the private size of a process in bytes; 0 when it cannot be read.
func memory(pid int) (rss, private int64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kb, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "Rss:":
			rss = kb << 10
		case "Private_Clean:", "Private_Dirty:":
			private += kb << 10
		}
	}
	return rss, private
}

func row(name string, f figure)  { fmt.Printf("%-40s %10.1f  %12.1f\n", name, ms(f.wall), mb(f.peak)) }
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func mb(n int64) float64         { return float64(n) / (1 << 20) }
