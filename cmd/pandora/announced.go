package main

import (
	"encoding/json"

	"github.com/pandora-go/pandora/internal/remember"
	"github.com/pandora-go/pandora/internal/wire"
)

// announcedFrames is the message server as the endpoints see it: what Indicators announce with success is remembered for the
// next daemon, since those of npm's pandora-metrics do it only once.
type announcedFrames struct {
	*wire.Server
	memory *remember.Memory
}

// Handle adds a handler whose frames are kept when they are answered.
func (f announcedFrames) Handle(action string, handle func(c *wire.Conn, data json.RawMessage, reply func(any))) {
	f.Server.Handle(action, func(c *wire.Conn, data json.RawMessage, reply func(any)) {
		handle(c, data, func(answer any) {
			var m struct{ AppName, Group, ClientID string }
			if json.Unmarshal(data, &m) == nil {
				f.memory.Keep(c.ID(), action, data, "MESSENGER_DOWNLINK_"+m.AppName+"_"+m.Group+"_"+m.ClientID)
			}
			reply(answer)
		})
	})
}
