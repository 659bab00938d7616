package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	// maxSelectors bounds what one client publishes, maxSelectorValue the bytes of one value of a selector.
	maxSelectors     = 10_000
	maxSelectorValue = 1024
)

// selector names clients of the hub, or is what a client is known by. Values are compared as JavaScript's ===, so the
// type is part of them; "" is a value that was not given. The tag is in objectTag, where the original sends it and never
// compares it, or in tag, where it compares it and never sends it.
type selector struct {
	clientID, appName, processName, pid, objectName, tag string
}

// readSelector reads a selector; null and a missing one are an error.
func readSelector(raw json.RawMessage) (selector, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return selector{}, fmt.Errorf("Selector is required, but got %s", orUndefined(raw))
	}
	var s selector
	var plainTag string
	var long error
	object := members(raw, func(name []byte, value json.RawMessage) {
		var to *string
		switch string(name) {
		case "clientId":
			to = &s.clientID
		case "appName":
			to = &s.appName
		case "processName":
			to = &s.processName
		case "pid":
			to = &s.pid
		case "objectName":
			to = &s.objectName
		case "objectTag":
			to = &s.tag
		case "tag":
			to = &plainTag
		default:
			return
		}
		if len(value) > maxSelectorValue {
			long = fmt.Errorf("Selector expects a %s of at most %d bytes, but got %d", name, maxSelectorValue, len(value))
			return
		}
		*to = comparable(value)
	})
	if !object {
		return selector{}, fmt.Errorf("Selector expects an object, but got %.100s", raw)
	}
	if s.tag == "" {
		s.tag = plainTag
	}
	return s, long
}

// orUndefined is a JSON value as the original shows it.
func orUndefined(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "undefined"
	}
	return string(raw)
}

// comparable is a JSON value with its type, such that equal ones are equal in JavaScript; "" for all that is falsy.
func comparable(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		if end := len(raw) - 1; end > 1 && skipPlain(raw, 1) == end {
			return "s" + string(raw[1:end])
		}
		var text string
		if json.Unmarshal(raw, &text) != nil || text == "" {
			return ""
		}
		return "s" + text
	case 'n', 'f':
		return ""
	case '{', '[', 't':
		return string(raw)
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || n == 0 {
		return ""
	}
	return "n" + strconv.FormatFloat(n, 'g', -1, 64)
}

// matches reports whether a target is among those that s names: each value that s has is the target's, too. Who names an
// object means the one with just this tag, or without one.
func (s selector) matches(target selector) bool {
	for _, pair := range [...][2]string{
		{s.clientID, target.clientID}, {s.appName, target.appName}, {s.processName, target.processName},
		{s.pid, target.pid}, {s.objectName, target.objectName}, {s.tag, target.tag},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return s.objectName == "" || s.tag == target.tag
}

// hubClient is a connection to the hub and what it is known by.
type hubClient struct {
	conn      *Conn
	selectors []selector
	// waiting counts the calls that it has not answered.
	waiting atomic.Int64
	// turn is when it was called last, for those that wait as long.
	turn atomic.Uint64
	// watching are the names of the objects whose next change it is told.
	watching map[string]struct{}
}

// gone reports whether the connection has ended: its calls are told of that before the client is forgotten.
func (c *hubClient) gone() bool {
	select {
	case <-c.conn.stop:
		return true
	default:
		return false
	}
}

// routes knows the clients of a hub, in the order of their connections. It is not safe for concurrent use.
type routes struct {
	clients []*hubClient
	byConn  map[*Conn]*hubClient
	// byObject are the clients that have published an object, by its name.
	byObject map[string][]*hubClient
	// watchers are those who are told of the next change of byObject, by its name.
	watchers map[string]map[*hubClient]struct{}
	// changes are those that have not been told yet.
	changes []change
}

// change is what one client is told: the object of that name has got, or lost, one that has published it.
type change struct {
	to         *Conn
	objectName string
}

func newRoutes() *routes {
	return &routes{byConn: map[*Conn]*hubClient{}, byObject: map[string][]*hubClient{}, watchers: map[string]map[*hubClient]struct{}{}}
}

// watch lets a client be told of the next change of those who have published an object. name is a comparable.
func (r *routes) watch(c *Conn, name string) error {
	client := r.byConn[c]
	switch {
	case client == nil:
		return fmt.Errorf("Can not found client when watch()")
	case !strings.HasPrefix(name, "s"):
		return fmt.Errorf("watch expects an objectName that is a string")
	case len(client.watching) >= maxSelectors:
		return fmt.Errorf("a client can watch %d objects", maxSelectors)
	}
	if client.watching == nil {
		client.watching = map[string]struct{}{}
	}
	client.watching[name] = struct{}{}
	if r.watchers[name] == nil {
		r.watchers[name] = map[*hubClient]struct{}{}
	}
	r.watchers[name][client] = struct{}{}
	return nil
}

// changed notes that those who have published an object are others.
func (r *routes) changed(name string) {
	for client := range r.watchers[name] {
		delete(client.watching, name)
		r.changes = append(r.changes, change{to: client.conn, objectName: name[1:]})
	}
	delete(r.watchers, name)
}

// takeChanges returns what is to be told, once.
func (r *routes) takeChanges() []change {
	changes := r.changes
	r.changes = nil
	return changes
}

// of is the client of a connection, made if there is none.
func (r *routes) of(c *Conn) *hubClient {
	client := r.byConn[c]
	if client == nil {
		client = &hubClient{conn: c}
		r.byConn[c] = client
		r.clients = append(r.clients, client)
	}
	return client
}

// add makes a client known by a selector.
func (r *routes) add(c *Conn, s selector) error {
	client := r.of(c)
	if slices.Contains(client.selectors, s) {
		return nil // said again after a reconnect
	}
	if len(client.selectors) >= maxSelectors {
		return fmt.Errorf("a client can publish %d selectors", maxSelectors)
	}
	client.selectors = append(client.selectors, s)
	if s.objectName != "" {
		if !slices.Contains(r.byObject[s.objectName], client) {
			r.byObject[s.objectName] = append(r.byObject[s.objectName], client)
		}
		r.changed(s.objectName)
	}
	return nil
}

// remove forgets what a client is known by, as far as s names it.
func (r *routes) remove(c *Conn, s selector) error {
	client := r.byConn[c]
	if client == nil {
		return fmt.Errorf("Can not found client when forgetRelation()")
	}
	var names []string
	client.selectors = slices.DeleteFunc(client.selectors, func(target selector) bool {
		gone := s.matches(target)
		if gone && target.objectName != "" {
			names = append(names, target.objectName)
		}
		return gone
	})
	for _, name := range names {
		r.changed(name)
		if !slices.ContainsFunc(client.selectors, func(s selector) bool { return s.objectName == name }) {
			r.unlist(name, client)
		}
	}
	return nil
}

// forget forgets a client.
func (r *routes) forget(c *Conn) {
	client := r.byConn[c]
	if client == nil {
		return
	}
	delete(r.byConn, c)
	r.clients = slices.DeleteFunc(r.clients, func(other *hubClient) bool { return other == client })
	for name := range client.watching {
		if delete(r.watchers[name], client); len(r.watchers[name]) == 0 {
			delete(r.watchers, name)
		}
	}
	for _, s := range client.selectors {
		if s.objectName != "" {
			r.unlist(s.objectName, client)
			r.changed(s.objectName)
		}
	}
}

// unlist takes a client from those that have published an object.
func (r *routes) unlist(name string, client *hubClient) {
	left := slices.DeleteFunc(r.byObject[name], func(other *hubClient) bool { return other == client })
	if len(left) == 0 {
		delete(r.byObject, name)
		return
	}
	r.byObject[name] = left
}

// find lists the clients that s names.
func (r *routes) find(s selector) []*hubClient {
	among := r.clients
	if s.objectName != "" {
		among = r.byObject[s.objectName]
	}
	var found []*hubClient
	for _, client := range among {
		if !client.gone() && slices.ContainsFunc(client.selectors, s.matches) {
			found = append(found, client)
		}
	}
	return found
}

// fairest is the client with the fewest calls to answer; of several the one whose last call is the longest ago.
func fairest(clients []*hubClient) *hubClient {
	return slices.MinFunc(clients, func(a, b *hubClient) int {
		if x, y := a.waiting.Load(), b.waiting.Load(); x != y {
			return int(x - y)
		}
		if x, y := a.turn.Load(), b.turn.Load(); x < y {
			return -1
		} else if x > y {
			return 1
		}
		return 0
	})
}
