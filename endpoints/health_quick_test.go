package endpoints

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// TestQuickHealth: what is answered without being routed is what the route answers, and what may not be is not.
func TestQuickHealth(t *testing.T) {
	source := &versionedSource{}
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"port":{"enabled":false},"disk_space":{"enabled":false}}}}}}`,
		func(c *Config) { c.Source = source })
	source.apps = []Application{demo()}
	b.frames.announce(fixed(1, `[{"key":"db","data":"UP"}]`), "health", "demo", "db", "a", "")
	b.frames.announce(fixed(2, `[{"key":"cache","data":"DOWN"}]`), "health", "demo", "cache", "b", "")
	for name, c := range map[string]struct {
		method, target, body string
		header               map[string]string
		remote               string
		quick                bool
	}{
		"one application":      {target: "/health?appName=demo", quick: true},
		"all":                  {target: "/health", quick: true},
		"verbose":              {target: "/health?appName=demo&verbose", quick: true},
		"a group":              {target: "/health?group=liveness", quick: true},
		"another form":         {target: "/health?appName=demo", header: map[string]string{"Accept": typeCheck}, quick: true},
		"Spring's":             {target: "/health", header: map[string]string{"Accept": typeSpring + ", */*"}, quick: true},
		"who may see less":     {target: "/health?appName=demo", header: map[string]string{"X-Forwarded-For": "203.0.113.1"}, quick: true},
		"from elsewhere":       {target: "/health?appName=demo&verbose", remote: "203.0.113.1:7", quick: true},
		"nobody":               {target: "/health?appName=nobody", quick: true},
		"HEAD":                 {method: "HEAD", target: "/health?appName=demo"},
		"POST":                 {method: "POST", target: "/health?appName=demo", body: "x"},
		"with a body":          {target: "/health?appName=demo", body: "x"},
		"one Indicator":        {target: "/health/db"},
		"in capitals":          {target: "/HEALTH"},
		"another path":         {target: "/info"},
		"a foreign page":       {target: "/health", header: map[string]string{"Origin": "https://evil.example"}},
		"a foreign name":       {target: "/health", header: map[string]string{"Host": "evil.example"}},
		"a query of nonsense":  {target: "/health?a=%zz", quick: true},
		"a query that is long": {target: "/health?appName=" + strings.Repeat("x", maxQuestionBytes)},
	} {
		t.Run(name, func(t *testing.T) {
			request := func() *http.Request {
				method := c.method
				if method == "" {
					method = http.MethodGet
				}
				var r *http.Request
				if c.body == "" {
					r = httptest.NewRequest(method, c.target, nil)
				} else {
					r = httptest.NewRequest(method, c.target, strings.NewReader(c.body))
				}
				r.Host, r.RemoteAddr = "127.0.0.1:7002", "127.0.0.1:1024"
				if c.remote != "" {
					r.RemoteAddr = c.remote
				}
				for key, value := range c.header {
					if key == "Host" {
						r.Host = value
					} else {
						r.Header.Set(key, value)
					}
				}
				return r
			}
			routed := httptest.NewRecorder()
			b.newEcho().ServeHTTP(routed, request())
			quick := httptest.NewRecorder()
			if got := b.quick(quick, request()); got != c.quick {
				t.Fatalf("answered without being routed: %v, want %v", got, c.quick)
			}
			if !c.quick {
				return
			}
			if quick.Code != routed.Code || !reflect.DeepEqual(quick.Header(), routed.Header()) || !sameButTime(t, quick.Body.String(), routed.Body.String()) {
				t.Errorf("got  %d %v %s\nwant %d %v %s", quick.Code, quick.Header(), quick.Body, routed.Code, routed.Header(), routed.Body)
			}
			source.n.Add(1)
			if b.quick(httptest.NewRecorder(), request()) {
				t.Error("answered from what is not known to hold any more")
			}
		})
	}
	twice := httptest.NewRequest("GET", "/health", nil)
	twice.Host, twice.RemoteAddr = "127.0.0.1:7002", "127.0.0.1:1024"
	twice.Header["Accept"] = []string{typeCheck, typeSpring}
	b.newEcho().ServeHTTP(httptest.NewRecorder(), twice)
	if b.quick(httptest.NewRecorder(), twice) {
		t.Error("several Accept headers are answered without being routed")
	}
	if n := len(b.questions.all); n > maxQuestions {
		t.Errorf("%d questions are kept", n)
	}
}

// sameButTime compares two documents but for the times in them.
func sameButTime(t *testing.T, a, b string) bool {
	t.Helper()
	if len(a) != len(b) {
		return false
	}
	plain := func(text string) any {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return text
		}
		if object, ok := value.(map[string]any); ok {
			delete(object, "timestamp")
		}
		return value
	}
	return reflect.DeepEqual(plain(a), plain(b))
}
