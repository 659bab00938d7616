package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/dop251/goja"
)

const (
	// DefaultTurn bounds one uninterrupted run of JavaScript in a Session.
	DefaultTurn = time.Second

	// maxAsked and maxTimers bound what the code of a Session waits for, maxSettled what a call may return, in bytes.
	maxAsked   = 1000
	maxTimers  = 10_000
	maxSettled = 1 << 20
	// stuckAfter is how long code may go on that was told to stop, which it only does inside one long native operation.
	stuckAfter = 2 * time.Second
	// lookEvery is how often the memory is looked at while code runs.
	lookEvery = 20 * time.Millisecond
)

// SessionOptions say what a Session is and whom it asks.
type SessionOptions struct {
	// Options are as for New. Timeout is the limit of the turns of the first call; Env and Dir are those of the code.
	// MemoryLimit is that of the whole process.
	Options
	// Turn bounds one uninterrupted run of the code; 0 is DefaultTurn.
	Turn time.Duration
	// Host answers what the code asks for, each time on a goroutine of its own. ctx ends with the Session.
	Host func(ctx context.Context, name string, arg json.RawMessage) (json.RawMessage, error)
	// Console takes what the code prints; owner is who was being called. Neither may be nil.
	Console func(owner, text string)
	// Stuck is told when code goes on after it was stopped, when that has broken the world, or when it needs more memory
	// than it may have: nothing but the end of the process helps then.
	Stuck func(owner string, reason *Error)
}

// Session is a JavaScript world that lives: promises settle, timers fire, and the code asks its host for what reaches
// out of the process. Of what fails, only the call that did it is over.
//
// Run is the one goroutine in which the code runs; Call may be called from any.
type Session struct {
	options SessionOptions
	rt      *Runtime
	base    int64
	// probe calls what it is given once promises go on.
	probe goja.Callable

	mu sync.Mutex // guards what follows, up to wake
	// jobs are turns to come.
	jobs []turn
	// running is the guard of the turn that runs, for the call by the number runningCall; nil between turns.
	running     *sessionWatch
	runningCall int64
	// wake tells Run of them.
	wake chan struct{}
	ctx  context.Context
	wg   sync.WaitGroup

	// What follows belongs to Run.
	owner  string
	call   int64
	first  bool
	last   int64
	calls  map[int64]*sessionCall
	asked  int
	timers map[int64]*time.Timer
	// uncaught are the promises that were rejected in this turn and have no handler.
	uncaught map[*goja.Promise]bool
}

// turn is one run of JavaScript, for the call by that number (0: none).
type turn struct {
	owner string
	call  int64
	run   func() error
}

type sessionCall struct {
	// id is known once begun is closed.
	id      int64
	begun   chan struct{}
	settled chan outcome
}

type outcome struct {
	value json.RawMessage
	err   error
}

// NewSession makes a Session in which nothing runs before Run.
func NewSession(o SessionOptions) (*Session, error) {
	if o.Turn <= 0 {
		o.Turn = DefaultTurn
	}
	s := &Session{
		options: o, wake: make(chan struct{}, 1), calls: map[int64]*sessionCall{}, timers: map[int64]*time.Timer{},
		uncaught: map[*goja.Promise]bool{},
		base:     heapInUse(), first: true,
	}
	programs := &programs{}
	rt, err := makeRuntime(o.Options, programs, s)
	if err != nil {
		return nil, err
	}
	s.rt = rt
	rt.vm.SetPromiseRejectionTracker(s.rejected)
	probe, err := rt.vm.RunString("(async (done) => { await null; done(); })")
	if err != nil {
		return nil, fmt.Errorf("make a JavaScript world: %w", err)
	}
	s.probe, _ = goja.AssertFunction(probe)
	return s, nil
}

// LimitProcess bounds the memory of the process that Sessions run in, in bytes beyond what it has now. It is for a
// process that does nothing else.
func LimitProcess(limit int64) error {
	debug.SetMemoryLimit(heapInUse() + limit + headroom/2)
	return limitMemory(limit + headroom)
}

// Run runs the code until ctx ends, and then waits for what it has asked its host for.
func (s *Session) Run(ctx context.Context) {
	s.ctx = ctx
	defer s.wg.Wait()
	defer func() {
		for _, t := range s.timers {
			t.Stop()
		}
		for _, c := range s.calls {
			c.settled <- outcome{err: context.Cause(ctx)}
		}
		clear(s.calls)
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for {
			s.mu.Lock()
			jobs := s.jobs
			s.jobs = nil
			s.mu.Unlock()
			if len(jobs) == 0 {
				break
			}
			for _, t := range jobs {
				if ctx.Err() != nil {
					return
				}
				s.take(t)
			}
		}
	}
}

// post queues a turn.
func (s *Session) post(t turn) {
	s.mu.Lock()
	s.jobs = append(s.jobs, t)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Call calls exports[function](arg) of an embedded module, such as "goja/scripts.js", and returns what its promise
// resolves to, as JSON. owner is whom the code belongs to, for Console and Stuck. Errors of the code are of type *Error.
// When ctx ends first, its error is returned, and what the code does later is nobody's.
func (s *Session) Call(ctx context.Context, owner, module, function string, arg json.RawMessage) (json.RawMessage, error) {
	return s.CallWithin(ctx, 0, owner, module, function, arg)
}

// CallWithin is Call with a time limit that counts from the moment at which the code begins to run, so that one call does
// not pay for the turns of others. Code that runs without a pause when its time is over is interrupted, with an *Error of
// Kind "timeout"; for code that waits the error is context.DeadlineExceeded. A limit of 0 is none.
func (s *Session) CallWithin(ctx context.Context, limit time.Duration, owner, module, function string, arg json.RawMessage) (json.RawMessage, error) {
	c := &sessionCall{begun: make(chan struct{}), settled: make(chan outcome, 1)}
	s.post(turn{owner: owner, run: func() error {
		if ctx.Err() != nil {
			c.settled <- outcome{err: ctx.Err()}
			return nil
		}
		s.last++
		id := s.last
		c.id, s.call, s.calls[id] = id, id, c
		s.mu.Lock()
		s.runningCall = id
		s.mu.Unlock()
		close(c.begun)
		argument := goja.Undefined()
		if len(arg) > 0 {
			argument = s.rt.vm.ToValue(string(arg))
		}
		vm := s.rt.vm
		_, err := s.rt.live(goja.Undefined(), vm.ToValue(module), vm.ToValue(function), argument, vm.ToValue(id))
		return err
	}})
	select {
	case <-c.begun:
	case o := <-c.settled:
		return o.value, o.err
	case <-ctx.Done():
		return nil, s.abandon(c, ctx.Err())
	}
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case o := <-c.settled:
		return o.value, o.err
	case <-ctx.Done():
		return nil, s.abandon(c, ctx.Err())
	case <-over:
	}
	if !s.interrupt(c.id, limit) {
		return nil, s.abandon(c, context.DeadlineExceeded)
	}
	select {
	case o := <-c.settled:
		return o.value, o.err
	case <-ctx.Done():
		return nil, s.abandon(c, ctx.Err())
	}
}

// abandon forgets a call that nobody waits for any more.
func (s *Session) abandon(c *sessionCall, why error) error {
	s.post(turn{run: func() error {
		delete(s.calls, c.id)
		return nil
	}})
	return why
}

// interrupt stops the turn that runs if it is one of the call; false when it is not.
func (s *Session) interrupt(call int64, limit time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil || s.runningCall != call {
		return false
	}
	return s.running.stop(limit)
}

// take runs one turn under its limits.
func (s *Session) take(t turn) {
	s.owner, s.call = t.owner, t.call
	limit := s.options.Turn
	if s.first {
		limit = s.rt.options.Timeout
	}
	s.rt.deadline, s.rt.cancelled = time.Now().Add(limit), s.ctx.Done()
	w := s.guard(limit)
	s.mu.Lock()
	s.running, s.runningCall = w, t.call
	s.mu.Unlock()
	err := s.attempt(t)
	s.mu.Lock()
	s.running, s.runningCall = nil, 0
	s.mu.Unlock()
	w.end()
	s.rt.vm.ClearInterrupt()
	if err != nil {
		failure := s.rt.failure(err)
		// What was thrown unwinds by itself; all else is an interruption: of time, or process.exit.
		if failure.Kind != KindThrow && !s.lives() {
			defer s.options.Stuck(s.owner, failure)
		}
		if !s.settle(s.call, outcome{err: failure}) {
			s.options.Console(s.owner, failure.Error()+"\n")
		}
	}
	s.tellUncaught()
	s.first = s.first && s.call == 0
	s.owner, s.call = "", 0
	s.rt.refused = nil
}

// lives reports whether promises still go on. Where a turn was interrupted inside several async functions goja keeps their
// contexts for ever, and takes every later turn for one that is inside of them.
func (s *Session) lives() bool {
	lives := false
	_, err := s.probe(goja.Undefined(), s.rt.vm.ToValue(func() { lives = true }))
	return err == nil && lives
}

// attempt turns a Go panic inside a native function into an error.
func (s *Session) attempt(t turn) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = &Error{Kind: KindUnsupported, Message: fmt.Sprintf("goja panicked: %v", x)}
		}
	}()
	return t.run()
}

// settle ends a call; false when it has ended before.
func (s *Session) settle(id int64, o outcome) bool {
	c := s.calls[id]
	if c == nil {
		return false
	}
	delete(s.calls, id)
	c.settled <- o
	return true
}

// sessionWatch is the guard of one turn.
type sessionWatch struct {
	vm *goja.Runtime

	mu sync.Mutex // guards what follows
	// stopped says that the code was told to stop, over that the turn has ended.
	stopped, over bool
	timer         *time.Timer
}

// stop tells the code to stop because it has not paused for so long; false when the turn has ended.
func (w *sessionWatch) stop(after time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	w.tell(after)
	return true
}

// tell interrupts the code, once. w.mu is held.
func (w *sessionWatch) tell(after time.Duration) {
	if !w.stopped {
		w.stopped = true
		w.vm.Interrupt(&Error{Kind: KindTimeout, Message: fmt.Sprintf("did not return to its event loop within %v", after)})
	}
}

// guard interrupts the turn that begins now when it takes longer than limit or the process needs too much memory.
func (s *Session) guard(limit time.Duration) *sessionWatch {
	w := &sessionWatch{vm: s.rt.vm}
	begun, owner := time.Now(), s.owner
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(min(lookEvery, limit), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.over {
			return
		}
		took := time.Since(begun)
		if e := s.tooMuch(); e != nil {
			s.options.Stuck(owner, e)
		}
		switch {
		case took > limit+stuckAfter:
			s.options.Stuck(owner, &Error{Kind: KindTimeout, Message: fmt.Sprintf("still running after %v, inside one long operation (such as a regular expression or a sort)", limit)})
		case took >= limit:
			w.tell(limit)
		}
		w.timer.Reset(lookEvery)
	})
	return w
}

// tooMuch tells whether a collection leaves more than the limit.
func (s *Session) tooMuch() *Error {
	limit := s.rt.options.MemoryLimit
	if heapInUse()-s.base <= limit {
		return nil
	}
	runtime.GC()
	if heapInUse()-s.base <= limit {
		return nil
	}
	return memoryError(limit)
}

func (w *sessionWatch) end() {
	w.mu.Lock()
	w.over = true
	w.timer.Stop()
	w.mu.Unlock()
}

// rejected keeps what nobody has caught so far.
func (s *Session) rejected(p *goja.Promise, operation goja.PromiseRejectionOperation) {
	if operation == goja.PromiseRejectionReject {
		s.uncaught[p] = true
	} else {
		delete(s.uncaught, p)
	}
}

// tellUncaught prints what nobody has caught in the turn that ends.
func (s *Session) tellUncaught() {
	for p := range s.uncaught {
		text := ""
		if !s.rt.attempt(func() { text = show(p.Result()) }) {
			text = "something that cannot be shown"
		}
		s.options.Console(s.owner, "unhandled rejection: "+text+"\n")
	}
	clear(s.uncaught)
}

// natives is what the loader and js/goja ask a Session for.
func (s *Session) natives(vm *goja.Runtime) *goja.Object {
	o := vm.NewObject()
	_ = o.Set("settle", func(call goja.FunctionCall) goja.Value {
		s.settled(call.Argument(0).ToInteger(), call.Argument(1).ToBoolean(), call.Argument(2).String())
		return goja.Undefined()
	})
	_ = o.Set("ask", s.ask)
	_ = o.Set("start", s.startTimer)
	_ = o.Set("stop", func(call goja.FunctionCall) goja.Value {
		id := call.Argument(0).ToInteger()
		if t := s.timers[id]; t != nil {
			t.Stop()
			delete(s.timers, id)
		}
		return goja.Undefined()
	})
	return o
}

// settled ends a call with JSON: its result, or {message, file, line, column} of what it threw.
func (s *Session) settled(id int64, well bool, text string) {
	switch {
	case len(text) > maxSettled:
		s.settle(id, outcome{err: &Error{Kind: KindThrow, Message: fmt.Sprintf("what it returned has %d characters, expected at most %d", len(text), maxSettled)}})
	case well:
		s.settle(id, outcome{value: json.RawMessage(text)})
	default:
		e := &Error{Kind: KindThrow}
		if json.Unmarshal([]byte(text), e) != nil || e.Message == "" {
			e.Message = "it threw something that cannot be shown"
		}
		s.settle(id, outcome{err: e})
	}
}

// ask is (name, argument as JSON, callback(error message, result as JSON)).
func (s *Session) ask(call goja.FunctionCall) goja.Value {
	name, argument := call.Argument(0).String(), call.Argument(1).String()
	callback, ok := goja.AssertFunction(call.Argument(2))
	if !ok || s.asked >= maxAsked {
		panic(s.rt.vm.NewGoError(fmt.Errorf("%d requests are under way, expected at most %d at a time", s.asked, maxAsked)))
	}
	s.asked++
	owner, id := s.owner, s.call
	s.wg.Go(func() {
		value, err := s.options.Host(s.ctx, name, json.RawMessage(argument))
		s.post(turn{owner: owner, call: id, run: func() error {
			s.asked--
			message, result := goja.Undefined(), goja.Undefined()
			if err != nil {
				message = s.rt.vm.ToValue(err.Error())
			} else {
				result = s.rt.vm.ToValue(string(value))
			}
			_, err := callback(goja.Undefined(), message, result)
			return err
		}})
	})
	return goja.Undefined()
}

// startTimer is (milliseconds, callback) → number.
func (s *Session) startTimer(call goja.FunctionCall) goja.Value {
	after := time.Duration(min(max(call.Argument(0).ToFloat(), 1), 1<<31-1) * float64(time.Millisecond))
	callback, ok := goja.AssertFunction(call.Argument(1))
	if !ok || len(s.timers) >= maxTimers {
		panic(s.rt.vm.NewGoError(fmt.Errorf("%d timers are waiting, expected at most %d", len(s.timers), maxTimers)))
	}
	s.last++
	id, owner, of := s.last, s.owner, s.call
	s.timers[id] = time.AfterFunc(after, func() {
		s.post(turn{owner: owner, call: of, run: func() error {
			if s.timers[id] == nil {
				return nil // cleared meanwhile
			}
			delete(s.timers, id)
			_, err := callback(goja.Undefined())
			return err
		}})
	})
	return s.rt.vm.ToValue(id)
}
