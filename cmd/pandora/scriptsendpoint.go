package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// maxEndPointAnswer bounds what an EndPoint may answer to a script, in bytes.
const maxEndPointAnswer = 16 << 20

// endPointQuestion is what a script asks an EndPoint.
type endPointQuestion struct {
	// Path is that of the EndPoint without the first slash, as "info" or "metrics/list"; Query is its query.
	Path  string            `json:"path"`
	Query map[string]string `json:"query"`
}

// askEndPoint asks an EndPoint of the daemon as a client that may see everything, and returns the data of its answer.
func (y *scriptYard) askEndPoint(ctx context.Context, arg json.RawMessage) (json.RawMessage, error) {
	var q endPointQuestion
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, fmt.Errorf("ask EndPoint: expected { path, query }, got %s", mistaken(err))
	}
	query := url.Values{}
	for name, value := range q.Query {
		query.Set(name, value)
	}
	address := url.URL{Path: "/" + q.Path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask EndPoint %q: %w", q.Path, err)
	}
	// As one that comes by a socket: whoever may write the configuration may see what the daemon tells.
	r.Host, r.RemoteAddr = "localhost", ""
	r.Header.Set("Accept", "application/json")
	answer := &heldAnswer{header: http.Header{}, status: http.StatusOK}
	y.monitor.server.Handler().ServeHTTP(answer, r)
	if answer.full {
		return nil, fmt.Errorf("ask EndPoint %q: the answer has more than %d bytes", q.Path, maxEndPointAnswer)
	}
	var envelope struct {
		Data    json.RawMessage `json:"data"`
		Success *bool           `json:"success"`
		Message string          `json:"message"`
	}
	switch err := json.Unmarshal(answer.body.Bytes(), &envelope); {
	case err != nil || envelope.Success == nil:
		return nil, fmt.Errorf("ask EndPoint %q: %d %s, expected JSON with data", q.Path, answer.status, http.StatusText(answer.status))
	case envelope.Data == nil && !*envelope.Success:
		return nil, errors.New(envelope.Message)
	case envelope.Data == nil:
		return json.RawMessage("null"), nil
	}
	return envelope.Data, nil
}

// heldAnswer keeps an answer.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
	// full says that it is longer than is kept.
	full bool
}

// Header implements http.ResponseWriter.
func (a *heldAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *heldAnswer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *heldAnswer) Write(p []byte) (int, error) {
	if a.body.Len()+len(p) > maxEndPointAnswer {
		a.full = true
		return 0, errors.New("the answer is too long")
	}
	return a.body.Write(p)
}
