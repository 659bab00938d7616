package endpoints

import (
	"encoding/json"
	"slices"
	"time"
)

// The groups of /health that are always there, and the states of processes that they consist of. The probes answer the
// same.
const (
	groupLiveness  = "liveness"
	groupReadiness = "readiness"
	livenessState  = "livenessState"
	readinessState = "readinessState"
)

// Who sees the details of health.
const (
	showTrusted = "whenAuthorized"
	showAlways  = "always"
	showNever   = "never"
)

const (
	// defaultWatch is how often health is looked at when nobody asks.
	defaultWatch = 10 * time.Second
	minWatch     = time.Second
	maxGroups    = 64
)

// healthView are the settings of how health is shown.
type healthView struct {
	show string
	// watch is 0 when health is looked at only when somebody asks.
	watch  time.Duration
	groups map[string]healthGroup
	// nonCritical are Indicators whose DOWN leaves the application UP.
	nonCritical map[string]bool
}

// shows reports whether a client sees details.
func (v healthView) shows(trusted bool) bool {
	return v.show == showAlways || v.show == showTrusted && trusted
}

// decodeView reads actuator.endPoint.health.{showDetails,intervalMs,groups} and initConfig.<name>.critical.
func decodeView(points section) (healthView, error) {
	v := healthView{show: showTrusted, watch: defaultWatch, nonCritical: map[string]bool{}, groups: map[string]healthGroup{
		groupLiveness:  {include: []string{livenessState}},
		groupReadiness: {include: []string{readinessState}},
	}}
	if raw, ok := points.values[nameHealth]; ok && !isTruthy(raw) {
		return v, nil
	}
	point, err := points.object(nameHealth)
	if err != nil {
		return v, err
	}
	if raw, ok := point.value("showDetails"); ok {
		if json.Unmarshal(raw, &v.show) != nil || !slices.Contains([]string{showTrusted, showAlways, showNever}, v.show) {
			return v, point.wrong("showDetails", raw, `"whenAuthorized", "always" or "never"`)
		}
	}
	if raw, ok := point.value("intervalMs"); ok {
		var ms float64
		if json.Unmarshal(raw, &ms) != nil || ms != 0 && ms < float64(minWatch.Milliseconds()) || ms > float64(maxInterval.Milliseconds()) {
			return v, point.wrong("intervalMs", raw, "milliseconds from 1000 to 86400000, or 0 to look only when somebody asks")
		}
		v.watch = time.Duration(ms * float64(time.Millisecond))
	}
	if err := v.decodeGroups(point); err != nil {
		return v, err
	}
	init, err := point.object("initConfig")
	if err != nil {
		return v, err
	}
	for name, raw := range init.values {
		var one map[string]json.RawMessage
		if json.Unmarshal(raw, &one) != nil {
			continue // settings of an Indicator that are not an object
		}
		if critical, ok := one["critical"]; ok && !isTruthy(critical) {
			v.nonCritical[name] = true
		}
	}
	return v, nil
}

func (v *healthView) decodeGroups(point section) error {
	groups, err := point.object("groups")
	if err != nil {
		return err
	}
	for name, raw := range groups.values {
		group, err := groups.object(name)
		if err != nil {
			return err
		}
		g := healthGroup{}
		for key, list := range map[string]*[]string{"include": &g.include, "exclude": &g.exclude} {
			if value, ok := group.value(key); ok && json.Unmarshal(value, list) != nil {
				return group.wrong(key, value, `a list of names of Indicators, as ["redis"], or ["*"] for all`)
			}
		}
		if name == groupLiveness {
			return groups.wrong(name, raw, "another name: liveness is that of the processes and never depends on other systems")
		}
		if name == "" || len(name) > maxNameBytes || len(v.groups) >= maxGroups {
			return groups.wrong(name, raw, "at most 64 groups with names of 1 to 256 bytes")
		}
		if name == groupReadiness && g.include != nil && !slices.Contains(g.include, readinessState) {
			g.include = append(g.include, readinessState) // one that is stopping is never ready
		}
		v.groups[name] = g
	}
	return nil
}
