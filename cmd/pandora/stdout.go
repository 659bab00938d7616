package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/pandora-go/pandora/internal/fserr"
)

// maxWord bounds a word of an error: a name or path that is longer says no more, and hides what is said about it.
const maxWord = 400

// terminalFile is what a stream is that may be a terminal.
type terminalFile interface {
	io.Writer
	Fd() uintptr
}

// checkedFile is standard output; it keeps the first error of writing, which most verbs have no use for while they print.
type checkedFile struct {
	*os.File
	mu  sync.Mutex
	err error
}

// Write writes to the file.
func (f *checkedFile) Write(data []byte) (int, error) {
	n, err := f.File.Write(data)
	if err != nil {
		f.mu.Lock()
		if f.err == nil {
			f.err = err
		}
		f.mu.Unlock()
	}
	return n, err
}

// unwritten is the first error of writing to w, where it is a checkedFile: what was asked for has not been printed whole.
func unwritten(w io.Writer) error {
	f, ok := w.(*checkedFile)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || errors.Is(f.err, syscall.EPIPE) { // the reader has seen enough
		return nil
	}
	return fmt.Errorf("write to standard output: %w", fserr.Bare(f.err))
}

// abridged cuts the words of a text that are longer than maxWord bytes.
func abridged(text string) string {
	if len(text) <= maxWord {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		end := wordEnd(text)
		word := text[:end]
		if len(word) > maxWord {
			word = elided(word)
		}
		out.WriteString(word)
		if end < len(text) {
			out.WriteByte(text[end])
			end++
		}
		text = text[end:]
	}
	return out.String()
}

// elided is a text without its middle.
func elided(text string) string {
	return fmt.Sprintf("%s…(%d bytes)…%s", strings.ToValidUTF8(text[:60], ""), len(text), strings.ToValidUTF8(text[len(text)-10:], ""))
}

// wordEnd is where the first word of a text ends. What is quoted, and would be cut, is one word with its blanks.
func wordEnd(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ' ', '\n', '\t':
			return i
		case '"':
			if n := quotedLength(text[i:]); n > maxWord {
				i += n - 1
			}
		}
	}
	return len(text)
}

// quotedLength is the length of the quoted text at the beginning of a line, with its quotes; 0 when it does not end there.
func quotedLength(text string) int {
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
