package supervisor

import (
	"os"
	"testing"

	"github.com/pandora-go/pandora/internal/rotate"
)

// TestLogCutByOthers cuts the log as logrotate's copytruncate does, under a worker that goes on and a reader that follows.
func TestLogCutByOthers(t *testing.T) {
	o := newOutput(t.TempDir(), true, nil)
	outputBegin(t, o)
	outputRun(t, o)
	file, path, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := rotate.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	next := func(text string) {
		t.Helper()
		if _, err := file.WriteString(text + "\n"); err != nil {
			t.Fatal(err)
		}
		var line rotate.Line
		polls := 0
		outputEventually(t, "read: "+text, func() bool {
			if polls++; polls%15 != 1 {
				return false // a mark may take 100 ms, and the verb log waits longer, too
			}
			line, err = reader.Next(false)
			return err == nil
		})
		if string(line.Text) != text {
			t.Errorf("read %q, want %q", line.Text, text)
		}
	}
	next("a line that is rather long")
	next("and another one")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	next("after")
	next("and on")
}
