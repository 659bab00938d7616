package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Bounds of --interval.
const (
	defaultInterval = 2 * time.Second
	leastInterval   = 100 * time.Millisecond
	longestInterval = time.Hour
)

// watchFlags are the flags of verbs that can show the same again and again.
type watchFlags struct {
	watch    bool
	interval time.Duration
}

func (f *watchFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "show it again every interval, until interrupted: in place on a terminal, one after the other elsewhere")
	cmd.Flags().DurationVar(&f.interval, "interval", defaultInterval, "time between two times with --watch")
}

// repeat shows something once, or with --watch until ctx ends or nobody reads any more. Each time is one write, so that a
// full disk is told of.
func (c *cli) repeat(ctx context.Context, f watchFlags, show func(*cli) error) error {
	if f.interval < leastInterval || f.interval > longestInterval {
		return usageError(fmt.Errorf("--interval is %s, want %s to %s", f.interval, leastInterval, longestInterval))
	}
	if !f.watch {
		return c.showOnce(false, show)
	}
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	for {
		switch err := c.showOnce(isTerminal(c.out), show); {
		case errors.Is(err, unix.EPIPE), err != nil && ctx.Err() != nil:
			return nil // the reader, or the user, has seen enough
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// showOnce shows something, over what was shown before when it is to be redrawn.
func (c *cli) showOnce(redraw bool, show func(*cli) error) error {
	var page bytes.Buffer
	once := *c
	once.out, once.width = &page, terminalWidth(c.out)
	if err := show(&once); err != nil {
		return err
	}
	text := page.Bytes()
	if redraw {
		text = redrawn(page.String(), once.width, terminalHeight(c.out))
	}
	if _, err := c.out.Write(text); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// redrawn is what draws a page over the one before: from the top left corner, each line and the rest cleared. It is cut
// to a width and a height; 0 is any.
func redrawn(page string, width, height int) []byte {
	lines := strings.Split(strings.TrimRight(page, "\n"), "\n")
	for i, line := range lines {
		if width > 0 { // a line that goes on in the next moves all below it
			lines[i] = displaywidth.Options{ControlSequences: true}.TruncateString(line, width, "…")
		}
	}
	if height > 1 && len(lines) >= height {
		lines = lines[:height-1]
	}
	return []byte("\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\n\x1b[J")
}

// terminalHeight is how many lines the terminal behind w has; 0 where it is none.
func terminalHeight(w any) int {
	f, ok := w.(terminalFile)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Row)
}
