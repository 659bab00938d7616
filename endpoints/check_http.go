package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxRedirects    = 10
	defaultMaxBody  = 64 << 10
	mostBody        = 16 << 20
	maxHeaders      = 64
	maxPattern      = 1000
	maxBodyShown    = 200
	maxRequestBody  = 64 << 10
	maxAnswerHeader = 64 << 10
	certificateDays = 24 * time.Hour
)

// httpOptions are a request, and what its answer has to be.
type httpOptions struct {
	method    string
	headers   http.Header
	body      []byte
	status    []statusRange
	contains  string
	matches   *regexp.Regexp
	maxBody   int64
	redirects int
	tls       tlsOptions
	socket    string // path of a unix socket to connect to, in place of the URL's host
	// minDays is how long the certificate has to be valid; 0 for any time.
	minDays int64
}

// statusRange is a range of HTTP statuses.
type statusRange struct{ from, to int }

func decodeHTTPOptions(f *fields, method string) *httpOptions {
	o := &httpOptions{
		method: strings.ToUpper(f.text("method", method)), headers: f.headers("headers"),
		status: f.statuses("status"), contains: f.text("bodyContains", ""),
		maxBody: f.integer("maxBodyBytes", defaultMaxBody, 0, mostBody), tls: f.tls(true), socket: f.file("socketPath"),
		minDays: f.integer("minCertificateDays", 0, 0, 3650),
	}
	if strings.ContainsFunc(o.method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		f.fail("method", `a method, as "HEAD"`)
	}
	if pattern := f.text("bodyMatches", ""); pattern != "" {
		var err error
		if o.matches, err = regexp.Compile(pattern); err != nil || len(pattern) > maxPattern {
			f.fail("bodyMatches", "a regular expression as RE2 has them")
		}
	}
	if raw, ok := f.value("followRedirects"); ok {
		var follow bool
		if json.Unmarshal(raw, &follow) != nil {
			o.redirects = int(f.integer("followRedirects", 0, 0, maxRedirects))
		} else if follow {
			o.redirects = maxRedirects
		}
	}
	return o
}

// headers reads an object of names and values.
func (f *fields) headers(key string) http.Header {
	nested := f.object(key)
	if nested == nil {
		return nil
	}
	h := http.Header{}
	for name, raw := range nested.values {
		var value string
		if json.Unmarshal(raw, &value) != nil || name == "" || strings.ContainsAny(value+name, "\r\n\x00") || strings.ContainsAny(name, " :") || len(nested.values) > maxHeaders {
			f.problem(key, fmt.Sprintf("%q is not valid; give up to %d names with strings", clipText(name, 64), maxHeaders))
			return nil
		}
		h.Set(name, value)
	}
	return h
}

// statuses reads a number, a range as "200-299" or "2xx", or a list of them.
func (f *fields) statuses(key string) []statusRange {
	raw, ok := f.value(key)
	if !ok {
		return []statusRange{{http.StatusOK, http.StatusOK}}
	}
	list := []json.RawMessage{raw}
	if raw[0] == '[' && (json.Unmarshal(raw, &list) != nil || len(list) == 0 || len(list) > 100) {
		f.fail(key, "a status or a list of them")
		return nil
	}
	var all []statusRange
	for _, one := range list {
		r, ok := parseStatus(strings.Trim(string(one), `"`))
		if !ok {
			f.fail(key, `statuses from 100 to 599, as 200, "2xx" or "200-204"`)
			return nil
		}
		all = append(all, r)
	}
	return all
}

func parseStatus(s string) (statusRange, bool) {
	if len(s) == 3 && strings.HasSuffix(strings.ToLower(s), "xx") && s[0] >= '1' && s[0] <= '5' {
		from := int(s[0]-'0') * 100
		return statusRange{from, from + 99}, true
	}
	first, last, isRange := strings.Cut(s, "-")
	from, err := strconv.Atoi(first)
	to := from
	if err == nil && isRange {
		to, err = strconv.Atoi(last)
	}
	return statusRange{from, to}, err == nil && from >= 100 && to <= 599 && from <= to
}

func statusText(ranges []statusRange) string {
	var all []string
	for _, r := range ranges {
		if r.from == r.to {
			all = append(all, strconv.Itoa(r.from))
		} else {
			all = append(all, fmt.Sprintf("%d-%d", r.from, r.to))
		}
	}
	return strings.Join(all, ", ")
}

// httpAnswer is what came back.
type httpAnswer struct {
	details map[string]any
	body    []byte
}

// client makes a client for one request: a connection of its own, so that it proves that the server still takes some. No
// proxy is used.
func (o *httpOptions) client(connect time.Duration) (*http.Client, error) {
	config, err := o.tls.config("")
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: connect}
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswerHeader, TLSClientConfig: config,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if o.socket != "" {
					network, address = "unix", o.socket
				} else {
					address = expandAddress(address)
				}
				conn, err := dialer.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return &shyConn{Conn: conn, spoke: make(chan struct{})}, nil
			},
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			switch {
			case o.redirects == 0:
				return http.ErrUseLastResponse
			case len(via) > o.redirects:
				return fmt.Errorf("more than %d redirects; raise followRedirects, or correct the URL", o.redirects)
			}
			return nil
		},
	}, nil
}

// ask sends the request and judges status and body. The body is read when it matters.
func (o *httpOptions) ask(ctx context.Context, target *url.URL, connect time.Duration, wantBody bool) (httpAnswer, error) {
	shown := o.method + " " + MaskURL(target.String())
	a := httpAnswer{details: map[string]any{"url": MaskURL(target.String())}}
	client, err := o.client(connect)
	if err != nil {
		return a, fmt.Errorf("%s: %w", shown, err)
	}
	request, err := http.NewRequestWithContext(ctx, o.method, target.String(), bytes.NewReader(o.body))
	if err != nil {
		return a, fmt.Errorf("%s: the request cannot be made: %w", o.method, err)
	}
	request.Header.Set("User-Agent", "pandora-health")
	for name, values := range o.headers {
		request.Header[name] = values
	}
	if host := o.headers.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // what it adds is in shown already, and may be of a redirect
		}
		return a, fmt.Errorf("%s: %w", shown, advice(err))
	}
	defer response.Body.Close()
	a.details["statusCode"] = response.StatusCode
	if err := o.certificate(response, a.details); err != nil {
		return a, fmt.Errorf("%s: %w", shown, err)
	}
	accepted := slices.ContainsFunc(o.status, func(r statusRange) bool { return response.StatusCode >= r.from && response.StatusCode <= r.to })
	if !accepted {
		a.body, _ = io.ReadAll(io.LimitReader(response.Body, maxBodyShown))
		a.details["bodyStart"] = strings.ToValidUTF8(string(a.body), "�")
		if to := response.Header.Get("Location"); to != "" && response.StatusCode/100 == 3 {
			return a, fmt.Errorf("%s answered %s to %s, expected %s: set followRedirects, or correct the URL", shown, response.Status, clipText(to, 200), statusText(o.status))
		}
		return a, fmt.Errorf("%s answered %s, expected %s: see the server's log", shown, response.Status, statusText(o.status))
	}
	if !wantBody && o.contains == "" && o.matches == nil {
		return a, nil
	}
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, o.maxBody)); err != nil {
		return a, fmt.Errorf("%s: read the body: %w", shown, advice(err))
	}
	a.details["bodyBytes"] = len(a.body)
	if err := o.judge(a.body); err != nil {
		a.details["bodyStart"] = strings.ToValidUTF8(string(a.body[:min(len(a.body), maxBodyShown)]), "�")
		return a, fmt.Errorf("%s %w", shown, err)
	}
	return a, nil
}

// judge looks for what the body has to have.
func (o *httpOptions) judge(body []byte) error {
	where := "the body"
	if int64(len(body)) == o.maxBody {
		where = fmt.Sprintf("the first %s of the body", bytesText(uint64(o.maxBody)))
	}
	if o.contains != "" && !bytes.Contains(body, []byte(o.contains)) {
		return fmt.Errorf("answered without %q in %s, as bodyContains asks for", clipText(o.contains, 100), where)
	}
	if o.matches != nil && !o.matches.Match(body) {
		return fmt.Errorf("answered, but %s does not match %q, as bodyMatches asks for", where, clipText(o.matches.String(), 100))
	}
	return nil
}

// certificate notes how long the server's certificate is valid.
func (o *httpOptions) certificate(response *http.Response, details map[string]any) error {
	if response.TLS == nil || len(response.TLS.PeerCertificates) == 0 {
		return nil
	}
	ends := response.TLS.PeerCertificates[0].NotAfter
	left := int64(time.Until(ends) / certificateDays)
	details["certificateDaysLeft"] = left
	if left < o.minDays {
		return fmt.Errorf("the certificate ends on %s, in less than %d days: renew it", ends.UTC().Format(time.DateOnly), o.minDays)
	}
	return nil
}
