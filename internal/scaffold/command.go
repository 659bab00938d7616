package scaffold

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// command is what a script of package.json starts in the end.
type command struct {
	env     []Variable
	program string
	args    []string
}

// parseCommand reads the command line of a script: the last of several, without what goes before the program. ok is false
// for what only a shell understands.
func parseCommand(text string) (c command, ok bool) {
	parts := strings.Split(text, "&&")
	text = parts[len(parts)-1]
	words, ok := splitWords(text)
	if !ok {
		return command{}, false
	}
	for len(words) > 0 {
		name, value, assigned := strings.Cut(words[0], "=")
		switch word := path.Base(words[0]); {
		case assigned && isName(name):
			c.env = append(c.env, Variable{name, value})
		case word == "cross-env" || word == "cross-env-shell" || word == "env" || word == "npx" || word == "exec":
		case word == "dotenv" && slices.Contains(words, "--"):
			words = words[slices.Index(words, "--"):]
		default:
			c.program, c.args = word, words[1:]
			return c, true
		}
		words = words[1:]
	}
	return command{}, false
}

// splitWords splits as a shell does; ok is false when a quote does not end, and for what only a shell can expand or run.
func splitWords(text string) (words []string, ok bool) {
	var word strings.Builder
	in, quote := false, rune(0)
	escaped := false
	for _, char := range text {
		switch {
		case escaped:
			word.WriteRune(char)
			escaped = false
		case char == '\\' && quote != '\'':
			in, escaped = true, true
		case quote != 0 && char == quote:
			quote = 0
		case quote != '\'' && (char == '$' || char == '`'), quote == 0 && strings.ContainsRune("|<>;&*?()\n", char):
			return nil, false
		case quote != 0:
			word.WriteRune(char)
		case char == '\'' || char == '"':
			in, quote = true, char
		case char == ' ' || char == '\t':
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		default:
			in = true
			word.WriteRune(char)
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words, quote == 0 && !escaped
}

// isName reports whether a text can be the name of a variable.
func isName(text string) bool {
	for i, char := range text {
		if char != '_' && (char < 'A' || char > 'Z') && (char < 'a' || char > 'z') && (i == 0 || char < '0' || char > '9') {
			return false
		}
	}
	return text != ""
}

// maxFollowed bounds how many scripts call each other.
const maxFollowed = 5

// script is the command that a script of package.json comes to, through `npm run` of others.
func (f *Facts) script(name string) (c command, ok bool) {
	var env []Variable
	for range maxFollowed {
		text := f.Scripts[name]
		if text == "" {
			return command{}, false
		}
		if c, ok = parseCommand(text); !ok {
			return command{}, false
		}
		env = append(env, c.env...)
		next, calls := called(c)
		if !calls {
			c.env = env
			return c, true
		}
		name = next
	}
	return command{}, false
}

// called is the script that a command of npm, yarn or pnpm runs.
func called(c command) (name string, ok bool) {
	if c.program != "npm" && c.program != "yarn" && c.program != "pnpm" {
		return "", false
	}
	args := slices.DeleteFunc(slices.Clone(c.args), func(arg string) bool { return strings.HasPrefix(arg, "-") })
	switch {
	case len(args) > 1 && (args[0] == "run" || args[0] == "run-script"):
		return args[1], true
	case len(args) == 1 && args[0] != "run":
		return args[0], true
	}
	return "", true // no script has this name
}

// runner says how a program that runs another one takes its arguments.
type runner struct {
	// valued are the options that have a value after them, exec those whose value is a command line.
	valued, exec []string
	// verbs are words before the program.
	verbs []string
	// keeps is true where what follows the program is given to it.
	keeps bool
}

// runners are the programs that run a file of the project.
func runners() map[string]runner {
	loaders := []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "-P", "--project", "-O", "--tsconfig", "--ignore"}
	watchers := append([]string{"-w", "--watch", "-e", "--ext", "-i", "--ignore", "-d", "--delay", "--signal", "--config"}, loaders...)
	managers := append([]string{"--name", "-n", "--instances", "--env", "--max-memory-restart", "--log", "-l", "--time", "--only", "-o", "--output", "--error", "--uid"}, watchers...)
	pm2 := runner{valued: managers, verbs: []string{"start"}}
	return map[string]runner{
		"node": {valued: loaders, keeps: true}, "nodejs": {valued: loaders, keeps: true},
		"ts-node": {valued: loaders, keeps: true}, "ts-node-esm": {valued: loaders, keeps: true},
		"tsx": {valued: loaders, verbs: []string{"watch"}, keeps: true}, "babel-node": {valued: loaders, keeps: true},
		"ts-node-dev": {valued: loaders}, "tsnd": {valued: loaders}, "node-dev": {valued: loaders},
		"nodemon": {valued: watchers, exec: []string{"-x", "--exec"}}, "supervisor": {valued: watchers},
		"pm2": pm2, "pm2-runtime": pm2, "forever": pm2,
	}
}

// program is what a runner runs: the file, Node's own options before it and its arguments behind.
func (r *reader) program(c command) (file string, nodeArgs, args []string) {
	how, known := runners()[c.program]
	if !known {
		return "", nil, nil
	}
	isNode := c.program == "node" || c.program == "nodejs"
	words := c.args
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		name, _, joined := strings.Cut(word, "=")
		switch {
		case slices.Contains(how.exec, name) && !joined && len(words) > 0:
			inner, ok := parseCommand(words[0])
			if !ok {
				return "", nil, nil
			}
			if _, runs := runners()[inner.program]; runs && len(inner.args) > 0 {
				return r.program(inner)
			}
			words = words[1:] // the file follows: nodemon --exec ts-node app.ts
		case strings.HasPrefix(word, "-"):
			taken := []string{word}
			if slices.Contains(how.valued, name) && !joined && len(words) > 0 {
				taken, words = append(taken, words[0]), words[1:]
			}
			if isNode && word != "--" && !isForDevelopment(name) {
				nodeArgs = append(nodeArgs, taken...)
			}
		case slices.Contains(how.verbs, word):
		default:
			file = word
			if how.keeps {
				args = words
			}
			return file, nodeArgs, args
		}
	}
	return "", nil, nil
}

// isForDevelopment reports whether an option of Node is one that pandora has its own way for.
func isForDevelopment(option string) bool {
	return strings.HasPrefix(option, "--watch") || strings.HasPrefix(option, "--inspect")
}

// notServers are programs that build, or serve only while one develops.
func notServers() []string {
	return []string{
		"react-scripts", "vite", "webpack", "webpack-dev-server", "ng", "vue-cli-service", "parcel", "tsc", "rollup", "esbuild",
		"concurrently", "npm-run-all", "run-p", "run-s", "gulp", "grunt", "lerna", "turbo", "nx", "jest", "mocha", "vitest",
		"eslint", "docker", "docker-compose", "serverless", "sls", "electron", "expo", "pandora", "dorapan",
	}
}

// installed is the file of a package that an installed command is, below node_modules; "" for what Node does not run.
func (r *reader) installed(program string) string {
	if slices.Contains(notServers(), program) {
		return ""
	}
	link, err := fs.ReadLink(r.folder, path.Join("node_modules/.bin", program))
	if err != nil {
		return ""
	}
	file := path.Join("node_modules/.bin", link)
	if !strings.HasPrefix(file, "node_modules/") || !r.isFile(file) {
		return ""
	}
	if hasEnding(file, ".js", ".cjs", ".mjs") {
		return file
	}
	data, err := r.read(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if strings.HasPrefix(line, "#!") && strings.Contains(line, "node") {
		return file
	}
	return ""
}
