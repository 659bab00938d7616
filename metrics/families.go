package metrics

import (
	"context"

	dto "github.com/prometheus/client_model/go"
)

// Families reads what WritePrometheus writes of one application and of nobody, or of everything if app is "", in order
// of the names. The families belong to the caller.
func (r *Registry) Families(ctx context.Context, app string) []*dto.MetricFamily {
	var all []*dto.MetricFamily
	for name, fam := range r.families(ctx, app).shown() {
		all = append(all, fam.build(name))
	}
	return all
}

// Metric is one metric of a registry.
type Metric struct {
	Group string
	Name  Name
	// Value is a gauge's value as of Gauge, or the metric itself: *Counter, *BucketCounter, *Histogram, *Meter, *Timer or
	// *FastCompass. The histograms of the daemon's own instruments are left out.
	Value any
}

// Metrics reads all metrics of one application and of nobody, or all there are if app is "": by group, gauges that have a
// value first, then the other types as in rows.
func (r *Registry) Metrics(ctx context.Context, app string) []Metric {
	var all []Metric
	for _, c := range r.collect(ctx, query{app: app, pull: true}) {
		for _, s := range c.gauges {
			if value := usable(s.Value); value != nil {
				all = append(all, Metric{c.group, s.Name, value})
			}
		}
		for _, e := range c.entries {
			if _, own := e.metric.(*histogram); !own {
				all = append(all, Metric{c.group, e.name(), e.metric})
			}
		}
	}
	return all
}
