package endpoints

import (
	lists "container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// crowd bounds the connections of a server. When there are too many, one that nobody is being answered on makes way: an
// idle one, or one whose request has not arrived yet; the oldest of them. So any number of idle or slow clients costs the
// daemon a bounded number of descriptors, and keeps nobody else from being answered.
type crowd struct {
	most int

	mu sync.Mutex
	// waiting are the connections that can make way, the oldest first; guarded by mu as all below.
	waiting *lists.List
	all     map[net.Conn]*guest
}

// guest is one connection of a crowd.
type guest struct {
	conn net.Conn
	// place is its element of waiting; nil while a request of it is being answered.
	place *lists.Element
}

// crowdKey finds a connection's member in the context of its requests.
type crowdKey struct{}

func newCrowd(most int) *crowd {
	return &crowd{most: most, waiting: lists.New(), all: map[net.Conn]*guest{}}
}

// attach lets the crowd follow a server's connections.
func (c *crowd) attach(web *http.Server) {
	handler := web.Handler
	web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m, ok := r.Context().Value(crowdKey{}).(*guest); ok {
			c.answering(m)
		}
		handler.ServeHTTP(w, r)
	})
	web.ConnState = func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateIdle:
			c.idle(conn)
		case http.StateClosed, http.StateHijacked:
			c.left(conn)
		}
	}
	web.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, crowdKey{}, c.enter(conn))
	}
}

// enter takes a new connection in, and makes the oldest that waits leave when there are too many.
func (c *crowd) enter(conn net.Conn) *guest {
	m := &guest{conn: conn}
	c.mu.Lock()
	m.place = c.waiting.PushBack(m)
	c.all[conn] = m
	var gone net.Conn
	if len(c.all) > c.most {
		gone = c.remove(c.waiting.Front().Value.(*guest))
	}
	c.mu.Unlock()
	if gone != nil {
		gone.Close()
	}
	return m
}

// answering keeps a connection from making way.
func (c *crowd) answering(m *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.place != nil && c.all[m.conn] == m {
		c.waiting.Remove(m.place)
		m.place = nil
	}
}

// idle lets a connection make way again.
func (c *crowd) idle(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.all[conn]; m != nil && m.place == nil {
		m.place = c.waiting.PushBack(m)
	}
}

func (c *crowd) left(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.all[conn]; m != nil {
		c.remove(m)
	}
}

// remove forgets a connection; c.mu is held.
func (c *crowd) remove(m *guest) net.Conn {
	if m.place != nil {
		c.waiting.Remove(m.place)
		m.place = nil
	}
	delete(c.all, m.conn)
	return m.conn
}
