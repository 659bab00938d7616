package endpoints

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDecodeOptions(t *testing.T) {
	o, err := DecodeOptions(json.RawMessage(`{
		"reporterInterval": 10, "reporter": {"file": {"enabled": true}}, "actuator": {"x": 1,
		"http": {"port": "0", "host": "::1", "legacyStatus": 1, "other": []},
		"endPoint": {"error": {"enabled": true}, "info": {"enabled": 0}, "process": null, "daemon": {"initConfig": {"a": 1e2}},
			"health": {"initConfig": {"port": {"checkUrl": "http://localhost:1/x"}, "disk_space": {"rate": 0, "path": "/srv"}, "mine": {"b": [1]}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if o.ReporterInterval != 10*time.Second || !o.Enabled || o.Address() != "[::1]:0" || !o.LegacyStatus {
		t.Errorf("http: %+v", o)
	}
	want := map[string]EndPointOptions{
		"daemon":  {true, json.RawMessage(`{"a":1e2}`)},
		"info":    {false, json.RawMessage(`{}`)},
		"process": {false, json.RawMessage(`{}`)},
		"metrics": {true, json.RawMessage(`{}`)},
		"health": {true, json.RawMessage(`{"disk_space":{"enabled":true,"path":"/srv","rate":0},"mine":{"b":[1]},` +
			`"port":{"checkUrl":"http://localhost:1/x","enabled":true}}`)},
	}
	for name, point := range want {
		if got := o.EndPoints[name]; got.Enabled != point.Enabled || string(got.InitConfig) != string(point.InitConfig) {
			t.Errorf("%s: %v %s, want %v %s", name, got.Enabled, got.InitConfig, point.Enabled, point.InitConfig)
		}
	}
	if len(o.health.checks) != 2 {
		t.Fatalf("health: %+v", o.health)
	}
	disk, port := o.health.checks[0].options.(*diskOptions), o.health.checks[1].options.(*portOptions)
	if disk.rate != 0 || disk.path != "/srv" || port.url.Host != "localhost:1" {
		t.Errorf("health: %+v %+v", disk, port)
	}
}

func TestDefaults(t *testing.T) {
	for _, config := range []string{``, `{}`, `null`, `{"reporterInterval":null}`, `{"reporterInterval":-1}`, `{"reporterInterval":60}`, `{"actuator":null}`, `{"actuator":{"http":{"port":7002,"host":null},"endPoint":{"health":{"initConfig":{"port":{"checkUrl":"http://127.1:6001"}}}}}}`} {
		o, err := DecodeOptions(json.RawMessage(config))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(o, DefaultOptions()) {
			t.Errorf("%s: %+v", config, o)
		}
	}
	o := DefaultOptions()
	want := healthOptions{checks: []checkSpec{
		{name: "disk_space", kind: "disk_space", critical: true, interval: time.Second, timeout: time.Second, threshold: 1, options: &diskOptions{path: "/", rate: 80}},
		{name: "port", kind: "port", critical: true, interval: time.Second, timeout: time.Second, threshold: 1, options: &portOptions{connect: time.Second}},
	}}
	if o.Address() != "127.0.0.1:7002" || o.LegacyStatus || !reflect.DeepEqual(o.health, want) {
		t.Errorf("%+v", o)
	}
}

func TestBadOptions(t *testing.T) {
	health := func(s string) string { return `{"actuator":{"endPoint":{"health":{"initConfig":` + s + `}}}}` }
	for config, want := range map[string]string{
		`{"reporterInterval":0}`:                              `"reporterInterval": 0 is not valid; give a number of seconds from 1`,
		`{"reporterInterval":"60"}`:                           `"reporterInterval"`,
		`{"reporterInterval":86401}`:                          `"reporterInterval"`,
		`[`:                                                   "is not an object",
		`7`:                                                   `"(the whole)": 7 is not an object`,
		`{"actuator":7}`:                                      `"actuator": 7 is not an object`,
		`{"actuator":{"http":[]}}`:                            `"actuator.http"`,
		`{"actuator":{"http":{"port":70000}}}`:                `"actuator.http.port": 70000 is not valid; give an integer from 0`,
		`{"actuator":{"http":{"port":-1}}}`:                   `"actuator.http.port"`,
		`{"actuator":{"http":{"port":1.5}}}`:                  `"actuator.http.port"`,
		`{"actuator":{"http":{"port":"x"}}}`:                  `"actuator.http.port"`,
		`{"actuator":{"http":{"host":5}}}`:                    `"actuator.http.host"`,
		`{"actuator":{"http":{"host":"a b"}}}`:                `"actuator.http.host"`,
		`{"actuator":{"endPoint":{"info":"x"}}}`:              `"actuator.endPoint.info"`,
		`{"actuator":{"endPoint":{"info":{"initConfig":3}}}}`: `"actuator.endPoint.info.initConfig"`,
		health(`{"disk_space":{"rate":101}}`):                 `health.initConfig.disk_space.rate"`,
		health(`{"disk_space":{"rate":"x"}}`):                 `a percentage from 0 to 100`,
		health(`{"disk_space":{"path":"rel"}}`):               `an absolute path`,
		health(`{"disk_space":[]}`):                           `initConfig.disk_space"`,
		health(`{"port":{"checkUrl":5}}`):                     `port.checkUrl"`,
		health(`{"port":{"checkUrl":"ftp://x"}}`):             `a URL with http or https`,
		health(`{"port":{"checkUrl":"http://"}}`):             `a URL with http or https`,
		health(`{"port":{"checkUrl":"` + strings.Repeat("é", 200) + `"}}`): `…`,
	} {
		_, err := DecodeOptions(json.RawMessage(config))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read config ") {
			t.Errorf("%.60s: %v, want …%s…", config, err, want)
		}
	}
}

func FuzzOptions(f *testing.F) {
	f.Add([]byte(`{"actuator":{"http":{"port":1},"endPoint":{"health":{"initConfig":{"port":{"checkUrl":"http://x"}}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := DecodeOptions(data)
		if err != nil {
			return
		}
		if o.Port < 0 || o.Port > 65535 || !json.Valid(o.EndPoints["health"].InitConfig) {
			t.Errorf("%+v", o)
		}
	})
}
