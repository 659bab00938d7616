package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// schemaVersion is the version of the documents that verbs print; docs/json.md says what may change within one.
const schemaVersion = 1

// The formats of -o.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatName  = "name"
)

// format is the value of -o: how a verb prints its data.
type format struct {
	// name is one of allowed, the first of them when the user says nothing.
	name    string
	allowed []string
}

// addFormat adds -o and its older spelling --json to a verb. Those of allowed that come after table are besides json and
// yaml, which every such verb has.
func addFormat(cmd *cobra.Command, more ...string) *format {
	f := &format{name: formatTable, allowed: append([]string{formatTable, formatJSON, formatYAML}, more...)}
	cmd.Flags().VarP(f, "output", "o", "how to print: "+strings.Join(f.allowed, ", "))
	asJSON := cmd.Flags().VarPF(&jsonFlag{f}, "json", "", "print JSON, as -o json")
	asJSON.NoOptDefVal = "true"
	_ = cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return f.allowed, cobra.ShellCompDirectiveNoFileComp
	})
	return f
}

// Set reads what the user wrote.
func (f *format) Set(text string) error {
	if !slices.Contains(f.allowed, text) {
		return fmt.Errorf("expected one of %s", strings.Join(f.allowed, ", "))
	}
	f.name = text
	return nil
}

// String is the format.
func (f *format) String() string { return f.name }

// Type names the value in the help.
func (f *format) Type() string { return "format" }

// document reports whether a document is printed rather than text for people.
func (f *format) document() bool { return f.name == formatJSON || f.name == formatYAML }

// jsonFlag is --json, which chooses a format.
type jsonFlag struct{ format *format }

// Set reads true or false.
func (j *jsonFlag) Set(text string) error {
	switch text {
	case "true":
		j.format.name = formatJSON
	case "false":
	default:
		return errors.New("expected true or false")
	}
	return nil
}

// String reports whether JSON is printed.
func (j *jsonFlag) String() string {
	if j.format != nil && j.format.name == formatJSON {
		return "true"
	}
	return "false"
}

// Type makes it a switch.
func (j *jsonFlag) Type() string { return "bool" }

// printDocument writes a value as one document in a format that is one.
func (c *cli) printDocument(f *format, value any) error {
	data, err := documentJSON(value)
	if err != nil {
		return err
	}
	if f.name == formatYAML {
		if data, err = yamlOf(data); err != nil {
			return err
		}
	}
	_, err = c.out.Write(data)
	return err
}

// documentJSON encodes a document: an object begins with the version of its schema.
func documentJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode what is printed: %w", err)
	}
	data := out.Bytes()
	if !bytes.HasPrefix(data, []byte("{")) || bytes.HasPrefix(data, []byte("{\n  \"schemaVersion\"")) {
		return data, nil
	}
	head := fmt.Sprintf("{\n  \"schemaVersion\": %d", schemaVersion)
	if bytes.HasPrefix(data, []byte("{}")) {
		return []byte(head + "\n" + "}\n"), nil
	}
	return append([]byte(head+","), data[1:]...), nil
}

// yamlOf turns a JSON document into YAML with the same fields in the same order. JSON is YAML in its flow style, so only
// the styles change; a text that looks like something else in YAML stays quoted.
func yamlOf(data []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("turn JSON into YAML: %w", err)
	}
	plain(&document)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// plain takes the style of JSON from a node and what is below it. The encoder quotes a text that would be read as
// something else without; words that only YAML 1.1 takes for true and false keep their quotes here.
func plain(n *yaml.Node) {
	switch {
	case n.Kind == yaml.ScalarNode && slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(n.Value)):
	case n.Kind == yaml.ScalarNode || len(n.Content) > 0:
		n.Style = 0
	}
	for _, child := range n.Content {
		plain(child)
	}
}
