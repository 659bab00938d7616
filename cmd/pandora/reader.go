package main

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Whoever reads what a verb prints may go away, as in [ pandora list | head -1 ]. A verb that only prints is then ended by
// SIGPIPE without a word, as every program is. A verb that changes something does it all the same, and exits as it ends.

// changes reports whether a verb changes something.
func changes(cmd *cobra.Command) bool {
	return slices.Contains([]string{
		"start", "stop", "restart", "reload", "scale", "create", "delete", "exit", "resurrect", "startup", "init", "import",
		"daemon", "daemon reload", "daemon upgrade",
	}, strings.TrimPrefix(cmd.CommandPath(), "pandora "))
}

// withoutReader lets a verb go on without a reader: writing is then an error, which unwritten leaves out. The signal is not
// ignored, because what is started would ignore it, too.
func withoutReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
