package engine

import "testing"

func TestCalleeColumn(t *testing.T) {
	for _, c := range []struct {
		source             string
		line, column, want int
	}{
		{"pandora.fork('a')", 1, 13, 9},
		{"require('./a')", 1, 8, 1},
		{"x\n  .scale (2)\r\n", 2, 10, 4},
		{"a.b?.('c')", 1, 6, 3},
		{"this.#set$_1()", 1, 13, 6},
		{"pandora.fork('a')", 1, 9, 9},       // not a call
		{"(f || g)(1)", 1, 9, 9},             // no name
		{"f(1)(2)", 1, 5, 5},                 // no name
		{"(1)", 1, 1, 1},                     // nothing before
		{"f(1)", 2, 1, 1},                    // no such line
		{"f(1)", 1, 9, 9}, {"f(1)", 1, 0, 0}, // no such column
	} {
		if got := calleeColumn(c.source, c.line, c.column); got != c.want {
			t.Errorf("calleeColumn(%q, %d, %d) = %d, want %d", c.source, c.line, c.column, got, c.want)
		}
	}
}
