package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// The actions of the hub's protocol.
const (
	hubOnline    = "PANDORA_HUB_ACTION_ONLINE_UP"
	hubOffline   = "PANDORA_HUB_ACTION_OFFLINE_UP"
	hubPublish   = "PANDORA_HUB_ACTION_PUBLISH_UP"
	hubUnpublish = "PANDORA_HUB_ACTION_UNPUBLISH_UP"
	hubMessage   = "PANDORA_HUB_ACTION_MSG_UP"
	hubDeliver   = "PANDORA_HUB_ACTION_MSG_DOWN"
	// hubWatch asks to be told, once, with hubChanged, when those who have published an object are others: our own clients,
	// which then look again whom they can call without the hub.
	hubWatch   = "PANDORA_HUB_ACTION_WATCH_UP"
	hubChanged = "PANDORA_HUB_ACTION_CHANGED_DOWN"
)

const (
	// callTimeout is how long a call may take whose caller says nothing, as the original's TIMEOUT_OF_RESPONSE.
	callTimeout = 5 * time.Second
	// maxCallTimeout bounds what a caller may ask for.
	maxCallTimeout = 10 * time.Minute
	// maxBatch bounds the answers of several clients to one message, so that they fit into a frame with what is around them.
	maxBatch = MaxFrame - 4<<20
)

// Hub passes messages on between clients: the workers of all applications. A client is known by selectors, which are its
// location (application, process, pid, client id) and the objects that it has published; a message goes to one or all of
// the clients that a selector names. What a message says is not looked at.
//
// All methods may be called concurrently.
type Hub struct {
	server *Server
	log    *zap.Logger
	config *hubConfig
	turns  atomic.Uint64
	// passing is held for reading while a message is passed on, so that who has taken a route away can wait until nobody
	// takes it any more.
	passing sync.RWMutex

	mu     sync.Mutex // guards everything below
	routes *routes
}

// hubRequest is what the hub reads of a message.
type hubRequest struct {
	Host, Remote         json.RawMessage
	Broadcast, NeedReply bool
	TimeoutMs            float64
	// Data is read only where the hub itself is meant.
	Data json.RawMessage
}

// readRequest reads a message, which may be missing.
func readRequest(data json.RawMessage) (hubRequest, error) {
	var r hubRequest
	object := members(data, func(name []byte, value json.RawMessage) {
		switch string(name) {
		case "host":
			r.Host = value
		case "remote":
			r.Remote = value
		case "broadcast":
			r.Broadcast = comparable(value) != ""
		case "needReply":
			r.NeedReply = comparable(value) != ""
		case "timeout":
			r.TimeoutMs, _ = strconv.ParseFloat(string(value), 64) // what is no number is none
		case "data":
			r.Data = value
		}
	})
	if !object && len(data) > 0 && string(data) != "null" {
		return r, fmt.Errorf("read message of the hub: expected an object, got %.100s", data)
	}
	return r, nil
}

// hubReply is an answer of the hub's own.
type hubReply struct {
	Host       json.RawMessage   `json:"host,omitempty"`
	Remote     json.RawMessage   `json:"remote,omitempty"`
	Success    bool              `json:"success"`
	Error      *hubError         `json:"error,omitempty"`
	Data       json.RawMessage   `json:"data,omitempty"`
	BatchReply []json.RawMessage `json:"batchReply,omitempty"`
}

// hubError is an Error as the protocol has it. Name is left out for a plain Error, as in the original.
type hubError struct {
	Name    string `json:"name,omitempty"`
	Message string `json:"message"`
	Stack   string `json:"stack"`
	Code    string `json:"code"`
}

func newHubError(code string, err error) *hubError {
	return &hubError{Message: err.Error(), Stack: "Error: " + err.Error(), Code: code}
}

// answer is a client's answer that tells of the error alone.
func (e *hubError) answer() json.RawMessage {
	answer, _ := json.Marshal(hubReply{Error: e}) // strings alone
	return answer
}

// NewHub makes a hub of the clients of a server. It is called before Serve; the hub ends with the server.
func NewHub(server *Server, log *zap.Logger) *Hub {
	h := &Hub{server: server, log: log, routes: newRoutes()}
	h.config = newHubConfig(h)
	server.OnOpen(func(c *Conn) {
		_ = h.change(func(r *routes) error { return r.add(c, selector{}) }) // even one that says nothing is told what all are told
	})
	forget := func(c *Conn) {
		_ = h.change(func(r *routes) error {
			r.forget(c)
			return nil
		})
	}
	server.OnClose(forget)
	server.Handle(hubOnline, h.known(func(r hubRequest) json.RawMessage { return r.Host }, h.online))
	server.Handle(hubPublish, h.known(selectorOf, h.online))
	server.Handle(hubUnpublish, h.known(selectorOf, func(c *Conn, s selector) error {
		defer h.passed()
		return h.change(func(r *routes) error { return r.remove(c, s) })
	}))
	server.Handle(hubOffline, func(c *Conn, _ json.RawMessage, reply func(any)) {
		forget(c)
		h.passed()
		reply(hubReply{Success: true})
	})
	server.Handle(hubWatch, h.known(func(r hubRequest) json.RawMessage { return r.Data }, func(c *Conn, s selector) error {
		return h.change(func(r *routes) error { return r.watch(c, s.objectName) })
	}))
	server.Handle(hubMessage, h.message)
	return h
}

// passed returns when all that was being passed on at its call has been handed to whom it is for.
func (h *Hub) passed() {
	h.passing.Lock()
	defer h.passing.Unlock()
}

// online makes a client known by a selector.
func (h *Hub) online(c *Conn, s selector) error {
	return h.change(func(r *routes) error { return r.add(c, s) })
}

// change changes the routes and tells those who watch what has changed.
func (h *Hub) change(do func(*routes) error) error {
	h.mu.Lock()
	err := do(h.routes)
	told := h.routes.takeChanges()
	h.mu.Unlock()
	for _, change := range told {
		if offered := change.to.Offer(hubChanged, map[string]string{"objectName": change.objectName}); offered != nil {
			h.log.Debug("change of routes not told", zap.Int("pid", change.to.PeerPID()), zap.Error(offered))
		}
	}
	return err
}

// selectorOf is the selector of a message that publishes one.
func selectorOf(r hubRequest) (selector json.RawMessage) {
	members(r.Data, func(name []byte, value json.RawMessage) {
		if string(name) == "selector" {
			selector = value
		}
	})
	return selector
}

// known makes the handler of a message that changes what a client is known by.
func (h *Hub) known(where func(hubRequest) json.RawMessage, do func(*Conn, selector) error) func(*Conn, json.RawMessage, func(any)) {
	return func(c *Conn, data json.RawMessage, reply func(any)) {
		r, err := readRequest(data)
		var s selector
		if err == nil {
			s, err = readSelector(where(r))
		}
		if err == nil {
			err = do(c, s)
		}
		if err != nil {
			reply(hubReply{Error: newHubError("PANDORA_HUB_SELECTOR", err)})
			return
		}
		reply(hubReply{Success: true})
	}
}

// orNull is data as JSON also where there is none.
func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return json.RawMessage("null")
	}
	return data
}

// message passes a message on.
func (h *Hub) message(c *Conn, data json.RawMessage, reply func(any)) {
	r, err := readRequest(data)
	if err != nil {
		reply(hubReply{Error: newHubError("PANDORA_HUB_MESSAGE", err)})
		return
	}
	if !r.NeedReply {
		reply = func(any) {}
	}
	if r.Broadcast && comparable(r.Remote) == "" {
		h.mu.Lock()
		all := append([]*hubClient(nil), h.routes.clients...)
		h.mu.Unlock()
		for _, client := range all {
			h.offer(client, data)
		}
		reply(hubReply{Success: true})
		return
	}
	s, err := readSelector(r.Remote)
	if err != nil {
		reply(hubReply{Error: newHubError("PANDORA_HUB_SELECTOR", err)})
		return
	}
	if s.objectName == "s"+configName {
		h.config.message(c, data, reply)
		return
	}
	h.passing.RLock() // nothing that is called meanwhile waits for a peer
	defer h.passing.RUnlock()
	h.mu.Lock()
	found := h.routes.find(s)
	h.mu.Unlock()
	switch {
	case len(found) == 0:
		reply(hubReply{Error: newHubError("PANDORA_HUB_NOT_FOUND", fmt.Errorf("Cannot found any clients by selector: %s", r.Remote))})
	case r.Broadcast:
		h.toAll(c, found, r, data, reply)
	default:
		h.toOne(c, fairest(found), r, data, reply)
	}
}

// offer sends a message that nobody waits for the answer of.
func (h *Hub) offer(client *hubClient, data json.RawMessage) {
	client.turn.Store(h.turns.Add(1))
	if err := client.conn.Offer(hubDeliver, data); err != nil {
		h.log.Debug("hub message dropped", zap.Int("pid", client.conn.PeerPID()), zap.Error(err))
	}
}

// toOne sends a message of one client to another.
func (h *Hub) toOne(from *Conn, client *hubClient, r hubRequest, data json.RawMessage, reply func(any)) {
	if !r.NeedReply {
		h.offer(client, data)
		return
	}
	h.ask(from, client, r, data, func(answer json.RawMessage) {
		if client.conn.more.Load() {
			reply(gathered{answer})
			return
		}
		reply(answer)
	})
}

// toAll sends a message to several clients, and answers when all have answered, in the order of the clients.
func (h *Hub) toAll(from *Conn, clients []*hubClient, r hubRequest, data json.RawMessage, reply func(any)) {
	if !r.NeedReply {
		for _, client := range clients {
			h.offer(client, data)
		}
		return
	}
	answers := make([]json.RawMessage, len(clients))
	var left, size atomic.Int64
	left.Store(int64(len(clients)))
	for i, client := range clients {
		h.ask(from, client, r, data, func(answer json.RawMessage) {
			if size.Add(int64(len(answer))) > maxBatch {
				size.Add(-int64(len(answer)))
				answer = newHubError("PANDORA_HUB_MESSAGE", fmt.Errorf("answer of process %d left out: all together may have %d bytes",
					client.conn.PeerPID(), maxBatch)).answer()
			}
			answers[i] = answer
			if left.Add(-1) == 0 {
				reply(hubReply{Success: true, Remote: r.Host, BatchReply: answers})
			}
		})
	}
}

// ask sends a message to a client and calls done once, with its answer or with one that says why there is none.
func (h *Hub) ask(from *Conn, client *hubClient, r hubRequest, data json.RawMessage, done func(json.RawMessage)) {
	timeout := callTimeout
	if r.TimeoutMs > 0 {
		timeout = min(time.Duration(r.TimeoutMs*float64(time.Millisecond)), maxCallTimeout)
	}
	client.turn.Store(h.turns.Add(1))
	client.waiting.Add(1)
	err := client.conn.ask(hubDeliver, data, timeout, from.more.Load(), func(answer json.RawMessage, err error) {
		client.waiting.Add(-1)
		if err == nil {
			done(orNull(answer))
			return
		}
		done(failed(client, timeout, err))
	})
	if err != nil {
		client.waiting.Add(-1)
		done(failed(client, timeout, err))
	}
}

// failed is the answer for a client that gives none.
func failed(client *hubClient, timeout time.Duration, err error) json.RawMessage {
	e := newHubError("PANDORA_HUB_CLOSED", fmt.Errorf("process %d ended, or closed its connection, before it answered", client.conn.PeerPID()))
	switch {
	case errors.Is(err, ErrTimeout):
		e = newHubError("PANDORA_TIMEOUT", fmt.Errorf("target no response in %dms", timeout.Milliseconds()))
		e.Name = "MessengerRequestTimeoutError"
	case errors.Is(err, ErrBusy):
		e = newHubError("PANDORA_HUB_BUSY", fmt.Errorf("process %d has too much to answer: %w", client.conn.PeerPID(), err))
	}
	return e.answer()
}
