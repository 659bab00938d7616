package endpoints

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
)

// This file is the only one that knows echo.

const (
	// maxBody bounds a request's body, which only EndPoints from elsewhere read.
	maxBody = 64 << 10
	// maxRequests bounds the requests being answered at a time.
	maxRequests = 256
	allowed     = "HEAD, GET"
	otherRoute  = "other"
)

// newEcho mounts the routes.
func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.writeError
	slots := make(chan struct{}, maxRequests)
	// One for everything: echo puts a chain of them together anew for each request.
	e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return s.around(c, next, slots) }
	})
	for _, route := range s.routes() {
		serve := s.serve(route)
		e.GET(route.path, serve)
		e.HEAD(route.path, serve)
		e.OPTIONS(route.path, func(c echo.Context) error {
			c.Response().Header().Set(echo.HeaderAllow, allowed)
			return write(c, text(http.StatusOK, ""))
		})
	}
	return e
}

// around does what every request needs before and after it is routed, and reports it once it is answered.
func (s *Server) around(c echo.Context, next echo.HandlerFunc, slots chan struct{}) error {
	began := time.Now()
	if err := s.admitted(c, next, slots); err != nil {
		c.Error(err)
	}
	route := c.Path()
	if status := c.Response().Status; route == "" || status == http.StatusNotFound && !strings.HasPrefix(route, "/health") {
		route = otherRoute
	}
	s.observer.Served(route, c.Response().Status, time.Since(began))
	return nil
}

// admitted turns away requests while too many are being answered, those that another site has made a browser send, and
// those with a large body; the others it routes.
func (s *Server) admitted(c echo.Context, next echo.HandlerFunc, slots chan struct{}) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.log.Error("request panicked", zap.String("path", c.Request().URL.Path), zap.Any("error", p), zap.Stack("stack"))
			err = echo.NewHTTPError(http.StatusInternalServerError)
		}
	}()
	r := c.Request()
	if err := s.access.check(r); err != nil {
		return write(c, text(http.StatusForbidden, "Forbidden: "+err.Error()))
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	default:
		return echo.NewHTTPError(http.StatusServiceUnavailable)
	}
	if r.ContentLength > maxBody {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	if r.ContentLength != 0 {
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxBody)
	}
	r.URL.Path = fold(r.URL.Path)
	if r.URL.RawPath != "" {
		r.URL.RawPath = fold(r.URL.RawPath)
	}
	err = next(c)
	if err != nil && errors.Is(err, echo.ErrNotFound) {
		return s.elsewhere(c)
	}
	return err
}

// refuse answers a client that may not see a route.
func (s *Server) refuse(c echo.Context) error {
	a, header := s.access.refusal()
	maps.Copy(c.Response().Header(), header)
	return write(c, a)
}

// elsewhere serves what no route has from the EndPoints that are mounted.
func (s *Server) elsewhere(c echo.Context) error {
	r, external := c.Request(), s.external.Load()
	name, found := external.match(r.URL.EscapedPath())
	if !found {
		return echo.ErrNotFound
	}
	if !s.access.trusts(r) {
		return s.refuse(c)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	a, found, err := external.serve(r, name, body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return echo.NewHTTPError(http.StatusGatewayTimeout)
	case err != nil:
		return err
	case !found:
		return echo.ErrNotFound
	}
	return write(c, a)
}

// serve makes an echo handler of a route.
func (s *Server) serve(route route) echo.HandlerFunc {
	h := route.handle
	return func(c echo.Context) error {
		trusted := s.access.trusts(c.Request())
		if !trusted && !route.open {
			return s.refuse(c)
		}
		q, err := parseQuery(c.Request().URL.RawQuery)
		switch {
		case errors.Is(err, errQueryLong):
			return echo.NewHTTPError(http.StatusRequestURITooLong)
		case err != nil:
			return echo.NewHTTPError(http.StatusBadRequest)
		}
		r := request{query: q, header: c.Request().Header, rawQuery: c.Request().URL.RawQuery, trusted: trusted}
		if !params(c, &r) {
			return echo.ErrNotFound
		}
		ctx := c.Request().Context()
		var a answer
		var version [2]uint64
		shared := false
		if route.shared {
			version, shared = s.version()
		}
		if shared {
			key := pageKey{c.Request().URL.EscapedPath(), c.Request().URL.RawQuery, version}
			a, err = s.pages.get(ctx, key, func(ctx context.Context) (answer, error) { return h(ctx, r) })
		} else {
			a, err = h(ctx, r)
		}
		if errors.Is(err, errGone) {
			return nil // nobody reads it
		}
		if err != nil {
			return err
		}
		if a.stream != nil {
			a.stream(c.Response(), c.Request())
			return nil
		}
		return write(c, a)
	}
}

// params reads the parameters of the path; false when one is empty, or the last runs over slashes, which echo lets it.
func params(c echo.Context, r *request) bool {
	escaped := c.Request().URL.RawPath != ""
	for _, name := range c.ParamNames() {
		value := c.Param(name)
		if value == "" || strings.Contains(value, "/") {
			return false
		}
		if escaped {
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
		}
		switch name {
		case "group":
			r.group = value
		case "name":
			r.name = value
		case "process":
			r.process = value
		}
	}
	return true
}

// write sends a. The length is always set, so that HEAD tells the one of GET.
func write(c echo.Context, a answer) error {
	h := c.Response().Header()
	maps.Copy(h, a.header)
	if a.gzipped {
		h.Set(echo.HeaderContentEncoding, "gzip")
		h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	}
	length := len(a.body)
	var stamp [20]byte
	var now []byte
	if a.tail != nil {
		now = strconv.AppendInt(stamp[:0], time.Now().UnixMilli(), 10)
		length += len(now) + len(a.tail)
	}
	describe(h, a.contentType, []string{strconv.Itoa(length)})
	c.Response().WriteHeader(a.status)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, err := c.Response().Write(a.body)
	for _, part := range [][]byte{now, a.tail} {
		if err == nil && len(part) > 0 {
			_, err = c.Response().Write(part)
		}
	}
	return err
}

// describe sets the headers that every answer has; without a content type it has no body to be told of.
func describe(h http.Header, contentType string, length []string) {
	if contentType != "" {
		h[echo.HeaderContentType] = headerValue(contentType)
		h[echo.HeaderXContentTypeOptions] = noSniff[:]
	}
	h[echo.HeaderCacheControl] = noStore[:]
	h[echo.HeaderContentLength] = length
}

// Values of headers that most answers have; nobody may change them.
var (
	noSniff  = [...]string{"nosniff"}
	noStore  = [...]string{"no-store"}
	jsonType = [...]string{typeJSON}
)

// headerValue is the list of a header's one value.
func headerValue(value string) []string {
	if value == typeJSON {
		return jsonType[:]
	}
	return []string{value}
}

// writeError answers with the status text, as the original's framework does. What went wrong is for the log only.
func (s *Server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return // the client went away while it was being answered
	}
	status := http.StatusInternalServerError
	var he *echo.HTTPError
	if errors.As(err, &he) {
		status = he.Code
	} else {
		s.log.Error("request", zap.String("path", c.Request().URL.Path), zap.Error(err))
	}
	switch status {
	case http.StatusMethodNotAllowed:
		c.Response().Header().Set(echo.HeaderAllow, allowed)
	case http.StatusServiceUnavailable:
		c.Response().Header().Set(echo.HeaderRetryAfter, "1")
	}
	if err := write(c, text(status, http.StatusText(status))); err != nil {
		s.log.Debug("answer", zap.Error(err))
	}
}

// fold makes paths case-insensitive and forgives one trailing slash, as the original's router does. The name of a metrics
// group keeps its case.
func fold(path string) string {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	parts := strings.SplitN(path, "/", 4)
	same := true
	for i := range parts {
		if i == 1 || i == 2 && strings.EqualFold(parts[i], "list") {
			low := strings.ToLower(parts[i])
			same = same && low == parts[i]
			parts[i] = low
		}
	}
	if same {
		return path
	}
	return strings.Join(parts, "/")
}
