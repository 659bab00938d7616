package supervisor

import (
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

// TestInspectorPorts is the original's plan of ports: 9555 for the first process, 9557 and 9558 for the workers of the
// second, whose master had 9556.
func TestInspectorPorts(t *testing.T) {
	one := procfile.Process{Scale: 1}
	pool := procfile.Process{Scale: 2, Offset: 1}
	for _, c := range []struct {
		own, global string
		process     procfile.Process
		worker      int
		want        string
	}{
		{global: "--inspect=9555", process: one, want: "--inspect=9555"},
		{global: "--inspect=9555", process: pool, worker: 0, want: "--inspect=9557"},
		{global: "--inspect=9555", process: pool, worker: 1, want: "--inspect=9558"},
		{global: "--inspect=0.0.0.0:9555", process: pool, worker: 1, want: "--inspect=0.0.0.0:9558"},
		{global: "--inspect=[::1]:9555", process: pool, worker: 0, want: "--inspect=[::1]:9557"},
		{global: "--inspect=[::1]", process: pool, worker: 0, want: "--inspect=[::1]:0"},
		{global: "--inspect=0", process: pool, worker: 1, want: "--inspect=0"},
		{global: "--inspect", process: pool, worker: 1, want: "--inspect=0"},
		{global: "--inspect=127.0.0.1", process: pool, want: "--inspect=127.0.0.1:0"},
		{global: "--inspect=65535", process: pool, want: "--inspect=0"},
		{global: "--inspect-port=9555", process: pool, worker: 0, want: "--inspect-port=9557"},
		{global: "--no-warnings --inspect=9555", process: one, want: "--no-warnings --inspect=9555"},
		// What a process asks for gives way.
		{own: "--inspect=1234 --trace-gc --inspect-brk", global: "--inspect=9555", process: one, want: "--trace-gc --inspect=9555"},
		// Alone it counts, and does not collide with itself.
		{own: "--inspect=1234", process: one, want: "--inspect=1234"},
		{own: "--inspect=1234 -r x", process: pool, worker: 1, want: "-r x --inspect=1235"},
		{own: "--inspect-brk", process: pool, worker: 1, want: "--inspect-brk=0"},
		{own: "--inspector-like --stack-trace-limit=5", process: pool, worker: 1, want: "--inspector-like --stack-trace-limit=5"},
	} {
		p := c.process
		// The global ones are behind those of each process.
		p.ExecArgv = append(strings.Fields(c.own), strings.Fields(c.global)...)
		before := slices.Clone(p.ExecArgv)
		if got := strings.Join(execArgvOf(p, strings.Fields(c.global), c.worker), " "); got != c.want {
			t.Errorf("own %q, global %q, worker %d of %d: %q, want %q", c.own, c.global, c.worker, p.Scale, got, c.want)
		}
		if !slices.Equal(before, p.ExecArgv) {
			t.Errorf("the graph's options have become %q", p.ExecArgv)
		}
	}
}

// Under Node's permission model our own files may be read all the same.
func TestReadable(t *testing.T) {
	allowed := []string{"--allow-fs-read=/h/js/0123/*"}
	for name, test := range map[string]struct{ execArgv, env, want []string }{
		"off":                {[]string{"--inspect"}, []string{"NODE_OPTIONS=--no-warnings", "X=--permission"}, nil},
		"an option":          {[]string{"--permission", "--allow-fs-read=/app/*"}, nil, allowed},
		"its name in 20":     {[]string{"--experimental-permission"}, nil, allowed},
		"in the environment": {nil, []string{"A=1", "NODE_OPTIONS=--no-warnings --permission"}, allowed},
	} {
		if got := readable(test.execArgv, test.env, "/h/js/0123"); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
