package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// followInterval is how often a followed log is looked at.
const followInterval = 200 * time.Millisecond

// logFlags are the flags of the verb log.
type logFlags struct {
	follow, full, daemon, daemonStd bool
	lines                           int
}

func (c *cli) logCommand() *cobra.Command {
	var flags logFlags
	cmd := &cobra.Command{
		Use:   "log [appName]",
		Short: "Print the output of an application, or the daemon's log",
		Args:  arguments(0, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.lines < 0 {
				return usageError(fmt.Errorf("--lines is %d, want at least 0", flags.lines))
			}
			return c.log(cmd.Context(), args, flags)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&flags.follow, "follow", "f", false, "go on printing what is written")
	f.IntVarP(&flags.lines, "lines", "l", 50, "how many of the last lines to print")
	f.BoolVar(&flags.full, "full", false, "print the whole file")
	f.BoolVarP(&flags.daemon, "daemon", "d", false, "the log of the daemon and the guards")
	f.BoolVar(&flags.daemonStd, "daemon-stdout", false, "what daemon and guards wrote to standard output and error")
	return cmd
}

// log runs the verb log. It needs no daemon: it reads files.
func (c *cli) log(ctx context.Context, args []string, flags logFlags) error {
	home, err := c.home()
	if err != nil {
		return err
	}
	var path string
	switch {
	case flags.daemonStd:
		path = home.DaemonStd()
	case flags.daemon:
		path = home.DaemonLog()
	default:
		name, err := nameArgument(args)
		if err != nil {
			return err
		}
		path = home.AppLog(name)
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("Log file %s doesn't exist!", path)
	}
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer func() { file.Close() }()
	if !flags.full {
		if err := seekLastLines(file, flags.lines); err != nil {
			return fmt.Errorf("read log %q: %w", path, err)
		}
	}
	if _, err := io.Copy(c.out, file); err != nil {
		return fmt.Errorf("print log %q: %w", path, err)
	}
	if !flags.follow {
		return nil
	}
	file, err = c.followLog(ctx, file, path)
	return err
}

// followLog prints what is written until ctx ends. It goes over to the new file when the old one is renamed, and back to
// the beginning when the file is cut. It returns the file that is open then.
func (c *cli) followLog(ctx context.Context, file *os.File, path string) (*os.File, error) {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return file, nil
		case <-tick.C:
		}
		if _, err := io.Copy(c.out, file); err != nil {
			return file, fmt.Errorf("print log %q: %w", path, err)
		}
		there, err := os.Stat(path)
		if err != nil {
			continue // renamed, and the next one is not there yet
		}
		ours, err := file.Stat()
		if err != nil {
			return file, fmt.Errorf("read log %q: %w", path, err)
		}
		if !os.SameFile(there, ours) {
			next, err := os.Open(path)
			if err != nil {
				continue
			}
			// What was written to the old one between reading and renaming.
			_, _ = io.Copy(c.out, file)
			file.Close()
			file = next
			continue
		}
		if at, err := file.Seek(0, io.SeekCurrent); err == nil && there.Size() < at {
			_, _ = file.Seek(0, io.SeekStart)
		}
	}
}

// seekLastLines moves to the beginning of the last n lines of a file. It reads backwards in blocks, so the size of the
// file does not matter.
func seekLastLines(file *os.File, n int) error {
	const block = 64 << 10
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || n == 0 {
		return err
	}
	buf := make([]byte, block)
	found := 0
	for at := end; at > 0; {
		size := min(int64(block), at)
		at -= size
		if _, err := file.ReadAt(buf[:size], at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for i := size - 1; i >= 0; i-- {
			// The newline at the very end closes the last line.
			if buf[i] != '\n' || at+i == end-1 {
				continue
			}
			if found++; found == n {
				_, err := file.Seek(at+i+1, io.SeekStart)
				return err
			}
		}
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}
