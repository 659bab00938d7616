package metrics

import (
	"reflect"
	"testing"
	"time"
)

func TestNameGoldens(t *testing.T) {
	tests := []struct {
		name Name
		key  string
	}{
		{NewName("a", "b").Tagged(map[string]string{"z": "1", "b": "2"}).WithLevel(Critical), "a.b@%^b%^&2!*&z%^&1@%^CRITICAL"},
		{NewName("a", "", "b"), "a.b@%^@%^NORMAL"},
		{NewName("a"), "a@%^@%^NORMAL"},
		{Name{}, "@%^@%^NORMAL"},
		{NewName("a").Resolve("count"), "a.count@%^@%^NORMAL"},
		{NewName("a").Tagged(map[string]string{"k": "old"}).Tagged(map[string]string{"k": "new", "l": "x"}), "a@%^k%^&old!*&l%^&x@%^NORMAL"},
	}
	for _, tt := range tests {
		if got := tt.name.String(); got != tt.key {
			t.Errorf("got  %s\nwant %s", got, tt.key)
		}
		if got := ParseName(tt.key).String(); got != tt.key {
			t.Errorf("%s came back as %s", tt.key, got)
		}
	}
}

func TestParseName(t *testing.T) {
	tests := map[string]Name{
		"a.b":                             {Key: "a.b", Level: Normal},
		"a@%^pid%^&24171":                 {Key: "a", Tags: map[string]string{"pid": "24171"}, Level: Normal},
		"a@%^@%^BOGUS":                    {Key: "a", Level: Normal},
		"a@%^x!*&k%^&v@%^TRIVIAL":         {Key: "a", Tags: map[string]string{"k": "v"}, Level: Trivial},
		"a@%^b@%^MAJOR@%^c":               {Level: Normal},
		"":                                {Level: Normal},
		"a@%^k%^&v%^&w@%^MINOR":           {Key: "a", Tags: map[string]string{"k": "v%^&w"}, Level: Minor},
		"中@%^appName%^&demo x@%^CRITICAL": {Key: "中", Tags: map[string]string{"appName": "demo x"}, Level: Critical},
	}
	for raw, want := range tests {
		if got := ParseName(raw); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", raw, got, want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("a.b@%^b%^&2!*&z%^&1@%^CRITICAL")
	f.Add("a@%^@%^@%^")
	f.Add("@%@%^!*&!*&%^&%^&@%^")
	f.Fuzz(func(t *testing.T, raw string) {
		first := ParseName(raw)
		second := ParseName(first.String())
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("%q gave %+v, then %+v", raw, first, second)
		}
	})
}

func TestPeriods(t *testing.T) {
	levels := []Level{Critical, Major, Normal, Minor, Trivial}
	for interval, want := range map[time.Duration][]time.Duration{
		60 * time.Second:  {5, 30, 60, 60, 60},
		10 * time.Second:  {5, 10, 10, 10, 10},
		-1:                {5, 30, 60, 60, 60},
		300 * time.Second: {5, 30, 60, 90, 120},
	} {
		for i, l := range levels {
			if got := l.Period(interval); got != want[i]*time.Second {
				t.Errorf("%s at %s: %s, want %ds", l, interval, got, want[i])
			}
		}
	}
}

func TestSanitizeTags(t *testing.T) {
	got := sanitizeTags(map[string]string{"a": "v w", "b": "中 文", "c": `a-Z_0./\{}`, "d": "x=y,z", "e": ""})
	want := map[string]string{"a": "v_w", "b": "___", "c": `a-Z_0./\{}`, "d": "x_y_z", "e": ""}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
