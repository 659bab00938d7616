package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// checkTTL is how long a result of a check that costs nearly nothing serves further requests.
const checkTTL = time.Second

const (
	// slowTTL is the same for one that asks other programs.
	slowTTL = 5 * time.Second
	// localLimit and remoteLimit bound one try of these two.
	localLimit  = time.Second
	remoteLimit = 3 * time.Second

	minTTL, maxTTL     = 100 * time.Millisecond, 24 * time.Hour
	minLimit, maxLimit = 10 * time.Millisecond, time.Minute
	maxThreshold       = 100
)

// healthOptions are the built-in checks that the configuration gives to every application, in the order of their rows.
type healthOptions struct {
	checks []checkSpec
}

// checkSpec is one check.
type checkSpec struct {
	// name is its row; kind its type.
	name, kind string
	critical   bool
	// interval is how long a result is used; timeout bounds one try; threshold is how many tries in a row have to fail.
	interval, timeout time.Duration
	threshold         int
	options           checkOptions
}

// checkOptions are the decoded options of a kind of check.
type checkOptions interface {
	// probe makes what tries it.
	probe(env checkEnv, spec checkSpec) probe
	// perApp tells whether the result is about one application, rather than the same for all.
	perApp() bool
	// process is the process that it is about, "" for the whole application.
	process() string
}

func (s checkSpec) perApp() bool    { return s.options.perApp() }
func (s checkSpec) process() string { return s.options.process() }

// what names it in texts.
func (s checkSpec) what() string {
	if s.name == s.kind {
		return fmt.Sprintf("check %q", s.name)
	}
	return fmt.Sprintf("check %q (%s)", s.name, s.kind)
}

// checkKind is a type of built-in checks.
type checkKind struct {
	decode            func(f *fields) checkOptions
	interval, timeout time.Duration
}

// checkKinds are all types.
func checkKinds() map[string]checkKind {
	return map[string]checkKind{
		"disk_space": {decodeDisk, checkTTL, localLimit},
		"port":       {decodePort, checkTTL, localLimit},
		"mysql":      {decodeMySQL, slowTTL, remoteLimit},
		"redis":      {decodeRedis, slowTTL, remoteLimit},
		"rpc":        {decodeRPC, slowTTL, remoteLimit},
		"process":    {decodeProcess, checkTTL, localLimit},
		"event_loop": {decodeLoop, slowTTL, remoteLimit},
		"memory":     {decodeMemory, slowTTL, remoteLimit},
	}
}

// decodeSpec reads the options that all checks have, and those of its kind.
func decodeSpec(name, kindName string, f *fields) (checkSpec, error) {
	kind, known := checkKinds()[kindName]
	if !known {
		return checkSpec{}, fmt.Errorf("%s: the type %q is unknown; give one of %s", f.what, clipText(kindName, 64), strings.Join(slices.Sorted(maps.Keys(checkKinds())), ", "))
	}
	s := checkSpec{name: name, kind: kindName}
	s.critical = f.flag("critical", true)
	s.interval = f.millis("intervalMs", kind.interval, minTTL, maxTTL)
	s.timeout = f.millis("timeoutMs", kind.timeout, minLimit, maxLimit)
	s.threshold = int(f.integer("failureThreshold", 1, 1, maxThreshold))
	s.options = kind.decode(f)
	if p, ok := s.options.(*portOptions); ok && p.url != nil && !f.has("timeoutMs") {
		s.timeout = remoteLimit
	}
	return s, f.finish()
}

// declaredSpec is the check that an application defines. One whose options make no sense is a check that says so.
func declaredSpec(d DeclaredIndicator) checkSpec {
	what := fmt.Sprintf("indicator %q", d.Name)
	if d.At != "" {
		what += " at " + d.At
	}
	f := newFields(what, d.Options)
	s, err := decodeSpec(d.Name, d.Type, f)
	if err != nil {
		s = checkSpec{name: d.Name, kind: d.Type, interval: maxTTL, timeout: localLimit, threshold: 1, options: refused{err: err}}
	}
	s.critical = d.Critical
	if err == nil && d.Interval > 0 {
		s.interval = min(max(d.Interval, minTTL), maxTTL)
	}
	if d.Timeout > 0 {
		s.timeout = min(max(d.Timeout, minLimit), maxLimit)
		if p, ok := s.options.(*portOptions); ok {
			p.connect = s.timeout
		}
	}
	return s
}

// CheckIndicator tells what is wrong with the definition of a built-in Indicator: an unknown type, an option that does
// not exist or has a value that cannot be meant. A scripted one is right.
func CheckIndicator(d DeclaredIndicator) error {
	if d.Type == "" {
		return nil
	}
	if o, wrong := declaredSpec(d).options.(refused); wrong {
		return o.err
	}
	return nil
}

// refused is a check whose options make no sense.
type refused struct {
	stateless
	err error
}

func (r refused) probe(checkEnv, checkSpec) probe                { return r }
func (refused) perApp() bool                                     { return true }
func (refused) process() string                                  { return "" }
func (r refused) now(Application) finding                        { return finding{err: r.err} }
func (r refused) try(_ context.Context, app Application) finding { return r.now(app) }

// healthPath is where the configuration has the checks.
const healthPath = "actuator.endPoint.health.initConfig"

// decodeHealth reads the checks of the configuration: disk_space and port, which are there unless they are disabled, and
// whatever else has the type of a check, or is enabled under the name of one. Other keys are for Indicators.
func decodeHealth(init json.RawMessage) (healthOptions, error) {
	var h healthOptions
	root, err := object(healthPath, init)
	if err != nil {
		return h, err
	}
	names := []string{"disk_space", "port"}
	for _, name := range slices.Sorted(maps.Keys(root.values)) {
		if builtinType(root, name) != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		one, err := root.object(name)
		if err != nil {
			return h, err
		}
		kind := builtinType(root, name)
		f := &fields{what: fmt.Sprintf("read config %q", root.join(name)), config: root.join(name), values: one.values}
		f.skip("type", "enabled")
		// These two have always been there, and what else stands in them was never an error.
		f.lenient = name == kind && (kind == "disk_space" || kind == "port")
		if f.lenient && !one.truthy("enabled", true) {
			continue
		}
		spec, err := decodeSpec(name, kind, f)
		if err != nil {
			return h, err
		}
		h.checks = append(h.checks, spec)
	}
	return h, nil
}

// builtinType returns the type of the built-in check that a key of the configuration describes, "" for none.
func builtinType(root section, name string) string {
	one, err := root.object(name)
	if err != nil || len(one.values) == 0 {
		if name == "disk_space" || name == "port" {
			return name
		}
		return ""
	}
	var kind string
	if raw, ok := one.value("type"); ok && json.Unmarshal(raw, &kind) == nil {
		if _, known := checkKinds()[kind]; known && one.truthy("enabled", true) {
			return kind
		}
	}
	if name == "disk_space" || name == "port" {
		return name
	}
	if _, known := checkKinds()[name]; known && kind == "" && one.truthy("enabled", false) {
		return name
	}
	return ""
}

// forIndicators is the configuration without the checks that only the daemon makes: Indicators of applications have no
// use for their addresses and passwords.
func forIndicators(init json.RawMessage) json.RawMessage {
	root, err := object(healthPath, init)
	if err != nil {
		return init
	}
	for name := range root.values {
		if kind := builtinType(root, name); kind != "" && name != "disk_space" && name != "port" {
			delete(root.values, name)
		}
	}
	data, err := encodeJSON(root.values)
	if err != nil {
		return init
	}
	return data
}
