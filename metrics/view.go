package metrics

import "time"

// viewQuantiles are those that a View has, beside the least and the greatest value.
var viewQuantiles = [...]float64{.01, .05, .1, .25, .5, .75, .8, .9, .95, .98, .99, .999}

// The types of views, as the original calls them.
const (
	TypeGauge       = "GAUGE"
	TypeCounter     = "COUNTER"
	TypeHistogram   = "HISTOGRAM"
	TypeMeter       = "METER"
	TypeTimer       = "TIMER"
	TypeFastCompass = "FASTCOMPASS"
)

// View is a metric at one moment as plain data, for who is not in this process. What a type does not have is left out of
// its JSON.
type View struct {
	Type  string            `json:"type"`
	Group string            `json:"group"`
	Name  string            `json:"name"`
	Tags  map[string]string `json:"tags,omitempty"`
	Level Level             `json:"level"`
	// Value is a gauge's value as of Gauge, never nil there.
	Value any `json:"value,omitempty"`
	// Count is the total; compasses have none.
	Count float64 `json:"count,omitempty"`
	// Rates are those of meters and timers, per second.
	Rates *ViewRates `json:"rates,omitempty"`
	// Values tell how those of histograms and timers are distributed; a timer's are milliseconds.
	Values *ViewValues `json:"values,omitempty"`
	// IntervalSeconds is how wide a bucket is, 0 where there are none.
	IntervalSeconds int64 `json:"intervalSeconds,omitempty"`
	// Buckets are [first millisecond since 1970, count], the newest first; those in which nothing happened are left out.
	Buckets [][2]float64 `json:"buckets,omitempty"`
	// Categories are those of a compass.
	Categories []ViewCategory `json:"categories,omitempty"`
}

// ViewRates are events per second on average, Mean since the metric was made.
type ViewRates struct {
	M1   float64 `json:"m1"`
	M5   float64 `json:"m5"`
	M15  float64 `json:"m15"`
	Mean float64 `json:"mean"`
}

// ViewValues is a distribution. All is 0 where there were no values, and NotAvailable what is not known.
type ViewValues struct {
	Size   int     `json:"size"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
	StdDev float64 `json:"stdDev"`
	// Quantiles are [part from 0 to 1, value] in order.
	Quantiles [][2]float64 `json:"quantiles"`
}

// ViewCategory is one category of a compass.
type ViewCategory struct {
	Name string `json:"name"`
	// Buckets are [first millisecond since 1970, calls, milliseconds of all together], the newest first.
	Buckets [][3]float64 `json:"buckets"`
}

// View reads the metric.
func (m Metric) View() View {
	v := View{Type: TypeGauge, Group: m.Group, Name: m.Name.Key, Tags: m.Name.Tags, Level: m.Name.Level}
	if v.Level == "" {
		v.Level = Normal
	}
	switch of := m.Value.(type) {
	case *Counter:
		v.Type, v.Count = TypeCounter, of.Count()
	case *BucketCounter:
		v.Type, v.Count = TypeCounter, of.Count()
		v.bucketed(of.Buckets(time.Time{}), of.Width())
	case *Meter:
		v.Type, v.Count, v.Rates = TypeMeter, of.Count(), viewRates(of.Rates())
		v.bucketed(of.Buckets(time.Time{}), of.Width())
	case *Histogram:
		v.Type, v.Count, v.Values = TypeHistogram, of.Count(), viewValues(of.Snapshot())
	case *Timer:
		v.Type, v.Count = TypeTimer, of.Count()
		v.Rates, v.Values = viewRates(of.Rates()), viewValues(of.Snapshot())
		v.bucketed(of.Buckets(time.Time{}), of.Width())
	case *FastCompass:
		v.Type = TypeFastCompass
		v.Categories, v.IntervalSeconds = of.viewCategories()
	default:
		v.Value = m.Value
	}
	return v
}

func (v *View) bucketed(all []Bucket, width time.Duration) {
	v.IntervalSeconds = int64(width / time.Second)
	v.Buckets = make([][2]float64, 0, len(all))
	for _, b := range all {
		v.Buckets = append(v.Buckets, [2]float64{float64(b.Start.UnixMilli()), b.Count})
	}
}

func viewRates(r Rates) *ViewRates { return &ViewRates{M1: r.M1, M5: r.M5, M15: r.M15, Mean: r.Mean} }

func viewValues(s Snapshot) *ViewValues {
	v := &ViewValues{Size: s.Size(), Min: s.Min(), Max: s.Max(), Mean: s.Mean(), StdDev: s.StdDev()}
	v.Quantiles = make([][2]float64, 0, len(viewQuantiles))
	for _, q := range viewQuantiles {
		if value, err := s.Quantile(q); err == nil {
			v.Quantiles = append(v.Quantiles, [2]float64{q, value})
		}
	}
	return v
}

// Width is how long a bucket lasts.
func (m *Meter) Width() time.Duration { return time.Duration(m.buckets.seconds()) * time.Second }

// Width is how long a bucket lasts.
func (t *Timer) Width() time.Duration {
	return time.Duration(t.histogram.buckets.seconds()) * time.Second
}

// viewCategories are the calls by category, in order of the first one, and how wide a bucket is in seconds.
func (f *FastCompass) viewCategories() (all []ViewCategory, width int64) {
	empty := newBuckets(f.width)
	now := time.Now().Unix()
	f.mu.Lock()
	defer f.mu.Unlock()
	all = make([]ViewCategory, 0, len(f.categories))
	for _, c := range f.categories {
		view := ViewCategory{Name: c.name, Buckets: [][3]float64{}}
		for _, b := range c.buckets.list(0, now) {
			view.Buckets = append(view.Buckets, [3]float64{float64(b.start * 1000), b.count, b.sum})
		}
		all = append(all, view)
	}
	return all, empty.seconds()
}
