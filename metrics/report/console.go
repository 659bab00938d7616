package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pandora-go/pandora/metrics"
)

// bannerWidth is how wide the banners are.
const bannerWidth = 80

// consoleSink prints metrics as the original does, with the values that its code leaves out or gets wrong.
type consoleSink struct{ out io.Writer }

func (*consoleSink) shape() shape { return objects }

// section is the metrics of one type.
type section struct {
	title string
	// print prints one metric and reports whether it is of this type.
	print func(w io.Writer, value any) bool
}

func (s *consoleSink) take(_ context.Context, b *batch) error {
	var out bytes.Buffer // written at once, so that reports do not mix
	for _, section := range sections() {
		began := false
		for _, m := range b.metrics {
			var text strings.Builder
			if !section.print(&text, m.Value) {
				continue
			}
			if !began {
				title := "-- " + section.title
				fmt.Fprintf(&out, "%s %s\n", title, strings.Repeat("-", bannerWidth-len(title)-1))
				began = true
			}
			tags := m.Name.Tags
			if tags == nil {
				tags = map[string]string{}
			}
			list, err := json.Marshal(tags)
			if err != nil {
				continue
			}
			fmt.Fprintf(&out, "%s - %s\n%s", m.Name.Key, list, text.String())
		}
		if began {
			fmt.Fprintln(&out)
		}
	}
	if _, err := s.out.Write(out.Bytes()); err != nil {
		return Permanent(fmt.Errorf("print metrics: %w", err))
	}
	return nil
}

// sections are the types in the order in which they are printed.
func sections() []section {
	return []section{
		{"Gauges", printGauge},
		{"Counters", func(w io.Writer, value any) bool {
			c, ok := value.(interface{ Count() float64 })
			switch value.(type) {
			case *metrics.Counter, *metrics.BucketCounter:
				fmt.Fprintf(w, "             count = %v\n", c.Count())
				return ok
			}
			return false
		}},
		{"Meters", func(w io.Writer, value any) bool {
			m, ok := value.(*metrics.Meter)
			if ok {
				fmt.Fprintf(w, "             count = %v\n", m.Count())
				printRates(w, m.Rates())
			}
			return ok
		}},
		{"Timers", func(w io.Writer, value any) bool {
			t, ok := value.(*metrics.Timer)
			if ok {
				fmt.Fprintf(w, "             count = %v\n", t.Count())
				printRates(w, t.Rates())
				printSnapshot(w, t.Snapshot(), " milliseconds")
			}
			return ok
		}},
		{"Histograms", func(w io.Writer, value any) bool {
			h, ok := value.(*metrics.Histogram)
			if ok {
				fmt.Fprintf(w, "             count = %v\n", h.Count())
				printSnapshot(w, h.Snapshot(), "")
			}
			return ok
		}},
		{"FastCompasses", func(w io.Writer, value any) bool {
			f, ok := value.(*metrics.FastCompass)
			if ok {
				for _, c := range f.Totals() {
					fmt.Fprintf(w, "%18s = %v in %v milliseconds\n", c.Category, c.Count, c.Milliseconds)
				}
			}
			return ok
		}},
	}
}

func printGauge(w io.Writer, value any) bool {
	switch v := value.(type) {
	case *metrics.Counter, *metrics.BucketCounter, *metrics.Meter, *metrics.Timer, *metrics.Histogram, *metrics.FastCompass:
		return false
	case json.RawMessage:
		fmt.Fprintf(w, "             gauge = %s\n", v)
	default:
		fmt.Fprintf(w, "             gauge = %v\n", v)
	}
	return true
}

func printRates(w io.Writer, r metrics.Rates) {
	for _, rate := range []struct {
		name  string
		value float64
	}{{"mean", r.Mean}, {"1-minute", r.M1}, {"5-minute", r.M5}, {"15-minute", r.M15}} {
		fmt.Fprintf(w, "%18s = %s events/second\n", rate.name+" rate", fixed(rate.value))
	}
}

func printSnapshot(w io.Writer, s metrics.Snapshot, unit string) {
	for _, part := range []struct {
		name  string
		value float64
	}{{"min", s.Min()}, {"max", s.Max()}, {"mean", s.Mean()}, {"stddev", s.StdDev()}} {
		fmt.Fprintf(w, "%18s = %s%s\n", part.name, fixed(part.value), unit)
	}
	for _, q := range []float64{.5, .75, .95, .98, .99, .999} {
		if v, err := s.Quantile(q); err == nil {
			fmt.Fprintf(w, "%17v%% <= %s%s\n", q*100, fixed(v), unit)
		}
	}
}

// fixed is a number with two digits behind the point, as wide as one of two digits.
func fixed(v float64) string {
	if v >= 10 || v < 0 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf(" %.2f", v)
}
