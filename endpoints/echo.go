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
	"github.com/labstack/echo/v4/middleware"
	"go.uber.org/zap"
)

// This file is the only one that knows echo.

const (
	// maxBody bounds a request's body, which nothing here reads.
	maxBody = "64K"
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
	e.Pre(s.observe, foldPath)
	e.Use(
		middleware.RecoverWithConfig(middleware.RecoverConfig{DisableStackAll: true, LogErrorFunc: s.logPanic}),
		s.protect,
		limitRequests(maxRequests),
		middleware.BodyLimit(maxBody),
		s.elsewhere,
	)
	for _, route := range s.routes() {
		serve := s.serve(route)
		e.GET(route.path, serve)
		e.HEAD(route.path, serve)
		e.OPTIONS(route.path, func(c echo.Context) error {
			c.Response().Header().Set(echo.HeaderAllow, allowed)
			return write(c, answer{status: http.StatusOK})
		})
	}
	return e
}

// protect turns away requests that another site has made a browser send.
func (s *Server) protect(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.access.check(c.Request()); err != nil {
			return write(c, text(http.StatusForbidden, "Forbidden: "+err.Error()))
		}
		return next(c)
	}
}

// refuse answers a client that may not see a route.
func (s *Server) refuse(c echo.Context) error {
	a, header := s.access.refusal()
	maps.Copy(c.Response().Header(), header)
	return write(c, a)
}

// elsewhere serves what no route has from the EndPoints that are mounted.
func (s *Server) elsewhere(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if !errors.Is(err, echo.ErrNotFound) {
			return err
		}
		r, external := c.Request(), s.external.Load()
		name, found := external.match(r.URL.EscapedPath())
		if !found {
			return err
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
		r := request{query: q, header: c.Request().Header, trusted: trusted}
		if !params(c, &r) {
			return echo.ErrNotFound
		}
		a, err := h(c.Request().Context(), r)
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
	if a.contentType != "" {
		h.Set(echo.HeaderContentType, a.contentType)
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	}
	if a.gzipped {
		h.Set(echo.HeaderContentEncoding, "gzip")
		h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	}
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(a.body)))
	c.Response().WriteHeader(a.status)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, err := c.Response().Write(a.body)
	return err
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

func (s *Server) logPanic(c echo.Context, err error, stack []byte) error {
	s.log.Error("request panicked", zap.String("path", c.Request().URL.Path), zap.Error(err), zap.ByteString("stack", stack))
	return echo.NewHTTPError(http.StatusInternalServerError)
}

// observe reports every request once it is answered.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		route := c.Path()
		if status := c.Response().Status; route == "" || status == http.StatusNotFound && !strings.HasPrefix(route, "/health") {
			route = otherRoute
		}
		s.observer.Served(route, c.Response().Status, time.Since(began))
		return nil
	}
}

// limitRequests turns requests away while n are being answered.
func limitRequests(n int) echo.MiddlewareFunc {
	slots := make(chan struct{}, n)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				return next(c)
			default:
				return echo.NewHTTPError(http.StatusServiceUnavailable)
			}
		}
	}
}

// foldPath makes paths case-insensitive and forgives one trailing slash, as the original's router does. The name of a
// metrics group keeps its case.
func foldPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		u.Path = fold(u.Path)
		if u.RawPath != "" {
			u.RawPath = fold(u.RawPath)
		}
		return next(c)
	}
}

func fold(path string) string {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		if i == 1 || i == 2 && strings.EqualFold(parts[i], "list") {
			parts[i] = strings.ToLower(parts[i])
		}
	}
	return strings.Join(parts, "/")
}
