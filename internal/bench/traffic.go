package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pandora-go/pandora/internal/load"
)

// The targets of the rows on traffic.
const (
	cpuLimit     = 1.05 // CPU per request over that of Node's own cluster
	sharedGain   = 1.5  // requests with a connection each, over Node's round robin
	balanceLimit = 1.3  // the busiest worker over the mean
)

const (
	// trafficRounds is how often each peer is measured; the best round counts, because the machine may be busy.
	trafficRounds = 3
	trafficTime   = 1500 * time.Millisecond
)

// sample is one measurement under load.
type sample struct {
	cpu    float64 // microseconds of all its processes per request
	rate   float64 // requests per second
	spread float64 // requests of the busiest worker over the mean
}

// entrant is a peer in a comparison.
type entrant struct {
	label, peer string
	balance     string
}

// traffic prints what a request costs and how connections are spread.
func traffic(l *place) error {
	fmt.Println("\ntraffic                                          CPU µs/request      × node   requests/s    busiest/mean")
	all := []entrant{{"node", "node", ""}, {"pandora", "pandora", ""}, {"pm2", "pm2", ""}, {"pandora 1.11.0", "original", ""}}
	for _, workers := range []int{1, 2, 4} {
		s := shape{workers: workers, cluster: true}
		title := fmt.Sprintf("keep-alive, %d workers", workers)
		if err := against(l, title, all, s, load.Options{Connections: 32, KeepAlive: true}, func(own, node sample) string {
			return judged(own.cpu <= cpuLimit*node.cpu, true, fmt.Sprintf("%g × node", cpuLimit))
		}); err != nil {
			return err
		}
	}
	rr := []entrant{{"node", "node", ""}, {"pandora, shared", "pandora", "shared"}, {"pandora, rr", "pandora", ""}, {"pm2", "pm2", ""}}
	if err := against(l, "a connection each, 2 workers", rr, shape{workers: 2, cluster: true}, load.Options{Connections: 32}, func(own, node sample) string {
		return judged(own.rate >= sharedGain*node.rate || own.cpu*sharedGain <= node.cpu, true, fmt.Sprintf("%g × node's requests/s, or 1/%g of its CPU", sharedGain, sharedGain))
	}); err != nil {
		return err
	}
	long := []entrant{rr[0], rr[2], rr[1], rr[3]} // the target is for the default
	return against(l, "40 long connections, 4 workers", long, shape{workers: 4, cluster: true}, load.Options{Connections: 40, KeepAlive: true, Think: 20 * time.Millisecond}, func(own, _ sample) string {
		return judged(own.spread <= balanceLimit, true, fmt.Sprintf("busiest/mean %g", balanceLimit))
	})
}

// against measures entrants in turn and prints their best rounds. verdict judges pandora's first row.
func against(l *place, title string, all []entrant, s shape, o load.Options, verdict func(own, node sample) string) error {
	if !strings.Contains(title, l.rows) {
		return nil
	}
	best := make([]sample, len(all))
	measured := make([]bool, len(all))
	for range trafficRounds {
		for i, e := range all {
			s.balance = e.balance
			p, err := l.peer(e.peer, s)
			if err != nil {
				return err
			}
			if p == nil {
				continue
			}
			got, err := p.loaded(s, o)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", title, e.label, err)
			}
			if !measured[i] {
				best[i], measured[i] = got, true
			}
			best[i] = sample{min(best[i].cpu, got.cpu), max(best[i].rate, got.rate), min(best[i].spread, got.spread)}
		}
	}
	judgedOne := false
	for i, e := range all {
		if !measured[i] {
			continue
		}
		note := ""
		if e.peer == "pandora" && !judgedOne {
			judgedOne, note = true, verdict(best[i], best[0])
		}
		fmt.Printf("  %-30s %-15s %10.1f %11.2f %12.0f %12.2f%s\n", title, e.label, best[i].cpu, best[i].cpu/best[0].cpu, best[i].rate, best[i].spread, note)
	}
	return nil
}

// loaded starts a peer, asks for a while, and ends it.
func (p *peer) loaded(s shape, o load.Options) (sample, error) {
	defer p.down()
	if _, err := p.up(); err != nil {
		return sample{}, err
	}
	o.Address = p.address
	ask := func(long time.Duration) load.Result {
		ctx, cancel := context.WithTimeout(context.Background(), long)
		defer cancel()
		return load.Run(ctx, o)
	}
	ask(trafficTime / 4) // all workers are there, and their code is compiled
	pids := p.processes()
	before := cpu(pids)
	r := ask(trafficTime)
	used := cpu(pids) - before
	if r.OK == 0 {
		return sample{}, errors.New(r.String())
	}
	var counts []int
	for _, n := range r.Bodies {
		counts = append(counts, n)
	}
	return sample{
		cpu:    float64(used.Microseconds()) / float64(r.OK),
		rate:   float64(r.OK) / r.Took.Seconds(),
		spread: float64(slices.Max(counts)) * float64(s.workers) / float64(r.OK),
	}, nil
}
