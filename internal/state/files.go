package state

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pandora-go/pandora/internal/fserr"
)

const (
	// RecordVersion is the version of the records this program writes, and the only one it reads.
	RecordVersion = 1
	appsFolder    = "apps"
	// maxFile bounds what is read back: a graph and an environment are far smaller.
	maxFile = 32 << 20
)

// ErrNoRecord is returned for an application that is not recorded.
var ErrNoRecord = errors.New("no such application is recorded")

// fileName makes a file name of an application's name.
func fileName(app string) string { return url.PathEscape(app) }

// RecordPath is the file with the record of an application.
func (h Home) RecordPath(app string) string {
	return filepath.Join(h.State, appsFolder, fileName(app)+".json")
}

// ReadRecord reads the record of an application; the error wraps ErrNoRecord when there is none.
func (h Home) ReadRecord(app string) (*Record, error) {
	path := h.RecordPath(app)
	r, err := readRecord(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read record of application %q: %w", app, ErrNoRecord)
	}
	if err != nil {
		return nil, fmt.Errorf("read record %q: %w", path, err)
	}
	return r, nil
}

// Records reads all records in the order they were created. A file that is truncated, of another version or not a
// record at all is set aside under a name ending in ".bad" and named in problems, one sentence each.
func (h Home) Records() (records []*Record, problems []string) {
	dir := filepath.Join(h.State, appsFolder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			problems = append(problems, fmt.Sprintf("read folder %q: %v", dir, err))
		}
		return nil, problems
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		r, err := readRecord(path)
		switch {
		case errors.Is(err, os.ErrNotExist): // removed meanwhile
		case err != nil:
			problems = append(problems, setAside(path, err))
		case h.RecordPath(r.AppName) != path:
			problems = append(problems, setAside(path, fmt.Errorf("it is the record of application %q", r.AppName)))
		default:
			records = append(records, r)
		}
	}
	slices.SortStableFunc(records, func(a, b *Record) int { return strings.Compare(a.CreatedAt, b.CreatedAt) })
	return records, problems
}

// setAside renames a file that cannot be read and says so.
func setAside(path string, why error) string {
	bad := path + ".bad"
	if err := os.Rename(path, bad); err != nil {
		return fmt.Sprintf("record %q cannot be read (%v) and not be set aside: %v", path, why, err)
	}
	return fmt.Sprintf("record %q cannot be read (%v); it is now %q, and the application has to be started again", path, why, bad)
}

func readRecord(path string) (*Record, error) {
	var r Record
	if err := readJSON(path, &r); err != nil {
		return nil, err
	}
	if r.Version != RecordVersion {
		return nil, fmt.Errorf("it has version %d, this pandora reads version %d", r.Version, RecordVersion)
	}
	if err := ValidName(r.AppName); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(r.AppDir) || r.Desired != DesiredRunning && r.Desired != DesiredStopped {
		return nil, errors.New("it is not the record of an application")
	}
	return &r, nil
}

// WriteRecord replaces the record of r.AppName, with mode 0600. It sets the version and the times.
func (h Home) WriteRecord(r *Record) error {
	r.Version = RecordVersion
	r.UpdatedAt = time.Now().UTC().Format(time.RFC3339Nano)
	if r.CreatedAt == "" {
		r.CreatedAt = r.UpdatedAt
	}
	return writeJSON(h.RecordPath(r.AppName), r)
}

// DeleteRecord forgets an application; forgetting an unknown one is fine.
func (h Home) DeleteRecord(app string) error {
	err := os.Remove(h.RecordPath(app))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Daemon is what the daemon was started with; the next daemon is started with the same.
type Daemon struct {
	// Version is the version of the program that wrote it.
	Version string `json:"version"`
	// Executable is its path.
	Executable string `json:"executable"`
	Cwd        string `json:"cwd"`
	// Env is its environment, as KEY=VALUE.
	Env []string `json:"env"`
	// Config is the merged global configuration, a JSON object; empty means none.
	Config json.RawMessage `json:"config,omitempty"`
	// ConfigPaths are the configuration modules that were loaded, in order.
	ConfigPaths []string `json:"configPaths"`
	// LogsDir is the folder of the logs as the configuration has it, absolute; "" when it says nothing that can be used.
	LogsDir string `json:"logsDir,omitempty"`
	// Service is true when a service manager keeps the daemon: guards leave it to bring a dead one back, for a while.
	Service bool `json:"service,omitempty"`
}

func (h Home) daemonPath() string { return filepath.Join(h.State, "daemon.json") }

// ReadDaemon reads what the last daemon was started with; nil when there is nothing to be read. A file that is broken
// counts as missing: it is only a convenience.
func (h Home) ReadDaemon() *Daemon {
	var d Daemon
	if readJSON(h.daemonPath(), &d) != nil {
		return nil
	}
	return &d
}

// WriteDaemon notes what the daemon is started with, with mode 0600.
func (h Home) WriteDaemon(d *Daemon) error { return writeJSON(h.daemonPath(), d) }

// readJSON reads one JSON value from a file of bounded size.
func readJSON(path string, into any) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxFile {
		return fmt.Errorf("it is larger than %d MB", maxFile>>20)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		return fmt.Errorf("it is larger than %d MB", maxFile>>20)
	}
	err = json.Unmarshal(data, into)
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("it is JSON of another form: %s is of type %s", cmp.Or(bad.Field, "it"), bad.Value)
	}
	if err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	return nil
}

// writeJSON replaces a file by renaming a complete one over it, so that a crash leaves the old or the new.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %q: %w", path, fserr.Bare(err))
	}
	_, err = temp.Write(append(data, '\n'))
	if err == nil {
		err = temp.Sync()
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("write %q: %w", path, fserr.Bare(err))
	}
	return nil
}
