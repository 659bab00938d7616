package endpoints

import (
	"slices"
	"sync"
	"time"
)

// keptChanges is how many of the last changes of health are kept for an application.
const keptChanges = 50

// maxWatched bounds the components of an application whose changes are followed.
const maxWatched = 1024

// changes follows the health of applications, and tells what has changed.
type changes struct {
	tell func(Transition) // may be nil

	mu sync.Mutex
	// apps is guarded by mu.
	apps map[string]*history
}

// history is the health of one application over time.
type history struct {
	// id is the start of the application that the states are of.
	id string
	// up is the last state by component; "" is the application.
	up map[string]bool
	// last are the last changes, oldest first.
	last []Transition
}

// note takes what was found, and tells the differences from the time before. The first state of a start is a change only
// when it is DOWN.
func (c *changes) note(app Application, h *appHealth) {
	now := time.Now()
	found := make([]Transition, 0, 1+len(h.components))
	down := Transition{App: app.Name, Up: true, At: now}
	for _, one := range h.components {
		if !one.known {
			continue
		}
		t := Transition{App: app.Name, Process: one.process, Indicator: one.name, Up: one.up, At: now}
		if !one.up {
			t.Reason = one.description
			if one.critical && down.Up {
				down.Up, down.Reason = false, one.name
				if one.description != "" {
					down.Reason += ": " + one.description
				}
			}
		}
		found = append(found, t)
	}
	c.take(app, append(found, down))
}

// take keeps the changes among the found states, and tells them.
func (c *changes) take(app Application, found []Transition) {
	var news []Transition
	c.mu.Lock()
	one := c.apps[app.Name]
	if one == nil {
		one = &history{}
		c.apps[app.Name] = one
	}
	if one.up == nil || one.id != app.ID {
		one.id, one.up = app.ID, map[string]bool{}
	}
	for _, t := range found {
		before, known := one.up[t.Indicator]
		if !known && len(one.up) >= maxWatched {
			continue
		}
		one.up[t.Indicator] = t.Up
		if known && before != t.Up || !known && !t.Up {
			news = append(news, t)
		}
	}
	one.last = append(one.last, news...)
	if over := len(one.last) - keptChanges; over > 0 {
		one.last = slices.Delete(one.last, 0, over)
	}
	c.mu.Unlock()
	if c.tell == nil {
		return
	}
	for _, t := range news {
		c.tell(t)
	}
}

// of returns the last changes of an application, oldest first.
func (c *changes) of(app string) []Transition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.apps[app]; one != nil {
		return slices.Clone(one.last)
	}
	return nil
}

// keep forgets applications that are not known any more, and the states of those that do not run.
func (c *changes) keep(known []Application) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, one := range c.apps {
		at := slices.IndexFunc(known, func(app Application) bool { return app.Name == name })
		switch {
		case at < 0:
			delete(c.apps, name)
		case !known[at].Running:
			one.up = nil
		}
	}
}
