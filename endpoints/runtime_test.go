package endpoints

import (
	"strings"
	"testing"
)

func TestRuntime(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) {
		c.Secret = func(name string) bool { return strings.Contains(strings.ToLower(name), "secret") }
	})
	b.want(t, "/runtime", 200, envelope(`{}`))
	b.want(t, "/runtime?appName=demo", 200, failure("Can't found an Application it named demo"))
	stopped := demo()
	stopped.Name, stopped.Running = "old", false
	b.source.set(demo(), stopped)
	b.want(t, "/runtime", 200, envelope(`{"demo":[]}`))
	b.frames.announce(fixed(1, `[{"key":"config","data":{"z":1.50,"mySecret":"x","secretList":["a"],"secretNumber":7,"secret":{"inner":"shown"},"list":[{"Secret":"y","n":null}],"secretOn":true},"scope":"APP"},`+
		`{"key":"secret","data":"z"},{"key":"plain","data":"<&>"}]`), "runtime", "demo", "ConfigIndicator", "c", "")
	b.want(t, "/runtime?appName=demo", 200, envelope(`[{"key":"config","data":{"list":[{"Secret":"******","n":null}],"mySecret":"******","secret":{"inner":"shown"},`+
		`"secretList":"******","secretNumber":"******","secretOn":true,"z":1.50},"scope":"APP"},{"key":"secret","data":"******"},{"key":"plain","data":"<&>"}]`))
	b.want(t, "/runtime?appName=old", 200, failure("Can't found an Application it named old"))
	if w := b.ask("/runtime", "192.0.2.1:1", "localhost"); w.Code != 403 {
		t.Errorf("a stranger gets %d", w.Code)
	}
	off := newBed(t, `{"actuator":{"endPoint":{"runtime":{"enabled":false}}}}`, nil)
	off.want(t, "/runtime", 404, "Not Found")
}
