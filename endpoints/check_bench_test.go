package endpoints

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
)

// BenchmarkCachedChecks takes the results of 20 checks that are fresh.
func BenchmarkCachedChecks(b *testing.B) {
	var specs []checkSpec
	for i := range 20 {
		o := &fakeOptions{tries: func(context.Context) finding { return finding{details: map[string]any{"n": 1}} }, each: i%2 == 0}
		specs = append(specs, checkSpec{name: fmt.Sprint(i), interval: time.Hour, timeout: time.Second, threshold: 1, options: o})
	}
	c := newChecks(healthOptions{checks: specs}, checkEnv{}, zap.NewNop())
	defer c.close()
	app := Application{Name: "demo", Running: true}
	if got := c.results(b.Context(), app); len(got) != 20 || !got[19].up {
		b.Fatalf("%v", got)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.results(b.Context(), app)
	}
}
