package endpoints

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// pageTTL is how long an answer is sent again as it is.
	pageTTL = 250 * time.Millisecond
	// maxPages bounds the answers that are kept, and maxPageBytes the size of one.
	maxPages     = 64
	maxPageBytes = 512 << 10
)

// pages keeps the last answers of routes that take long to make, for a moment, so that many who ask the same at the same
// time cost no more than one. An answer from before a change is not used.
type pages struct {
	mu sync.Mutex
	// all is guarded by mu.
	all map[pageKey]*shared[pageResult]
}

// pageKey is everything that an answer depends on.
type pageKey struct {
	path, query string
	version     [2]uint64
}

type pageResult struct {
	answer answer
	err    error
}

// errGone is what a client gets that has left.
var errGone = errors.New("the client has left")

// get returns an answer that was just made, or has make make one.
func (p *pages) get(ctx context.Context, key pageKey, make func(context.Context) (answer, error)) (answer, error) {
	p.mu.Lock()
	one := p.all[key]
	if one == nil {
		if len(p.all) >= maxPages {
			p.all = nil
		}
		if p.all == nil {
			p.all = map[pageKey]*shared[pageResult]{}
		}
		one = &shared[pageResult]{}
		p.all[key] = one
	}
	p.mu.Unlock()
	got := one.get(ctx, pageTTL, func(ctx context.Context) (r pageResult) {
		defer func() {
			if cause := recover(); cause != nil {
				r = pageResult{err: fmt.Errorf("make the answer: panic: %v", cause)}
			}
			if r.err != nil || len(r.answer.body) > maxPageBytes {
				p.forget(key, one)
			}
		}()
		a, err := make(ctx)
		return pageResult{a, err}
	})
	if got.err == nil && got.answer.status == 0 {
		return answer{}, errGone
	}
	return got.answer, got.err
}

// forget drops an answer: those who wait for it still get it.
func (p *pages) forget(key pageKey, one *shared[pageResult]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[key] == one {
		delete(p.all, key)
	}
}

// sweep drops all answers.
func (p *pages) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = nil
}
