package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrapLine(t *testing.T) {
	for _, tt := range []struct {
		line        string
		width, hang int
		want        string
	}{
		{"", 20, 10, ""},
		{"fits the terminal", 20, 10, "fits the terminal"},
		{"label     one two three four five six seven", 40, 10, "label     one two three four five six\n          seven"},
		{"label     one two three four five six seven", 20, 10, "label     one two\n  three four five\n  six seven"},
		{"label     /a/path/that/is/longer/than/the/terminal and more", 40, 10, "label     /a/path/that/is/longer/than/the/terminal\n          and more"},
		{"    log      one two three four five", 36, 13, "    log      one two three four five"},
		{"支付服务  店铺 店铺 店铺", 16, 0, "支付服务  店铺\n  店铺 店铺"},
		{"\x1b[32mok\x1b[0m        \x1b[90mone two three\x1b[0m", 24, 10, "\x1b[32mok\x1b[0m        \x1b[90mone two three\x1b[0m"},
		{"│  ├─ service one two three four", 24, 0, "│  ├─ service one two\n│  │    three four"},
		{"   └─ service one two three four", 24, 0, "   └─ service one two\n        three four"},
		{"one two", 1, 0, "one\ntwo"},
		{"label     run [ pandora list ], and then", 35, 10, "label     run [ pandora list ], and\n          then"},
		{"label     to see run [ pandora list ], then", 36, 10, "label     to see run\n          [ pandora list ], then"},
	} {
		if got := wrapLine(tt.line, tt.width, tt.hang); got != tt.want {
			t.Errorf("wrapLine(%q, %d, %d) = %q, want %q", tt.line, tt.width, tt.hang, got, tt.want)
		}
	}
}

func TestWrapping(t *testing.T) {
	var out bytes.Buffer
	c := &cli{out: &out}
	if c.wrapping(2) != c {
		t.Error("what is no terminal is wrapped")
	}
	c.width = 12
	c.wrapping(2).say("one two three four\nfive")
	if got, want := out.String(), "one two\n  three four\nfive\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFieldsGoOn: where each field has a line of its own, nothing of it is cut that a user may need.
func TestFieldsGoOn(t *testing.T) {
	var out bytes.Buffer
	rows := [][]cell{{{text: "商店-支付服务-🛒/worker/0"}, {text: "1,22,333,4444,55555"}, {text: strings.Repeat("x", 500)}, {text: ""}}}
	table(&out, 20, []string{"Worker", "PID", "Restart Count", "Listening"}, rows)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines {
		if textWidth(line) > 20 {
			t.Errorf("%q is wider than the terminal", line)
		}
	}
	want := []string{"Worker: 商店-支付服", "  务-🛒/worker/0", "PID: 1,22,333,4444,5", "  5555", "Restart Count: xxxxx", "  xxxxxxxxxxxxxxxxxx"}
	for i, line := range want {
		if i >= len(lines) || lines[i] != line {
			t.Fatalf("got\n%s\nwant at first\n%s", out.String(), strings.Join(want, "\n"))
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 4+maxPieces+1 || !strings.Contains(out.String(), "…\n") {
		t.Errorf("%d lines, a very long field is cut:\n%s", n, out.String())
	}
}

func TestRedrawnIsCut(t *testing.T) {
	got := string(redrawn("支付服务 long\n\x1b[32mgreen and more\x1b[0m\n", 9, 0))
	for _, line := range strings.Split(got, "\n") {
		if seenWidth(line) > 9 {
			t.Errorf("%q is wider than the terminal: %q", line, got)
		}
	}
}

// TestRowsStayApart: rows whose names begin alike can be told apart, whatever the terminal's width.
func TestRowsStayApart(t *testing.T) {
	names := []string{"actuator.endPoint.health.enabled", "actuator.endPoint.health.initialDelay", "actuator.http.port"}
	for width := 12; width < 100; width++ {
		var out bytes.Buffer
		rows := make([][]cell, len(names))
		for i, name := range names {
			rows[i] = []cell{{text: name}, {text: "/some/long/value"}, {text: "default"}}
		}
		table(&out, width, []string{"Key", "Value", "Origin"}, rows)
		seen := map[string]bool{}
		text := out.String()
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if textWidth(line) > width {
				t.Fatalf("width %d: %q is wider than the terminal", width, line)
			}
			if name, _, found := strings.Cut(strings.TrimPrefix(line, "│ "), " │"); found && seen[name] {
				t.Fatalf("width %d: two rows look the same:\n%s", width, text)
			} else if found {
				seen[name] = true
			}
		}
	}
}
