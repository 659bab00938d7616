package engine

import (
	"fmt"
	"os"
	"syscall"
)

// becomeWord is the argument behind ChildVerb that makes a child another program.
const becomeWord = "become"

// CannotBecome starts what a child writes to its standard error, with exit code 127, when there is no such program.
const CannotBecome = "cannot run "

// Become returns the arguments with which an executable that calls ChildMain for ChildVerb becomes another program. That
// one keeps its descendants until it ends, for EndTree.
func Become(program string, args ...string) []string {
	return append([]string{ChildVerb, becomeWord, program}, args...)
}

// become does what the arguments of Become say; it returns only when there is nothing to become.
func become(args []string) {
	if len(args) < 4 || args[1] != ChildVerb || args[2] != becomeWord {
		return
	}
	keepDescendants()
	err := syscall.Exec(args[3], args[3:], os.Environ())
	fmt.Fprintf(os.Stderr, "%s%s: %v\n", CannotBecome, args[3], err)
	os.Exit(127)
}
