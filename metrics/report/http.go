package report

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 64 << 10
	// longestWait bounds what a receiver may ask for by Retry-After.
	longestWait = 10 * time.Minute
	// idleTime is how long a connection is kept; reports come each minute.
	idleTime = 90 * time.Second
)

// poster sends bodies to one URL.
type poster struct {
	client *http.Client
	url    string
	header http.Header
	gzip   bool
}

// newPoster makes a poster; header may hold secrets, which no error tells.
func newPoster(address string, header http.Header, compressed bool) *poster {
	return &poster{
		url: address, header: header, gzip: compressed,
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleTime, ForceAttemptHTTP2: true,
				MaxResponseHeaderBytes: maxAnswer,
			},
			// A redirected POST would arrive as a GET, or hand the headers to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// post sends a body and returns what a receiver that took it answers.
func (p *poster) post(ctx context.Context, contentType string, body []byte) ([]byte, error) {
	if p.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		body = packed.Bytes()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, Permanent(errors.New("post: the address is not valid"))
	}
	for name, values := range p.header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", contentType)
	if p.gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", request.URL.Host, plain(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 == 2 {
		return answer, nil // it has arrived, whatever becomes of the answer
	}
	if err != nil {
		return nil, fmt.Errorf("post to %s: status %d: %w", request.URL.Host, response.StatusCode, plain(err))
	}
	return nil, refused(request.URL.Host, response, answer)
}

// plain is an error of a connection without the request, whose address may hold a secret, and without the library's words.
func plain(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return unanswered{}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed before an answer; see the receiver's log")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; nothing listens there", syscall.ECONNREFUSED)
	}
	return err
}

// unanswered is a context.DeadlineExceeded in words for users.
type unanswered struct{}

// Error says what has not come.
func (unanswered) Error() string { return "it does not answer in time" }

// Unwrap returns what it is.
func (unanswered) Unwrap() error { return context.DeadlineExceeded }

// refused is the error for an answer that is none of success. Only what may get better is tried again.
func refused(host string, response *http.Response, answer []byte) error {
	err := fmt.Errorf("post to %s: status %d: %.200q", host, response.StatusCode, answer)
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusInternalServerError:
	default:
		return Permanent(err)
	}
	seconds, parseErr := strconv.ParseFloat(response.Header.Get("Retry-After"), 64)
	if parseErr != nil || !(seconds > 0) {
		return err
	}
	return &laterError{err, min(longestWait, time.Duration(min(seconds, longestWait.Seconds())*float64(time.Second)))}
}

// laterError is an error of a receiver that says when to come back.
type laterError struct {
	error
	after time.Duration
}

// Unwrap returns the error itself.
func (e *laterError) Unwrap() error { return e.error }

// Close gives the connections back.
func (p *poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}
