package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzScan holds the scanner against encoding/json.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `tru`, `true `, "\t[]\r\n", `[,]`, `[1,]`, `[1 2]`, `{}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 , "b":[{"c":"d"}]}`,
		`{"a":1,"a":2}`, `{"\u0061":3}`, `{a:1}`, `0`, `-0`, `01`, `-`, `1.`, `.5`, `1.5e`, `1.5e+`, `1e-9`, `1E9`, `+1`, `"\x"`, `"\u00g0"`, `"\u12"`, `"\"`,
		"\"a\nb\"", "\"1234567\x1f9\"", `"12345678\\"`, "\"\xff\xfe\"", "\"\x7f\x80\"", `"1234567` + `\""`, strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), `{"host":{"a":"b"},"remote":null,"needReply":true}`, `1 1`, `{"a":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ok := validJSON(data)
		if ok != json.Valid(data) {
			t.Fatalf("%.200q: valid %v, encoding/json says %v", data, ok, !ok)
		}
		if !ok {
			return
		}
		var a, b json.RawMessage
		object := members(data, func(name []byte, value json.RawMessage) {
			switch string(name) {
			case "a":
				a = value
			case "host":
				b = value
			}
		})
		var want map[string]json.RawMessage
		err := json.Unmarshal(data, &want)
		if object != (err == nil && want != nil) {
			t.Fatalf("%.200q: object %v, encoding/json says %v, %v", data, object, want, err)
		}
		if string(a) != string(want["a"]) || string(b) != string(want["host"]) {
			t.Fatalf("%.200q: a is %s and host %s, encoding/json says %s and %s", data, a, b, want["a"], want["host"])
		}
	})
}
