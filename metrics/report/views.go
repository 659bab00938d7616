package report

import (
	"context"

	"github.com/pandora-go/pandora/metrics"
)

// ViewSink takes all metrics as they are at a moment.
type ViewSink interface {
	// Report hands over what there is; the views belong to the sink. It ends with ctx at the latest. After an error the
	// next report comes when it is due: what was true at the moment of this one is not any more.
	Report(ctx context.Context, views []metrics.View) error
}

// AddViews is Add for a ViewSink. While one report is under way the next one waits, and is dropped for a newer one.
func (s *Set) AddViews(r Reporter, sink ViewSink) (remove func()) {
	return s.add(r, viewSink{sink})
}

// viewSink is a ViewSink as a taker.
type viewSink struct{ ViewSink }

func (viewSink) shape() shape { return objects }

// momentary says that a report is of no use later.
func (viewSink) momentary() {}

func (s viewSink) take(ctx context.Context, b *batch) error {
	views := make([]metrics.View, 0, len(b.metrics))
	for _, m := range b.metrics {
		views = append(views, m.View())
	}
	return s.Report(ctx, views)
}

// momentary reports whether reports of the sink are of no use later: only the newest waits, and none is tried again.
func (r *runner) momentary() bool {
	_, is := r.sink.(interface{ momentary() })
	return is
}
