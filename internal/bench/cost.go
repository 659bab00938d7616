package main

import (
	"bufio"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The targets of the rows on cost.
const (
	coldOver     = 90 * time.Millisecond // first answer after a start without a daemon, over `node app.js`
	warmOver     = 60 * time.Millisecond // and with one
	killOver     = 30 * time.Millisecond // next answer after the only process was killed, over Node's boot
	fiftyLimit   = 1.3                   // 50 workers over 50 times `node app.js`
	daemonRSS    = 30 << 20              // with ten workers
	guardPrivate = 3 << 20
	workerOver   = 3 << 20 // private, over a plain Node
	idleLimit    = 0.1     // per cent of one CPU
)

// idleTime is how long idle processes are watched.
const idleTime = 60 * time.Second

// fifty is how many workers are started at once.
const fifty = 50

// starts prints how long it takes to the first answer, and from a kill to the next one.
func starts(l *place, rounds int) error {
	fmt.Println("\nto the first answer                      median ms    min ms   over node, ms")
	times := map[string][]time.Duration{}
	for round := range rounds {
		for _, name := range []string{"node", "pandora", "pm2", "original"} {
			if (name == "pm2" || name == "original") && round >= 3 { // slow, and nothing is asked of them
				continue
			}
			if err := l.startOnce(name, times); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	node := times["node"]
	for _, r := range []struct {
		key   string
		limit time.Duration
	}{
		{"node", 0}, {"pandora cold", coldOver}, {"pandora warm", warmOver}, {"pandora after kill -9", killOver},
		{"pm2 cold", 0}, {"pm2 warm", 0}, {"pm2 after kill -9", 0}, {"original cold", 0}, {"original warm", 0}, {"original after kill -9", 0},
	} {
		all := times[r.key]
		if len(all) == 0 {
			continue
		}
		// Round by round, so that a busy moment meets both.
		var over []time.Duration
		for i := range all {
			over = append(over, all[i]-node[i])
		}
		slices.Sort(over)
		sorted := slices.Sorted(slices.Values(all))
		mid := over[len(over)/2]
		fmt.Printf("  %-38s %10.0f %9.0f %10.0f%s\n", r.key, ms(sorted[len(sorted)/2]), ms(sorted[0]), ms(mid), judged(mid <= r.limit, r.limit > 0, fmt.Sprintf("+%g ms", ms(r.limit))))
	}
	return nil
}

// startOnce starts one peer cold, lets it lose its process, and starts the application again while its daemon is there.
func (l *place) startOnce(name string, times map[string][]time.Duration) error {
	p, err := l.peer(name, shape{workers: 1})
	if p == nil || err != nil {
		return err
	}
	defer p.down()
	took, err := p.up()
	if err != nil {
		return err
	}
	if p.bare {
		times[name] = append(times[name], took)
		return nil
	}
	times[name+" cold"] = append(times[name+" cold"], took)
	pid := p.ask()
	n, err := strconv.Atoi(pid)
	if err != nil {
		return fmt.Errorf("a pid answers, not %q", pid)
	}
	began := time.Now()
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		return err
	}
	stop := make(chan struct{})
	timer := time.AfterFunc(patience, func() { close(stop) })
	next := p.answer(pid, stop)
	took = time.Since(began)
	timer.Stop()
	if next == "" {
		return fmt.Errorf("nobody answers after kill -9")
	}
	times[name+" after kill -9"] = append(times[name+" after kill -9"], took)

	// The same daemon starts a second application.
	second, err := l.peer(name, shape{workers: 1, name: "second"})
	if err != nil {
		return err
	}
	// Its folder and port are its own, the daemon is the first one's.
	second.env = append(slices.Clone(p.env), "PORT="+second.port)
	took, err = second.up()
	if err != nil {
		return err
	}
	times[name+" warm"] = append(times[name+" warm"], took)
	return nil
}

// many compares 50 workers of one process with 50 times exec.
func many(l *place, rounds int) error {
	var own, loop []time.Duration
	for range rounds {
		p, err := l.peer("pandora", shape{workers: fifty, cluster: true})
		if err != nil {
			return err
		}
		began := time.Now()
		_, err = run(p.env, p.start) // returns when all are ready
		own = append(own, time.Since(began))
		p.down()
		if err != nil {
			return err
		}
		plain, err := l.peer("node", shape{workers: 1})
		if err != nil {
			return err
		}
		took, err := plain.loop(fifty)
		plain.down()
		if err != nil {
			return err
		}
		loop = append(loop, took)
	}
	ratio := float64(slices.Min(own)) / float64(slices.Min(loop))
	fmt.Printf("\n%d workers of one process: %.0f ms, an exec loop: %.0f ms, ratio %.2f%s\n", fifty, ms(slices.Min(own)), ms(slices.Min(loop)), ratio,
		judged(ratio <= fiftyLimit, true, fmt.Sprintf("%g", fiftyLimit)))
	return nil
}

// loop starts the application n times and waits until each has said that it listens.
func (p *peer) loop(n int) (time.Duration, error) {
	began := time.Now()
	errs := make([]error, n)
	var wg sync.WaitGroup
	var commands []*exec.Cmd
	for i := range n {
		cmd := exec.Command(p.start[0], p.start[1:]...)
		cmd.Env = append(slices.Clone(p.env), "BENCH_PORT=0")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return 0, err
		}
		commands = append(commands, cmd)
		wg.Go(func() { _, errs[i] = bufio.NewReader(out).ReadString('\n') })
	}
	wg.Wait()
	took := time.Since(began)
	for i, cmd := range commands {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if errs[i] != nil {
			return 0, fmt.Errorf("a process of the exec loop: %w", errs[i])
		}
	}
	return took, nil
}

// sizes prints the memory of every process with ten workers and with one, beside a plain Node, and what idling costs.
func sizes(l *place) error {
	fmt.Println("\nmemory                                        RSS MB   private MB")
	var plain int64
	type kind struct {
		peer string
		s    shape
	}
	for _, k := range []kind{{"node", shape{workers: 1}}, {"pandora", shape{workers: 1}}, {"pandora", shape{workers: 10, cluster: true}},
		{"node", shape{workers: 10, cluster: true}}, {"pm2", shape{workers: 1}}, {"pm2", shape{workers: 10, cluster: true}}, {"original", shape{workers: 1}}} {
		p, err := l.peer(k.peer, k.s)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if err := p.sizes(k.s, &plain); err != nil {
			p.down()
			return fmt.Errorf("%s: %w", k.peer, err)
		}
		p.down()
	}
	return nil
}

// sizes prints the memory of one peer. plain is what a plain Node has; the first peer is one.
func (p *peer) sizes(s shape, plain *int64) error {
	if _, err := p.up(); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	all := p.processes()
	worker := false
	for pid, line := range all {
		r := role(line)
		rss, private := memory(pid)
		if rss == 0 || r == "worker" && worker {
			continue
		}
		note := ""
		switch {
		case r == "worker":
			worker = true
			if p.bare && *plain == 0 {
				*plain = private
			}
			note = judged(private <= *plain+workerOver, p.name == "pandora" && !s.cluster, fmt.Sprintf("plain Node + %d MB private", workerOver>>20))
		case p.name == "pandora" && r == "daemon" && s.workers > 1:
			note = judged(rss <= daemonRSS, true, fmt.Sprintf("%d MB RSS", daemonRSS>>20))
		case p.name == "pandora" && r == "guard" && s.workers == 1:
			note = judged(private <= guardPrivate, true, fmt.Sprintf("%d MB private", guardPrivate>>20))
		}
		fmt.Printf("  %-38s %10.1f %10.1f%s\n", fmt.Sprintf("%s, %d workers: %s", p.name, s.workers, r), mb(rss), mb(private), note)
	}
	if p.name != "pandora" {
		return nil
	}
	before := map[int]time.Duration{}
	for pid, line := range all {
		before[pid] = cpu(map[int]string{pid: line})
	}
	time.Sleep(idleTime)
	for pid, line := range all {
		if r := role(line); r != "worker" {
			used := cpu(map[int]string{pid: line}) - before[pid]
			share := 100 * float64(used) / float64(idleTime)
			fmt.Printf("  %-38s %9.3f %%%s\n", fmt.Sprintf("idle CPU, %d workers: %s", s.workers, r), share, judged(share <= idleLimit, true, fmt.Sprintf("%g %%", idleLimit)))
		}
	}
	return nil
}
