package report

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

const (
	oneAPMPath = "/tpm/agent.do"
	// oneAPMDeflate is the size from which bodies are packed, in bytes.
	oneAPMDeflate = 64 << 10
	// maxOneAPM bounds the applications that are told apart.
	maxOneAPM = 256
	// mebibyte is the unit of OneAPM's memory.
	mebibyte = 1 << 20
)

// oneAPMSink speaks the protocol of npm's oneapm: each application is an agent of its own, whose workers' memory, use of
// the processor and lag of the event loop it tells. What else could be told has no known meaning there.
type oneAPMSink struct {
	poster  *poster
	license string
	scheme  string
	host    string // host:port
	// app is what the application is called there, if not by its name.
	app, version string
	growth       growth
	// runs are the agents that are connected, by application.
	runs map[string]*oneAPMRun
}

// oneAPMRun is a connected agent.
type oneAPMRun struct {
	host, id string
	// until is the end of what was told last.
	until time.Time
}

// oneAPMStats is a metric of an interval: number of samples, their sum, that without parts, lowest, highest, sum of
// squares.
type oneAPMStats [6]float64

func (s *oneAPMStats) add(v float64) {
	if s[0] == 0 || v < s[3] {
		s[3] = v
	}
	s[0]++
	s[1] += v
	s[2] += v
	s[4] = math.Max(s[4], v)
	s[5] += v * v
}

// newOneAPM makes the reporter for OneAPM.
func (s *Set) newOneAPM(o *options) taker {
	license := o.text("licenseKey", s.config.Getenv("ONEAPM_LICENSE_KEY"))
	if license == "" {
		o.wrong("licenseKey", "the license key of the account, here or in ONEAPM_LICENSE_KEY")
	}
	host := o.text("host", s.config.Getenv("ONEAPM_HOST"))
	if host == "" || strings.ContainsAny(host, "/:@?# ") {
		o.wrong("host", "the name of the collector's host, here or in ONEAPM_HOST")
	}
	scheme := "https"
	if !o.flag("ssl", true) {
		scheme = "http"
	}
	return &oneAPMSink{
		poster: newPoster("", http.Header{"Api-Version": {"1.0"}}, false), license: license, scheme: scheme,
		host: net.JoinHostPort(host, strconv.FormatInt(o.number("port", 443, 1, 65535), 10)),
		app:  o.text("appName", ""), version: s.config.Version, growth: growth{}, runs: map[string]*oneAPMRun{},
	}
}

func (*oneAPMSink) shape() shape { return families }

// Close gives the connections back.
func (s *oneAPMSink) Close() error { return s.poster.Close() }

func (s *oneAPMSink) take(ctx context.Context, b *batch) error {
	step := s.growth.begin(b)
	all := s.metrics(b, step)
	for app := range s.runs {
		if all[app] == nil {
			delete(s.runs, app)
		}
	}
	apps := make([]string, 0, len(all))
	for app := range all {
		apps = append(apps, app)
	}
	slices.Sort(apps)
	var failed error
	for _, app := range apps[:min(len(apps), maxOneAPM)] {
		failed = errors.Join(failed, s.tell(ctx, app, b, all[app]))
	}
	if failed != nil {
		return failed
	}
	step.delivered()
	return nil
}

// metrics are the three that are known there, of each application.
func (s *oneAPMSink) metrics(b *batch, step counted) map[string]map[string]*oneAPMStats {
	all := map[string]map[string]*oneAPMStats{}
	add := func(m *dto.Metric, name string, value float64) {
		app := labelOf(m, "app")
		if app == "" || math.IsNaN(value) || math.IsInf(value, 0) {
			return
		}
		if all[app] == nil {
			all[app] = map[string]*oneAPMStats{}
		}
		if all[app][name] == nil {
			all[app][name] = &oneAPMStats{}
		}
		all[app][name].add(value)
	}
	seconds := b.at.Sub(step.since(b)).Seconds()
	for _, f := range b.families {
		for _, m := range f.Metric {
			switch f.GetName() {
			case "process_resident_memory_bytes":
				add(m, "Memory/Used", m.GetGauge().GetValue()/mebibyte)
			case "nodejs_eventloop_lag_seconds":
				add(m, "Events/wait", m.GetGauge().GetValue())
			case "process_cpu_seconds_total":
				used, known := step.grownSeries(f, m)
				if known && seconds > 0 {
					add(m, "CPU/User/Utilization", used/seconds)
				}
			}
		}
	}
	return all
}

// tell sends the metrics of one application, which is connected first if it is not.
func (s *oneAPMSink) tell(ctx context.Context, app string, b *batch, all map[string]*oneAPMStats) error {
	run := s.runs[app]
	if run != nil && !run.until.Before(b.at) {
		return nil // this report was told, before that of another application failed
	}
	if run == nil {
		var err error
		if run, err = s.connect(ctx, app, b.since); err != nil {
			return err
		}
		s.runs[app] = run
	}
	metrics := []any{}
	for _, name := range []string{"Memory/Used", "CPU/User/Utilization", "Events/wait"} {
		if stats := all[name]; stats != nil {
			metrics = append(metrics, []any{map[string]string{"name": name}, stats})
		}
	}
	began := float64(run.until.UnixMilli()) / 1000
	err := s.invoke(ctx, run, "metric_data", []any{run.id, began, float64(b.at.UnixMilli()) / 1000, metrics}, nil)
	if again, ok := errors.AsType[*oneAPMError](err); ok && again.reconnect() {
		delete(s.runs, app)
	}
	if err != nil {
		return err
	}
	run.until = b.at
	return nil
}

// connect asks which host is responsible, and for the id that what follows is told under.
func (s *oneAPMSink) connect(ctx context.Context, app string, since time.Time) (*oneAPMRun, error) {
	run := &oneAPMRun{host: s.host, until: since}
	var host string
	if err := s.invoke(ctx, run, "get_redirect_host", []any{}, &host); err != nil {
		return nil, err
	}
	if name, port, found := strings.Cut(host, ":"); host != "" && name != "" && !strings.ContainsAny(host, "/@?# ") {
		if _, configured, err := net.SplitHostPort(s.host); err == nil && !found {
			port = configured
		}
		run.host = net.JoinHostPort(name, port)
	}
	name := app
	if s.app != "" {
		name = s.app
	}
	var answer struct {
		ID json.RawMessage `json:"agent_run_id"`
	}
	if err := s.invoke(ctx, run, "connect", []any{oneAPMFacts(name, s.version)}, &answer); err != nil {
		return nil, err
	}
	var number json.Number
	switch {
	case json.Unmarshal(answer.ID, &run.id) == nil:
	case json.Unmarshal(answer.ID, &number) == nil:
		run.id = number.String()
	}
	if run.id == "" || len(run.id) > maxText {
		return nil, errors.New("connect to OneAPM: the answer has no agent_run_id")
	}
	return run, nil
}

// oneAPMFacts is how an agent introduces itself.
func oneAPMFacts(app, version string) map[string]any {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return map[string]any{
		"pid": os.Getpid(), "host": host, "language": "nodejs", "identifier": "nodejs:undefined", "app_name": app,
		"tier_name": []string{}, "clientIP": "", "agent_version": version, "high_security": false, "settings": map[string]any{},
		"environment": [][]any{{"Processors", runtime.NumCPU()}, {"OS", runtime.GOOS}, {"Architecture", runtime.GOARCH}},
	}
}

// invoke calls a method of the collector and decodes what it returns.
func (s *oneAPMSink) invoke(ctx context.Context, run *oneAPMRun, method string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return Permanent(fmt.Errorf("encode %s for OneAPM: %w", method, err))
	}
	query := url.Values{"marshal_format": {"json"}, "protocol_version": {"12"}, "license_key": {s.license}, "method": {method}}
	if run.id != "" {
		query.Set("run_id", run.id)
	}
	to := *s.poster
	to.url = (&url.URL{Scheme: s.scheme, Host: run.host, Path: oneAPMPath, RawQuery: query.Encode()}).String()
	to.header = to.header.Clone()
	to.header.Set("Content-Encoding", "identity")
	contentType := "application/json"
	if len(data) > oneAPMDeflate {
		to.header.Set("Content-Encoding", "deflate")
		contentType, data = "application/octet-stream", deflated(data)
	}
	text, err := to.post(ctx, contentType, data)
	if err != nil {
		return fmt.Errorf("OneAPM's %s: %w", method, err)
	}
	var answer struct {
		Value     json.RawMessage `json:"return_value"`
		Exception *oneAPMError    `json:"exception"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("OneAPM's %s: the answer is %.80q", method, text)
	}
	if answer.Exception != nil {
		if answer.Exception.Type == "OneAPM::Agent::ForceDisconnectException" || answer.Exception.Type == "OneAPM::Agent::LicenseException" {
			return Permanent(fmt.Errorf("OneAPM's %s: %w", method, answer.Exception))
		}
		return fmt.Errorf("OneAPM's %s: %w", method, answer.Exception)
	}
	if into == nil || len(answer.Value) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer.Value, into); err != nil {
		return fmt.Errorf("OneAPM's %s: the answer is %.80q", method, text)
	}
	return nil
}

func deflated(data []byte) []byte {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, _ = w.Write(data) // a buffer takes all
	_ = w.Close()
	return packed.Bytes()
}

// oneAPMError is what a collector says when it does not want something.
type oneAPMError struct {
	Message string `json:"message"`
	Type    string `json:"error_type"`
}

// Error implements error.
func (e *oneAPMError) Error() string { return fmt.Sprintf("%.80q %.200q", e.Type, e.Message) }

// reconnect reports whether the id is worth nothing any more.
func (e *oneAPMError) reconnect() bool {
	return e.Type == "OneAPM::Agent::ForceRestartException" || e.Type == "OneAPM::Agent::ForceDisconnectException"
}
