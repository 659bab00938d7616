package endpoints

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// healthForm is the shape of an answer of /health.
type healthForm int

const (
	// formOriginal is that of Pandora.js 1.x.
	formOriginal healthForm = iota
	// formSpring is that of Spring Boot's actuator.
	formSpring
	// formCheck is that of "Health Check Response Format for HTTP APIs" (draft-inadarei-api-health-check).
	formCheck
)

const (
	typeSpring = "application/vnd.spring-boot.actuator.v3+json"
	typeCheck  = "application/health+json"
)

// maxAccept bounds the media types that are looked at.
const maxAccept = 32

// negotiateHealth chooses the form by the Accept header; the original's for clients that do not care.
func negotiateHealth(h http.Header) healthForm {
	best, form := 0.0, formOriginal
	for i, part := range strings.SplitN(strings.Join(h.Values("Accept"), ","), ",", maxAccept+1) {
		if i == maxAccept {
			break
		}
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		of := formOriginal
		switch name {
		case typeCheck:
			of = formCheck
		case typeSpring, "application/vnd.spring-boot.actuator.v2+json":
			of = formSpring
		case "application/json", "*/*", "application/*":
		default:
			continue
		}
		if q > best {
			best, form = q, of
		}
	}
	return form
}

// formHealth writes the health of applications.
func (s *Server) formHealth(q healthQuery, status int, all []*appHealth) (healthPage, error) {
	switch q.view {
	case formSpring:
		var data ordered
		if q.app != "" {
			data = s.springHealth(q, all[0])
		} else {
			data = springParts(slices.ContainsFunc(all, (*appHealth).down), q.shown, len(all), func(i int) (string, any) {
				return all[i].app, s.springHealth(q, all[i])
			})
		}
		if q.name == "" {
			data = append(data, member{"groups", s.options.view.names()})
		}
		return plainPage(status, typeSpring, data)
	case formCheck:
		return plainPage(status, typeCheck, s.checkHealth(q, all))
	}
	if q.app != "" {
		return originalPage(status, all[0].original(q))
	}
	data := ordered{}
	for _, h := range all {
		data = append(data, member{h.app, h.original(q)})
	}
	return originalPage(status, data)
}

// healthProblem says why there is no health to show.
func (s *Server) healthProblem(q healthQuery, status int, message string) (healthPage, error) {
	switch q.view {
	case formSpring:
		word := "UNKNOWN"
		if status == http.StatusServiceUnavailable {
			word = "OUT_OF_SERVICE"
		}
		return plainPage(s.healthStatus(status), typeSpring, ordered{{"status", word}, {"description", message}})
	case formCheck:
		return plainPage(s.healthStatus(status), typeCheck, ordered{{"status", "fail"}, {"output", message}})
	}
	a, err := fail(s.healthStatus(status), message)
	return healthPage{status: a.status, contentType: a.contentType, head: a.body}, err
}

// names lists the groups.
func (v healthView) names() []string {
	names := make([]string, 0, len(v.groups))
	for name := range v.groups {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func plainPage(status int, contentType string, data any) (healthPage, error) {
	body, err := encodeJSON(data)
	return healthPage{status: status, contentType: contentType, head: body}, err
}

// originalPage is the success envelope, whose timestamp is written when it is sent.
func originalPage(status int, data any) (healthPage, error) {
	body, err := encodeJSON(data)
	head := bytes.Join([][]byte{[]byte(`{"data":`), body, []byte(`,"timestamp":`)}, nil)
	return healthPage{status: status, contentType: typeJSON, head: head, tail: []byte(`,"success":true,"message":""}`)}, err
}

// word is the status of the whole.
func word(down bool) string {
	if down {
		return statusDown
	}
	return statusUp
}

// original is {"status":…,"<key>":{"status":…},…}. A row named "status" counts and is not shown.
func (h *appHealth) original(q healthQuery) ordered {
	o := ordered{{"status", word(h.down())}}
	if !q.shown {
		return o
	}
	for _, c := range h.components {
		if c.name == "status" {
			continue
		}
		row := ordered{{"status", c.status}}
		if q.verbose {
			row = append(row, c.facts()...)
		}
		o = append(o, member{c.name, row})
	}
	return o
}

// facts are what is known of a component besides its status.
func (c component) facts() ordered {
	var o ordered
	if c.description != "" {
		o = append(o, member{"description", c.description})
	}
	o = append(o, member{"critical", c.critical})
	if c.process != "" {
		o = append(o, member{"process", c.process})
	}
	if len(c.details) > 0 {
		o = append(o, member{"details", c.details})
	}
	return append(o, member{"at", c.at.UTC().Format(time.RFC3339Nano)}, member{"tookMs", float64(c.took.Microseconds()) / 1000})
}

// springHealth is {"status":…,"components":{"<key>":{"status":…,"details":{…}}}}; the last changes follow.
func (s *Server) springHealth(q healthQuery, h *appHealth) ordered {
	o := springParts(h.down(), q.shown, len(h.components), func(i int) (string, any) {
		c := h.components[i]
		status := "UNKNOWN"
		if c.known {
			status = word(!c.up)
		}
		row := ordered{{"status", status}}
		if c.description != "" {
			row = append(row, member{"description", c.description})
		}
		details := map[string]any{}
		if len(c.details) > 0 && json.Unmarshal(c.details, &details) != nil {
			details = map[string]any{}
		}
		if !c.known {
			details["said"] = c.status
		}
		if !c.critical {
			details["critical"] = false
		}
		if len(details) > 0 {
			row = append(row, member{"details", details})
		}
		return c.name, row
	})
	if q.shown && q.name == "" {
		if last := s.changes.of(h.app); len(last) > 0 {
			o = append(o, member{"transitions", shownChanges(last)})
		}
	}
	return o
}

// springParts is a composite.
func springParts(down, shown bool, n int, part func(i int) (string, any)) ordered {
	o := ordered{{"status", word(down)}}
	if !shown {
		return o
	}
	parts := ordered{}
	for i := range n {
		name, value := part(i)
		parts = append(parts, member{name, value})
	}
	return append(o, member{"components", parts})
}

// shownChange is one change of health as it is shown.
type shownChange struct {
	At        string `json:"at"`
	Indicator string `json:"indicator,omitempty"`
	Process   string `json:"process,omitempty"`
	Status    string `json:"status"`
	Reason    string `json:"reason,omitempty"`
}

func shownChanges(list []Transition) []shownChange {
	out := make([]shownChange, len(list))
	for i, t := range list {
		out[i] = shownChange{t.At.UTC().Format(time.RFC3339Nano), t.Indicator, t.Process, word(!t.Up), t.Reason}
	}
	return out
}

// checkHealth is {"status":"pass|warn|fail","checks":{"<app>:<key>":[{…}]}}: warn when only what is not critical is DOWN.
func (s *Server) checkHealth(q healthQuery, all []*appHealth) ordered {
	status := "pass"
	checks := ordered{}
	for _, h := range all {
		for _, c := range h.components {
			one := "pass"
			switch {
			case !c.up && c.critical:
				one, status = "fail", "fail"
			case !c.up || !c.known:
				one = "warn"
				if status == "pass" {
					status = "warn"
				}
			}
			row := ordered{{"componentId", c.name}, {"status", one}, {"time", c.at.UTC().Format(time.RFC3339Nano)}}
			if c.description != "" {
				row = append(row, member{"output", c.description})
			}
			if len(c.details) > 0 {
				row = append(row, member{"observedValue", c.details})
			}
			key := c.name
			if q.app == "" {
				key = h.app + ":" + c.name
			}
			checks = append(checks, member{key, []any{row}})
		}
	}
	o := ordered{{"status", status}, {"version", "1"}, {"releaseId", s.source.Daemon().Versions["pandora"]}}
	if !q.shown {
		return o[:1]
	}
	if q.app != "" {
		o = append(o, member{"serviceId", q.app})
	}
	return append(o, member{"checks", checks})
}
