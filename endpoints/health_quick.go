package endpoints

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// maxQuestions bounds the questions that are kept, and maxQuestionBytes the length of one.
	maxQuestions     = 64
	maxQuestionBytes = 512
)

// question is all of a request for /health that its answer depends on.
type question struct {
	rawQuery, accept string
	trusted          bool
}

// questions remembers what questions mean: reading one takes longer than looking up its answer, and load balancers ask
// the same again and again.
type questions struct {
	mu sync.RWMutex
	// all is guarded by mu.
	all map[question]healthQuery
}

func (q *questions) find(asked question) (healthQuery, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	means, ok := q.all[asked]
	return means, ok
}

func (q *questions) put(asked question, means healthQuery) {
	if len(asked.rawQuery)+len(asked.accept) > maxQuestionBytes {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.all == nil || len(q.all) >= maxQuestions {
		q.all = map[question]healthQuery{}
	}
	q.all[asked] = means
}

// acceptOf is a request's one Accept header; ok is false when there are several.
func acceptOf(h http.Header) (accept string, ok bool) {
	switch values := h["Accept"]; len(values) {
	case 0:
		return "", true
	case 1:
		return values[0], true
	}
	return "", false
}

// quick answers a request for /health that has been answered a moment ago, without routing it; false when it cannot.
// What it does not know it leaves to the route.
func (s *Server) quick(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Path != "/health" || r.ContentLength != 0 || !s.options.EndPoints[nameHealth].Enabled {
		return false
	}
	accept, ok := acceptOf(r.Header)
	if !ok {
		return false
	}
	version, ok := s.version()
	if !ok || s.access.check(r) != nil {
		return false
	}
	q, ok := s.questions.find(question{rawQuery: r.URL.RawQuery, accept: accept, trusted: s.access.trusts(r)})
	if !ok {
		return false
	}
	began := time.Now()
	p, ok := s.rendered.find(q, version, began)
	if !ok {
		return false
	}
	p.send(w, began)
	s.observer.Served("/health", p.status, time.Since(began))
	return true
}

// measured is the page with the header that tells its length.
func (p healthPage) measured() healthPage {
	length := len(p.head)
	if p.tail != nil {
		length += stampDigits + len(p.tail)
	}
	p.length = []string{strconv.Itoa(length)}
	return p
}

// stampDigits is the length of a time in milliseconds, from 2001 to 2286.
const stampDigits = 13

// send writes the page, measured before, with a time.
func (p healthPage) send(w http.ResponseWriter, now time.Time) {
	describe(w.Header(), p.contentType, p.length)
	w.WriteHeader(p.status)
	_, err := w.Write(p.head)
	if err != nil || p.tail == nil {
		return // the client is gone
	}
	var stamp [20]byte
	if _, err = w.Write(strconv.AppendInt(stamp[:0], now.UnixMilli(), 10)); err == nil {
		_, _ = w.Write(p.tail) // the client is gone
	}
}
