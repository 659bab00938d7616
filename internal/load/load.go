// Package load is an HTTP client that counts every request: for tests and benchmarks that promise to lose none.
//
//	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
//	result := load.Run(ctx, load.Options{Address: "127.0.0.1:3000", Connections: 32, KeepAlive: true})
//
// It is a plain closed loop over sockets of its own: unlike net/http's client it repeats no request, so that what a
// server loses is seen. Run starts one goroutine per connection and waits for all of them. It is no tool for measuring
// latency under overload.
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// DefaultTimeout is after how long an unanswered request counts as hung.
const DefaultTimeout = 5 * time.Second

// Options say how to ask.
type Options struct {
	// Address is host:port, or the absolute path of a unix socket.
	Address string
	// Path is what is asked for; "" is "/".
	Path string
	// Connections is how many requests are under way at a time; 0 is one.
	Connections int
	// KeepAlive uses a connection until the server ends it; otherwise each request has its own.
	KeepAlive bool
	// Think is the pause between two requests of one connection; 0 is none.
	Think time.Duration
	// Timeout is after how long a request counts as hung; 0 is DefaultTimeout.
	Timeout time.Duration
	// Failed, if not nil, is told of each request that was not answered and when it began; it is called from many
	// goroutines and must not block for long.
	Failed func(began time.Time, err error)
}

// Result is what became of the requests.
type Result struct {
	// OK were answered with a status below 500; Failed were not, Hung of these because no answer came in time.
	OK, Failed, Hung int
	// Errors count the failures by what went wrong.
	Errors map[string]int
	// Bodies count the answers by the first word of their body.
	Bodies map[string]int
	// Slowest is the longest time that an answered request took.
	Slowest time.Duration
	// Took is how long the run was.
	Took time.Duration
}

// String is a sentence.
func (r Result) String() string {
	return fmt.Sprintf("%d ok, %d failed (%d hung) %v, slowest %v, %.0f/s", r.OK, r.Failed, r.Hung, r.Errors,
		r.Slowest.Round(time.Millisecond), float64(r.OK)/max(r.Took.Seconds(), 0.001))
}

// Run asks until ctx ends; requests that are under way then are finished.
func Run(ctx context.Context, o Options) Result {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Path == "" {
		o.Path = "/"
	}
	total := Result{Errors: map[string]int{}, Bodies: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for range max(o.Connections, 1) {
		wg.Go(func() {
			r := client{Options: o}
			r.run(ctx)
			mu.Lock()
			defer mu.Unlock()
			total.Add(r.result)
		})
	}
	wg.Wait()
	total.Took = time.Since(began)
	return total
}

// Add adds the counts of another result; Took stays.
func (r *Result) Add(other Result) {
	r.OK += other.OK
	r.Failed += other.Failed
	r.Hung += other.Hung
	r.Slowest = max(r.Slowest, other.Slowest)
	for text, n := range other.Errors {
		r.Errors[text] += n
	}
	for text, n := range other.Bodies {
		r.Bodies[text] += n
	}
}

// client is one connection's loop.
type client struct {
	Options
	conn   net.Conn
	reader *bufio.Reader
	result Result
}

func (c *client) run(ctx context.Context) {
	c.result = Result{Errors: map[string]int{}, Bodies: map[string]int{}}
	defer c.drop()
	for ctx.Err() == nil {
		began := time.Now()
		body, err := c.ask()
		switch {
		case err == nil:
			c.result.OK++
			c.result.Bodies[body]++
			c.result.Slowest = max(c.result.Slowest, time.Since(began))
		default:
			c.result.Failed++
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.result.Hung++
			}
			c.result.Errors[reason(err)]++
			if c.Failed != nil {
				c.Failed(began, err)
			}
			c.drop()
		}
		select {
		case <-ctx.Done():
		case <-time.After(c.Think):
		}
	}
}

// reason is an error without what differs from one connection to the next.
func reason(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

func (c *client) drop() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// ask sends a request and reads the whole answer; it returns the first word of the body.
func (c *client) ask() (string, error) {
	if c.conn != nil && c.ended() {
		c.drop()
	}
	if c.conn == nil {
		network := "tcp"
		if strings.HasPrefix(c.Address, "/") {
			network = "unix"
		}
		conn, err := net.DialTimeout(network, c.Address, c.Timeout)
		if err != nil {
			return "", err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.Timeout)); err != nil {
		return "", err
	}
	mode := "keep-alive"
	if !c.KeepAlive {
		mode = "close"
	}
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n", c.Path, mode); err != nil {
		return "", fmt.Errorf("send: %w", err)
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the body: %w", err)
	}
	if response.Close || !c.KeepAlive {
		c.drop()
	}
	if response.StatusCode >= http.StatusInternalServerError {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return word, nil
}

// ended reports whether the server has ended the idle connection, as every client looks before it uses one again.
func (c *client) ended() bool {
	if c.conn.SetReadDeadline(time.Now().Add(50*time.Microsecond)) != nil {
		return true
	}
	_, err := c.reader.Peek(1)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}
