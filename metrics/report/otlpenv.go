package report

import "strings"

// enabledByEnvironment reports whether OTEL_METRICS_EXPORTER asks for the reporter "otlp".
func enabledByEnvironment(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	for name := range strings.SplitSeq(getenv("OTEL_METRICS_EXPORTER"), ",") {
		if strings.TrimSpace(name) == "otlp" {
			return true
		}
	}
	return false
}
