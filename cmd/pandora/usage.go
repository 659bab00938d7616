package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError is a usage error for a flag: what was given, what is expected, and where the flags are told of. The words of
// the library, and of what reads numbers for it, are for programmers.
func flagError(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf("[ %s --help ] shows the flags", cmd.CommandPath())
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usageError(fmt.Errorf("--%s is %s: %s", bad.GetFlag().Name, shorten(bad.GetValue()), expectation(bad)))
	}
	if lone, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usageError(fmt.Errorf("--%s needs %s; %s", lone.GetFlag().Name, valueOf(lone.GetFlag()), help))
	}
	if none, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name, text := none.GetSpecifiedName(), "unknown flag --"+none.GetSpecifiedName()
		if letters := none.GetSpecifiedShortnames(); letters != "" {
			name, text = letters, "unknown flag -"+name
		}
		return usageError(fmt.Errorf("%s of [ %s ]%s", text, cmd.CommandPath(), cmp.Or(nearFlag(cmd, name), "; "+help)))
	}
	return usageError(fmt.Errorf("%w; %s", err, help))
}

// valueOf says what kind of value a flag has.
func valueOf(flag *pflag.Flag) string {
	switch kind := flag.Value.Type(); kind {
	case "int":
		return "a whole number"
	case "string", "strings":
		return "a value"
	case "duration":
		return "a time such as 500ms, 10s or 1m30s"
	default:
		return "a " + kind
	}
}

// nearFlag is a clause with the flags whose names are like one.
func nearFlag(cmd *cobra.Command, name string) string {
	if len(name) < 2 {
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return didYouMean("--"+name, names)
}

// expectation says what a flag expects, whose value cannot be read.
func expectation(bad *pflag.InvalidValueError) string {
	cause := bad.Unwrap()
	number, isNumber := errors.AsType[*strconv.NumError](cause)
	switch {
	case isNumber && errors.Is(number.Err, strconv.ErrRange):
		return "the number is too large"
	case isNumber && bad.GetFlag().Value.Type() == "bool":
		return "expected true or false"
	case isNumber:
		return "expected a whole number"
	case strings.HasPrefix(cause.Error(), "time: "): // of time.ParseDuration, which has no type for it
		return "expected a time such as 500ms, 10s or 1m30s"
	}
	return cause.Error()
}

// subcommand refuses an argument of a verb that has only other verbs below it, and says which they are.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	names := childNames(cmd)
	return usageError(fmt.Errorf("[ %s ] knows no %s, only %s%s", cmd.CommandPath(), shorten(args[0]), strings.Join(names, ", "), didYouMean(args[0], names)))
}

// childNames are the verbs below another.
func childNames(cmd *cobra.Command) []string {
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	return names
}

// helpCommand is cobra's, which takes a topic that it does not know for done.
func (c *cli) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [command]",
		Short:   "Help about any command",
		Long:    "Help prints what [ pandora COMMAND --help ] prints.",
		Example: "  pandora help start\n  pandora help daemon upgrade",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at := cmd.Root()
			for _, word := range args {
				if at = named(at, word); at == nil {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
			}
			return childNames(at), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for i, word := range args {
				next := named(at, word)
				if next == nil {
					return usageError(fmt.Errorf("help: there is no command %s; [ %s --help ] shows those there are",
						shorten(strings.Join(args[:i+1], " ")), at.CommandPath()))
				}
				at = next
			}
			at.SetOut(c.out)
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// named is the command of a name, or of an alias, below another; nil when there is none.
func named(cmd *cobra.Command, name string) *cobra.Command {
	for _, child := range cmd.Commands() {
		if child.Name() == name || child.HasAlias(name) {
			return child
		}
	}
	return nil
}

// whyMissing is a clause for an error of which fserr.Missing holds; "" where nothing has to be added.
func whyMissing(err error) string {
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		return " (the path is longer than the system allows)"
	case errors.Is(err, syscall.ENOTDIR):
		return " (the path leads through a file)"
	}
	return ""
}

// mistaken says what JSON holds in place of what is expected there.
func mistaken(err error) string {
	bad, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return "something else: " + err.Error()
	case bad.Field == "":
		return "one of type " + bad.Value
	}
	return fmt.Sprintf("%s of type %s", bad.Field, bad.Value)
}

// advised is the text of an error, with what to do about it where it ends with the words of the system alone. It goes by
// the words, because those of the daemon come without the error.
func advised(text string) string {
	if strings.HasPrefix(text, "find the current folder: ") && strings.HasSuffix(text, syscall.ENOENT.Error()) {
		return "find the current folder: it is gone; change to another one"
	}
	for _, cause := range []struct {
		err    error
		advice string
	}{
		{syscall.ENOSPC, "make room on that disk; [ df -h ] shows which are full"},
		{syscall.EDQUOT, "make room, or have the quota raised"},
		{syscall.EROFS, "choose a folder that can be written to, or mount that disk so that it can"},
		{syscall.EFBIG, "raise the limit of file sizes, such as with [ ulimit -f unlimited ]"},
		{syscall.EACCES, "give this user the right to it"},
		{syscall.EPERM, "that takes another user, or root"},
		{syscall.EMFILE, "raise the limit of open files, such as with [ ulimit -n 65536 ]"},
		{syscall.ENFILE, "the system has too many files open; end what is not needed"},
		{syscall.ENAMETOOLONG, "choose a shorter name or path"},
	} {
		if strings.HasSuffix(text, cause.err.Error()) {
			return text + "; " + cause.advice
		}
	}
	return text
}
