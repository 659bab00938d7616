package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSourceMap holds that no map makes the reader fail in another way than with an error, and that places are sane.
func FuzzSourceMap(f *testing.F) {
	for _, mappings := range []string{"", ";;", "AAAA", "AAAA,CAAC;EACF", "gggggggggg", "A,C", "AACA;AADA,IAAI", "////"} {
		f.Add(mappings, 1, 1)
	}
	f.Fuzz(func(t *testing.T, mappings string, line, column int) {
		text, err := json.Marshal(mapFile{Version: 3, Sources: []string{"/a.ts"}, Mappings: mappings})
		if err != nil {
			return
		}
		m, err := readSourceMap(text)
		if err != nil {
			return
		}
		m.place(line, column)
	})
}

// FuzzTSConfig holds that comments are blanked in place: nothing moves, and strings stay.
func FuzzTSConfig(f *testing.F) {
	for _, text := range []string{"{}", "{ // x\n }", `{"a": "/* no */", /* yes */ "b": [1,],}`, `"\\"`, "/*", "//", `{"a\\`, ","} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain := string(withoutComments([]byte(text)))
		text = strings.TrimPrefix(text, "\ufeff")
		if len(plain) != len(text) || strings.Count(plain, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q", text, plain)
		}
		if json.Valid([]byte(text)) && plain != text {
			t.Errorf("valid JSON %q became %q", text, plain)
		}
	})
}

// FuzzProperties holds that what is written out is text without properties, and the same when there were none.
func FuzzProperties(f *testing.F) {
	for _, pattern := range []string{"", `\p{L}`, `[\p{Lu}x]`, `[\P{L}]`, `\p{`, `\p`, `\`, `[\q{a}]`, `[[a]--b]`, `\\p{L}`, `\p{Script=Greek}`, "ü\\p{Nd}"} {
		f.Add(pattern, false)
		f.Add(pattern, true)
	}
	f.Fuzz(func(t *testing.T, pattern string, sets bool) {
		text, refused := expandProperties(pattern, sets)
		switch {
		case refused != "":
		case !strings.Contains(pattern, `\p`) && !strings.Contains(pattern, `\P`) && text != pattern:
			t.Errorf("%q became %q", pattern, text)
		case utf8.ValidString(pattern) && !utf8.ValidString(text):
			t.Errorf("%q became %q", pattern, text)
		}
	})
}
