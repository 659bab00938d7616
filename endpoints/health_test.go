package endpoints

import "testing"

func TestHealth(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.want(t, "/health", 200, envelope(`{}`))
	b.want(t, "/health?appName=demo", 404, failure("Can't found an Application it named demo"))
	stopped := demo()
	stopped.Name, stopped.Running = "old", false
	b.source.set(demo(), stopped)
	b.want(t, "/health", 200, envelope(`{"demo":{"status":"UP"}}`))
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP"}`))
	b.want(t, "/health?appName=old", 503, failure("Application old is not running"))
	b.want(t, "/health?appName=DEFAULT_APP", 404, failure("Can't found an Application it named DEFAULT_APP"))

	b.frames.announce(fixed(1, `[{"key":"zeta","data":"UP","scope":"APP"}]`), "health", "demo", "zeta", "a", "singleton")
	b.frames.announce(fixed(2, `[{"key":"alpha","data":"DOWN"}]`), "health", "demo", "alpha", "a", "singleton")
	b.frames.announce(fixed(2, `[{"key":"status","data":"DOWN"}]`), "health", "old", "x", "a", "singleton")
	b.frames.announce(fixed(3, `[{"key":"status","data":"UP"},{"key":"odd","data":{"x":1}}]`), "health", "alien", "x", "a", "")
	b.want(t, "/health?appName=demo", 503, envelope(`{"status":"DOWN","zeta":{"status":"UP"},"alpha":{"status":"DOWN"}}`))
	b.want(t, "/health", 503, envelope(`{"demo":{"status":"DOWN","zeta":{"status":"UP"},"alpha":{"status":"DOWN"}},"alien":{"status":"UP","odd":{"status":{"x":1}}}}`))
	b.want(t, "/health?appName=alien", 200, envelope(`{"status":"UP","odd":{"status":{"x":1}}}`))
}

func TestLegacyStatus(t *testing.T) {
	b := newBed(t, `{"actuator":{"http":{"legacyStatus":true},"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false}}}}}}`, nil)
	app := demo()
	app.Running = false
	b.source.set(app)
	b.want(t, "/health?appName=none", 200, failure("Can't found an Application it named none"))
	b.want(t, "/health?appName=demo", 200, failure("Application demo is not running"))
	b.source.set(demo())
	b.frames.announce(fixed(2, `[{"key":"a","data":"DOWN"}]`), "health", "demo", "alpha", "a", "singleton")
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"DOWN","a":{"status":"DOWN"}}`))
	b.want(t, "/health", 200, envelope(`{"demo":{"status":"DOWN","a":{"status":"DOWN"}}}`))
}

func TestBuiltinAndIndicatorOrder(t *testing.T) {
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"rate":100}}}}}}`, nil)
	_, tcp := listen(t, "tcp", "127.0.0.1:0")
	app := demo()
	app.Sockets = []Socket{tcp}
	b.source.set(app)
	got := b.frames.announce(fixed(1, `[{"key":"port","data":"DOWN"},{"key":"own","data":"UP"}]`), "health", "demo", "own", "c", "")
	if want := `{"disk_space":{"enabled":true,"rate":100},"port":{"checkUrl":"http://127.1:6001","enabled":true}}`; got != want {
		t.Errorf("config %s", got)
	}
	b.want(t, "/health", 503, envelope(`{"demo":{"status":"DOWN","disk_space":{"status":"UP"},"port":{"status":"DOWN"},"own":{"status":"UP"}}}`))
}
