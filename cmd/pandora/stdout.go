package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
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
	if f.err == nil {
		return nil
	}
	return fmt.Errorf("write to standard output: %w", f.err)
}

// abridged cuts the words of a text that are longer than maxWord bytes.
func abridged(text string) string {
	if len(text) <= maxWord {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		end := strings.IndexAny(text, " \n\t")
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		if len(word) > maxWord {
			word = fmt.Sprintf("%s…(%d bytes)…%s", strings.ToValidUTF8(word[:60], ""), len(word), strings.ToValidUTF8(word[len(word)-10:], ""))
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
