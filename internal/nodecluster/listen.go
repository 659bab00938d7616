package nodecluster

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// The bits of Node's flags, which are libuv's.
	flagIPv6Only  = 1
	flagReuseAddr = 4

	// defaultBacklog is Node's.
	defaultBacklog = 511
	// maxUnixPath is the longest path that fits a socket address on every system.
	maxUnixPath = 103
)

// spec says which socket to make.
type spec struct {
	// network is tcp, udp or unix.
	network string
	// address is an IP address, "" for all of them; or a path, or "@name" if abstract.
	address  string
	abstract bool
	port     int
	// six: udp6, or tcp on an IPv6 address.
	six                      bool
	flags                    int
	backlog                  int
	readableAll, writableAll bool
}

// String is the address as people write it.
func (s spec) String() string {
	if s.network == "unix" {
		return s.address
	}
	return net.JoinHostPort(s.address, strconv.Itoa(s.port))
}

// bound says where a socket is.
type bound struct {
	address string
	port    int
	six     bool
	// device and inode are those of a unix socket's file.
	device, inode uint64
}

// errnoOf is the system's error number in err, EINVAL if there is none.
func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EINVAL
}

// listen makes the socket of s: close-on-exec, non-blocking, bound and, unless UDP, listening. Listening at once, and
// not when the first worker does, makes a taken address known and gives connections a queue while no worker is there.
func listen(s spec) (int, bound, error) {
	if s.network == "unix" {
		return listenUnix(s)
	}
	if s.network == "tcp" && s.address == "" {
		all := s
		all.address = "::"
		fd, at, err := listenIP(all)
		switch errnoOf(err) {
		case unix.EAFNOSUPPORT, unix.EADDRNOTAVAIL, unix.EPROTONOSUPPORT:
			// There is no IPv6 here.
			all.address = "0.0.0.0"
			return listenIP(all)
		}
		return fd, at, err
	}
	if s.address == "" {
		s.address = "0.0.0.0"
		if s.six {
			s.address = "::"
		}
	}
	return listenIP(s)
}

// listenIP is listen for TCP and UDP.
func listenIP(s spec) (int, bound, error) {
	ip, err := netip.ParseAddr(s.address)
	if err != nil {
		return -1, bound{}, unix.EINVAL
	}
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if ip.Is6() {
		domain = unix.AF_INET6
	}
	if s.network == "udp" {
		typ = unix.SOCK_DGRAM
	}
	fd, err := newSocket(domain, typ)
	if err != nil {
		return -1, bound{}, err
	}
	at, err := bindIP(fd, s, ip)
	if err != nil {
		unix.Close(fd)
		return -1, bound{}, err
	}
	return fd, at, nil
}

// bindIP sets the options libuv would set, binds, listens, and tells where.
func bindIP(fd int, s spec, ip netip.Addr) (bound, error) {
	if s.network == "tcp" || s.flags&flagReuseAddr != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return bound{}, err
		}
	}
	if ip.Is6() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, s.flags&flagIPv6Only); err != nil {
			return bound{}, err
		}
	}
	if err := unix.Bind(fd, sockaddr(ip, s.port)); err != nil {
		return bound{}, err
	}
	if s.network == "tcp" {
		if err := unix.Listen(fd, backlogOf(s)); err != nil {
			return bound{}, err
		}
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return bound{}, err
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return bound{address: netip.AddrFrom4(name.Addr).String(), port: name.Port}, nil
	case *unix.SockaddrInet6:
		return bound{address: netip.AddrFrom16(name.Addr).String(), port: name.Port, six: true}, nil
	}
	return bound{}, unix.EAFNOSUPPORT
}

func sockaddr(ip netip.Addr, port int) unix.Sockaddr {
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	to := &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		if iface, err := net.InterfaceByName(zone); err == nil {
			to.ZoneId = uint32(iface.Index)
		} else if index, err := strconv.Atoi(zone); err == nil {
			to.ZoneId = uint32(index)
		}
	}
	return to
}

func backlogOf(s spec) int {
	if s.backlog <= 0 {
		return defaultBacklog
	}
	return s.backlog
}

// listenUnix is listen for unix sockets. A file that is left of a dead process is replaced.
func listenUnix(s spec) (int, bound, error) {
	fd, err := newSocket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		return -1, bound{}, err
	}
	at, err := bindUnix(fd, s)
	if errors.Is(err, unix.EADDRINUSE) && !s.abstract && stale(s.address) {
		if err = os.Remove(s.address); err == nil || errors.Is(err, os.ErrNotExist) {
			at, err = bindUnix(fd, s)
		}
	}
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.ENOENT) {
			err = unix.EACCES // which is what libuv makes of it
		}
		return -1, bound{}, err
	}
	return fd, at, nil
}

func bindUnix(fd int, s spec) (bound, error) {
	at := bound{address: s.address}
	err := withUnixAddress(s, func(to unix.Sockaddr) error { return unix.Bind(fd, to) })
	if err != nil {
		return at, err
	}
	if !s.abstract {
		var st unix.Stat_t
		if err := unix.Lstat(s.address, &st); err != nil {
			return at, err
		}
		at.device, at.inode = uint64(st.Dev), st.Ino
		if mode := modeOf(s); mode != 0 {
			if err := os.Chmod(s.address, mode); err != nil {
				at.unlink(s.address)
				return at, err
			}
		}
	}
	if err := unix.Listen(fd, backlogOf(s)); err != nil {
		at.unlink(s.address)
		return at, err
	}
	return at, nil
}

// modeOf is the file mode that readableAll and writableAll ask for, 0 for what the umask gives.
func modeOf(s spec) os.FileMode {
	if !s.readableAll && !s.writableAll {
		return 0
	}
	mode := os.FileMode(0o600)
	if s.readableAll {
		mode |= 0o444
	}
	if s.writableAll {
		mode |= 0o222
	}
	return mode
}

// withUnixAddress calls use with the socket address of s. A path that is too long is reached through its folder.
func withUnixAddress(s spec, use func(unix.Sockaddr) error) error {
	if s.abstract || len(s.address) <= maxUnixPath {
		return use(&unix.SockaddrUnix{Name: s.address})
	}
	dir, err := os.Open(filepath.Dir(s.address))
	if err != nil {
		return err
	}
	defer dir.Close()
	short := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(s.address)
	return use(&unix.SockaddrUnix{Name: short})
}

// stale reports whether path is a socket's file that no process listens on.
func stale(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	probe, err := newSocket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		return false
	}
	defer unix.Close(probe)
	err = withUnixAddress(spec{address: path}, func(to unix.Sockaddr) error { return unix.Connect(probe, to) })
	return errors.Is(err, unix.ECONNREFUSED)
}

// unlink removes the socket's file if it is still the one that was made.
func (b bound) unlink(path string) {
	var st unix.Stat_t
	if b.inode != 0 && unix.Lstat(path, &st) == nil && uint64(st.Dev) == b.device && st.Ino == b.inode {
		os.Remove(path)
	}
}

// ensureNonblock makes sure that fd is non-blocking. The flag is shared with every worker that has the socket, and a
// worker whose accept blocks stands still.
func ensureNonblock(fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if flags&unix.O_NONBLOCK != 0 {
		return nil
	}
	return unix.SetNonblock(fd, true)
}
