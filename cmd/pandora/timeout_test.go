package main

import (
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/pandora-go/pandora/procfile/evaluate"
)

func TestTimeoutFlag(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration // 0: refused
	}{
		{"30s", 30 * time.Second}, {"1m30s", 90 * time.Second}, {"500ms", 500 * time.Millisecond}, {"30", 30 * time.Second},
		{"1.5", 1500 * time.Millisecond}, {"1h", time.Hour}, {"3600", time.Hour},
		{"0", 0}, {"-1", 0}, {"0s", 0}, {"-5s", 0}, {"2h", 0}, {"3601", 0}, {"NaN", 0}, {"Inf", 0}, {"1e300", 0}, {"soon", 0}, {"", 0},
		{"1us", 0}, {"0.0000001", 0}, {"30 s", 0},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			var got time.Duration
			flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
			addTimeout(flags, &got)
			if got != evaluate.DefaultTimeout {
				t.Errorf("the default is %v", got)
			}
			err := flags.Parse([]string{"--timeout=" + tt.text})
			if (err == nil) != (tt.want > 0) {
				t.Fatalf("error is %v, want %v", err, tt.want)
			}
			if tt.want > 0 && got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
