package endpoints

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
)

// health serves /health: the built-in checks of each running application and the rows of its Indicators, whose row
// takes the place of a built-in one with the same key.
//
// The status is 200 when everything asked for is UP and 503 when an application is DOWN. An application that is known
// and does not run is 503, one that nobody knows 404, both with a failure envelope. (The original answers these two
// with a 500 page and everything else with 200.) With legacyStatus every one of them is 200.
func (s *Server) health(ctx context.Context, r request) (answer, error) {
	name := r.query.get("appName")
	known := s.source.Applications()
	s.checks.keep(known)
	var apps []Application
	stopped := map[string]bool{}
	for _, app := range known {
		switch {
		case !app.Running:
			stopped[app.Name] = true
		case name == "" || name == app.Name:
			apps = append(apps, app)
		}
	}
	if name != "" && stopped[name] && len(apps) == 0 {
		return fail(s.healthStatus(http.StatusServiceUnavailable), "Application "+name+" is not running")
	}
	var rows []appRows
	var builtin [][]health
	var wg sync.WaitGroup
	wg.Go(func() { builtin = s.checks.run(ctx, apps) })
	rows = s.groups.invoke(ctx, nameHealth, name, r.query.args())
	wg.Wait()

	results := collectHealth(apps, builtin, rows, stopped)
	if name != "" {
		if len(results) == 0 {
			return fail(s.healthStatus(http.StatusNotFound), appNotFound(name))
		}
		return ok(s.healthStatus(results[0].status()), results[0].json())
	}
	all, status := ordered{}, http.StatusOK
	for _, result := range results {
		all = append(all, member{result.app, result.json()})
		if result.down {
			status = http.StatusServiceUnavailable
		}
	}
	return ok(s.healthStatus(status), all)
}

func (s *Server) healthStatus(status int) int {
	if s.options.LegacyStatus {
		return http.StatusOK
	}
	return status
}

// appHealth is the health of one application.
type appHealth struct {
	app   string
	down  bool
	rows  ordered
	index map[string]int // of rows, by key
}

// collectHealth puts the rows together by application: first the given ones with their built-in rows, then those that
// are known only by their Indicators (a process that uses the client library on its own).
func collectHealth(apps []Application, builtin [][]health, rows []appRows, stopped map[string]bool) []*appHealth {
	var results []*appHealth
	index := map[string]*appHealth{}
	for i, app := range apps {
		result := &appHealth{app: app.Name}
		for _, row := range builtin[i] {
			result.set(row.key, row.status)
		}
		results, index[app.Name] = append(results, result), result
	}
	for _, a := range rows {
		result := index[a.app]
		if result == nil {
			if stopped[a.app] {
				continue // its last workers are still going
			}
			result = &appHealth{app: a.app}
			results, index[a.app] = append(results, result), result
		}
		for _, row := range a.rows {
			if len(row.Data) > 0 {
				result.set(row.Key, row.Data)
			}
		}
	}
	for _, result := range results {
		for _, m := range result.rows {
			result.down = result.down || isDown(m.value)
		}
	}
	return results
}

// set adds a row, or replaces the status of the row with that key.
func (h *appHealth) set(key string, status any) {
	at, ok := h.index[key]
	if ok {
		h.rows[at].value = status
		return
	}
	if h.index == nil {
		h.index = map[string]int{}
	}
	h.index[key] = len(h.rows)
	h.rows = append(h.rows, member{key, status})
}

// isDown tells whether a row is exactly DOWN.
func isDown(value any) bool {
	switch v := value.(type) {
	case string:
		return v == statusDown
	case json.RawMessage:
		var s string
		return json.Unmarshal(v, &s) == nil && s == statusDown
	}
	return false
}

func (h *appHealth) status() int {
	if h.down {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// json is {"status":…,"<key>":{"status":…},…}. A row named "status" counts and is not shown.
func (h *appHealth) json() ordered {
	overall := statusUp
	if h.down {
		overall = statusDown
	}
	o := ordered{{"status", overall}}
	for _, m := range h.rows {
		if m.key != "status" {
			o = append(o, member{m.key, struct {
				Status any `json:"status"`
			}{m.value}})
		}
	}
	return o
}
