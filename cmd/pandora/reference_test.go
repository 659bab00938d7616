package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// referencePath is the page that is made from the code. `make reference` writes it anew.
const referencePath = "../../docs/reference.md"

// TestReference holds that the reference is what the code says: every verb with its flags, the exit codes and all that a
// procfile may call.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Reference

Made from the code by ` + "`make reference`" + `, and held against it by a test. What is behind each is told in the other pages: see
the [README](../README.md). HTTP paths are in [HTTP](http.md), settings in the README and in [HTTP](http.md).

`)
	root := newCLI(&bytes.Buffer{}, &bytes.Buffer{}, nil).root()
	writeVerbs(&b, root)
	b.WriteString("## Exit codes\n\n| code | meaning |\n|---|---|\n")
	for _, e := range exitCodes() {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	types, err := os.ReadFile("../../js/types/pandora.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	writeTypes(&b, string(types))
	if os.Getenv("PANDORA_UPDATE") != "" {
		if err := os.WriteFile(referencePath, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != b.String() {
		t.Error("docs/reference.md is not what the code says: run make reference")
	}
}

// shown lists the verbs below one that users are told of, in the order of their names.
func shown(parent *cobra.Command) []*cobra.Command {
	verbs := slices.DeleteFunc(slices.Clone(parent.Commands()), func(v *cobra.Command) bool { return v.Hidden || v.Name() == "help" })
	slices.SortFunc(verbs, func(a, b *cobra.Command) int { return strings.Compare(a.Name(), b.Name()) })
	return verbs
}

// writeVerbs writes a section a verb.
func writeVerbs(b *strings.Builder, root *cobra.Command) {
	b.WriteString("## Commands\n\n| verb | |\n|---|---|\n")
	var all []*cobra.Command
	var walk func(parent *cobra.Command)
	walk = func(parent *cobra.Command) {
		for _, v := range shown(parent) {
			if v.Runnable() {
				all = append(all, v)
			}
			walk(v)
		}
	}
	walk(root)
	for _, v := range all {
		fmt.Fprintf(b, "| [`%s`](#%s) | %s |\n", v.CommandPath(), strings.ReplaceAll(v.CommandPath(), " ", "-"), cellText(v.Short))
	}
	for _, v := range all {
		fmt.Fprintf(b, "\n### %s\n\n```\n%s\n```\n\n", v.CommandPath(), v.UseLine())
		text := v.Long
		if text == "" {
			text = v.Short + "."
		}
		b.WriteString(strings.TrimSpace(text) + "\n")
		if len(v.Aliases) > 0 {
			fmt.Fprintf(b, "\nAlso `%s`.\n", strings.Join(v.Aliases, "`, `"))
		}
		if v.Example != "" {
			fmt.Fprintf(b, "\n```\n%s\n```\n", strings.Trim(dedent(v.Example), "\n"))
		}
		writeFlags(b, v.NonInheritedFlags())
	}
	b.WriteString("\n")
}

// writeFlags writes a table of flags.
func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	head := "\n| flag | |\n|---|---|\n"
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		b.WriteString(head)
		head = ""
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		if f.DefValue != "" && !slices.Contains([]string{"false", "0", "[]", "0s"}, f.DefValue) {
			usage += " (" + f.DefValue + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, cellText(usage))
	})
}

// cellText is a text for a cell of a table.
func cellText(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// dedent takes away what all lines begin with.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

// interfaces are those of the types that an author of a procfile meets, and what they are called.
func interfaces() [][2]string {
	return [][2]string{
		{"Pandora", "the argument of the procfile"},
		{"Settings", "what every process, and what `cluster(entry)` gives, can be told"},
		{"Process", "what `process()`, `fork()` and `cluster(name, entry)` give, besides those"},
		{"Service", "what `service()` and `applet()` give"},
		{"ReadyCheck", "the argument of `ready()`"},
		{"Timeouts", "the argument of `timeouts()`"},
		{"IndicatorOptions", "the options of `indicator()`"},
		{"Check", "the argument of indicators and hooks"},
	}
}

// writeTypes writes a table for each interface, from its members and the comments before them.
func writeTypes(b *strings.Builder, types string) {
	b.WriteString("\n## Procfile\n\nTypes for editors are in [`js/types/pandora.d.ts`](../js/types/pandora.d.ts).\n")
	for _, i := range interfaces() {
		fmt.Fprintf(b, "\n### %s\n\n%s%s:\n\n| member | |\n|---|---|\n", i[0], strings.ToUpper(i[1][:1]), i[1][1:])
		for _, m := range members(types, i[0]) {
			fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(m[0], "|", `\|`), cellText(m[1]))
		}
	}
}

// members lists the members of an interface with what their comments say.
func members(types, name string) [][2]string {
	body := regexp.MustCompile(`(?s)export interface ` + name + `(?: extends [^{]*)? \{\n(.*?)\n\}`).FindStringSubmatch(types)
	if body == nil {
		return nil
	}
	var all [][2]string
	var comment, member string
	inside, depth := false, 0
	for line := range strings.Lines(body[1]) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "/**") || inside:
			if strings.HasPrefix(text, "/**") {
				comment = ""
			}
			inside = !strings.HasSuffix(text, "*/")
			comment += " " + strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(text, "/**"), "*/"), "* ")
			continue
		case text == "":
			continue
		}
		member = strings.TrimSpace(member + " " + text)
		if depth += strings.Count(text, "{") - strings.Count(text, "}"); depth > 0 {
			continue
		}
		words, example, _ := strings.Cut(comment, "@example")
		if example = strings.TrimSpace(example); example != "" && !strings.Contains(example, "=>") {
			words += " Example: `" + example + "`"
		}
		all = append(all, [2]string{strings.TrimSuffix(member, ";"), words})
		comment, member = "", ""
	}
	return all
}

// TestInterfacesAreFound holds that the reference is made from all that a procfile may call.
func TestInterfacesAreFound(t *testing.T) {
	types, err := os.ReadFile("../../js/types/pandora.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces() {
		if all := members(string(types), i[0]); len(all) == 0 {
			t.Errorf("interface %s has no members", i[0])
		}
	}
	found := members(string(types), "Pandora")
	if !slices.ContainsFunc(found, func(m [2]string) bool {
		return strings.HasPrefix(m[0], "fork(") && strings.Contains(m[1], "one Node program")
	}) {
		t.Errorf("fork is not told of: %q", found)
	}
}
