package procfile

import (
	"fmt"
	"slices"
	"strings"
)

// MaxScripts bounds the indicators, the reporters and the hooks of one application, each.
const MaxScripts = 1000

// Indicator is one check of an application that no worker makes: built in, or a function of the procfile.
type Indicator struct {
	// Name is unique within its group.
	Name string `json:"name"`
	// Group is the EndPoint it belongs to: "health" unless it says otherwise, and always for a built-in one.
	Group string `json:"group"`
	// Type is the kind of a built-in indicator, one of IndicatorTypes; "" for a scripted one.
	Type string `json:"type,omitempty"`
	// Options are what the procfile gave beside the other fields, as JSON values; never nil.
	Options map[string]any `json:"options"`
	// IntervalMs is how often it runs, TimeoutMs how long one run may take.
	IntervalMs int64 `json:"intervalMs"`
	TimeoutMs  int64 `json:"timeoutMs"`
	// Critical says that the application is DOWN when it is.
	Critical bool `json:"critical"`
	// Scripted says that a function of the procfile answers.
	Scripted bool `json:"scripted"`
	// At is where it is written, as "file:line:column"; "" when that is not known.
	At string `json:"at"`
}

// Reporter is one place that an application's metrics go to.
type Reporter struct {
	// Name is the name of a built-in reporter, or any for a scripted one; unique within the application.
	Name string `json:"name"`
	// Options are JSON values; never nil.
	Options map[string]any `json:"options"`
	// Scripted says that a class of the procfile reports.
	Scripted bool `json:"scripted"`
	// At is where it is written, as "file:line:column"; "" when that is not known.
	At string `json:"at"`
}

// Hook is a function of the procfile that is called on an event.
type Hook struct {
	// Event is one of HookEvents.
	Event string `json:"event"`
	// At is where it is written, as "file:line:column"; "" when that is not known.
	At string `json:"at"`
}

// IndicatorTypes are the types of built-in indicators.
func IndicatorTypes() []string {
	return []string{"mysql", "redis", "port", "rpc", "disk_space", "process", "event_loop", "memory"}
}

// HookEvents are the events that a procfile can have functions for.
func HookEvents() []string { return []string{"crash", "down", "up", "reload"} }

// Scripted reports whether the application has anything that a script host runs.
func (a *Application) Scripted() bool {
	return len(a.Hooks) > 0 || slices.ContainsFunc(a.Indicators, func(i Indicator) bool { return i.Scripted }) ||
		slices.ContainsFunc(a.Reporters, func(r Reporter) bool { return r.Scripted })
}

// cloneScripts makes the lists independent of those of another graph.
func (a *Application) cloneScripts() {
	a.Indicators, a.Reporters, a.Hooks = slices.Clone(a.Indicators), slices.Clone(a.Reporters), slices.Clone(a.Hooks)
	for i := range a.Indicators {
		a.Indicators[i].Options, _ = cloneJSON(a.Indicators[i].Options).(map[string]any)
	}
	for i := range a.Reporters {
		a.Reporters[i].Options, _ = cloneJSON(a.Reporters[i].Options).(map[string]any)
	}
}

// unplace forgets where indicators, reporters and hooks are written, as what they describe does not depend on it.
func (a *Application) unplace() {
	a.Indicators, a.Reporters, a.Hooks = slices.Clone(a.Indicators), slices.Clone(a.Reporters), slices.Clone(a.Hooks)
	for i := range a.Indicators {
		a.Indicators[i].At = ""
	}
	for i := range a.Reporters {
		a.Reporters[i].At = ""
	}
	for i := range a.Hooks {
		a.Hooks[i].At = ""
	}
}

// describedScripts adds indicators and reporters by name, and how many hooks each event has.
func describedScripts(a *Application, record map[string]any) {
	bare := *a
	bare.unplace()
	if len(bare.Indicators) > 0 {
		indicators := map[string]any{}
		for _, i := range bare.Indicators {
			indicators[i.Group+"/"+i.Name] = generic(i)
		}
		record["indicators"] = indicators
	}
	if len(bare.Reporters) > 0 {
		reporters := map[string]any{}
		for _, r := range bare.Reporters {
			reporters[r.Name] = generic(r)
		}
		record["reporters"] = reporters
	}
	if len(bare.Hooks) > 0 {
		hooks := map[string]any{}
		for _, h := range bare.Hooks {
			n, _ := hooks[h.Event].(float64)
			hooks[h.Event] = n + 1
		}
		record["hooks"] = hooks
	}
}

// fillScripts replaces absent options by empty ones.
func (a *Application) fillScripts() {
	for i := range a.Indicators {
		if a.Indicators[i].Options == nil {
			a.Indicators[i].Options = map[string]any{}
		}
	}
	for i := range a.Reporters {
		if a.Reporters[i].Options == nil {
			a.Reporters[i].Options = map[string]any{}
		}
	}
}

// scripts checks indicators, reporters and hooks.
func (v *validator) scripts() {
	a := v.app
	for name, count := range map[string]int{"indicators": len(a.Indicators), "reporters": len(a.Reporters), "hooks": len(a.Hooks)} {
		if count > MaxScripts {
			v.fail(name, "expected at most %d, got %d", MaxScripts, count)
		}
	}
	seen := map[string]bool{}
	for n, i := range a.Indicators {
		path := fmt.Sprintf("indicators[%d]", n)
		v.text(path+".name", i.Name)
		v.text(path+".group", i.Group)
		switch {
		case i.Scripted && i.Type != "":
			v.fail(path+".type", "expected none for a scripted indicator, got %q", i.Type)
		case !i.Scripted && !slices.Contains(IndicatorTypes(), i.Type):
			v.fail(path+".type", "expected one of %s, got %q", strings.Join(IndicatorTypes(), ", "), i.Type)
		case !i.Scripted && i.Group != "health":
			v.fail(path+".group", `expected "health" for a built-in indicator, got %q`, i.Group)
		case i.IntervalMs < 1 || i.TimeoutMs < 1:
			v.fail(path, "expected an interval and a timeout of at least 1 ms, got %d and %d", i.IntervalMs, i.TimeoutMs)
		case seen["indicator "+i.Group+"/"+i.Name]:
			v.fail(path+".name", "%q is there twice", i.Name)
		}
		seen["indicator "+i.Group+"/"+i.Name] = true
	}
	for n, r := range a.Reporters {
		path := fmt.Sprintf("reporters[%d]", n)
		v.text(path+".name", r.Name)
		if seen["reporter "+r.Name] {
			v.fail(path+".name", "%q is there twice", r.Name)
		}
		seen["reporter "+r.Name] = true
	}
	for n, h := range a.Hooks {
		if !slices.Contains(HookEvents(), h.Event) {
			v.fail(fmt.Sprintf("hooks[%d].event", n), "expected one of %s, got %q", strings.Join(HookEvents(), ", "), h.Event)
		}
	}
}
