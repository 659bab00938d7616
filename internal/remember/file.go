package remember

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

// version is that of the file.
const version = 1

// maxFile bounds the file: the frames, and what JSON puts around them.
const maxFile = 4 * maxBytes

// stored is the file.
type stored struct {
	Version int `json:"version"`
	// Boot is the id of the system's boot; process ids of another one mean nothing.
	Boot  string       `json:"boot"`
	Peers []storedPeer `json:"peers"`
}

type storedPeer struct {
	PID    int           `json:"pid"`
	Start  string        `json:"start"`
	Asks   []string      `json:"asks"`
	Frames []storedFrame `json:"frames"`
}

type storedFrame struct {
	Action string          `json:"action"`
	Data   json.RawMessage `json:"data"`
}

// load reads the file. Who is gone by now is left out.
func (m *Memory) load() {
	s, err := read(m.path)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			m.log.Warn("what workers had announced to the daemon before is lost", zap.String("path", m.path), zap.Error(err))
		}
		return
	}
	if s.Boot != m.boot || s.Version != version {
		m.changed()
		return
	}
	until := time.Now().Add(patience)
	for _, one := range s.Peers {
		p := newPeer(one.PID, one.Start)
		p.until = until
		if one.PID <= 0 || one.Start == "" || m.start(one.PID) != one.Start || len(m.away) >= maxPeers {
			m.changed()
			continue
		}
		for _, ask := range one.Asks[:min(len(one.Asks), maxAsks)] {
			p.asks = append(p.asks, ask)
		}
		for _, f := range one.Frames[:min(len(one.Frames), maxFrames)] {
			kept := frame{f.Action, string(f.Data)}
			if len(f.Data) > 0 && !p.known[kept] && kept.size() <= maxFrame && m.bytes+kept.size() <= maxBytes {
				m.addLocked(p, kept, "")
			}
		}
		m.away = append(m.away, p)
	}
}

func read(path string) (*stored, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("read %q: expected a file of at most %d MB; remove it", path, maxFile>>20)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read %q: %w; it will be written anew", path, err)
	}
	return &s, nil
}

// save writes the file, or removes it when there is nothing to remember. A power failure may lose it: with the next boot it
// means nothing.
func (m *Memory) save() {
	s := m.snapshot()
	var err error
	if len(s.Peers) == 0 {
		if err = os.Remove(m.path); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	} else {
		err = write(m.path, s)
	}
	if err != nil {
		m.log.Warn("what workers have announced is not remembered", zap.Error(err))
	}
}

// snapshot copies what is to be written.
func (m *Memory) snapshot() stored {
	m.mu.Lock()
	var peers []peer
	for _, p := range m.away {
		peers = append(peers, *p)
	}
	for _, p := range m.here {
		peers = append(peers, *p)
	}
	m.mu.Unlock()
	s := stored{Version: version, Boot: m.boot}
	for _, p := range peers {
		one := storedPeer{PID: p.pid, Start: p.start, Asks: p.asks}
		for _, f := range p.frames {
			one.Frames = append(one.Frames, storedFrame{f.action, json.RawMessage(f.data)})
		}
		s.Peers = append(s.Peers, one)
	}
	return s
}

// write replaces a file by renaming a complete one over it, with mode 0600.
func write(path string, s stored) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	_, err = temp.Write(data)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}
