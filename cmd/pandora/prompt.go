package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxAnswer bounds a line that a user types.
const maxAnswer = 4096

// prompt asks a user at a terminal, line by line.
type prompt struct {
	in  *os.File
	out io.Writer
}

// errNoAnswer is the end of the input where an answer was expected.
var errNoAnswer = errors.New("the input ended before an answer was given; nothing is written")

// say prints a line.
func (p *prompt) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// line asks until good accepts the answer; an empty one is def.
func (p *prompt) line(ctx context.Context, question, def string, good func(string) error) (string, error) {
	for {
		shown := ""
		if def != "" {
			shown = " [" + def + "]"
		}
		fmt.Fprintf(p.out, "%s%s: ", question, shown)
		answer, err := p.read(ctx)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = def
		}
		err = good(answer)
		if err == nil {
			return answer, nil
		}
		p.say("  %v", err)
	}
}

// yes asks a question that is answered with y or n.
func (p *prompt) yes(ctx context.Context, question string, def bool) (bool, error) {
	choices := map[bool]string{true: "Y/n", false: "y/N"}[def]
	for {
		fmt.Fprintf(p.out, "%s [%s]: ", question, choices)
		answer, err := p.read(ctx)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "":
			return def, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		p.say("  answer y or n")
	}
}

// read is the next line without spaces around it. Ctrl+C ends the wait, which is why the terminal is asked whether it has
// something before it is read.
func (p *prompt) read(ctx context.Context) (string, error) {
	var line []byte
	buffer := make([]byte, 1)
	for len(line) < maxAnswer {
		if err := p.ready(ctx); err != nil {
			p.say("")
			return "", err
		}
		n, err := p.in.Read(buffer)
		switch {
		case n == 0 && (err == nil || errors.Is(err, io.EOF)):
			p.say("")
			return "", errNoAnswer
		case err != nil:
			return "", fmt.Errorf("read the answer: %w", err)
		case buffer[0] == '\n':
			return strings.TrimSpace(string(line)), nil
		}
		line = append(line, buffer[0])
	}
	return "", fmt.Errorf("read the answer: it is longer than %d bytes", maxAnswer)
}

// ready waits until there is something to read, or the command is interrupted.
func (p *prompt) ready(ctx context.Context) error {
	const wakeMs = 100
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		fds := []unix.PollFd{{Fd: int32(p.in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, wakeMs)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for an answer: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
}
