package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/scripts"
)

// resourceTimeout is how long a resource of the configuration may take to answer.
const resourceTimeout = 3 * time.Second

// resources answers requests by the resources of the global configuration. host is nil while no script host runs.
type resources struct {
	host *scripts.Host
	// problem tells why none runs; nil where host is not nil.
	problem func() string
	log     *zap.Logger
}

// Answer asks the script host.
func (r resources) Answer(ctx context.Context, q endpoints.ExternalRequest) (a endpoints.ExternalAnswer, found bool, err error) {
	if r.host == nil {
		r.log.Debug("EndPoint is not answered", zap.String("endPoint", q.EndPoint), zap.String("problem", r.problem()))
		return unavailable(), true, nil
	}
	arg, err := json.Marshal(q)
	if err != nil {
		return a, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, resourceTimeout)
	defer cancel()
	value, err := r.host.Ask(ctx, arg)
	switch {
	case errors.Is(err, scripts.ErrGone):
		return unavailable(), true, nil
	case errors.Is(err, context.DeadlineExceeded):
		return a, true, err
	case err != nil:
		return a, true, fmt.Errorf("resource of EndPoint %q: %w", q.EndPoint, err)
	}
	var got struct {
		Found       bool              `json:"found"`
		Status      int               `json:"status"`
		ContentType string            `json:"contentType"`
		Text        string            `json:"text"`
		Base64      []byte            `json:"base64"`
		Headers     map[string]string `json:"headers"`
	}
	if err := json.Unmarshal(value, &got); err != nil {
		return a, true, fmt.Errorf("resource of EndPoint %q: %w", q.EndPoint, err)
	}
	body := got.Base64
	if body == nil {
		body = []byte(got.Text)
	}
	return endpoints.ExternalAnswer{Status: got.Status, ContentType: got.ContentType, Header: got.Headers, Body: body}, got.Found, nil
}

// unavailable is the answer while no host runs.
func unavailable() endpoints.ExternalAnswer {
	return endpoints.ExternalAnswer{
		Status: http.StatusServiceUnavailable, ContentType: "text/plain; charset=utf-8",
		Body: []byte(http.StatusText(http.StatusServiceUnavailable)), Header: map[string]string{"Retry-After": "1"},
	}
}

// mount makes the EndPoints of the host of the global configuration those that are served.
func (y *scriptYard) mount(h *scripts.Host) {
	var points []endpoints.ExternalEndPoint
	for _, e := range h.EndPoints() {
		if e.Problem != "" {
			y.log.Warn("EndPoint does not run", zap.String("endPoint", e.Name), zap.String("problem", e.Problem))
			continue
		}
		points = append(points, endpoints.ExternalEndPoint{Name: e.Name, Prefixes: e.Prefixes, Group: e.Group, Config: e.Config})
	}
	y.mu.Lock()
	y.points = points
	y.mu.Unlock()
	y.monitor.server.Mount(resources{host: h}, points)
}

// unmount answers 503 for what has been served, until a host runs again; nothing where none will.
func (y *scriptYard) unmount() {
	if y.sources.global == nil || y.sources.global() == nil {
		y.monitor.server.Mount(nil, nil)
		return
	}
	y.mu.Lock()
	points := y.points
	y.mu.Unlock()
	y.monitor.server.Mount(resources{log: y.log, problem: func() string { return y.keeper.Failure("") }}, points)
}

// askIndicators asks the Indicators of a group for an EndPoint of the configuration.
func (y *scriptYard) askIndicators(ctx context.Context, arg json.RawMessage) (json.RawMessage, error) {
	var q struct {
		Group   string         `json:"group"`
		AppName string         `json:"appName"`
		Args    map[string]any `json:"args"`
	}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, fmt.Errorf("ask Indicators: expected { group, appName, args }, got %s", mistaken(err))
	}
	return y.monitor.server.AskIndicators(ctx, q.Group, q.AppName, q.Args)
}
