package engine

import (
	"testing"
	utf "unicode/utf16"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		line         string
		column, want int
	}{
		{"abc", 1, 1},
		{"abc", 3, 3},
		{"aü b", 4, 3},
		{"ü😀b", 7, 4},
		{"a\xffb", 3, 3},
		{"a", 9, 9},
		{"", 1, 1},
		{"a", 0, 0},
	} {
		if got := units(c.line, c.column); got != c.want {
			t.Errorf("units(%q, %d) = %d, want %d", c.line, c.column, got, c.want)
		}
	}
}

func TestCalledName(t *testing.T) {
	for _, c := range []struct {
		line         string
		column, want int
	}{
		{"  pandora.fork('a')", 15, 11},
		{"fork ('a')", 6, 1},
		{"a.b?.('x')", 6, 3},
		{"  .$scale_2(1)", 12, 4},
		{"x.größe(1)", 8, 3},
		{"(f)(1)", 4, 4},
		{"a.b", 2, 2},
		{"(", 1, 1},
		{"a(", 9, 9},
		{"a(", 0, 0},
	} {
		if got := calledName(utf.Encode([]rune(c.line)), c.column); got != c.want {
			t.Errorf("calledName(%q, %d) = %d, want %d", c.line, c.column, got, c.want)
		}
	}
}
