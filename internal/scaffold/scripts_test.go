package scaffold

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestAddScripts(t *testing.T) {
	one := []Script{{"start", "pandora start"}}
	for name, c := range map[string]struct {
		text    string
		scripts []Script
		replace bool
		want    string
		kept    int
	}{
		"behind others": {
			text:    "{\n  \"name\": \"x\",\n  \"scripts\": {\n    \"test\": \"a && b\"\n  },\n  \"z\": [1,  2]\n}\n",
			scripts: Scripts(),
			want:    "{\n  \"name\": \"x\",\n  \"scripts\": {\n    \"test\": \"a && b\",\n    \"start\": \"pandora start\",\n    \"dev\": \"pandora dev\",\n    \"stop\": \"pandora stop\"\n  },\n  \"z\": [1,  2]\n}\n",
		},
		"tabs and Windows": {
			text: "\ufeff{\r\n\t\"name\": \"x\"\r\n}", scripts: one,
			want: "\ufeff{\r\n\t\"name\": \"x\",\r\n\t\"scripts\": {\r\n\t\t\"start\": \"pandora start\"\r\n\t}\r\n}",
		},
		"four spaces": {
			text: "{\n    \"scripts\": {},\n    \"a\": 1\n}\n", scripts: one,
			want: "{\n    \"scripts\": {\n        \"start\": \"pandora start\"\n    },\n    \"a\": 1\n}\n",
		},
		"one line": {
			text: `{"name": "x", "scripts": {"a": "b"}}`, scripts: one,
			want: `{"name": "x", "scripts": {"a": "b", "start": "pandora start"}}`,
		},
		"one line without": {text: `{"name":"x"}`, scripts: one, want: `{"name":"x", "scripts": { "start": "pandora start" }}`},
		"empty":            {text: `{}`, scripts: one, want: `{ "scripts": { "start": "pandora start" } }`},
		"empty, two lines": {text: "{\n}\n", scripts: one, want: "{\n  \"scripts\": {\n    \"start\": \"pandora start\"\n  }\n}\n"},
		"kept":             {text: `{"scripts": {"start": "node x"}}`, scripts: one, want: `{"scripts": {"start": "node x"}}`, kept: 1},
		"the same":         {text: `{"scripts": {"start": "pandora start"}}`, scripts: one, want: `{"scripts": {"start": "pandora start"}}`},
		"replaced":         {text: `{"scripts": {"start"  :  "node x" , "b": "\u0041"}}`, scripts: one, replace: true, want: `{"scripts": {"start"  :  "pandora start" , "b": "\u0041"}}`},
		"twice":            {text: `{"scripts": 1, "scripts": {"a": "b"}}`, scripts: one, want: `{"scripts": 1, "scripts": {"a": "b", "start": "pandora start"}}`},
		"other case":       {text: `{"Scripts": {"start": "x"}}`, scripts: one, want: `{"Scripts": {"start": "x"}, "scripts": { "start": "pandora start" }}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, kept, err := AddScripts([]byte(c.text), c.scripts, c.replace)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want || len(kept) != c.kept {
				t.Errorf("got\n%q\nwant\n%q\nkept %v", got, c.want, kept)
			}
		})
	}
	for _, text := range []string{"", "[]", "null", `{"scripts": []}`, `{"scripts": null}`, `{"a": }`, `{} x`} {
		if got, _, err := AddScripts([]byte(text), one, true); err == nil {
			t.Errorf("%q: %q, want an error", text, got)
		}
	}
}

// FuzzAddScripts holds that nothing but the scripts changes.
func FuzzAddScripts(f *testing.F) {
	for _, text := range []string{"{}", "{\n\t\"a\": {\"b\": [\"}\"]}\n}", `{"scripts": {"start": 1, "dev": "x"}, "scripts": {}}`, "\ufeff{ }"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, replace bool) {
		got, kept, err := AddScripts([]byte(text), Scripts(), replace)
		if err != nil {
			return
		}
		before, err := parsePackage([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		after, err := parsePackage(got)
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		for name, value := range before {
			if name != "scripts" && string(after[name]) != string(value) {
				t.Errorf("%q became %q", value, after[name])
			}
		}
		var scripts map[string]json.RawMessage
		if err := json.Unmarshal(after["scripts"], &scripts); err != nil {
			t.Fatal(err)
		}
		for _, s := range Scripts() {
			if textOf(scripts[s.Name]) != s.Command && (replace || !contains(kept, s.Name)) {
				t.Errorf("%s is %s in %q", s.Name, scripts[s.Name], got)
			}
		}
	})
}

func contains(all []Script, name string) bool {
	return fmt.Sprint(all) != "[]" && func() bool {
		for _, s := range all {
			if s.Name == name {
				return true
			}
		}
		return false
	}()
}
