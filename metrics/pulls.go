package metrics

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"sync"
	"time"
)

// This file reads the gauges of workers.

// pull is one reading of all gauges of a client.
type pull struct {
	began  time.Time
	done   chan struct{}
	values map[string]any // complete when done is closed
}

// worker implements batch. A process stays the worker that it is, but it may be known later than it speaks.
func (c *client) worker() map[string]string {
	c.mu.Lock()
	labels := c.labels
	c.mu.Unlock()
	if labels != nil {
		return labels
	}
	process, worker, ok := c.receiver.options.Worker(c.pid)
	if !ok {
		return nil
	}
	labels = map[string]string{"process": process, "worker": strconv.Itoa(worker)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.labels = labels
	return labels
}

// read returns the values of all gauges, at most a second old. It implements batch.
func (c *client) read(ctx context.Context) map[string]any {
	c.mu.Lock()
	p := c.last
	mine := p == nil || time.Since(p.began) >= pullInterval
	var gauges map[string]string
	ask := c.ask
	if c.together {
		ask = c.askTogether
	}
	if mine {
		p = &pull{began: time.Now(), done: make(chan struct{})}
		c.last = p
		gauges = maps.Clone(c.gauges)
	}
	c.mu.Unlock()
	if mine {
		// Others may wait for this reading, so it does not end with this reader.
		p.values = ask(context.WithoutCancel(ctx), gauges)
		close(p.done)
		return p.values
	}
	select {
	case <-p.done:
		return p.values
	case <-ctx.Done():
		return nil
	}
}

// ask reads the gauges from the worker.
func (c *client) ask(ctx context.Context, gauges map[string]string) map[string]any {
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	action := c.downlink()
	next := make(chan string)
	var mu sync.Mutex // guards values, missed
	values := make(map[string]any, len(gauges))
	missed := false
	var wg sync.WaitGroup
	for range min(len(gauges), pullsAtOnce) {
		wg.Go(func() {
			for key := range next {
				if ctx.Err() != nil {
					continue // too late to ask
				}
				data, err := c.request(ctx, action, map[string]string{"metricKey": gauges[key], "type": "GAUGE"})
				value := gaugeValue(data)
				mu.Lock()
				missed = missed || late(err)
				if err == nil && value != nil {
					values[key] = value
				}
				mu.Unlock()
			}
		})
	}
	for key := range gauges {
		next <- key
	}
	close(next)
	wg.Wait()
	if missed {
		c.receiver.options.Missed(c.app)
	}
	return values
}

// askTogether reads the gauges in one request: each value is where its name is in the question.
func (c *client) askTogether(ctx context.Context, gauges map[string]string) map[string]any {
	if len(gauges) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	keys := sortedKeys(gauges)
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = gauges[key]
	}
	data, err := c.request(ctx, c.downlink(), map[string]any{"metricKeys": names, "type": typeGauge})
	if late(err) {
		c.receiver.options.Missed(c.app)
	}
	var answers []json.RawMessage
	if err != nil || json.Unmarshal(data, &answers) != nil {
		return nil
	}
	values := make(map[string]any, len(keys))
	for i := range min(len(keys), len(answers)) {
		if value := gaugeValue(answers[i]); value != nil {
			values[keys[i]] = value
		}
	}
	return values
}

// gaugeValue decodes a worker's answer: a number, a string, a bool, or the JSON of anything else; nil for none.
func gaugeValue(data json.RawMessage) any {
	if len(data) == 0 || len(data) > maxValue {
		return nil
	}
	if data[0] == '{' || data[0] == '[' {
		return data
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil
	}
	return v
}
