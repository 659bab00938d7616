package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pandora-go/pandora/internal/load"
)

const (
	// aftermath is how long the load goes on after the last event.
	aftermath = 2500 * time.Millisecond
	// lossDelay is the longest time a request takes, in milliseconds.
	lossDelay = 50
)

// event is something that happens to an application under load.
type event struct {
	title string
	s     shape
	// times is how often it happens; what the original takes seconds for happens less often to it.
	times, timesOriginal int
	do                   func(p *peer) error
	// only names the peers it can happen to; none means all.
	only []string
}

// events are the rows of the loss table.
func events(l *place) []event {
	two, one := shape{workers: 2, cluster: true, delay: lossDelay}, shape{workers: 1, delay: lossDelay}
	supervised := []string{"pandora", "pm2", "original"}
	all := []event{
		{"reload, 2 workers", two, 10, 2, (*peer).replace, supervised},
		{"reload, 1 plain process", one, 10, 2, (*peer).replace, supervised},
		{"kill -9 of one of 2 workers", two, 5, 5, (*peer).killWorker, []string{"node", "pandora", "pm2", "original"}},
		{"kill -9 of the only process", one, 5, 5, (*peer).killWorker, supervised},
		{"kill -9 of the daemon", two, 1, 1, func(p *peer) error { return p.killRole("daemon") }, supervised},
		{"kill -9 of the guard", two, 1, 1, func(p *peer) error { return p.killRole("guard") }, []string{"pandora"}},
	}
	if text, err := exec.Command(l.pandora, "daemon", "--help").CombinedOutput(); err == nil && strings.Contains(string(text), "\n  upgrade") {
		all = append(all, event{"daemon upgrade", two, 3, 0, (*peer).upgrade, []string{"pandora"}})
	}
	return all
}

// loss prints how many requests are lost when something happens, as a table in Markdown.
func loss(l *place) error {
	fmt.Printf("\n%d connections, half of them kept alive, requests of 0 to %d ms; hung: unanswered after %v\n\n", 32, lossDelay, load.DefaultTimeout)
	fmt.Println("| event | peer | times | requests | failed | of these hung | slowest answer ms | how |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|---|")
	for _, e := range events(l) {
		if !strings.Contains(e.title, l.rows) {
			continue
		}
		for _, name := range e.only {
			p, err := l.peer(name, e.s)
			if err != nil {
				return err
			}
			if p == nil {
				continue
			}
			if err := e.happen(p); err != nil { // of a peer that does not come back, the other rows are still worth having
				fmt.Printf("| %s | %s | | | | | | %v |\n", e.title, p.label(), err)
			}
		}
	}
	return nil
}

// happen lets an event happen to one peer under load and prints the row.
func (e event) happen(p *peer) error {
	defer p.down()
	if _, err := p.up(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	results := make([]load.Result, 2)
	var wg sync.WaitGroup
	for i, keep := range []bool{true, false} {
		wg.Go(func() {
			// The pause bounds how fast a client asks that is refused.
			results[i] = load.Run(ctx, load.Options{Address: p.address, Connections: 16, KeepAlive: keep, Think: 10 * time.Millisecond})
		})
	}
	time.Sleep(time.Second)
	times := e.times
	if p.name == "original" {
		times = e.timesOriginal
	}
	var failed error
	for i := 0; i < times && failed == nil; i++ {
		failed = e.do(p)
		time.Sleep(500 * time.Millisecond)
	}
	time.Sleep(aftermath)
	cancel()
	wg.Wait()
	if failed != nil {
		return failed
	}
	total := results[0]
	total.Add(results[1])
	how := strings.TrimPrefix(strings.TrimSuffix(fmt.Sprint(total.Errors), "]"), "map[")
	title := e.title
	if strings.HasPrefix(title, "reload") && p.name == "original" {
		title += " (" + p.reloadName + ")"
	}
	fmt.Printf("| %s | %s | %d | %d | %d | %d | %d | %s |\n", title, p.label(), times, total.OK+total.Failed, total.Failed, total.Hung, total.Slowest.Milliseconds(), how)
	return nil
}

// label is how a peer is called in tables.
func (p *peer) label() string {
	switch p.name {
	case "node":
		return "Node's cluster, forked again"
	case "pm2":
		return "PM2 7"
	case "original":
		return "Pandora.js 1.11.0"
	}
	return p.name
}

// replace is a reload, or what the peer has for it.
func (p *peer) replace() error {
	_, err := run(p.env, p.reload)
	return err
}

// upgrade replaces daemon and guards by the same build.
func (p *peer) upgrade() error {
	_, err := run(p.env, []string{p.start[0], "daemon", "upgrade"})
	return err
}

// killWorker ends the worker that answers, and waits for another one to do so.
func (p *peer) killWorker() error {
	pid := ""
	for deadline := time.Now().Add(patience); pid == "" && time.Now().Before(deadline); { // it may not be back yet
		if pid = p.ask(); pid == "" {
			time.Sleep(50 * time.Millisecond)
		}
	}
	n, err := strconv.Atoi(pid)
	if err != nil {
		return fmt.Errorf("nobody answers, but %q", pid)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill worker %d: %w", n, err)
	}
	time.Sleep(time.Second)
	return nil
}

// killRole ends the process with a role and gives what is left some time.
func (p *peer) killRole(name string) error {
	pid, err := p.find(name)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the %s: %w", name, err)
	}
	time.Sleep(3 * time.Second)
	return nil
}
