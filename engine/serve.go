package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	// collectAt is GOGC in a child: most evaluations end before there is anything worth collecting.
	collectAt = 400
	// spentAt is the heap in bytes after which a child is not used again.
	spentAt = 192 << 20
)

// ChildMain serves Requests read from in, one after another, and writes their outcomes to out, one JSON value a line.
// Each gets a Runtime of its own; only what was compiled is shared. It limits the memory of the whole process, so the
// process must end afterwards, with the exit code that is returned.
func ChildMain(in io.Reader, out io.Writer) int {
	become(os.Args)
	keepDescendants()
	debug.SetGCPercent(collectAt)
	s := &server{out: json.NewEncoder(out)}
	var preparing sync.WaitGroup
	defer preparing.Wait()
	preparing.Go(s.programs.prepare)
	requests := json.NewDecoder(in)
	for served := 0; ; served++ {
		var req childRequest
		err := requests.Decode(&req)
		switch {
		case errors.Is(err, io.EOF) && served > 0:
			return 0
		case err != nil:
			s.refuse("read request: " + err.Error())
			return 1
		case !s.serve(&req):
			return 1
		}
		// What this request left is not to count against the next one.
		runtime.GC()
	}
}

// server is a child at work.
type server struct {
	out      *json.Encoder
	programs programs
	// page is where statements are marked; nil before it is needed.
	page []byte
}

// refuse answers that a request cannot be served at all.
func (s *server) refuse(reason string) {
	_ = s.out.Encode(response{Done: true, Spent: true, Error: &Error{Kind: KindUnsupported, Message: reason}})
}

// serve answers one request and reports whether the process can go on.
func (s *server) serve(req *childRequest) bool {
	rt, err := s.ready(req)
	if err != nil {
		s.refuse(err.Error())
		return false
	}
	// The parent may have to kill this process, and then knows at least the file.
	rt.onLoad = func(path string) { _ = s.out.Encode(response{File: path}) }
	_ = s.out.Encode(response{Ready: true})
	value, err := rt.Invoke(context.Background(), req.Module, req.Function, req.Arg)
	r := response{Done: true, Result: Result{Value: value, Loaded: rt.Loaded(), Output: rt.Output()}}
	if err != nil {
		r.Error = rt.failure(err)
	}
	// A dead Runtime may still have a goroutine of the code's, a command something in the background.
	r.Spent = rt.dead != nil || rt.commands || heapInUse() > spentAt
	return s.out.Encode(r) == nil
}

// ready makes the Runtime for a request and sets the limits of the process.
func (s *server) ready(req *childRequest) (*Runtime, error) {
	rt, err := newWith(req.Options, &s.programs)
	if err != nil {
		return nil, err
	}
	if err := enter(rt.options.Dir); err != nil {
		return nil, err
	}
	limit := rt.options.MemoryLimit
	debug.SetMemoryLimit(heapInUse() + limit + headroom/2)
	if err := limitMemory(limit + headroom); err != nil {
		return nil, err
	}
	if req.Traced {
		if s.page == nil {
			if s.page, err = mapTrace(os.NewFile(3, "trace")); err != nil {
				return nil, errors.New("share a page with the parent: " + err.Error())
			}
		}
		if err := rt.traceInto(s.page); err != nil {
			return nil, errors.New("mark statements: " + err.Error())
		}
	}
	return rt, nil
}

// enter changes the current folder, unless it is that already.
func enter(dir string) error {
	if here, err := os.Getwd(); err == nil && here == dir {
		return nil
	}
	return os.Chdir(dir)
}
