package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

// defaultScriptMemory is what a script host may have where scripts.memoryMb says nothing, in megabytes.
const defaultScriptMemory = 256

// configSource is what the configuration of a daemon is made of.
type configSource struct {
	// modules are what the modules say, merged what all of them say together.
	modules []config.Layer
	merged  json.RawMessage
	// getenv looks up in the environment of the daemon; cwd is the folder that relative paths count from.
	getenv func(string) string
	cwd    string
	// application adds what the environment says for applications that are started from it.
	application bool
}

// settings are the values that hold, in the order of their keys, and sentences about what is not used.
func (s configSource) settings() ([]config.Setting, []string, error) {
	defaults, err := s.defaults()
	if err != nil {
		return nil, nil, err
	}
	refused, problems := s.refused()
	layers := append([]config.Layer{defaults}, s.modules...)
	variables, wrong := s.variables()
	settings, err := config.Lay(append(layers, variables...), refused...)
	if err != nil {
		return nil, nil, err
	}
	for i, one := range settings {
		if path, ok := one.Value.(string); ok && one.Key() == "logger.logsDir" && !filepath.IsAbs(path) {
			settings[i].Value = filepath.Join(s.cwd, path)
		}
	}
	return settings, append(problems, wrong...), nil
}

// defaults is what holds where nobody says anything.
func (s configSource) defaults() (config.Layer, error) {
	home, err := state.Locate(func(name string) string {
		if name == "PANDORA_LOGS_DIR" {
			return ""
		}
		return s.getenv(name)
	})
	if err != nil {
		return config.Layer{}, err
	}
	options := endpoints.DefaultOptions()
	points := map[string]map[string]any{}
	for name, point := range options.EndPoints {
		points[name] = map[string]any{"enabled": point.Enabled}
		if string(point.InitConfig) != "{}" {
			points[name]["initConfig"] = point.InitConfig
		}
	}
	points["error"]["initConfig"] = map[string]any{"cacheSize": options.ErrorCapacity}
	points["health"]["intervalMs"] = 10_000
	points["health"]["showDetails"] = "whenAuthorized"
	values := map[string]any{
		"actuator": map[string]any{
			"http": map[string]any{
				"enabled": options.Enabled, "host": options.Host, "port": options.Port,
				"insecure": options.Insecure, "legacyStatus": options.LegacyStatus,
			},
			"endPoint": points,
		},
		"hook": map[string]any{"global": map[string]any{"enabled": true}},
		"logger": map[string]any{
			"logsDir": home.Logs, "isolatedServiceLogger": false,
			"daemonLogger":  map[string]any{"level": "INFO"},
			"serviceLogger": map[string]any{"level": "INFO", "stdoutLevel": "NONE"},
		},
		"logs":             map[string]any{"rotation": rotationText(rotate.Default())},
		"reporter":         map[string]any{"file": map[string]any{"enabled": true}},
		"reporterInterval": options.ReporterInterval.Seconds(),
		"scripts":          map[string]any{"exec": false, "memoryMb": defaultScriptMemory},
	}
	if s.application {
		values["PANDORA_DIR"] = home.Dir
		values["DEFAULT_WORKER_COUNT"] = evaluate.WorkerCount()
	}
	data, err := json.Marshal(values)
	return config.Layer{Origin: config.OriginDefault, JSON: data}, err
}

// rotationText is a policy as PANDORA_LOG_ROTATION has it.
func rotationText(p rotate.Policy) string {
	state := map[bool]string{true: "on", false: "off"}
	return fmt.Sprintf("size=%dmb,total=%dmb,daily=%s,compress=%s", p.MaxFile>>20, p.MaxTotal>>20, state[p.Daily], state[p.Compress])
}

// refused are the keys of modules that a daemon does not use, and sentences that say why not.
func (s configSource) refused() (keys, problems []string) {
	options, err := endpoints.DecodeOptions(s.merged)
	switch {
	case err != nil:
		keys = append(keys, "actuator", "reporterInterval")
		problems = append(problems, err.Error()+"; the defaults are used")
	default:
		if _, err := actuatorHost(options); err != nil {
			keys = append(keys, "actuator.http.host")
			problems = append(problems, err.Error())
		}
	}
	// As the daemon reads them, which notes what is wrong.
	d := &daemon{spec: &state.Daemon{Config: s.merged}, log: zap.NewNop()}
	loggers, rotation := d.loggers(), d.logRotation()
	problems = append(problems, d.problems...)
	keys = append(keys, config.RefusedLoggers(s.merged)...)
	for key, given := range map[string]string{
		"logger.logsDir": loggers.Dir, "logger.daemonLogger.level": loggers.DaemonLevel, "logs.rotation": rotation,
	} {
		if given == "" {
			keys = append(keys, key)
		}
	}
	if _, err := decodeScripts(s.merged); err != nil {
		keys = append(keys, "scripts")
		problems = append(problems, err.Error()+"; the defaults are used")
	}
	return keys, problems
}

// variables are what environment variables say over the modules, and sentences about those that make no sense.
func (s configSource) variables() (layers []config.Layer, problems []string) {
	say := func(name string, value any, path ...string) {
		for i := len(path) - 1; i >= 0; i-- {
			value = map[string]any{path[i]: value}
		}
		data, _ := json.Marshal(value) // texts, numbers and switches
		layers = append(layers, config.Layer{Origin: config.OriginEnvironment, From: name, JSON: data})
	}
	if text := s.getenv("PANDORA_ACTUATOR_PORT"); text != "" {
		if options, err := actuatorPort(endpoints.Options{}, text); err != nil {
			problems = append(problems, err.Error()+"; it is ignored")
		} else {
			say("PANDORA_ACTUATOR_PORT", options.Port, "actuator", "http", "port")
		}
	}
	if home, err := state.Locate(s.getenv); err == nil && s.getenv("PANDORA_LOGS_DIR") != "" {
		say("PANDORA_LOGS_DIR", home.Logs, "logger", "logsDir")
	}
	if !s.application {
		return layers, problems
	}
	if home, err := state.Locate(s.getenv); err == nil && s.getenv("PANDORA_DIR") != "" {
		say("PANDORA_DIR", home.Dir, "PANDORA_DIR")
	}
	if text := s.getenv(rotate.PolicyEnv); text != "" {
		if _, err := rotate.ParsePolicy(text); err != nil {
			text = rotationText(rotate.Default())
			problems = append(problems, fmt.Sprintf("%s: %v; the defaults are used", rotate.PolicyEnv, err))
		}
		say(rotate.PolicyEnv, text, "logs", "rotation")
	}
	switch s.getenv("PANDORA_ERROR_HOOK") {
	case "off", "false", "0":
		say("PANDORA_ERROR_HOOK", false, "hook", "global", "enabled")
	}
	if text := strings.TrimSpace(s.getenv("DEFAULT_WORKER_COUNT")); text != "" {
		if count, err := strconv.Atoi(text); err != nil || count < 1 || count > procfile.MaxScale {
			problems = append(problems, fmt.Sprintf("DEFAULT_WORKER_COUNT expects a whole number from 1 to %d, got %q; %d is used", procfile.MaxScale, text, evaluate.WorkerCount()))
		} else {
			say("DEFAULT_WORKER_COUNT", count, "DEFAULT_WORKER_COUNT")
		}
	}
	return layers, problems
}
