package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pandora-go/pandora/internal/rotate"
)

const (
	// fileSize and fileTotal are the original's limits: ten files of 200 MiB.
	fileSize  = 200 << 20
	fileTotal = 10 * fileSize
)

// fileSink appends each row as a line of JSON.
type fileSink struct {
	path string
	file *rotate.File // nil before the first report
}

func (*fileSink) shape() shape { return compact }

func (s *fileSink) take(_ context.Context, b *batch) error {
	if s.file == nil {
		if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
			return fmt.Errorf("make the folder of %q: %w", s.path, err)
		}
		file, err := rotate.OpenFile(s.path, rotate.Policy{MaxFile: fileSize, MaxTotal: fileTotal, Compress: true})
		if err != nil {
			return err
		}
		s.file = file
	}
	// Whole lines in a few writes, each of which looks whether the file is due.
	out := bufio.NewWriterSize(s.file, 256<<10)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // as JSON.stringify
	for _, row := range b.rows {
		line.Reset()
		if err := enc.Encode(row); err != nil {
			continue // a gauge's value that is no JSON
		}
		if out.Available() < line.Len() {
			if err := out.Flush(); err != nil {
				return Permanent(fmt.Errorf("write %q: %w", s.path, err))
			}
		}
		if _, err := out.Write(line.Bytes()); err != nil {
			return Permanent(fmt.Errorf("write %q: %w", s.path, err))
		}
	}
	if err := out.Flush(); err != nil {
		// Lines that are there already would be there twice.
		return Permanent(fmt.Errorf("write %q: %w", s.path, err))
	}
	return nil
}

// Close closes the file.
func (s *fileSink) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

var _ io.Closer = (*fileSink)(nil)
