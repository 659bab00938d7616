package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// maxText bounds one option, maxTags the tags of one reporter.
	maxText = 4096
	maxTags = 64
)

// options is what one reporter was configured with. What is wrong is collected.
type options struct {
	app, name string
	// kind is the type of the reporter.
	kind string
	// class is the name of the class that it is, "" for one that is none, or one of the original's own.
	class string
	// fresh says that what is counted by the first report has been counted since the reporter began.
	fresh bool
	// interval is how often the reporter reports.
	interval time.Duration
	values   map[string]json.RawMessage
	problems []string
	// outer are the options that these are within, and within what they are called there.
	outer  *options
	within string
}

// newOptions reads the options of a reporter, those in initConfig over those beside it; nil when it is switched off.
func newOptions(app, name string, raw json.RawMessage, fresh bool) *options {
	o := &options{app: app, name: name, kind: name, fresh: fresh, values: map[string]json.RawMessage{}}
	if falsy(raw) {
		return nil
	}
	if string(raw) != "true" && json.Unmarshal(raw, &o.values) != nil {
		o.problems = append(o.problems, fmt.Sprintf("its options are %.80s, expected an object", raw))
		return o
	}
	if enabled, given := o.values["enabled"]; given && falsy(enabled) {
		return nil
	}
	if o.readClass(); o.class != "" {
		return o // its options are its own
	}
	if init, given := o.values["initConfig"]; given && !falsy(init) {
		var inner map[string]json.RawMessage
		if json.Unmarshal(init, &inner) != nil {
			o.wrong("initConfig", "an object")
		}
		maps.Copy(o.values, inner)
	}
	if kind := o.text("type", ""); kind != "" {
		o.kind = kind
	}
	return o
}

// readClass reads what the configuration tells of the class that a reporter is, {"class": name}.
func (o *options) readClass() {
	for _, key := range []string{"target", "reporter"} {
		var target struct {
			Class *string `json:"class"`
		}
		if raw, given := o.given(key); !given || json.Unmarshal(raw, &target) != nil || target.Class == nil {
			continue
		}
		switch *target.Class {
		case "FileMetricsManagerReporter":
			o.kind = "file"
		case "ConsoleReporter":
			o.kind = "console"
		case "TraceReporter":
			o.kind = "trace"
		default:
			o.class = "class " + *target.Class
		}
		return
	}
}

// Classes are the reporters of the merged configuration, as Configure takes it, that are classes in JavaScript and not
// switched off, in order. Those that the original brings along are none of them.
func Classes(config json.RawMessage) []string {
	var root struct {
		Reporter  map[string]json.RawMessage `json:"reporter"`
		Reporters map[string]json.RawMessage `json:"reporters"`
	}
	if json.Unmarshal(config, &root) != nil {
		return nil
	}
	all := map[string]json.RawMessage{}
	maps.Copy(all, root.Reporters)
	maps.Copy(all, root.Reporter)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if o := newOptions("", name, all[name], false); o != nil && o.class != "" {
			names = append(names, name)
		}
	}
	return names
}

// falsy reports what switches something off.
func falsy(raw json.RawMessage) bool {
	return slices.Contains([]string{"null", "false", "0", `""`}, string(raw))
}

// sentence is a problem with the reporter, for people.
func (o *options) sentence(format string, args ...any) string {
	whose := ""
	if o.app != "" {
		whose = fmt.Sprintf(" of application %q", o.app)
	}
	return fmt.Sprintf("reporter %q%s does not run: ", o.name, whose) + fmt.Sprintf(format, args...)
}

// wrong notes that an option makes no sense. Its value is not told: it may be a secret.
func (o *options) wrong(key, want string) {
	if o.outer != nil {
		o.outer.wrong(o.within+key, want)
		return
	}
	o.problems = append(o.problems, fmt.Sprintf("option %s is not valid, expected %s", key, want))
}

// given returns an option that is there and not null.
func (o *options) given(key string) (json.RawMessage, bool) {
	raw, ok := o.values[key]
	return raw, ok && string(raw) != "null"
}

// text reads a text.
func (o *options) text(key, absent string) string {
	raw, ok := o.given(key)
	if !ok {
		return absent
	}
	var text string
	if json.Unmarshal(raw, &text) != nil || len(text) > maxText {
		o.wrong(key, "a text")
	}
	return text
}

// number reads a whole number between two limits.
func (o *options) number(key string, absent, low, high int64) int64 {
	raw, ok := o.given(key)
	if !ok {
		return absent
	}
	var n int64
	if json.Unmarshal(raw, &n) != nil || n < low || n > high {
		o.wrong(key, fmt.Sprintf("a whole number from %d to %d", low, high))
		return absent
	}
	return n
}

// duration reads milliseconds.
func (o *options) duration(key string, absent, most time.Duration) time.Duration {
	return time.Duration(o.number(key, absent.Milliseconds(), 100, most.Milliseconds())) * time.Millisecond
}

// flag reads a switch.
func (o *options) flag(key string, absent bool) bool {
	raw, ok := o.given(key)
	if !ok {
		return absent
	}
	return !falsy(raw)
}

// section is the options within an option; its problems are told by name.
func (o *options) section(key string) *options {
	inner := newOptions(o.app, o.name, o.values[key], o.fresh)
	if inner == nil {
		inner = &options{}
	}
	inner.outer, inner.within = o, key+"."
	o.problems = append(o.problems, inner.problems...)
	return inner
}

// tags reads texts by name; of several keys the later ones count.
func (o *options) tags(keys ...string) map[string]string {
	var all map[string]string
	for _, key := range keys {
		raw, ok := o.given(key)
		if !ok {
			continue
		}
		var tags map[string]any
		if json.Unmarshal(raw, &tags) != nil || len(tags) > maxTags {
			o.wrong(key, fmt.Sprintf("an object with at most %d texts", maxTags))
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		for name, value := range tags {
			switch value.(type) {
			case string, float64, bool:
				all[name] = fmt.Sprint(value)
			default:
				o.wrong(key+"."+name, "a text")
			}
		}
	}
	return all
}

// address reads a URL to post to.
func (o *options) address(key, absent string) string {
	text := o.text(key, absent)
	if !validAddress(text) {
		o.wrong(key, `a URL with http or https and a host, as "http://127.0.0.1:4318"`)
	}
	return text
}

// oneOf reads one of several words.
func (o *options) oneOf(key string, words ...string) string {
	word := o.text(key, words[0])
	if !slices.Contains(words, word) {
		o.wrong(key, "one of "+strings.Join(words, ", "))
	}
	return word
}
