package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocumentsAreDescribed holds that docs/json.md names every verb that prints JSON, and every field at the top of the documents
// that need nothing that runs.
func TestDocumentsAreDescribed(t *testing.T) {
	data, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	docs := string(data)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		flags := cmd.Flags()
		if !cmd.Hidden && (flags.Lookup("json") != nil || flags.Lookup("output") != nil) && !strings.Contains(docs, "`"+cmd.CommandPath()) {
			t.Errorf("docs/json.md says nothing of [ %s --json ]", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newCLI(&bytes.Buffer{}, &bytes.Buffer{}, nil).root())
	for _, args := range [][]string{{"list", "--json"}, {"version", "--json"}, {"doctor", "--json"}} {
		_, out, errOut := runCLI(t, args...)
		var document map[string]json.RawMessage
		if err := json.Unmarshal([]byte(out), &document); err != nil || !strings.HasPrefix(out, "{\n  \"schemaVersion\": 1,\n") {
			t.Errorf("%q: %v\n%s%s", args, err, out, errOut)
		}
		for field := range document {
			if !strings.Contains(docs, "`"+field+"`") {
				t.Errorf("docs/json.md does not describe %q of %q", field, args)
			}
		}
	}
}
