package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// visibleCommands are all visible commands, help included, which is added when one is executed.
func visibleCommands(root *cobra.Command) []*cobra.Command {
	root.InitDefaultHelpCmd()
	var all []*cobra.Command
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			if !child.Hidden {
				all = append(all, child)
				walk(child)
			}
		}
	}
	walk(root)
	return all
}

// takesNothing reports whether a verb takes no argument.
func takesNothing(cmd *cobra.Command) bool {
	return cmd.Args != nil && cmd.Args(cmd, []string{"nope"}) != nil && cmd.Args(cmd, []string{"nope", "2"}) != nil
}

// tried is what a command line gives in an empty home, in an empty folder.
func tried(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	var out, errOut strings.Builder
	code = newCLI(&out, &errOut, []string{"PANDORA_DIR=" + filepath.Join(dir, "p"), "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "PANDORA_CONFIG="}).run(t.Context(), args)
	return code, out.String() + errOut.String()
}

// TestLongValues gives 10,000 characters to every flag of every verb that takes a value: the answer is short, in words for
// people, and names what was given by a short form of it.
func TestLongValues(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat("x", 10_000)
	for _, cmd := range visibleCommands(newCLI(&strings.Builder{}, &strings.Builder{}, nil).root()) {
		verb := strings.Fields(strings.TrimPrefix(cmd.CommandPath(), "pandora "))
		if slices.Contains(verb, "daemon") && len(verb) == 1 {
			continue // its flags are hidden
		}
		argument := []string{"nope"}
		if takesNothing(cmd) {
			argument = nil
		} else if cmd.Name() == "scale" {
			argument = []string{"nope/web", "2"}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" || f.Value.Type() == "bool" && f.Name != "json" {
				return
			}
			args := append(append(slices.Clone(verb), argument...), "--"+f.Name+"="+long)
			code, said := tried(t, args...)
			if code == exitOK || len(said) == 0 || len(said) > 1500 {
				t.Errorf("%s --%s: exit code %d, %d bytes: %.300s", strings.Join(verb, " "), f.Name, code, len(said), said)
			}
			for _, word := range []string{"strconv", "time: ", "goroutine", "invalid syntax", "too long"} {
				if strings.Contains(said, word) {
					t.Errorf("%s --%s: it says %q: %.300s", strings.Join(verb, " "), f.Name, word, said)
				}
			}
		})
	}
}

// TestLongArguments gives 10,000 characters to every verb, in the forms that an argument has.
func TestLongArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat("x", 10_000)
	for _, cmd := range visibleCommands(newCLI(&strings.Builder{}, &strings.Builder{}, nil).root()) {
		verb := strings.Fields(strings.TrimPrefix(cmd.CommandPath(), "pandora "))
		if cmd.Name() == "ps" || cmd.Name() == "pid" || cmd.Name() == "operation" || cmd.Name() == "init" {
			continue // what is said first is that there is no daemon; init says it in its own words
		}
		for _, argument := range []string{long, "./" + long, long + "/web", "shop/" + long, "shop/web/" + long, long + "*", long + ".js", strings.Repeat("x ", 5000)} {
			args := append(slices.Clone(verb), argument)
			if cmd.Name() == "scale" {
				args = append(args, "2")
			}
			code, said := tried(t, args...)
			if code != exitUsage && code != exitNotFound || len(said) == 0 || len(said) > 700 {
				t.Errorf("%s %.12s…: exit code %d, %d bytes: %.300s", strings.Join(verb, " "), argument, code, len(said), said)
			}
		}
	}
}

func TestFlagErrors(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"events --lines x", `pandora: --lines is "x": expected a whole number`},
		{"events --lines 99999999999999999999", `pandora: --lines is "99999999999999999999": the number is too large`},
		{"list --watch=x", `pandora: --watch is "x": expected true or false`},
		{"list --interval x", `pandora: --interval is "x": expected a time such as 500ms, 10s or 1m30s`},
		{"list -o x", `pandora: --output is "x": expected one of table, json, yaml, wide, name`},
		{"events --lines", `pandora: --lines needs a whole number; [ pandora events --help ] shows the flags`},
		{"events --liness 3", `pandora: unknown flag --liness of [ pandora events ]; did you mean --lines?`},
		{"events --nonsense", `pandora: unknown flag --nonsense of [ pandora events ]; [ pandora events --help ] shows the flags`},
		{"start -qZ", `pandora: unknown flag -Z of [ pandora start ]; [ pandora start --help ] shows the flags`},
		{"daemon restart", `pandora: [ pandora daemon ] knows no "restart", only reload, status, upgrade`},
		{"config shwo", `pandora: [ pandora config ] knows no "shwo", only show; did you mean show?`},
		{"help nope", `pandora: help: there is no command "nope"; [ pandora --help ] shows those there are`},
		{"help daemon nope", `pandora: help: there is no command "daemon nope"; [ pandora daemon --help ] shows those there are`},
		{"version x", `pandora: [ pandora version ] takes no argument, got also ["x"]; [ pandora version --help ] tells more`},
		{"ps", `pandora: [ pandora ps ] needs one application name; [ pandora ps --help ] tells more`},
	} {
		code, said := tried(t, strings.Fields(tt.args)...)
		if code != exitUsage || said != tt.want+"\n" {
			t.Errorf("%s: exit code %d, %q, want %q", tt.args, code, said, tt.want)
		}
	}
}
