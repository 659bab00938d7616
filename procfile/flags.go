package procfile

import (
	"fmt"
	"strings"
)

// SplitEnvFlag reads the value of --env: "A=1 B=x=y" is A=1 and B=x=y. Pairs are separated by spaces, so a value cannot
// hold one; the first "=" of a pair separates name and value. An empty string gives an empty map.
func SplitEnvFlag(value string) (map[string]string, error) {
	env := map[string]string{}
	for _, pair := range SplitArgsFlag(value) {
		name, v, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf(`--env: expected NAME=value pairs separated by spaces, like "A=1 B=2", got %q`, pair)
		}
		if strings.Contains(pair, "\x00") {
			return nil, fmt.Errorf("--env: expected no NUL, got %q", pair)
		}
		env[name] = v
	}
	return env, nil
}

// SplitArgsFlag reads the value of --args or --node-args: "--a=1 --b" is --a=1 and --b. Only spaces separate, and
// several count as one; there is no quoting. An empty string gives an empty list, never nil.
func SplitArgsFlag(value string) []string {
	args := []string{}
	for arg := range strings.SplitSeq(value, " ") {
		if arg != "" {
			args = append(args, arg)
		}
	}
	return args
}
