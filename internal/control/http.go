package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// maxBody bounds a request or an answer, maxLine one line of a stream: graphs and environments, with room.
	maxBody = 32 << 20
	maxLine = 32 << 20
	// dialTimeout bounds a connection to a socket on this machine.
	dialTimeout = 2 * time.Second
	// daemonAway is how long a daemon that has answered may be away, because the next one takes its place; dialAgain is
	// when to look.
	daemonAway = 3 * time.Second
	dialAgain  = 20 * time.Millisecond
	// callTimeout bounds a call whose context has no deadline.
	callTimeout = 30 * time.Second
	// lineTimeout is how long a reader of a stream may take to accept one line.
	lineTimeout = 10 * time.Second
	// bodyTimeout is how long a caller may take to send a request's body.
	bodyTimeout = 30 * time.Second
	// closeTimeout bounds how long a closing server waits for its answers to be read.
	closeTimeout = 5 * time.Second
)

// Serve answers requests on listener until ctx ends; it then stops listening at once, gives running answers a few
// seconds and returns. The contexts of requests end when ctx does.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %q: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	<-failed
	return nil
}

// handlerFunc answers with a value or an error.
type handlerFunc func(r *http.Request) (any, error)

// ServeHTTP writes what the function returns as JSON.
func (h handlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Server.ReadTimeout would end the contexts of long answers, so the body has a deadline of its own.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		writeError(w, &Error{Code: CodeInvalid, Message: "read request: " + err.Error()})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	value, err := h(r)
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the caller went away
}

// writeError answers with an Error and a status that fits its code.
func writeError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeInternal, Message: err.Error()}
	}
	status := http.StatusInternalServerError
	switch e.Code {
	case CodeExists, CodeRefused, CodeVersion:
		status = http.StatusConflict
	case CodeNotFound:
		status = http.StatusNotFound
	case CodeClosing:
		status = http.StatusServiceUnavailable
	case CodeInvalid:
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e)
}

// decodeBody reads the JSON body of a request.
func decodeBody(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return &Error{Code: CodeInvalid, Message: "read request: " + err.Error()}
	}
	return nil
}

// lineWriter writes one JSON value a line, each within lineTimeout.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newLineWriter(w http.ResponseWriter) lineWriter {
	w.Header().Set("Content-Type", "application/x-ndjson")
	return lineWriter{w: w, control: http.NewResponseController(w)}
}

func (l lineWriter) write(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_ = l.control.SetWriteDeadline(time.Now().Add(lineTimeout))
	if _, err := l.w.Write(append(data, '\n')); err != nil {
		return err
	}
	return l.control.Flush()
}

// client speaks to one socket.
type client struct {
	path    string
	version string
	http    *http.Client
	// patience is how long a server that has answered may be away.
	patience time.Duration
	answered atomic.Bool
}

func newClient(path, version string) *client {
	c := &client{path: path, version: version}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		// A connection that is kept may be closed by the other side, which may just be replaced by another build, while
		// a request is on its way.
		DisableKeepAlives: true,
	}}
	return c
}

// dial connects. When the server has answered before and is not there now, the next one may be about to take its place:
// for as long as patience says, a connection that could not be made is tried again.
func (c *client) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	began := time.Now()
	for {
		conn, err := dialer.DialContext(ctx, "unix", c.path)
		absent := errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
		if !absent || !c.answered.Load() || time.Since(began) >= c.patience {
			return conn, err
		}
		timer := time.NewTimer(dialAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

// close lets go of idle connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// do sends a request; the caller closes the body of a successful answer.
func (c *client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("send to %q: %w", c.path, err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://pandora"+path, body)
	if err != nil {
		return nil, fmt.Errorf("send to %q: %w", c.path, err)
	}
	request.Header.Set(versionHeader, c.version)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.lost(ctx, err)
	}
	c.answered.Store(true)
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	e := Error{Code: CodeInternal}
	if json.NewDecoder(io.LimitReader(response.Body, maxBody)).Decode(&e) != nil || e.Message == "" {
		e.Message = fmt.Sprintf("ask %q for %s: status %s, expected the answer of a daemon or guard of pandora; see what listens there", c.path, path, response.Status)
	}
	return nil, &e
}

// lost makes the error of a connection that could not be made or broke.
func (c *client) lost(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return unanswered{c.path}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("talk to %q: %w: %w", c.path, ErrUnreachable, plain(err))
}

// unanswered is the error of a question whose time is up; it is a context.DeadlineExceeded in words for users.
type unanswered struct{ path string }

// Error says who does not answer.
func (e unanswered) Error() string {
	return fmt.Sprintf("ask %q: it does not answer in time; [ pandora log --daemon ] may tell why", e.path)
}

// Unwrap returns what it is.
func (unanswered) Unwrap() error { return context.DeadlineExceeded }

// plain is an error of a connection without the request and the addresses.
func plain(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	if connection, ok := errors.AsType[*net.OpError](err); ok {
		err = connection.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection was closed")
	}
	return err
}

// call sends a request and decodes the answer into out, which may be nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	response, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return c.lost(ctx, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("ask %q: what listens there answers, but not as this version of pandora (%w); see that it is a daemon or guard, and run [ pandora daemon upgrade ]", c.path, err)
	}
	return nil
}

// lines reads a stream, one JSON value a line, until it ends or each returns an error.
func (c *client) lines(ctx context.Context, path string, each func(line []byte) error) error {
	response, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	scanner := bufio.NewScanner(response.Body)
	scanner.Buffer(make([]byte, 0, 16<<10), maxLine)
	for scanner.Scan() {
		if err := each(scanner.Bytes()); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return c.lost(ctx, err)
	}
	return nil
}
