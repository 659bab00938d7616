package main

import (
	"encoding/json"
	"strings"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/wire"
	"github.com/pandora-go/pandora/metrics"
)

// maxSuppressed bounds how many errors one report may stand for.
const maxSuppressed = 1_000_000

// countErrors counts what workers report to the EndPoint error, all applications together, in error.all.
func countErrors(w *wire.Server, registry *metrics.Registry, log *zap.Logger) error {
	all, err := registry.BucketCounter(metrics.Daemon, "error", metrics.Name{Key: "error.all", Level: metrics.Major})
	if err != nil {
		return err
	}
	w.HandleFunc(isErrorReport, func(c *wire.Conn, _ string, data json.RawMessage, _ func(any)) {
		// Errors that a worker has not reported, for being too many, are told with the next one.
		var report struct{ Suppressed float64 }
		if err := json.Unmarshal(data, &report); err != nil {
			log.Debug("error report ignored", zap.Int("pid", c.PeerPID()), zap.Error(err))
			return
		}
		all.Inc(1 + min(max(0, report.Suppressed), maxSuppressed))
	})
	return nil
}

// isErrorReport tells the actions MESSENGER_UPLINK_<application>_error_<client>. The name of an application may hold
// anything, that of a client holds no underscore.
func isErrorReport(action string) bool {
	rest, ok := strings.CutPrefix(action, "MESSENGER_UPLINK_")
	at := strings.LastIndexByte(rest, '_')
	return ok && at > 0 && strings.HasSuffix(rest[:at], "_error")
}
