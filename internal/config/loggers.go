package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Loggers is what the global configuration says about logs, and about the hook for errors.
type Loggers struct {
	// Dir is logger.logsDir, the folder with one folder of logs per application, as it was given; "" when it was not.
	Dir string
	// DaemonLevel is logger.daemonLogger.level: ALL, DEBUG, INFO, WARN, ERROR or NONE; "" when it was not given.
	DaemonLevel string
	// Worker is the part that workers have to know, as an object {"logger":…,"hook":…}; nil when there is none.
	Worker json.RawMessage
}

// levels are the names of the levels of loggers.
const levels = "ALL DEBUG INFO WARN ERROR NONE"

// DecodeLoggers reads logger.{logsDir, daemonLogger, serviceLogger, isolatedServiceLogger} and hook.global.enabled of the
// merged global configuration. What cannot be meant is left out, and told by a sentence.
func DecodeLoggers(config json.RawMessage) (Loggers, []string) {
	r := reader{}
	return r.loggers(config), r.problems
}

// RefusedLoggers are the keys, as "logger.daemonLogger.level", whose values DecodeLoggers leaves out because they cannot be
// meant.
func RefusedLoggers(config json.RawMessage) []string {
	r := reader{}
	r.loggers(config)
	return r.refused
}

// reader collects what is wrong while a configuration is read.
type reader struct {
	problems []string
	// refused are the keys that the problems are about.
	refused []string
}

func (r *reader) loggers(config json.RawMessage) Loggers {
	root := r.object("", "its value", config)
	logger := r.object("", "logger", root["logger"])
	var l Loggers
	if raw, given := logger["logsDir"]; given {
		l.Dir = r.text("logger.logsDir", raw, "the path of a folder")
	}
	l.DaemonLevel = r.level("logger.daemonLogger", r.object("logger.", "daemonLogger", logger["daemonLogger"])["level"])
	worker := map[string]any{}
	if own := r.serviceLogger(logger); len(own) > 0 {
		worker["logger"] = own
	}
	if raw, given := r.object("", "hook", root["hook"])["global"]; given && !r.enabled(raw) {
		worker["hook"] = map[string]any{"global": map[string]any{"enabled": false}}
	}
	if len(worker) > 0 {
		l.Worker, _ = json.Marshal(worker) // texts, numbers and switches
	}
	return l
}

func (r *reader) wrong(key string, raw json.RawMessage, want string) {
	r.refused = append(r.refused, key)
	r.problems = append(r.problems, fmt.Sprintf("configuration: %s is %.80s, want %s; it is ignored", key, raw, want))
}

// object reads an object; what is missing or none is empty.
func (r *reader) object(above, key string, raw json.RawMessage) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if len(raw) > 0 && json.Unmarshal(raw, &object) != nil && !falsy(raw) {
		r.wrong(above+key, raw, "an object")
	}
	return object
}

// falsy reports what switches something off.
func falsy(raw json.RawMessage) bool {
	return slices.Contains([]string{"null", "false", "0", `""`}, string(raw))
}

func (r *reader) text(key string, raw json.RawMessage, want string) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		r.wrong(key, raw, want)
	}
	return text
}

func (r *reader) level(key string, raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	level := strings.ToUpper(r.text(key+".level", raw, "a level of "+levels))
	if level != "" && !slices.Contains(strings.Fields(levels), level) {
		r.wrong(key+".level", raw, "a level of "+levels)
		return ""
	}
	return level
}

// enabled reads {enabled: …} or the switch itself.
func (r *reader) enabled(raw json.RawMessage) bool {
	if falsy(raw) {
		return false
	}
	switched, given := r.object("hook.", "global", raw)["enabled"]
	return !given || !falsy(switched)
}

// serviceLogger is what workers make the loggers of services by.
func (r *reader) serviceLogger(logger map[string]json.RawMessage) map[string]any {
	own := map[string]any{}
	if raw, given := logger["isolatedServiceLogger"]; given {
		own["isolatedServiceLogger"] = !falsy(raw)
	}
	settings := map[string]any{}
	service := r.object("logger.", "serviceLogger", logger["serviceLogger"])
	for _, key := range slices.Sorted(maps.Keys(service)) {
		raw := service[key]
		switch key {
		case "level", "stdoutLevel", "emitterLevel", "type", "eol":
			if text := r.text("logger.serviceLogger."+key, raw, "a text"); text != "" {
				settings[key] = text
			}
		case "rotateDuration", "maxFiles", "maxFileSize":
			var number float64
			if json.Unmarshal(raw, &number) != nil {
				r.wrong("logger.serviceLogger."+key, raw, "a number")
				continue
			}
			settings[key] = number
		}
	}
	if len(settings) > 0 {
		own["serviceLogger"] = settings
	}
	return own
}
