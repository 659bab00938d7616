package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/procid"
)

// endTime is how long the processes of an earlier guard may take to be gone after SIGKILL.
const endTime = 5 * time.Second

// rosterFile is the content of the roster: who must not live when another guard takes over.
type rosterFile struct {
	// Boot is the id of the system's boot; pids of another boot mean nothing.
	Boot    string        `json:"boot"`
	Entries []rosterEntry `json:"entries"`
}

// rosterEntry is one live process.
type rosterEntry struct {
	PID int `json:"pid"`
	// Start is the start time of the process as the system tells it, so that a reused pid is not taken for it.
	Start string `json:"start"`
	AppID string `json:"appId"`
	// Session is the session of its guard, and so of its process group; 0 when it is not known.
	Session int `json:"session,omitempty"`
}

// roster keeps the file of live processes. The lock is held across the write: putting the writes in order is all it is
// for.
type roster struct {
	path string
	log  *zap.Logger
	boot string

	mu      sync.Mutex
	entries []rosterEntry
}

// newRoster makes a roster; path "" keeps no file.
func newRoster(path string, log *zap.Logger) *roster {
	return &roster{path: path, log: log, boot: procid.Boot()}
}

// add lists a process.
func (r *roster) add(appID string, pid int) {
	if r.path == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	session, _ := unix.Getsid(0) // 0, unless it fails
	r.entries = append(r.entries, rosterEntry{PID: pid, Start: procid.Start(pid), AppID: appID, Session: session})
	r.write()
}

// remove takes a process off the list.
func (r *roster) remove(pid int) {
	if r.path == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = slices.DeleteFunc(r.entries, func(e rosterEntry) bool { return e.PID == pid })
	r.write()
}

// write replaces the file. Workers run also without it, so an error is only logged.
func (r *roster) write() {
	data, err := json.Marshal(rosterFile{Boot: r.boot, Entries: append([]rosterEntry{}, r.entries...)})
	if err == nil {
		err = replaceFile(r.path, data)
	}
	if err != nil {
		r.log.Warn("roster not written", zap.Error(err))
	}
}

// replaceFile writes a file of mode 0600 so that readers see the old content or the new.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".roster-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// LeftBehind reports whether a roster lists workers of a guard that was lost since the system has booted: one that ends by
// itself leaves an empty list.
func LeftBehind(path string) bool {
	data, err := os.ReadFile(path)
	var old rosterFile
	return err == nil && json.Unmarshal(data, &old) == nil && old.Boot == procid.Boot() && len(old.Entries) > 0
}

// EndLeftBehind ends what a roster lists and what belongs to it, as the next guard would, where there will be none.
func EndLeftBehind(path string, log *zap.Logger) error { return newRoster(path, log).endAll() }

// endAll ends every process that the file lists and that still lives, with its tree, and empties the list.
func (r *roster) endAll() error {
	if r.path == "" {
		return nil
	}
	data, err := os.ReadFile(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var old rosterFile
	if err := json.Unmarshal(data, &old); err != nil {
		r.log.Warn("roster not understood, ignored", zap.Error(err))
		return os.Remove(r.path)
	}
	if old.Boot != r.boot {
		return os.Remove(r.path)
	}
	apps := map[string]bool{}
	for _, e := range old.Entries {
		apps[e.AppID] = true
		if e.PID < 2 || e.Start == "" || procid.Start(e.PID) != e.Start {
			continue
		}
		r.log.Warn("ending a worker of an earlier guard", zap.Int("pid", e.PID))
		if err := syscall.Kill(-e.PID, syscall.SIGKILL); err != nil {
			syscall.Kill(e.PID, syscall.SIGKILL)
		}
	}
	for id := range apps {
		if id != "" && !killTree(0, treeOfApp(id), endTime) {
			return fmt.Errorf("processes of application start %s survive SIGKILL", id)
		}
	}
	for _, e := range old.Entries {
		if e.PID > 1 && e.Session > 0 && !endGroup(e.PID, e.Session, endTime) {
			return fmt.Errorf("processes of the group %d survive SIGKILL", e.PID)
		}
		if e.PID > 1 && !goneWithin(e, endTime) {
			return fmt.Errorf("process %d survives SIGKILL", e.PID)
		}
	}
	return os.Remove(r.path)
}

// goneWithin waits until the process of an entry is gone. It is no child of ours, so there is nothing to wait on.
func goneWithin(e rosterEntry, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if e.Start == "" || procid.Start(e.PID) != e.Start {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
