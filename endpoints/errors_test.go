package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"
)

// tell reports an error as a worker's client does.
func (e *Errors) tell(app, client, report string) {
	e.take(1, "MESSENGER_UPLINK_"+app+"_error_"+client, json.RawMessage(report))
}

// errorBed is a server that keeps errors in memory.
func errorBed(t *testing.T, capacity int) (*bed, *Errors) {
	errors := NewErrors(ErrorsConfig{Capacity: capacity, Log: zaptest.NewLogger(t)})
	return newBed(t, "", func(c *Config) { c.Errors = errors }), errors
}

// errorPage is the data of /error.
type errorPage struct {
	Count  int
	Offset *string
	Limit  *string
	Items  []map[string]any
}

func (b *bed) errorPage(t *testing.T, query string) errorPage {
	t.Helper()
	status, body := b.get(t, "/error?"+query)
	var answer struct {
		Data    errorPage
		Success bool
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(body, `"timestamp":T`, `"timestamp":0`)), &answer); err != nil || status != 200 || !answer.Success {
		t.Fatalf("GET /error?%s: %d %s %v", query, status, body, err)
	}
	return answer.Data
}

func (p errorPage) messages() string {
	var all []string
	for _, item := range p.Items {
		all = append(all, fmt.Sprint(item["message"]))
	}
	return strings.Join(all, " ")
}

func TestErrorActions(t *testing.T) {
	for action, want := range map[string]string{
		"MESSENGER_UPLINK_app_error_abc":          "app abc",
		"MESSENGER_UPLINK_my_error_app_error_abc": "my_error_app abc",
		"MESSENGER_UPLINK__error_abc":             " abc",
		"MESSENGER_UPLINK_app_metrics_abc":        "",
		"MESSENGER_UPLINK_my_error_app_metrics_a": "",
		"MESSENGER_UPLINK_error_abc":              "",
		"MESSENGER_UPLINK_":                       "",
		"MESSENGER_DOWNLINK_app_error_abc":        "",
		"MESSENGER_UPLINK_app_error":              "",
	} {
		app, client, ok := cutErrorAction(action)
		if got := app + " " + client; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q %v, want %q", action, got, ok, want)
		}
	}
}

// TestErrorQueries holds the answers against those that the original gave.
func TestErrorQueries(t *testing.T) {
	raw, err := os.ReadFile("testdata/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Items   []json.RawMessage
		Answers []struct {
			Query         string
			Count         int
			Offset, Limit *string
			Timestamps    []float64
		}
	}
	if err := json.Unmarshal(raw, &recorded); err != nil || len(recorded.Answers) < 40 {
		t.Fatal(err, len(recorded.Answers))
	}
	b, errors := errorBed(t, 6)
	order := map[any]float64{}
	for i, item := range recorded.Items {
		errors.tell("a", "c", string(item))
		var fields map[string]any
		_ = json.Unmarshal(item, &fields)
		order[fields["message"]] = float64(1000 * (i + 1))
	}
	for _, want := range recorded.Answers {
		got := b.errorPage(t, want.Query)
		times := []float64{}
		for _, item := range got.Items {
			times = append(times, order[item["message"]])
		}
		same := func(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
		if got.Count != want.Count || !slices.Equal(times, want.Timestamps) || !same(got.Offset, want.Offset) || !same(got.Limit, want.Limit) {
			t.Errorf("%q: %v %v, want %v %v", want.Query, got.Count, times, want.Count, want.Timestamps)
		}
	}
}

func TestErrorItems(t *testing.T) {
	b, errors := errorBed(t, 0)
	b.want(t, "/error?appName=a", 200, `{"data":{"count":0,"items":[]},"timestamp":T,"success":true,"message":""}`)
	errors.tell("a", "c", `{"timestamp":123456789012,"appName":"a","ip":"192.0.2.2","host":"vm","pid":7,"method":"error","errType":"TypeError","message":"<b>","stack":"s","traceId":"","path":"console"}`)
	b.want(t, "/error?appName=a&limit=5", 200, `{"data":{"count":1,"limit":"5","items":[{"timestamp":T,"appName":"a","ip":"192.0.2.2","host":"vm","pid":7,`+
		`"method":"error","errType":"TypeError","message":"<b>","stack":"s","traceId":"","path":"console","count":1,"firstTimestamp":123456789012}]},"timestamp":T,"success":true,"message":""}`)
	b.want(t, "/ERROR/?appName=b", 200, `{"data":{"count":0,"items":[]},"timestamp":T,"success":true,"message":""}`)
	if got := b.errorPage(t, "").messages(); got != "<b>" {
		t.Errorf("without a name the errors of the only application are meant, got %q", got)
	}
	errors.tell("b", "c", `{"message":"other"}`)
	if got := b.errorPage(t, ""); got.Count != 0 {
		t.Errorf("there are two applications, got %v", got)
	}
	if got := b.errorPage(t, "appName=b").Items[0]; got["appName"] != "b" || got["timestamp"] == 0 {
		t.Errorf("name and time are filled in, got %v", got)
	}
	errors.Forget("b")
	if got := b.errorPage(t, "").messages(); got != "<b>" {
		t.Errorf("one was forgotten, got %q", got)
	}
	if got := b.endPointNames(); !slices.Equal(got[:2], []string{"daemon", "error"}) {
		t.Errorf("EndPoints %v", got)
	}
}

func TestSameErrorsAreOne(t *testing.T) {
	total := 0.0
	errors := NewErrors(ErrorsConfig{Count: func(n float64) { total += n }})
	b := newBed(t, "", func(c *Config) { c.Errors = errors })
	report := func(client string, at, pid int, message, more string) {
		errors.tell("a", client, fmt.Sprintf(`{"timestamp":%d,"appName":"a","pid":%d,"method":"error","message":%q,"stack":"at x"%s}`, at, pid, message, more))
	}
	report("c", 1, 10, "one", "")
	report("c", 2, 10, "two", "")
	report("d", 3, 11, "one", `,"traceId":"t"`)
	report("c", 4, 10, "one", `,"suppressed":5`)
	page := b.errorPage(t, "appName=a")
	if page.messages() != "two one" {
		t.Fatalf("the last to happen comes last, got %v", page.Items)
	}
	if one := page.Items[1]; one["count"] != 8.0 || one["firstTimestamp"] != 1.0 || one["pid"] != 10.0 || one["traceId"] != nil || one["suppressed"] != 5.0 {
		t.Errorf("got %v", one)
	}
	// npm's client in the same process hears of the same error.
	report("npm", 4, 10, "one", "")
	report("npm", 5, 10, "one", "")
	report("npm", 5, 10, "one", "")
	if one := b.errorPage(t, "appName=a&by=count&value=2"); one.messages() != "one" || one.Items[0]["count"] != 10.0 || total != 11 {
		t.Errorf("an error was counted twice: %v, in all %v", one, total)
	}
}

func TestErrorBounds(t *testing.T) {
	b, errors := errorBed(t, 3)
	for i := range 5 {
		errors.tell("a", "c", fmt.Sprintf(`{"message":"m%d"}`, i))
	}
	if got := b.errorPage(t, "appName=a").messages(); got != "m2 m3 m4" {
		t.Errorf("the oldest go first, got %q", got)
	}
	long := strings.Repeat("é", 100_000)
	errors.tell("a", "c", fmt.Sprintf(`{"message":%q,"object":{"a":%q},"small":{"a": [1,
	2]},"%s":1,"twice":1,"twice":2}`, long, long, strings.Repeat("n", 100)))
	last := b.errorPage(t, "appName=a").Items[2]
	if got := len(last["message"].(string)); got > maxErrorText+3 || got < maxErrorText-3 || last["object"] != nil || last["small"] == nil || last["twice"] != 2.0 || len(last) != 7 {
		t.Errorf("%d bytes, %d fields", got, len(last))
	}
	many := NewErrors(ErrorsConfig{Capacity: maxErrorCapacity})
	many.most = 2 << 20
	large := strings.Repeat("x", 40_000)
	for i := range 30 {
		many.tell("large", "c", fmt.Sprintf(`{"message":"%d %s"}`, i, large))
	}
	if many.bytes > maxErrorBytes || many.bytes < maxErrorBytes/2 {
		t.Errorf("one application has %d bytes", many.bytes)
	}
	for app := range 300 {
		for i := range 8 {
			many.tell(fmt.Sprint("app", app), "c", fmt.Sprintf(`{"message":"%d %s"}`, i, large[:1000]))
		}
	}
	sum := 0
	for app, ring := range many.apps {
		own := 0
		for _, entry := range ring.entries {
			own += entry.report.size()
		}
		if own != ring.bytes || own > maxErrorBytes || len(ring.entries) != len(ring.byKey) || len(ring.entries) == 0 {
			t.Fatalf("%s: %d bytes, noted %d, %d entries of %d", app, own, ring.bytes, len(ring.entries), len(ring.byKey))
		}
		sum += own
	}
	if sum != many.bytes || len(many.apps) != maxErrorApps || len(many.order) != maxErrorApps || sum > many.most {
		t.Errorf("%d bytes, noted %d, %d applications", sum, many.bytes, len(many.apps))
	}
}

func TestErrorReportsThatMakeNoSense(t *testing.T) {
	b, errors := errorBed(t, 0)
	for _, report := range []string{``, `7`, `null`, `"x"`, `[]`, `{`, `{"a"`, `{"a":1,`, `{"a":}`} {
		errors.tell("a", "c", report)
	}
	errors.tell("", "c", `{"message":"x"}`)
	errors.tell("", "c", `{"message":"x","appName":""}`)
	errors.tell(strings.Repeat("n", 1000), "c", `{"message":"x"}`)
	if got := b.errorPage(t, ""); got.Count != 0 {
		t.Errorf("got %v", got)
	}
	for _, report := range []string{`{}`, `{"suppressed":-3}`, `{"suppressed":1e300,"timestamp":"x"}`, `{"suppressed":"x","timestamp":-1}`, `{"appName":7}`} {
		errors.tell("a", "c", report)
	}
	if got := b.errorPage(t, ""); got.Count != 1 || got.Items[0]["count"] != float64(5+maxSuppressed) || got.Items[0]["appName"] != "a" {
		t.Errorf("got %v", got)
	}
}

// kept runs errors with a file as long as use does.
func kept(t *testing.T, path string, use func(e *Errors, b *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := NewErrors(ErrorsConfig{Path: path, Capacity: 3, Log: zaptest.NewLogger(t)})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { e.Run(ctx) })
		use(e, newBed(t, "", func(c *Config) { c.Errors = e }))
		cancel()
		wg.Wait()
	})
}

func TestErrorsOutliveTheDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "errors.ndjson")
	kept(t, path, func(e *Errors, _ *bed) {
		e.tell("a", "c", `{"timestamp":1,"pid":1,"message":"one"}`)
		e.tell("a", "c", `{"timestamp":2,"pid":1,"message":"two"}`)
		time.Sleep(time.Second)
		for i := range 5 {
			e.tell("a", "c", fmt.Sprintf(`{"timestamp":%d,"pid":2,"message":"one"}`, 3+i))
			time.Sleep(time.Second)
		}
		// A daemon that is killed has written what it knew a moment ago.
		text, err := os.ReadFile(path)
		if lines := bytes.Count(text, []byte("\n")); err != nil || lines != 7 || bytes.Count(text, []byte("one")) != 1 {
			t.Errorf("%d lines, %v\n%s", lines, err, text)
		}
		e.tell("b", "c", `{"timestamp":9,"message":"last"}`)
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	damage(t, path, "{\"app\":\"a\",\"key\":\"zz\",\"count\":1}\nnonsense\n{\"app\":")
	kept(t, path, func(e *Errors, b *bed) {
		e.tell("a", "c", `{"timestamp":20,"pid":3,"message":"two"}`)
		e.tell("a", "c", `{"timestamp":21,"pid":3,"message":"new"}`)
		page := b.errorPage(t, "appName=a")
		if page.messages() != "one two new" {
			t.Fatalf("got %v", page.Items)
		}
		one, two := page.Items[0], page.Items[1]
		if one["count"] != 6.0 || one["firstTimestamp"] != 1.0 || one["pid"] != 2.0 || two["count"] != 2.0 || two["firstTimestamp"] != 2.0 || two["pid"] != 3.0 {
			t.Errorf("got %v", page.Items)
		}
		if got := b.errorPage(t, "appName=b").messages(); got != "last" {
			t.Errorf("got %q", got)
		}
		e.Forget("b")
	})
	kept(t, path, func(e *Errors, b *bed) {
		if got := b.errorPage(t, "appName=b"); got.Count != 0 {
			t.Errorf("got %v", got)
		}
		e.tell("c", "c", `{"message":"c"}`)
	})
	// It is forgotten even when the file was not read yet.
	kept(t, path, func(e *Errors, b *bed) { e.Forget("c") })
	kept(t, path, func(e *Errors, b *bed) {
		if got := b.errorPage(t, ""); got.messages() != "one two new" || got.Items[1]["count"] != 2.0 {
			t.Errorf("got %v", got)
		}
	})
}

// damage appends to a file.
func damage(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestErrorFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "errors.ndjson")
	text := strings.Repeat("x", 4000)
	kept(t, path, func(e *Errors, b *bed) {
		e.mostFile = 100_000
		for i := range 100 {
			e.tell("a", "c", fmt.Sprintf(`{"timestamp":%d,"message":"%d","stack":%q}`, i+1, i, text))
			time.Sleep(time.Second)
		}
		if info, err := os.Stat(path); err != nil || info.Size() > e.mostFile || info.Size() < 12_000 {
			t.Errorf("%v %v", info, err)
		}
	})
	kept(t, path, func(e *Errors, b *bed) {
		if got := b.errorPage(t, "").messages(); got != "97 98 99" {
			t.Errorf("got %v", got)
		}
	})
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestErrorFileThatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "errors.ndjson")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	kept(t, path, func(e *Errors, b *bed) {
		e.tell("a", "c", `{"message":"one"}`)
		time.Sleep(time.Second)
		if got := b.errorPage(t, "").messages(); got != "one" {
			t.Errorf("got %q", got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		e.tell("a", "c", `{"message":"two"}`)
	})
	kept(t, path, func(e *Errors, b *bed) {
		if got := b.errorPage(t, "").messages(); got != "one two" {
			t.Errorf("what could not be written then is written later, got %q", got)
		}
	})
}

func TestErrorsWithoutUseReadNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "errors.ndjson")
	kept(t, path, func(e *Errors, _ *bed) {
		synctest.Wait()
		select {
		case <-e.loaded:
			t.Error("the file was read for nobody")
		default:
		}
	})
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file was made for nothing: %v", err)
	}
}

// FuzzErrorReports: whatever a worker reports, /error stays JSON, and the same comes back from the file.
func FuzzErrorReports(f *testing.F) {
	f.Add("MESSENGER_UPLINK_a_error_c", `{"timestamp":1,"appName":"a","message":"x\ud800","n":[1,{"a":2}]}`, "by=n&value=1")
	f.Add("MESSENGER_UPLINK__error_", `{"":1,"count":7,"firstTimestamp":"x","timestamp":1e400}`, "order=DESC&offset=-1&limit=9")
	f.Add("x", "{\"a\":\"\xff\xfe\",\"b\":-0.0}", "by=size&value=0x1")
	f.Fuzz(func(t *testing.T, action, data, query string) {
		app, _, ok := cutErrorAction(action)
		if !ok {
			return
		}
		report, err := decodeErrorReport(json.RawMessage(data), app, time.UnixMilli(5))
		if err != nil {
			return
		}
		e := NewErrors(ErrorsConfig{})
		e.add(report)
		s := &Server{errors: e}
		q, err := parseQuery(query)
		if err != nil {
			return
		}
		a, err := s.error(t.Context(), request{query: q})
		if err != nil || !json.Valid(a.body) {
			t.Fatalf("%v %s", err, a.body)
		}
		entry := e.apps[report.app].entries[0]
		line, err := entry.line(false)
		var back errorLine
		if err != nil || bytes.IndexByte(line, '\n') != len(line)-1 || json.Unmarshal(line, &back) != nil {
			t.Fatalf("%v %q", err, line)
		}
		again := NewErrors(ErrorsConfig{})
		again.replay(back)
		one, _ := errorItem{report: entry.report, count: entry.count, first: entry.first}.MarshalJSON()
		if len(again.order) != 1 {
			t.Fatalf("it does not come back: %s", line)
		}
		entry = again.apps[report.app].entries[0]
		if two, _ := (errorItem{report: entry.report, count: entry.count, first: entry.first}).MarshalJSON(); !bytes.Equal(one, two) {
			t.Fatalf("%s\n%s", one, two)
		}
	})
}

func TestNumbersOfJavaScript(t *testing.T) {
	for text, want := range map[string]float64{
		"": 0, " ": 0, "\u00a01\ufeff": 1, "1.5e3": 1500, "-.5": -0.5, "0x1F": 31, "0b11": 3, "0o17": 15, "Infinity": math.Inf(1), "-Infinity": math.Inf(-1),
		"1e999": math.Inf(1), "5.": 5, "+7": 7,
		"x": math.NaN(), "1_0": math.NaN(), "inf": math.NaN(), "NaN": math.NaN(), "0x": math.NaN(), "-0x1": math.NaN(), "1n": math.NaN(), "1 2": math.NaN(),
	} {
		if got := jsNumber(text); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestErrorOptions(t *testing.T) {
	const at = `{"actuator":{"endPoint":{"error":{"initConfig":%s}}}}`
	for init, want := range map[string]int{
		`{}`: 100, `null`: 100, `{"cacheSize":5}`: 5, `{"maxErrorCount":7}`: 7, `{"cacheSize":0,"maxErrorCount":7}`: 7, `{"cacheSize":null}`: 100,
		`{"cacheSize":10000}`: 10000, `{"cacheSize":10001}`: 0, `{"cacheSize":-1}`: 0, `{"cacheSize":1.5}`: 0, `{"cacheSize":"5"}`: 0,
	} {
		options, err := DecodeOptions(fmt.Appendf(nil, at, init))
		if want == 0 {
			if err == nil || !strings.Contains(err.Error(), `"actuator.endPoint.error.initConfig.cacheSize"`) {
				t.Errorf("%s: %v", init, err)
			}
		} else if err != nil || options.ErrorCapacity != want {
			t.Errorf("%s: %d %v, want %d", init, options.ErrorCapacity, err, want)
		}
	}
	counted := 0.0
	errors := NewErrors(ErrorsConfig{Count: func(n float64) { counted += n }})
	b := newBed(t, `{"actuator":{"endPoint":{"error":{"enabled":false}}}}`, func(c *Config) { c.Errors = errors })
	errors.tell("a", "c", `{"message":"x"}`)
	if status, _ := b.get(t, "/error"); status != 404 || counted != 1 || slices.Contains(b.endPointNames(), "error") {
		t.Errorf("switched off: %d, %v counted, %v", status, counted, b.endPointNames())
	}
	b, _ = errorBed(t, 0)
	if got := b.frames.announce(fixed(1, ""), "error", "a", "ErrorIndicator", "c", "multiton"); got == "" {
		t.Error("an Indicator of npm's is not answered")
	}
}
