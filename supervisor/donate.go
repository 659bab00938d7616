package supervisor

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	// maxDonated bounds the sockets of one worker that are held.
	maxDonated = 64
	// adoptTime is how long a process may run without listening again on a socket it was given, before that is closed.
	adoptTime = 30 * time.Second
)

// donated holds duplicates of the listening sockets of plain processes, so that they outlive each process: connections
// wait in the kernel's queue until the next one listens on the socket it is given. Keys are the bootstrap's.
//
// All methods may be called from any goroutine.
type donated struct {
	log      *zap.Logger
	onChange func()

	mu    sync.Mutex
	slots map[slotKey]map[string]*donatedSocket
}

// slotKey is a slot of a process.
type slotKey struct {
	process string
	slot    int
}

// donatedSocket is one duplicate.
type donatedSocket struct {
	fd     int
	socket Socket
	// id is that of the process that listens on it now or did last.
	id int
}

// newDonated holds nothing yet.
func newDonated(log *zap.Logger, onChange func()) *donated {
	if onChange == nil {
		onChange = func() {}
	}
	return &donated{log: log, onChange: onChange, slots: map[slotKey]map[string]*donatedSocket{}}
}

// take duplicates a socket of a process; false when that cannot be done. alive tells whether pid is still the process's.
func (d *donated) take(k slotKey, id, pid, fd int, key, address string, alive func() bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	sockets := d.slots[k]
	if known := sockets[key]; known != nil {
		// It listens on the one it was given, or has opened another in its place.
		known.id = id
		if sameSocket(pid, fd, known.fd, alive) {
			return true
		}
	} else if len(sockets) >= maxDonated {
		return false
	}
	mine, err := duplicate(pid, fd, alive)
	if err != nil {
		d.log.Debug("socket of a worker not held", zap.String("process", k.process), zap.String("address", address), zap.Error(err))
		return false
	}
	if sockets == nil {
		sockets = map[string]*donatedSocket{}
		d.slots[k] = sockets
	}
	if known := sockets[key]; known != nil {
		unix.Close(known.fd)
	}
	sockets[key] = &donatedSocket{fd: mine, id: id, socket: socketOf(k.process, address)}
	d.onChange()
	return true
}

// socketOf tells of a socket that listens on an address such as "tcp [::]:3000".
func socketOf(process, address string) Socket {
	network, where, _ := strings.Cut(address, " ")
	s := Socket{Network: network, Address: where, Process: process}
	if host, port, err := net.SplitHostPort(where); err == nil {
		s.Address = host
		s.Port, _ = strconv.Atoi(port)
	}
	return s
}

// drop closes a socket that its process has closed on its own account.
func (d *donated) drop(k slotKey, id int, key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.slots[k][key]; s != nil && s.id == id {
		unix.Close(s.fd)
		delete(d.slots[k], key)
		d.onChange()
	}
}

// dropOthers closes the sockets that the process with this id was given and does not listen on.
func (d *donated) dropOthers(k slotKey, id int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, s := range d.slots[k] {
		if s.id < id {
			d.log.Info("listening socket closed: nobody listens on it any more", zap.String("process", k.process), zap.String("address", s.socket.Address), zap.Int("port", s.socket.Port))
			unix.Close(s.fd)
			delete(d.slots[k], key)
		}
	}
	d.onChange()
}

// inherit duplicates the sockets of a slot for a process about to start, by key; the caller closes them.
func (d *donated) inherit(k slotKey) (keys []string, fds []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key := range d.slots[k] {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for i, key := range keys {
		fd, err := unix.FcntlInt(uintptr(d.slots[k][key].fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			d.log.Warn("listening socket not passed on", zap.String("process", k.process), zap.Error(err))
			return keys[:i], fds
		}
		fds = append(fds, fd)
	}
	return keys, fds
}

// release closes the sockets of a process: nobody is going to listen on them soon.
func (d *donated) release(process string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, sockets := range d.slots {
		if k.process == process {
			closeDonated(sockets)
			delete(d.slots, k)
		}
	}
}

// close closes all.
func (d *donated) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, sockets := range d.slots {
		closeDonated(sockets)
		delete(d.slots, k)
	}
}

func closeDonated(sockets map[string]*donatedSocket) {
	for _, s := range sockets {
		unix.Close(s.fd)
	}
}

// list tells of all sockets, ordered by process and address.
func (d *donated) list() []Socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Socket
	for _, sockets := range d.slots {
		for _, s := range sockets {
			all = append(all, s.socket)
		}
	}
	slices.SortFunc(all, func(a, b Socket) int {
		if c := strings.Compare(a.Process, b.Process); c != 0 {
			return c
		}
		if a.Port != b.Port {
			return a.Port - b.Port
		}
		return strings.Compare(a.Address, b.Address)
	})
	return all
}
