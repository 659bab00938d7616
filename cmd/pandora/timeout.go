package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/pandora-go/pandora/procfile/evaluate"
)

// longestTimeout bounds --timeout: a longer wait for a procfile is a slip of the pen.
const longestTimeout = time.Hour

// timeoutFlag is the value of --timeout: a Go duration such as 1m30s or 500ms, or a plain number of seconds.
type timeoutFlag time.Duration

// addTimeout adds --timeout, which bounds the evaluation of a procfile.
func addTimeout(flags *pflag.FlagSet, timeout *time.Duration) {
	*timeout = evaluate.DefaultTimeout
	flags.Var((*timeoutFlag)(timeout), "timeout", "how long the evaluation of the procfile may take, as 30s, 1m30s or 30 (seconds)")
}

// Set reads what the user wrote.
func (t *timeoutFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, numberErr := strconv.ParseFloat(text, 64)
		if numberErr != nil || !(seconds > 0 && seconds <= longestTimeout.Seconds()) {
			return fmt.Errorf("expected a time such as 30s, 1m30s or 30 (seconds), at most %s", longestTimeout)
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	if d < time.Millisecond || d > longestTimeout {
		return fmt.Errorf("expected a time from 1ms to %s", longestTimeout)
	}
	*t = timeoutFlag(d)
	return nil
}

// String shows the time.
func (t *timeoutFlag) String() string { return time.Duration(*t).String() }

// Type names the value in the help.
func (t *timeoutFlag) Type() string { return "duration" }
