package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/metrics"
)

// TestClasses: classes are left to who runs them, those of the original are ours, and what looks like one is none.
func TestClasses(t *testing.T) {
	config := []byte(`{"reporters":{"old":{"reporter":{"class":"Old"}},"own":{"reporter":{"class":"Gone"}}},"reporter":{
		"own":{"enabled":true,"target":{"class":"Own"},"initConfig":["any",1]},
		"anonymous":{"target":{"class":""}},
		"off":{"enabled":false,"target":{"class":"Own"}},
		"file":{"enabled":true,"target":{"class":"FileMetricsManagerReporter"},"initConfig":{}},
		"trace":{"target":{"class":"TraceReporter"}},
		"push":{"target":{"class":"Push"},"initConfig":{"target":"http://127.0.0.1/","type":"nothing"}},
		"typed":{"type":"console","initConfig":{"target":{"class":"Data"}}},
		"odd":{"target":"text"}, "none":null}}`)
	if got, want := Classes(config), []string{"anonymous", "old", "own", "push"}; !slices.Equal(got, want) {
		t.Errorf("classes %q, want %q", got, want)
	}
	set := New(Config{Registry: metrics.NewRegistry(), File: func(string) string { return t.TempDir() + "/metrics.log" }, Output: &strings.Builder{}})
	problems := set.Configure(config)
	if len(problems) != 1 || !strings.HasPrefix(problems[0], `reporter "odd" does not run: there is no reporter of type "odd"`) {
		t.Errorf("problems %q", problems)
	}
	if got, want := set.Names(), []string{"file", "typed"}; !slices.Equal(got, want) {
		t.Errorf("running %q, want %q", got, want)
	}
	for _, broken := range []string{"", "[]", "{", `{"reporter":[]}`, `{"reporter":{"a":[{"class":"b"}]}}`} {
		if got := Classes([]byte(broken)); got != nil {
			t.Errorf("%s: classes %q", broken, got)
		}
	}
}
