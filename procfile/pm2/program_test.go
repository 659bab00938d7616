package pm2

import (
	"strings"
	"testing"
)

// TestConvertCommand holds which commands are scripts of Node, and what is made of the others.
func TestConvertCommand(t *testing.T) {
	t.Parallel()
	files := map[string]Sort{"/srv/app.js": Script, "/srv/bin/run": Program, "/srv/src/main.ts": Script}
	o := Options{
		File: "/srv", Dir: "/srv",
		Look: func(path string) Sort {
			if sort, ok := files[path]; ok {
				return sort
			}
			return Missing
		},
		Scripts: func(string) map[string]string {
			return map[string]string{
				"start": "NODE_ENV=production node --trace-warnings app.js --port 80", "piped": "node app.js | cat", "hooked": "node app.js",
				"prehooked": "echo", "built": "tsc && node app.js", "other": "next start",
			}
		},
	}
	const command = "pandora.fork('p', 'pandora:command')"
	for _, tt := range []struct{ words, mode, instances, want string }{
		{"node app.js", "", "", "pandora.fork('p', './app.js');"},
		{"node app --x -- y", "", "", "pandora.fork('p', './app.js')\n    .args(['--x', '--', 'y']);"},
		{"/usr/bin/node -r ./a --max-old-space-size=9 src/main.ts", "", "", "pandora.fork('p', './src/main.ts')\n    .nodeArgs(['-r', './a', '--max-old-space-size=9']);"},
		{"node app.js", "", "3", "pandora.cluster('p', './app.js')\n    .scale(3);"},
		{"node app.js", "cluster", "", "pandora.cluster('p', './app.js')\n    .scale('auto');"},
		{"node app.js", "fork", "3", "pandora.fork('p', './app.js')\n    .kind('plain')\n    .scale(3);"},
		{"node missing.js", "", "", command + "\n    .args(['node', 'missing.js']);"},
		{"node -e 1", "", "", command + "\n    .args(['node', '-e', '1']);"},
		{"node --watch app.js", "", "", command + "\n    .args(['node', '--watch', 'app.js']);"},
		{"node bin/run", "", "", command + "\n    .args(['node', 'bin/run']);"},
		{"npm start", "", "", "pandora.fork('p', './app.js')\n    .args(['--port', '80'])\n    .nodeArgs(['--trace-warnings'])\n    .env({\n      NODE_ENV: 'production',\n    });"},
		{"npm run start -- --more", "", "", "pandora.fork('p', './app.js')\n    .args(['--port', '80', '--more'])"},
		{"npm run start --more", "", "", command + "\n    .args(['npm', 'run', 'start', '--more']);"},
		{"yarn start --more", "", "", "pandora.fork('p', './app.js')\n    .args(['--port', '80', '--more'])"},
		{"npm run piped", "", "", command},
		{"npm run hooked", "", "", command},
		{"npm run built", "", "", command},
		{"pnpm run other", "", "", command + "\n    .args(['pnpm', 'run', 'other']);"},
		{"npm test", "", "", command},
		{"./bin/run it's", "", "2", command + "\n    .kind('plain')\n    .scale(2)\n    .args(['./bin/run', 'it\\'s']);"},
	} {
		result, err := ConvertCommand(Command{Name: "p", Words: strings.Fields(tt.words), Mode: tt.mode, Instances: tt.instances}, o)
		if err != nil || !strings.Contains(result.Text, tt.want) {
			t.Errorf("%s (mode %q, instances %q): %v\n%v\nexpected\n%s", tt.words, tt.mode, tt.instances, err, result, tt.want)
		}
	}
	if _, err := ConvertCommand(Command{Name: "p", Words: []string{"sleep", "1"}, Mode: "cluster"}, o); err == nil {
		t.Error("a cluster of a command is no error")
	}
}

// FuzzConvertCommand holds that every command becomes one statement.
func FuzzConvertCommand(f *testing.F) {
	f.Add("npm run x -- y", "node a.js 'b'")
	f.Add("node -r a b", "")
	f.Add("yarn start", "A=1 B= node  --x=y c d")
	f.Fuzz(func(t *testing.T, words, script string) {
		list := strings.Fields(words)
		if len(list) == 0 {
			return
		}
		result, err := ConvertCommand(Command{Name: "p", Words: list}, Options{
			File: "/srv", Dir: "/srv", Scripts: func(string) map[string]string { return map[string]string{"start": script, "x": script} },
		})
		if err != nil || strings.Count(result.Text, "\n  pandora.") != 1 {
			t.Errorf("%q: %v\n%v", list, err, result)
		}
	})
}
