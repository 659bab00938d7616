package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
)

// TransformVerb is the first argument with which Node processes start this program to have a file transformed; it must
// then call TransformMain.
const TransformVerb = "transform"

// TransformMain transforms one file for Node: args are its absolute path, which tells the language, and stdin is its
// source. The code goes to stdout, an *Error as a line of JSON to stderr. It returns the exit code: 0, 1 when the file
// cannot be transformed, 2 for wrong usage.
func TransformMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) != 1 || !filepath.IsAbs(args[0]) {
		fmt.Fprintf(stderr, "usage: pandora %s FILE < SOURCE; FILE is an absolute path, got %q\n", TransformVerb, args)
		return 2
	}
	source, err := io.ReadAll(stdin)
	if err != nil {
		fmt.Fprintf(stderr, "transform %s: read the source: %v\n", args[0], err)
		return 1
	}
	code, _, failed := Transform(args[0], string(source), TransformOptions{Node: true})
	if failed != nil {
		// A struct of strings and numbers: this cannot fail, and nobody listens if the other end is gone.
		_ = json.NewEncoder(stderr).Encode(failed)
		return 1
	}
	if _, err := io.WriteString(stdout, code); err != nil {
		fmt.Fprintf(stderr, "transform %s: write the code: %v\n", args[0], err)
		return 1
	}
	return 0
}
