package endpoints

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// advice says what went wrong with a connection, and what to do about it.
func advice(err error) error {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		file      *fs.PathError
	)
	switch {
	case errors.As(err, &file):
		return err // of a file of the options, rather than of the connection
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused: nothing listens there; start the server, or correct the address")
	case errors.Is(err, syscall.ENOENT):
		return errors.New("there is no such socket: start the server, or correct the path")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return errors.New("not permitted: let the user of the daemon connect there")
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return errors.New("no route to that address: correct it, or see to the network")
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return fmt.Errorf("the name %q is not known: correct the host, or see to the DNS", dns.Name)
		}
		return fmt.Errorf("the name %q could not be looked up: %s", dns.Name, dns.Err)
	case errors.As(err, &authority):
		return errors.New("the certificate is signed by nobody who is trusted here: give its authority as tls.caFile, or tls.insecure")
	case errors.As(err, &name):
		return fmt.Errorf("the certificate is for another name: %v; give tls.serverName", name)
	case errors.As(err, &invalid):
		return fmt.Errorf("the certificate is not valid: %v", invalid)
	case errors.As(err, &record):
		return errors.New("the server does not speak TLS there: leave tls out, or correct the port")
	case errors.As(err, &alert):
		return fmt.Errorf("the server refused the TLS handshake: %v", alert)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return errors.New("the server closed the connection: see its log")
	case errors.Is(err, errTooMuch):
		return errTooMuch
	}
	return err
}

// errTooMuch is for a server that answers more than a check reads.
var errTooMuch = errors.New("the server answered more than a check reads: see whether it is the right one")

// boundedConn is a connection that gives so many bytes, and no more until it is granted more.
type boundedConn struct {
	net.Conn
	left int64
}

// maxAnswer is what a server may answer to one try.
const maxAnswer = 1 << 20

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.Conn.Read(p)
	c.left -= int64(n)
	return n, err
}

// shyConn is a connection on which nothing is heard before something was said. The client of net/http would write what a
// server says unasked into the log.
type shyConn struct {
	net.Conn
	once  sync.Once
	spoke chan struct{}
}

// Read implements net.Conn.
func (c *shyConn) Read(p []byte) (int, error) {
	<-c.spoke
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *shyConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.once.Do(func() { close(c.spoke) })
	return n, err
}

// Close implements net.Conn. Whoever waits in Read is told by the connection.
func (c *shyConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.spoke) })
	return err
}

// SyscallConn lets a driver see whether the connection still lives.
func (c *boundedConn) SyscallConn() (syscall.RawConn, error) {
	if inner, ok := c.Conn.(syscall.Conn); ok {
		return inner.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// dial connects.
func dial(ctx context.Context, at place) (net.Conn, error) {
	network, address := at.network, at.address
	if network == "tcp" {
		address = expandAddress(address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// dialSecure connects, with TLS if there is a configuration for it.
func dialSecure(ctx context.Context, at place, config *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx, at)
	if err != nil || config == nil {
		return conn, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// noDeadline takes a deadline away.
func noDeadline() time.Time { return time.Time{} }

// replyGuard reads what a Redis server answers, and refuses what would make the client reserve more memory than a check
// may take: it reserves what the server announces. Lists are refused as well, as no command of a check is answered by one.
type replyGuard struct {
	net.Conn
	left int64
	// payload is what is to come of a value, with its end; line is the first part of the line that is being read.
	payload int64
	line    []byte
}

// maxReplyLine is how much of a line has to be seen to know what follows.
const maxReplyLine = 24

// Read implements net.Conn.
func (g *replyGuard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, errTooMuch
	}
	if int64(len(p)) > g.left {
		p = p[:g.left]
	}
	n, err := g.Conn.Read(p)
	g.left -= int64(n)
	if bad := g.look(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

// look follows the protocol through what was read.
func (g *replyGuard) look(data []byte) error {
	for len(data) > 0 {
		if g.payload > 0 {
			n := min(int64(len(data)), g.payload)
			g.payload -= n
			data = data[n:]
			continue
		}
		end := bytes.IndexByte(data, '\n')
		part := data
		if end >= 0 {
			part = data[:end]
		}
		g.line = append(g.line, part[:min(len(part), max(0, maxReplyLine-len(g.line)))]...)
		if end < 0 {
			return nil
		}
		data = data[end+1:]
		line := strings.TrimSuffix(string(g.line), "\r")
		g.line = g.line[:0]
		if line == "" {
			continue
		}
		switch line[0] {
		case '$':
			size, err := strconv.ParseInt(line[1:], 10, 64)
			if err != nil || size > maxAnswer {
				return errTooMuch
			}
			if size >= 0 {
				g.payload = size + 2
			}
		case '+', '-', ':':
		default:
			return fmt.Errorf("it answered %q, which is not the protocol of Redis: see whether it is the right server", line)
		}
	}
	return nil
}
