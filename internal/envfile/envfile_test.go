package envfile

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/sirupsen/logrus"
)

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // Compose's parser tells there of variables that are not set
	os.Exit(m.Run())
}

// world is the environment that the tests read files in.
func world() map[string]string {
	return map[string]string{"HOME": "/home/u", "EMPTY": "", "USER": "u"}
}

// values are the variables by name.
func values(s *Set) map[string]string {
	m := map[string]string{}
	for _, v := range s.Variables {
		m[v.Name] = v.Value
	}
	return m
}

// cases are texts with what they say; the same as Compose's own parser says unless ours is meant.
func cases() []struct{ text, want string } {
	return []struct{ text, want string }{
		{"", "map[]"},
		{"A=1", "map[A:1]"},
		{"A=1\nB=2\n", "map[A:1 B:2]"},
		{"A=1\r\nB=2\r\n", "map[A:1 B:2]"},
		{"\ufeffA=1", "map[A:1]"},
		{"export A=1\nexport\tB=2", "map[A:1 B:2]"},
		{"exported=1", "map[exported:1]"},
		{"A: 1\nB:2", "map[A:1 B:2]"},
		{"  A = 1  ", "map[A:1]"},
		{"A=", "map[A:]"},
		{"A=\nB=2", "map[A: B:2]"},
		{"A=''\nB=\"\"", "map[A: B:]"},
		{"A.b-c[0]=1\nÄ=2\n1A=3", "map[1A:3 A.b-c[0]:1 Ä:2]"},
		{"# one\n  # two\nA=1 # three\nB=2# four\nC=#five", "map[A:1 B:2# four C:#five]"},
		{"A=a b  c ", "map[A:a b  c]"},
		{"A=it's \"so\"", `map[A:it's "so"]`},
		{"A='a # b' # c\nB=\"a # b\"# c", "map[A:a # b B:a # b]"},
		{"A='$HOME ${X:?}'", "map[A:$HOME ${X:?}]"},
		{`A='it\'s \n'`, `map[A:it's \n]`},
		{`A="say \"hi\"\tthere\\ \$HOME \c"`, "map[A:say \"hi\"\tthere\\ $HOME \\c]"},
		{`A="\0101"`, "map[A:A]"},
		{"A=\"one\ntwo\"\nB='three\nfour'", "map[A:one\ntwo B:three\nfour]"},
		{"KEY=\"-----BEGIN KEY-----\nabc\n-----END KEY-----\n\"", "map[KEY:-----BEGIN KEY-----\nabc\n-----END KEY-----\n]"},
		{`A=a\nb\t`, `map[A:a\nb\t]`},
		{"A=$HOME/x ${HOME}y $$HOME", "map[A:/home/u/x /home/uy $HOME]"},
		{"A=1\nB=$A$A\nA=2\nC=$A", "map[A:2 B:11 C:2]"},
		{"USER=file\nA=$USER", "map[A:u USER:file]"},
		{"A=${X:-d}${EMPTY:-e}${EMPTY-f}${X-g}", "map[A:deg]"},
		{"A=${USER:+yes}${EMPTY:+no}${EMPTY+set}${X+no}", "map[A:yesset]"},
		{"A=${USER:?no}${EMPTY?no}", "map[A:u]"},
		{"A=${X:-${Y:-$USER}}!", "map[A:u!]"},
		{"A=${X:-a}b${X:-c}", "map[A:abc]"},
		{`A="${X:-a b}"`, "map[A:a b]"},
		{"A=$NOPE.", "map[A:.]"},
		{"A=cost $5 and $", "map[A:cost $5 and $]"},
		{"A=x=y==", "map[A:x=y==]"},
		{"A=http://u:p@h:1/?a=b&c=d", "map[A:http://u:p@h:1/?a=b&c=d]"},
		{"HOME\nNOPE\nA=1", "map[A:1]"},
	}
}

func TestParse(t *testing.T) {
	for _, c := range cases() {
		set, err := Parse(".env", c.text, world())
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := fmt.Sprint(values(set)); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestErrorsHavePlacesAndNoValues(t *testing.T) {
	for _, c := range []struct {
		text         string
		line, column int
		message      string
	}{
		{"A=1\n\n  B=\"hunter2\nC=1", 3, 5, "no closing \""},
		{"# x\nA='hunter2", 2, 3, "no closing '"},
		{"PASS WORD=hunter2", 1, 6, `unexpected 'W'`},
		{"A=1\n=hunter2", 2, 1, "without a name"},
		{"A=1\n&x=hunter2", 2, 1, `unexpected '&'`},
		{"A=\"x\" hunter2", 1, 7, `unexpected 'h' behind a value in quotes`},
		{"A=${B hunter2", 1, 3, "has no }"},
		{"A=${}", 1, 3, "names no variable"},
		{"A=${B!hunter2}", 1, 3, "names no variable"},
		{"A=\"x\ny\"\nB=${NEED:?ask the admin}", 3, 3, "the variable NEED is required: ask the admin"},
		{"A=${NEED?}", 1, 3, "the variable NEED is required: set it"},
		{"A=${EMPTY:?}", 1, 3, "the variable EMPTY is required"},
		{"A=1\nB=a\x00b", 2, 4, "a NUL character"},
		{"A=1\nB=\xe4", 2, 3, "not UTF-8"},
		{"\xff\xfeA\x00", 0, 0, "UTF-16"},
		{"A=" + strings.Repeat("${X:-", 60) + strings.Repeat("}", 60), 1, 3, "nested"},
		{"A=" + strings.Repeat("x", MaxVariable), 1, 1, "no process can be given"},
		{bomb(), 9, 4, "no process can be given"},
		{strings.Repeat("x", MaxSize+1), 0, 0, "larger than 1 MB"},
	} {
		_, err := Parse("/a/.env", c.text, world())
		failed, ok := errors.AsType[*Error](err)
		switch {
		case !ok:
			t.Errorf("%.60q: no error", c.text)
		case failed.Line != c.line || failed.Column != c.column || !strings.Contains(failed.Message, c.message):
			t.Errorf("%.60q: %d:%d %s, want %d:%d …%s", c.text, failed.Line, failed.Column, failed.Message, c.line, c.column, c.message)
		case strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "/a/.env"):
			t.Errorf("%.60q: %v", c.text, err)
		}
	}
}

// bomb is a text whose values grow tenfold with each line.
func bomb() string {
	text := "V0=0123456789\n"
	for i := 1; i < 30; i++ {
		text += fmt.Sprintf("V%d=%s\n", i, strings.Repeat(fmt.Sprintf("$V%d", i-1), 10))
	}
	// The fifth line has a million characters; make the place that of a value that is too long to be expanded.
	return strings.Replace(text, "V0", "\n\n\nV0", 1)
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) Source {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Source{Path: path}
	}
	one, two := write("one", "A=1\nB=1\n"), write("two", "\n\nB=2$A\nC=$NOPE\n")
	missing := Source{Path: filepath.Join(dir, "missing"), Optional: true}
	set, err := Load([]Source{one, missing, two}, world())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(values(set)); got != "map[A:1 B:21 C:]" {
		t.Errorf("got %s", got)
	}
	if b, ok := set.Get("B"); !ok || b.File != two.Path || b.Line != 3 {
		t.Errorf("B is %+v", b)
	}
	if len(set.Warnings) != 1 || !strings.Contains(set.Warnings[0], "two:4 uses $NOPE") {
		t.Errorf("warnings: %q", set.Warnings)
	}
	missing.Optional = false
	for _, c := range []struct {
		source Source
		want   string
	}{{missing, "no such file"}, {Source{Path: dir}, "a folder"}, {Source{Path: "/dev/zero"}, "not a file"},
		{Source{Path: one.Path + "/x"}, "leads through a file"}, {Source{Path: filepath.Join(dir, strings.Repeat("x", 300))}, "longer than the system allows"}} {
		if _, err := Load([]Source{c.source}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.source.Path, err, c.want)
		}
	}
}

// TestAsCompose holds our parser against Compose's own.
func TestAsCompose(t *testing.T) {
	for _, c := range cases() {
		if problem := compare(c.text); problem != "" {
			t.Error(problem)
		}
	}
}

// different are texts that Compose reads otherwise, and we on purpose do not: text behind a closing quote, and names of
// nothing are errors here; octal escapes that are none stay; defaults may have several lines; nesting is bounded; and where
// Compose's regular expression takes the last brace for the closing one.
var different = regexp.MustCompile(`\\0|\{[^}]*\n|\{[^}]*\{|\}.*\}|["'][^\n]*["'][^\n]*\S|\x{85}|\x{a0}|\x{2028}|\x{2029}|^export$`)

// compare returns how Compose reads a text otherwise; "" when it does not, or the difference is meant.
func compare(text string) string {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "" // which we refuse
	}
	set, err := Parse(".env", text, world())
	lookup := func(name string) (string, bool) { v, ok := world()[name]; return v, ok }
	theirs, theirErr := dotenv.ParseWithLookup(strings.NewReader(text), lookup)
	if err != nil {
		return "" // we are stricter
	}
	for name, value := range theirs {
		if _, anyway := world()[name]; name == "" || anyway && value == world()[name] && values(set)[name] != value {
			delete(theirs, name) // a name alone means what is there anyway
		}
	}
	if theirErr == nil && maps.Equal(values(set), theirs) || different.MatchString(text) {
		return ""
	}
	return fmt.Sprintf("%q:\nours %v\ntheirs %v %v", text, values(set), theirs, theirErr)
}

func FuzzParse(f *testing.F) {
	for _, c := range cases() {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Parse(".env", text, world())
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if problem := compare(text); problem != "" {
			t.Fatal(problem)
		}
		lines := strings.Count(text, "\n") + 1
		for _, v := range set.Variables {
			if v.Name == "" || v.Line < 1 || v.Line > lines || strings.ContainsRune(v.Name+v.Value, 0) {
				t.Fatalf("%+v", v)
			}
		}
	})
}
