package rotate

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrNoCollapse is returned where the file system cannot take away the head of a file.
var ErrNoCollapse = errors.New("the file system cannot take away the head of a file")

// Copy is an archive being made of the head of a log file.
type Copy struct {
	name string
	from *os.File
	to   *os.File
	// Copied is how much it holds.
	Copied int64
}

// NewCopy begins an archive of that name.
func NewCopy(from *os.File, name string) (*Copy, error) {
	to, err := os.OpenFile(name+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make log archive: %w", err)
	}
	return &Copy{name: name, from: from, to: to}, nil
}

// Extend copies up to byte end of the log file. What is copied must not change; the file may grow.
func (c *Copy) Extend(end int64) error {
	if end <= c.Copied {
		return nil
	}
	c.Copied += copyDirect(c.from, c.name+partSuffix, c.Copied, end-c.Copied)
	_, err := c.from.Seek(c.Copied, io.SeekStart)
	if err == nil {
		_, err = c.to.Seek(c.Copied, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("copy log: %w", err)
	}
	n, err := io.CopyN(c.to, c.from, end-c.Copied)
	c.Copied += n
	if err != nil {
		return fmt.Errorf("copy log: %w", err)
	}
	return nil
}

// Sync brings the archive to disk.
func (c *Copy) Sync() error {
	if err := c.to.Sync(); err != nil {
		return fmt.Errorf("write log archive: %w", err)
	}
	return nil
}

// Publish gives the archive its name.
func (c *Copy) Publish() error {
	if err := os.Rename(c.name+partSuffix, c.name); err != nil {
		return fmt.Errorf("name log archive: %w", err)
	}
	return nil
}

// Discard removes an archive that is not published.
func (c *Copy) Discard() { _ = os.Remove(c.name + partSuffix) }

// Close closes its file.
func (c *Copy) Close() error { return c.to.Close() }

// Unpublish takes the name back; the archive is a copy being made again.
func (c *Copy) Unpublish() { _ = os.Rename(c.name, c.name+partSuffix) }
