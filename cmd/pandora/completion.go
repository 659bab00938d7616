package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/state"
)

func (c *cli) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion {bash | zsh | fish | powershell}",
		Short: "Print what a shell completes verbs, flags and live names with",
		Long: `Completion prints a script for one of four shells. With it the Tab key completes verbs, flags, the names of applications
that are known and of their processes.`,
		Example: `  source <(pandora completion bash)                                    # this shell; bash-completion is needed
  pandora completion bash > ~/.local/share/bash-completion/completions/pandora
  pandora completion zsh > "${fpath[1]}/_pandora"
  pandora completion fish > ~/.config/fish/completions/pandora.fish
  pandora completion powershell | Out-String | Invoke-Expression`,
		Args: arguments(1, 1, "one of bash, zsh, fish and powershell"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return shells, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			var script bytes.Buffer
			var err error
			switch args[0] {
			case "bash":
				err = root.GenBashCompletionV2(&script, true)
			case "zsh":
				err = root.GenZshCompletion(&script)
			case "fish":
				err = root.GenFishCompletion(&script, true)
			case "powershell":
				err = root.GenPowerShellCompletionWithDesc(&script)
			default:
				return unknownShell(args[0], shells)
			}
			if err == nil {
				_, _ = c.out.Write(script.Bytes()) // standard output keeps the error
			}
			return err
		},
	}
}

// unknownShell is the error for a shell that there is no script for.
func unknownShell(name string, shells []string) error {
	return usageError(fmt.Errorf("completion knows no shell %q; there are %s", name, strings.Join(shells, ", ")))
}

// nameCompletion says what the arguments of a verb are.
type nameCompletion struct {
	// most is how many names there may be; 0 is any number.
	most int
	// processes tells that "app/process" is one too, files that a path is.
	processes, files bool
	// second are the processes of the application before it.
	second bool
}

// namesCompleted lists the verbs whose arguments name applications.
func namesCompleted() map[string]nameCompletion {
	several := nameCompletion{processes: true}
	return map[string]nameCompletion{
		"start": {processes: true, files: true}, "plan": {most: 1, files: true},
		"stop": several, "restart": several, "reload": several, "wait": several, "log": several,
		"delete": {}, "list": {}, "describe": {}, "events": {most: 1}, "ps": {most: 1}, "pid": {most: 1}, "operation": {most: 1},
		"top": {}, "scale": {most: 2, second: true},
	}
}

// complete gives every verb of root what completes its arguments, where it does not say so itself.
func (c *cli) complete(root *cobra.Command) {
	all := namesCompleted()
	for _, verb := range root.Commands() {
		kind, named := all[verb.Name()]
		if !named || verb.ValidArgsFunction != nil {
			continue
		}
		verb.ValidArgsFunction = c.completed(kind)
	}
}

// completed completes the arguments of a verb.
func (c *cli) completed(kind nameCompletion) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if kind.files {
			directive = cobra.ShellCompDirectiveDefault
		}
		if kind.most > 0 && len(args) >= kind.most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		home, err := c.home()
		if err != nil {
			return nil, directive
		}
		// Only what is on disk is asked: a Tab must not start a daemon, nor wait for one.
		records, _ := home.Records()
		return completions(records, kind, args, begun), directive
	}
}

// completions are the words that may come after args and begin with what is typed.
func completions(records []*state.Record, kind nameCompletion, args []string, begun string) []string {
	var all []string
	app, _, within := strings.Cut(begun, "/")
	for _, r := range records {
		switch {
		case kind.second && len(args) == 1:
			if r.AppName == args[0] {
				all = append(all, r.App.DefinedProcesses...)
			}
		case kind.processes && within:
			if r.AppName == app {
				for _, p := range r.App.Processes {
					all = append(all, app+"/"+p.ProcessName)
				}
			}
		default:
			all = append(all, r.AppName)
		}
	}
	return slices.DeleteFunc(all, func(word string) bool {
		return !strings.HasPrefix(word, begun) || slices.Contains(args, word)
	})
}
