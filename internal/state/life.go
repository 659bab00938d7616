package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Down is the mark of a daemon that ends because it was told to. While it is there, no guard brings a daemon back, and a
// guard without a daemon ends what it runs: that is what the user wanted, even when the daemon died on the way.
type Down struct {
	At time.Time `json:"at"`
	// Why is "exit" or "signal".
	Why string `json:"why"`
}

func (h Home) downPath() string { return filepath.Join(h.State, "down.json") }

// MarkDown notes that the daemon is meant to end.
func (h Home) MarkDown(why string) error {
	if err := writeJSON(h.downPath(), Down{At: time.Now().UTC(), Why: why}); err != nil {
		return fmt.Errorf("mark that the daemon is meant to end: %w", err)
	}
	return nil
}

// IsDown reports whether the last daemon was meant to end. A mark that cannot be read counts: somebody has made it.
func (h Home) IsDown() bool {
	_, err := os.Lstat(h.downPath())
	return !errors.Is(err, os.ErrNotExist)
}

// ClearDown takes the mark away; a daemon does that first of all.
func (h Home) ClearDown() error {
	err := os.Remove(h.downPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Revivals counts how guards brought the daemon back since a command has started one.
type Revivals struct {
	Count int `json:"count"`
	// At is when the last one was brought back, By the application whose guard did.
	At time.Time `json:"at,omitzero"`
	By string    `json:"by,omitempty"`
	// Failures counts the tries that have failed since then; FailedAt and Failure are of the last of these.
	Failures int       `json:"failures,omitempty"`
	FailedAt time.Time `json:"failedAt,omitzero"`
	Failure  string    `json:"failure,omitempty"`
}

func (h Home) revivalsPath() string { return filepath.Join(h.State, "revivals.json") }

// Revivals reads the count; one that is missing or broken is zero.
func (h Home) Revivals() Revivals {
	var r Revivals
	if readJSON(h.revivalsPath(), &r) != nil {
		return Revivals{}
	}
	return r
}

// NoteRevival counts a try of the guard of an application to bring the daemon back; failure is nil when it did. The
// caller holds the start lock.
func (h Home) NoteRevival(by string, failure error) error {
	r, now := h.Revivals(), time.Now().UTC()
	if failure != nil {
		r.Failures++
		r.FailedAt, r.Failure = now, failure.Error()
	} else {
		r = Revivals{Count: r.Count + 1, At: now, By: by}
	}
	return writeJSON(h.revivalsPath(), r)
}

// ForgetRevivals starts the count again.
func (h Home) ForgetRevivals() error {
	err := os.Remove(h.revivalsPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
