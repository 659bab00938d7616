package supervisor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

const (
	// replacePause is the least time between two replacements that a slot asks for itself.
	replacePause = time.Minute
	// probePause is the time between two tries of a readiness check, probeTime bounds one.
	probePause = 100 * time.Millisecond
	probeTime  = 5 * time.Second
)

// checkReady makes the worker ready once everything it waits for is there.
func (w *worker) checkReady() {
	if w.stage != stageStarting || w.waits.report || w.waits.message || w.waits.probe || w.missing() != "" {
		return
	}
	if w.because != "" {
		return // too late: it has been killed
	}
	w.ready, w.tries = true, 0
	w.must = nil // only a reload's first process has to listen like the one it replaces
	w.status.ReadyAt = time.Now()
	w.answered, w.pings = w.status.ReadyAt, 0
	w.s.record(w, "ready", "ready after "+w.status.ReadyAt.Sub(w.status.SpawnedAt).Round(time.Millisecond).String())
	w.handle(eventReady)
}

// startProbe begins to check the worker's own condition, after the report of its bootstrap.
func (w *worker) startProbe() {
	check := w.policy.Ready
	if w.stage != stageStarting || check == nil {
		return
	}
	if check.TimeoutMs > 0 && w.because == "" {
		w.timer.Reset(min(milliseconds(check.TimeoutMs), w.startTime()-time.Since(w.status.SpawnedAt)))
	}
	if !w.waits.probe || w.waits.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.waits.cancel, w.waits.probed = cancel, make(chan error, 1)
	probed := w.waits.probed
	go func() { probed <- w.s.probe(ctx, *check) }() // endProbe or probeEnded waits for it
}

// probeEnded handles the outcome of the check.
func (w *worker) probeEnded(err error) {
	w.waits.cancel()
	w.waits.cancel, w.waits.probed = nil, nil
	if err == nil {
		w.waits.probe = false
		w.checkReady()
		w.tellDoing()
	}
}

// endProbe gives the check up.
func (w *worker) endProbe() {
	if w.waits.cancel == nil {
		return
	}
	w.waits.cancel()
	<-w.waits.probed
	w.waits.cancel, w.waits.probed = nil, nil
}

// lateReason says what a worker that is not ready in time was waiting for.
func (w *worker) lateReason() string {
	text := "was not ready within " + time.Since(w.status.SpawnedAt).Round(time.Millisecond).String() + " and was killed"
	switch ready := w.policy.Ready; {
	case w.waits.report && w.waits.doing != "":
		text += ": it has not come back from " + w.waits.doing
	case w.waits.report:
	case w.waits.message:
		text += fmt.Sprintf(": it did not send the message %v", ready.Message)
	case w.waits.probe && ready.HTTP != "":
		text += fmt.Sprintf(": %s did not answer with a status below 400", ready.HTTP)
	case w.waits.probe:
		text += fmt.Sprintf(": nobody accepts connections on %s", ready.TCP)
	case w.missing() != "":
		text += fmt.Sprintf(": it does not listen on %s, as the one it replaces does", w.missing())
	}
	return text
}

// probeReady tries a check until it holds; the error is that of ctx.
func probeReady(ctx context.Context, check procfile.ReadyCheck) error {
	client := &http.Client{
		Timeout: probeTime,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			// The check asks whether the process answers, not who it is.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for {
		if probeOnce(ctx, client, check) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(probePause):
		}
	}
}

// probeOnce reports whether the check holds now.
func probeOnce(ctx context.Context, client *http.Client, check procfile.ReadyCheck) bool {
	if check.TCP != "" {
		dialer := net.Dialer{Timeout: probeTime}
		conn, err := dialer.DialContext(ctx, "tcp", check.TCP)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, check.HTTP, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode < http.StatusBadRequest
}

// pulseInterval is how often the worker is felt: often enough to notice in time that it is silent.
func (w *worker) pulseInterval() time.Duration {
	if t := w.livenessTime(); t > 0 {
		return max(min(pulseTime, t/3), 50*time.Millisecond)
	}
	return pulseTime
}

func (w *worker) livenessTime() time.Duration { return milliseconds(w.policy.LivenessTimeoutMs) }

// feel asks a running worker for a sign of life and looks at its memory.
func (w *worker) feel() {
	if w.stage != stageRunning || w.child == nil {
		return
	}
	interval := w.pulseInterval()
	w.pulse.Reset(interval)
	silence := time.Since(w.answered)
	if silence > 2*interval && w.status.UnresponsiveSince.IsZero() {
		w.status.UnresponsiveSince = w.answered
		w.s.record(w, "unresponsive", "its event loop has not answered for "+silence.Round(time.Millisecond).String())
		w.s.publish(w)
	}
	// One unanswered ping says nothing: when the guard itself was away, its answer has not been read yet.
	if limit := w.livenessTime(); limit > 0 && silence > limit && w.pings > 1 {
		w.handle(eventSilent)
		return
	}
	w.pings++
	if err := w.child.Ping(); err != nil {
		w.answered, w.pings = time.Now(), 0 // its channel is gone: it has closed it itself, or is ending
	}
	if limit := w.policy.MaxMemoryBytes; limit > 0 {
		if used := w.child.Memory(); used > limit && w.s.wantReplacement(w) {
			w.s.record(w, "memory", fmt.Sprintf("uses %d bytes of memory, more than maxMemory (%d); it is replaced", used, limit))
		}
	}
}
