package endpoints

import (
	"context"
	"sync"
)

// Verdict is what the health checks of an application say together.
type Verdict struct {
	App string
	Up  bool
	// Reason says which check makes it DOWN, and why; "" otherwise.
	Reason string
}

// Verdicts evaluates the health of all running applications, as /health does and sharing what that has found a moment ago;
// none where the EndPoint health is switched off.
func (s *Server) Verdicts(ctx context.Context) []Verdict {
	if !s.options.EndPoints[nameHealth].Enabled {
		return nil
	}
	known := s.source.Applications()
	s.keep(known)
	apps, _ := s.choose(known, "")
	all := make([]Verdict, len(apps))
	var wg sync.WaitGroup
	for i, app := range apps {
		wg.Go(func() { all[i] = s.healthOf(ctx, app).verdict() })
	}
	wg.Wait()
	return all
}

// verdict is UP unless a critical component says DOWN; the first that does is the reason.
func (h *appHealth) verdict() Verdict {
	v := Verdict{App: h.app, Up: !h.down()}
	for _, c := range h.components {
		if !c.up && c.critical {
			v.Reason = c.name
			if c.description != "" {
				v.Reason += ": " + oneLine(c.description)
			}
			break
		}
	}
	return v
}
