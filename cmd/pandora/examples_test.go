package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelpHasExamples holds that the help of every verb has an example, and that each of these is a verb with flags that it has.
func TestHelpHasExamples(t *testing.T) {
	call := regexp.MustCompile(`^(?:sudo |[A-Z_]+=\S+ )*pandora (.*?)(?: [|>#].*)?$`)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Hidden {
			return
		}
		if cmd.Example == "" {
			t.Errorf("[ %s --help ] has no example", cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			found := call.FindStringSubmatch(strings.TrimSpace(line))
			if found == nil {
				if strings.Contains(line, "pandora ") && !strings.Contains(line, "(pandora ") {
					t.Errorf("%s: the example %q is no command line", cmd.CommandPath(), line)
				}
				continue
			}
			verb, rest, err := newCLI(&strings.Builder{}, &strings.Builder{}, nil).root().Find(strings.Fields(found[1]))
			if err != nil {
				t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
				continue
			}
			if err := verb.ParseFlags(rest); err != nil && !strings.Contains(line, `"`) { // a quoted text has words that look like flags
				t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
			}
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	for _, cmd := range newCLI(&strings.Builder{}, &strings.Builder{}, nil).root().Commands() {
		walk(cmd)
	}
}
