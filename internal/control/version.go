package control

import (
	"encoding/binary"
	"hash/maphash"
)

// Version differs from the time before when anything has changed of what the endpoints show of the applications' state:
// names, operations, workers and sockets. It costs nearly nothing, unlike List.
func (f *Fleet) Version() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := uint64(len(f.apps))
	for _, app := range f.apps {
		sum += app.version(f.seed) // in no order
	}
	return sum
}

// version is a digest of the state of one application; Fleet.mu is held.
func (a *application) version(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	number := func(n int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		_, _ = h.Write(b[:]) // never fails
	}
	word := func(s string) {
		number(len(s))
		_, _ = h.WriteString(s)
	}
	flag := func(b bool) {
		if b {
			number(1)
		} else {
			number(0)
		}
	}
	s := a.status
	word(a.name)
	word(s.AppID)
	number(int(s.State))
	flag(a.keeping)
	flag(a.record == nil)
	if s.Operation != nil {
		word(s.Operation.ID)
		word(string(s.Operation.State))
	}
	for _, p := range s.Processes {
		word(p.Name)
		flag(p.Stopped)
		for _, w := range p.Workers {
			number(w.PID)
			number(w.Generation)
			word(string(w.State))
			flag(w.UnresponsiveSince.IsZero())
		}
	}
	for _, socket := range s.Sockets {
		word(socket.Address)
		number(socket.Port)
	}
	return h.Sum64()
}
