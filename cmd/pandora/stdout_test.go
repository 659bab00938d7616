package main

import (
	"os"
	"strings"
	"testing"
)

func TestAbridged(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"short words stay", "short words stay"},
		{strings.Repeat("many words ", 100), strings.Repeat("many words ", 100)},
		{`open "` + long + `": nope` + "\n", `open "` + strings.Repeat("é", 29) + "…(10003 bytes)…" + strings.Repeat("é", 4) + `": nope` + "\n"},
		{`name "` + strings.Repeat("x ", 300) + `" is "not" one`, `name "` + strings.Repeat("x ", 29) + "x…(602 bytes)… x x x x \" is \"not\" one"},
		{`a " alone, ` + strings.Repeat("many words ", 100), `a " alone, ` + strings.Repeat("many words ", 100)},
	} {
		if got := abridged(tt.text); got != tt.want {
			t.Errorf("abridged(%.20q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestUnwritten: what could not be printed is an error of every verb, also of those that do not look at what printing gives.
func TestUnwritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	dir := t.TempDir()
	for _, verb := range []string{"--help", "version", "list", "doctor", "completion bash", "ls --json"} {
		var said strings.Builder
		code := newCLI(&checkedFile{File: full}, &said, []string{"PANDORA_DIR=" + dir, "HOME=" + dir, "PATH=" + os.Getenv("PATH")}).run(t.Context(), strings.Fields(verb))
		if code != exitFailure || !strings.Contains(said.String(), "no space left on device") {
			t.Errorf("%s: exit code %d, %q", verb, code, said.String())
		}
	}
}
