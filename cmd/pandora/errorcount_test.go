package main

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/wire"
	"github.com/pandora-go/pandora/metrics"
)

func TestErrorReports(t *testing.T) {
	for action, want := range map[string]bool{
		"MESSENGER_UPLINK_app_error_abc":          true,
		"MESSENGER_UPLINK_my_error_app_error_abc": true,
		"MESSENGER_UPLINK__error_abc":             true,
		"MESSENGER_UPLINK_app_metrics_abc":        false,
		"MESSENGER_UPLINK_my_error_app_metrics_a": false,
		"MESSENGER_UPLINK_error_abc":              false,
		"MESSENGER_UPLINK_":                       false,
		"MESSENGER_DOWNLINK_app_error_abc":        false,
		"MESSENGER_UPLINK_app_error":              false,
	} {
		if got := isErrorReport(action); got != want {
			t.Errorf("%s: %v", action, got)
		}
	}
}

func TestErrorsAreCounted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.sock")
	w, err := wire.Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	registry := metrics.NewRegistry()
	if err := countErrors(w, registry, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	w.Handle("done", func(_ *wire.Conn, _ json.RawMessage, reply func(any)) { reply("done") })
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Serve() })
	defer wg.Wait()
	defer w.Close()
	client, err := wire.Dial(t.Context(), path, func(*wire.Conn, string, json.RawMessage, func(any)) {})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, report := range []string{
		`{"message":"x"}`, `{"message":"x","suppressed":5}`, `{"suppressed":-3}`, `{"suppressed":1e300}`, `{"suppressed":"x"}`, `7`, `null`,
	} {
		if err := client.Send("MESSENGER_UPLINK_app_error_abc", json.RawMessage(report)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Request(t.Context(), "done", nil); err != nil {
		t.Fatal(err)
	}
	rows, err := registry.NormalRows(t.Context(), "error", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Metric == "error.all.count" {
			if got, want := row.Value, float64(1+6+1+1+maxSuppressed+1); got != want || row.Level != metrics.Major || len(row.Tags) != 0 {
				t.Errorf("row %+v, want value %v", row, want)
			}
			return
		}
	}
	t.Error("no error.all.count")
}
