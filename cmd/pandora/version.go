package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const logo = `                       _
 _ __   __ _ _ __   __| | ___  _ __ __ _
| '_ \ / _' | '_ \ / _' |/ _ \| '__/ _' |
| |_) | (_| | | | | (_| | (_) | | | (_| |
| .__/ \__,_|_| |_|\__,_|\___/|_|  \__,_|
|_|
`

// logoWidth is how many columns the logo takes.
const logoWidth = 41

func (c *cli) versionCommand() *cobra.Command {
	var f *format
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Pandora and Node",
		Example: `  pandora version
  pandora version -o json`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.printVersion(cmd.Context(), f) },
	}
	f = addFormat(cmd)
	return cmd
}

// printVersion runs the verb version.
func (c *cli) printVersion(ctx context.Context, f *format) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of this program: %w", err)
	}
	node, _ := nodeVersion(ctx) // one that does not answer is shown as none
	if f.document() {
		return c.printDocument(f, struct {
			Version string `json:"version"`
			BaseDir string `json:"baseDir"`
			Go      string `json:"go"`
			Node    string `json:"node"`
		}{version, filepath.Dir(executable), runtime.Version(), node})
	}
	if node == "" {
		node = "not found in PATH"
	}
	if c.width == 0 || c.width >= logoWidth {
		fmt.Fprint(c.out, logo+"\n")
	}
	c = c.wrapping(0)
	c.say("BaseDir: %s", filepath.Dir(executable))
	c.say("Pandora: %s (%s)", version, executable)
	c.say("Node: %s", node)
	return nil
}

// nodeVersion asks the Node in PATH; "" and an error when there is none that answers.
func nodeVersion(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}
