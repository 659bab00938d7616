package config

import (
	"slices"
	"testing"
)

func TestDecodeLoggers(t *testing.T) {
	for _, c := range []struct {
		json     string
		dir      string
		level    string
		worker   string
		problems []string
	}{
		{json: ``},
		{json: `{}`},
		{json: `{"logger":null,"hook":false}`},
		{json: `{"logger":{"logsDir":"/l","daemonLogger":{"level":"warn","stdoutLevel":"ALL"},"appLogger":{"level":"ALL"}}}`, dir: "/l", level: "WARN"},
		{
			json: `{"logger":{"isolatedServiceLogger":true,"serviceLogger":{"level":"DEBUG","maxFiles":3,"dir":"/x","eol":"\r\n"}},"hook":{"global":{"enabled":false}}}`,
			worker: `{"hook":{"global":{"enabled":false}},"logger":{"isolatedServiceLogger":true,` +
				`"serviceLogger":{"eol":"\r\n","level":"DEBUG","maxFiles":3}}}`,
		},
		{json: `{"hook":{"global":{"enabled":true}}}`},
		{json: `{"hook":{"global":null}}`, worker: `{"hook":{"global":{"enabled":false}}}`},
		{json: `{"hook":{"eggLogger":{"enabled":false}}}`},
		{json: `[]`, problems: []string{`configuration: its value is [], want an object; it is ignored`}},
		{
			json: `{"logger":{"logsDir":7,"daemonLogger":{"level":"loud"},"serviceLogger":{"level":1,"maxFiles":"x"}},"hook":[1]}`,
			problems: []string{
				`configuration: logger.logsDir is 7, want the path of a folder; it is ignored`,
				`configuration: logger.daemonLogger.level is "loud", want a level of ALL DEBUG INFO WARN ERROR NONE; it is ignored`,
				`configuration: logger.serviceLogger.level is 1, want a text; it is ignored`,
				`configuration: logger.serviceLogger.maxFiles is "x", want a number; it is ignored`,
				`configuration: hook is [1], want an object; it is ignored`,
			},
		},
	} {
		got, problems := DecodeLoggers([]byte(c.json))
		if got.Dir != c.dir || got.DaemonLevel != c.level || string(got.Worker) != c.worker || !slices.Equal(problems, c.problems) {
			t.Errorf("%s: got %+v %s, problems %q", c.json, got, got.Worker, problems)
		}
	}
}
