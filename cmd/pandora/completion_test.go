package main

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
)

func TestCompletions(t *testing.T) {
	records := []*state.Record{
		{AppName: "shop", App: procfile.Application{
			DefinedProcesses: []string{"agent", "worker", "web"},
			Processes:        []procfile.Process{{ProcessName: "web"}, {ProcessName: "worker"}},
		}},
		{AppName: "shipping"}, {AppName: "blog"},
	}
	verbs := namesCompleted()
	for name, c := range map[string]struct {
		verb, begun string
		args, want  []string
	}{
		"all":                             {verb: "stop", want: []string{"shop", "shipping", "blog"}},
		"begun":                           {verb: "stop", begun: "sh", want: []string{"shop", "shipping"}},
		"not the same twice":              {verb: "stop", args: []string{"shop"}, want: []string{"shipping", "blog"}},
		"processes":                       {verb: "reload", begun: "shop/w", want: []string{"shop/web", "shop/worker"}},
		"processes that run":              {verb: "reload", begun: "shop/", want: []string{"shop/web", "shop/worker"}},
		"no processes":                    {verb: "delete", begun: "shop/"},
		"of an application nobody knows":  {verb: "stop", begun: "none/"},
		"a process to scale":              {verb: "scale", args: []string{"shop"}, begun: "w", want: []string{"worker", "web"}},
		"a process of what is not known":  {verb: "scale", args: []string{"none"}},
		"an application to scale":         {verb: "scale", begun: "b", want: []string{"blog"}},
		"a name that does not begin thus": {verb: "stop", begun: "x"},
	} {
		if got := completions(records, verbs[c.verb], c.args, c.begun); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestCompletionScripts has the shells that are installed read what is made for them.
func TestCompletionScripts(t *testing.T) {
	for shell, check := range map[string][]string{
		"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}, "powershell": nil,
	} {
		var out, errs bytes.Buffer
		c := newCLI(&out, &errs, nil)
		if code := c.run(t.Context(), []string{"completion", shell}); code != exitOK || out.Len() < 1000 {
			t.Errorf("%s: exit %d, %d bytes, %s", shell, code, out.Len(), errs.String())
			continue
		}
		if check == nil {
			continue
		}
		if _, err := exec.LookPath(check[0]); err != nil {
			continue // what is written is checked in any case
		}
		cmd := exec.Command(check[0], check[1:]...)
		cmd.Stdin = strings.NewReader(out.String())
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s does not take it: %v\n%s", shell, err, said)
		}
	}
}
