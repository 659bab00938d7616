package supervisor

import (
	"bufio"
	"bytes"
	"io"
	"sync"
)

const (
	// maxLine bounds a line of output; a longer one is cut into several.
	maxLine = 64 << 10
	// maxTail is how many lines of output are kept with an exit, and maxTailLine how much of each.
	maxTail = 20
	// maxSeen is how many are looked at for why it ended.
	maxSeen     = 100
	maxTailLine = 4 << 10
)

// readLines calls emit with each line of r, without its end, until r ends.
func readLines(r io.Reader, emit func(line string)) {
	buffered := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := buffered.ReadSlice('\n')
		if len(line) > 0 {
			emit(string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))))
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// lastLines keeps the last lines it is given.
type lastLines struct {
	mu    sync.Mutex
	lines []string
}

// add keeps a line.
func (l *lastLines) add(line string) {
	if len(line) > maxTailLine {
		line = line[:maxTailLine]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == maxSeen {
		l.lines = append(l.lines[:0:0], l.lines[1:]...)
	}
	l.lines = append(l.lines, line)
}

// get returns the lines kept, oldest first.
func (l *lastLines) get() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}
