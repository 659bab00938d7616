package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

const (
	// configName is the object that keeps what applications tell each other by topic.
	configName = "__PANDORA_HUB_CONFIG_MANAGER"
	// subscriberSuffix is what the name of an object ends in that is told of events of another.
	subscriberSuffix = "@subscriber"
	// maxTopics and maxTopicBytes bound what is kept.
	maxTopics     = 10_000
	maxTopicBytes = 16 << 20
)

// hubConfig is the one object that the hub itself publishes, as the daemon of the original: values by topic, and who wants
// to be told of them.
type hubConfig struct {
	hub *Hub

	mu     sync.Mutex // guards everything below
	values map[string]json.RawMessage
	bytes  int
	// subscribers counts the subscriptions of a topic by connection.
	subscribers map[string]map[*Conn]int
}

func newHubConfig(h *Hub) *hubConfig {
	k := &hubConfig{hub: h, values: map[string]json.RawMessage{}, subscribers: map[string]map[*Conn]int{}}
	h.server.OnClose(func(c *Conn) {
		k.mu.Lock()
		defer k.mu.Unlock()
		for topic, conns := range k.subscribers {
			if delete(conns, c); len(conns) == 0 {
				delete(k.subscribers, topic)
			}
		}
	})
	return k
}

// objectMessage is a message to an object.
type objectMessage struct {
	Action       string            `json:"action"`
	Host         json.RawMessage   `json:"host"`
	Broadcast    json.RawMessage   `json:"broadcast"`
	PropertyName string            `json:"propertyName"`
	Register     string            `json:"register"`
	Data         []json.RawMessage `json:"data"`
}

// message answers a message to the object.
func (k *hubConfig) message(c *Conn, data json.RawMessage, reply func(any)) {
	var m objectMessage
	err := json.Unmarshal(data, &m)
	var result any
	if err == nil {
		result, err = k.act(c, m, data)
	}
	answer := hubReply{Remote: m.Host, Success: true}
	if err == nil && result != nil {
		answer.Data, err = json.Marshal(result)
	}
	if err != nil {
		answer = hubReply{Remote: m.Host, Error: newHubError("PANDORA_HUB_CONFIG", err)}
	}
	if comparable(m.Broadcast) == "" {
		reply(answer)
		return
	}
	// Who asks all gets the answers of all, here of one.
	one, err := json.Marshal(answer)
	if err != nil {
		reply(hubReply{Remote: m.Host, Error: newHubError("PANDORA_HUB_CONFIG", err)})
		return
	}
	reply(hubReply{Remote: m.Host, Success: true, BatchReply: []json.RawMessage{one}})
}

// act does what a message asks for.
func (k *hubConfig) act(c *Conn, m objectMessage, data json.RawMessage) (any, error) {
	switch m.Action {
	case "OBJECT_ACTION_INTROSPECT":
		return k.introspection(), nil
	case "OBJECT_ACTION_GET_PROPERTY":
		if m.PropertyName == "config" {
			return k.get(""), nil
		}
		return nil, nil
	case "OBJECT_ACTION_SUBSCRIBE":
		return nil, k.subscribe(c, m.Register)
	case "OBJECT_ACTION_UNSUBSCRIBE":
		k.unsubscribe(c, m.Register)
		return nil, nil
	case "OBJECT_ACTION_INVOKE":
		return k.invoke(m)
	case "echo":
		return map[string]any{"echo": data}, nil
	}
	return nil, nil // as a client that has no handler for it
}

// introspection tells the members of the object, as a client that proxies it asks for.
func (k *hubConfig) introspection() any {
	type member struct {
		Name   string `json:"name"`
		Length *int   `json:"length,omitempty"`
		Type   string `json:"type"`
	}
	var methods []member
	for _, m := range []struct {
		name   string
		length int
	}{{"getConfig", 1}, {"publish", 2}, {"getAllTopics", 1}, {"getAllSubscribedTopics", 1}} {
		methods = append(methods, member{Name: m.name, Length: &m.length, Type: "function"})
	}
	return map[string]any{"properties": []member{{Name: "config", Type: "object"}}, "methods": methods}
}

// invoke calls a method.
func (k *hubConfig) invoke(m objectMessage) (any, error) {
	text := func(i int) string {
		var s string
		if i < len(m.Data) {
			_ = json.Unmarshal(m.Data[i], &s) // another type is no topic, and so is none
		}
		return s
	}
	switch m.PropertyName {
	case "getConfig":
		return k.get(text(0)), nil
	case "publish":
		value := json.RawMessage("null")
		if len(m.Data) > 1 {
			value = m.Data[1]
		}
		return nil, k.publish(text(0), value)
	case "getAllTopics":
		k.mu.Lock()
		defer k.mu.Unlock()
		return withPrefix(maps.Keys(k.values), text(0)), nil
	case "getAllSubscribedTopics":
		k.mu.Lock()
		defer k.mu.Unlock()
		return withPrefix(maps.Keys(k.subscribers), text(0)), nil
	}
	return nil, fmt.Errorf("Cannot found method called %s within object {\"name\":%q}", m.PropertyName, configName)
}

// withPrefix sorts the names that begin with prefix; never nil.
func withPrefix(names func(func(string) bool), prefix string) []string {
	found := []string{}
	for name := range names {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// get is the value of a topic, nil if there is none, or of "" all values by topic.
func (k *hubConfig) get(topic string) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if topic == "" {
		return maps.Clone(k.values)
	}
	if value, ok := k.values[topic]; ok {
		return value
	}
	return nil
}

// publish keeps a value and tells whoever has subscribed.
func (k *hubConfig) publish(topic string, value json.RawMessage) error {
	if topic == "" || len(topic) > maxSelectorValue {
		return fmt.Errorf("publish a config: expected a topic of 1 to %d bytes, got %d", maxSelectorValue, len(topic))
	}
	k.mu.Lock()
	old, known := k.values[topic]
	size := k.bytes - len(old) + len(value)
	if !known {
		size += len(topic)
	}
	if size > maxTopicBytes || !known && len(k.values) >= maxTopics {
		k.mu.Unlock()
		return fmt.Errorf("publish config %q: all topics together may have %d bytes and be %d", topic, maxTopicBytes, maxTopics)
	}
	k.values[topic], k.bytes = value, size
	k.mu.Unlock()
	return k.tell(topic, value)
}

// tell tells the processes that have subscribed to any topic; each knows to which.
func (k *hubConfig) tell(topic string, value json.RawMessage) error {
	message, err := json.Marshal(map[string]any{
		"remote": map[string]string{"objectName": configName + subscriberSuffix}, "broadcast": true,
		"action": "OBJECT_ACTION_INVOKE", "propertyName": "callback", "data": []any{topic, []json.RawMessage{value}},
	})
	if err != nil {
		return err
	}
	k.hub.mu.Lock()
	clients := k.hub.routes.find(selector{objectName: "s" + configName + subscriberSuffix})
	k.hub.mu.Unlock()
	for _, client := range clients {
		k.hub.offer(client, message)
	}
	return nil
}

// subscribe counts a subscription of a connection.
func (k *hubConfig) subscribe(c *Conn, topic string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(topic) > maxSelectorValue || k.subscribers[topic] == nil && len(k.subscribers) >= maxTopics {
		return fmt.Errorf("subscribe to a config: a topic may have %d bytes, and there may be %d", maxSelectorValue, maxTopics)
	}
	if k.subscribers[topic] == nil {
		k.subscribers[topic] = map[*Conn]int{}
	}
	k.subscribers[topic][c]++
	return nil
}

// unsubscribe takes it back.
func (k *hubConfig) unsubscribe(c *Conn, topic string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	conns := k.subscribers[topic]
	if conns == nil {
		return
	}
	if conns[c]--; conns[c] <= 0 {
		delete(conns, c)
	}
	if len(conns) == 0 {
		delete(k.subscribers, topic)
	}
}
