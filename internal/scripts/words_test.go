package scripts

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// What a script did wrong, or asked in vain, is told in words for those who write scripts.
func TestErrorsOfCalls(t *testing.T) {
	h := &host{}
	h.spec.Dir, h.spec.Exec = t.TempDir(), true
	for _, tt := range []struct{ name, arg, want string }{
		{"http", `{"url": 7}`, "check.http expects (url, { method, headers, body, timeoutMs, redirect }); its url is of type number"},
		{"http", `{"url": "http://127.0.0.1:1/x"}`, "check.http: ask http://127.0.0.1:1/x: connection refused; nothing listens there"},
		{"tcp", `"x"`, "check.tcp expects (target, { send, read, timeoutMs }); it was given another string"},
		{"tcp", `{"target": "1"}`, "check.tcp: connect to 127.0.0.1:1: connection refused; nothing listens there"},
		{"file", `{"path": "nope"}`, "check.file: " + h.spec.Dir + "/nope: no such file or directory"},
		{"exec", `{"command": "./nope"}`, `check.exec: run "./nope": no such file or directory`},
	} {
		_, err := h.host(context.Background(), tt.name, json.RawMessage(tt.arg))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %q", tt.name, tt.arg, err, tt.want)
		}
	}
}
