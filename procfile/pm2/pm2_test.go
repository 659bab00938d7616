package pm2

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzProcfile holds that every Procfile is converted or refused, and that what is made is one statement for each process.
func FuzzProcfile(f *testing.F) {
	for _, seed := range []string{
		"", "web: node a.js", "web: A=1 B='x y' node -r ./b a.js --c $D\n# no\nx: y", "web:", "a: exec node 'x'", "\ufeffweb: node a\r\n",
		"a-b_c: node --import tsx ./src/main.ts", "w: node a.js\nw: node b.js",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		result, err := ConvertProcfile(Options{File: "/srv/Procfile", Source: source, Dir: "/srv"})
		if err != nil {
			return
		}
		if n := strings.Count(result.Text, "\n  pandora."); n != len(result.Processes) {
			t.Errorf("%d processes, %d statements:\n%s", len(result.Processes), n, result.Text)
		}
	})
}

// FuzzConvert holds the same of configurations of PM2, with any source beside them.
func FuzzConvert(f *testing.F) {
	f.Add(`{"apps":[{"name":"a","script":"a.js","env":{"A":"1"}}]}`, "module.exports = { apps: [{ name: 'a', script: 'a.js', env: { A: process.env.A } }] };")
	f.Add(`[{"script":"a b","instances":"max","env":{"__proto__":"x","a-b":2}}]`, "/* { ` ${ '")
	f.Add(`{"script":"x","max_restarts":1e6,"kill_timeout":"9h"}`, "`${`${{}}`}` /[/{]/ 'a\\")
	f.Fuzz(func(t *testing.T, config, source string) {
		result, err := Convert(json.RawMessage(config), Options{File: "/srv/e.js", Source: source, Dir: "/srv", EnvName: "x"})
		if err != nil {
			return
		}
		if n := strings.Count(result.Text, "\n  pandora."); n != len(result.Processes) {
			t.Errorf("%d processes, %d statements:\n%s", len(result.Processes), n, result.Text)
		}
	})
}

// TestQuote holds that strings stay what they are.
func TestQuote(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`a'b"c`: `'a\'b"c'`, "a\nb\\": `'a\nb\\'`, `\"`: `'\\"'`, "\u2028</script>": `'\u2028</script>'`,
	} {
		if got := quote(given); got != want {
			t.Errorf("quote(%q) is %s, expected %s", given, got, want)
		}
	}
}
