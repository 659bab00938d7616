package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/top"
)

// topLogWindow is how much of the end of a log the last lines are looked for in.
const topLogWindow = 64 << 10

// topLog is where the output of something is.
type topLog struct {
	path string
	// filter and prefix are for a file that holds the output of others too, or of several.
	filter logFilter
	prefix bool
}

// topLogs finds the logs of all that a row can be of. A worker has a file of its own.
func topLogs(apps []control.AppStatus) map[top.Target]topLog {
	logs := map[top.Target]topLog{}
	for _, a := range apps {
		workers := 0
		for _, p := range a.Processes {
			workers += len(p.Workers)
			for _, w := range p.Workers {
				own := topLog{path: w.LogPath, filter: logFilter{worker: anyWorker}}
				if own.path == "" {
					own = topLog{path: a.StdoutLogPath, filter: logFilter{process: p.Name, worker: w.Worker}}
				}
				logs[top.Target{App: a.AppName, Process: p.Name, Worker: w.Worker}] = own
			}
			logs[top.Target{App: a.AppName, Process: p.Name, Worker: top.All}] = topLog{
				path: a.StdoutLogPath, filter: logFilter{process: p.Name, worker: anyWorker}, prefix: len(p.Workers) > 1,
			}
		}
		logs[top.Target{App: a.AppName, Worker: top.All}] = topLog{
			path: a.StdoutLogPath, filter: logFilter{worker: anyWorker}, prefix: workers > 1,
		}
	}
	return logs
}

// tail reads the last lines, at most n; one line that says why when it cannot.
func (l topLog) tail(n int) []string {
	if l.path == "" {
		return nil
	}
	lines, err := l.read(n)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return []string{"(no output yet: " + filepath.Base(l.path) + " does not exist)"}
	case err != nil:
		return []string{fmt.Sprintf("(read log: %v)", err)}
	}
	return lines
}

// read reads the last lines, within the window.
func (l topLog) read(n int) ([]string, error) {
	reader, err := rotate.OpenReader(l.path)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	end := reader.End()
	start := max(reader.Base(), end-topLogWindow)
	reader.SeekTo(start)
	partly := start > reader.Base()
	var lines []string
	for reader.Pos() < end {
		line, err := reader.Next(false)
		if errors.Is(err, io.EOF) {
			rest, ok := reader.Rest()
			if !ok {
				break
			}
			line = rest
		} else if err != nil {
			return nil, err
		}
		if partly {
			partly = false // the window begins in the middle of a line
			continue
		}
		if !l.filter.wants(line) {
			continue
		}
		text := string(line.Text)
		if l.prefix && line.Source.Process != "" {
			text = "[" + line.Source.Process + "-" + strconv.Itoa(line.Source.Worker) + "] " + text
		}
		if lines = append(lines, text); len(lines) > n {
			lines = lines[1:]
		}
	}
	return lines, nil
}
