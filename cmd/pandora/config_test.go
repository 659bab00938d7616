package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
)

// configOf is the configuration of one module, with an environment of NAME=value.
func configOf(module string, environ ...string) configSource {
	s := configSource{
		merged: json.RawMessage(module), cwd: "/srv", application: true,
		getenv: (&cli{environ: append([]string{"HOME=/home/u"}, environ...)}).getenv,
	}
	s.modules = []config.Layer{{Origin: config.OriginModule, From: "/srv/c.js", JSON: s.merged}}
	return s
}

// TestDefaultsShownAreThoseUsed holds that what config show tells of the defaults is what the readers of the configuration have.
func TestDefaultsShownAreThoseUsed(t *testing.T) {
	layer, err := configOf("{}").defaults()
	if err != nil {
		t.Fatal(err)
	}
	options, err := endpoints.DecodeOptions(layer.JSON)
	if err != nil {
		t.Fatal(err)
	}
	want := endpoints.DefaultOptions()
	// The size of the memory of errors is shown in its place, which is empty by default.
	if got := string(options.EndPoints["error"].InitConfig); got != fmt.Sprintf(`{"cacheSize":%d}`, want.ErrorCapacity) {
		t.Errorf("initConfig of error is %s", got)
	}
	options.EndPoints["error"] = want.EndPoints["error"]
	if !reflect.DeepEqual(options, want) {
		t.Errorf("got  %+v\nwant %+v", options, want)
	}
	if _, problems := config.DecodeLoggers(layer.JSON); len(problems) > 0 {
		t.Error(problems)
	}
	if settings, err := decodeScripts(layer.JSON); err != nil || settings.Exec || settings.MemoryMb != defaultScriptMemory {
		t.Errorf("scripts %+v, %v", settings, err)
	}
}

func TestConfigSettings(t *testing.T) {
	for _, tt := range []struct {
		name, module string
		environ      []string
		want         []string
		problem      string
	}{
		{"nothing", `{}`, nil, []string{
			"actuator.http.port=7002 default", "actuator.http.host=127.0.0.1 default", "reporterInterval=60 default",
			"logger.logsDir=/home/u/logs default", "PANDORA_DIR=/home/u/.pandora default", "hook.global.enabled=true default",
			"logs.rotation=size=50mb,total=500mb,daily=on,compress=on default", "actuator.endPoint.health.intervalMs=10000 default",
		}, ""},
		{"module", `{"actuator":{"http":{"port":7010}},"logger":{"logsDir":"logs"},"own":{"a.b":[1,{"c":null}],"none":{}}}`, nil, []string{
			"actuator.http.port=7010 /srv/c.js", "actuator.http.host=127.0.0.1 default", "logger.logsDir=/srv/logs /srv/c.js",
			`own."a.b"[0]=1 /srv/c.js`, `own."a.b"[1].c=<nil> /srv/c.js`, "own.none=map[] /srv/c.js",
		}, ""},
		{
			"environment", `{"actuator":{"http":{"port":7010}},"logger":{"logsDir":"/l"},"logs":{"rotation":"off"}}`,
			[]string{"PANDORA_ACTUATOR_PORT=0", "PANDORA_LOGS_DIR=/var/l", "PANDORA_LOG_ROTATION=size=1mb", "PANDORA_ERROR_HOOK=off", "DEFAULT_WORKER_COUNT=3", "PANDORA_DIR=/p"},
			[]string{
				"actuator.http.port=0 PANDORA_ACTUATOR_PORT", "logger.logsDir=/var/l PANDORA_LOGS_DIR", "logs.rotation=size=1mb PANDORA_LOG_ROTATION",
				"hook.global.enabled=false PANDORA_ERROR_HOOK", "DEFAULT_WORKER_COUNT=3 DEFAULT_WORKER_COUNT", "PANDORA_DIR=/p PANDORA_DIR",
			}, "",
		},
		{"switched off", `{"actuator":{"endPoint":{"error":false}},"reporter":{"file":false}}`, nil,
			[]string{"actuator.endPoint.error=false /srv/c.js", "reporter.file=false /srv/c.js"}, ""},
		{"null", `{"actuator":{"http":{"port":null,"enabled":null}}}`, nil,
			[]string{"actuator.http.port=7002 default", "actuator.http.enabled=<nil> /srv/c.js"}, ""},
		{"bad port", `{"actuator":{"http":{"port":"x","host":"127.0.0.2"}},"reporterInterval":5}`, nil,
			[]string{"actuator.http.port=7002 default", "actuator.http.host=127.0.0.1 default", "reporterInterval=60 default"}, `"actuator.http.port": "x" is not valid`},
		{"open to all", `{"actuator":{"http":{"host":"0.0.0.0"}}}`, nil, []string{"actuator.http.host=127.0.0.1 default"}, "127.0.0.1 is used"},
		{"bad level", `{"logger":{"daemonLogger":{"level":"LOUD"},"serviceLogger":{"level":"DEBUG"}}}`, nil,
			[]string{"logger.daemonLogger.level=INFO default", "logger.serviceLogger.level=DEBUG /srv/c.js"}, "LOUD"},
		{"bad logger", `{"logger":7}`, nil, []string{"logger.daemonLogger.level=INFO default"}, "logger is 7"},
		{"bad rotation", `{"logs":{"rotation":"soon"}}`, nil, []string{"logs.rotation=size=50mb,total=500mb,daily=on,compress=on default"}, "logs.rotation"},
		{"bad scripts", `{"scripts":{"memoryMb":1}}`, nil, []string{"scripts.memoryMb=256 default"}, "scripts.memoryMb"},
		{"bad variables", `{}`, []string{"PANDORA_ACTUATOR_PORT=x"}, []string{"actuator.http.port=7002 default"}, "PANDORA_ACTUATOR_PORT"},
		{"bad count", `{}`, []string{"DEFAULT_WORKER_COUNT=0"}, nil, "DEFAULT_WORKER_COUNT expects"},
		{"bad rotation of the shell", `{"logs":{"rotation":"off"}}`, []string{"PANDORA_LOG_ROTATION=x"},
			[]string{"logs.rotation=size=50mb,total=500mb,daily=on,compress=on PANDORA_LOG_ROTATION"}, "PANDORA_LOG_ROTATION"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings, problems, err := configOf(tt.module, tt.environ...).settings()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range settings {
				from := s.From
				if from == "" {
					from = string(s.Origin)
				}
				got = append(got, fmt.Sprintf("%s=%v %s", s.Key(), s.Value, from))
			}
			for _, want := range tt.want {
				if !slices.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
				}
			}
			if text := strings.Join(problems, "\n"); (text == "") != (tt.problem == "") || !strings.Contains(text, tt.problem) {
				t.Errorf("problems %q, want %q", text, tt.problem)
			}
		})
	}
}

func TestSettingsAreMasked(t *testing.T) {
	for _, tt := range []struct {
		path  string
		value any
		want  any
	}{
		{"actuator.http.token", "0123456789abcdef", mask},
		{"actuator.http.token", "", ""},
		{"checks.cache.url", "redis://app:hunter2@host/0", "redis://app:" + mask + "@host/0"},
		{"own.credentials.user", "hunter2", mask},
		{"own.apiKeys.[0]", json.Number("5"), mask},
		{"own.token.enabled", true, true},
		{"actuator.http.port", json.Number("7002"), json.Number("7002")},
	} {
		if got := maskedSetting(config.Setting{Path: strings.Split(tt.path, "."), Value: tt.value}); got != tt.want {
			t.Errorf("%s %v: got %v, want %v", tt.path, tt.value, got, tt.want)
		}
	}
}

func TestDiffering(t *testing.T) {
	setting := func(key string, value any) config.Setting { return config.Setting{Path: []string{key}, Value: value} }
	got := differing([]config.Setting{setting("a", "1"), setting("b", "1"), setting("d", "1")}, []config.Setting{setting("a", "1"), setting("b", "2"), setting("c", "3")})
	if want := []string{"b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestConfigDocument holds that the document has its form, and is described.
func TestConfigDocument(t *testing.T) {
	code, out, errOut := runCLI(t, "config", "show", "--json")
	if code != exitOK || errOut != "" || !strings.HasPrefix(out, "{\n  \"schemaVersion\": 1,\n  \"modules\": [],\n  \"settings\": [\n") || !strings.HasSuffix(out, "],\n  \"problems\": []\n}\n") {
		t.Errorf("%d %s\n%s", code, errOut, out)
	}
	if code, _, _ := runCLI(t, "config"); code != exitUsage {
		t.Errorf("config alone ends with %d", code)
	}
}
