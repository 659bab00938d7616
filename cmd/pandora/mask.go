package main

import (
	"slices"
	"strings"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/procfile"
)

// mask is what a secret is shown as.
const mask = "******"

// masked is a copy of a graph for showing over HTTP: values whose names tell of a secret are replaced.
func masked(app *procfile.Application) *procfile.Application {
	c := app.Clone()
	for _, p := range c.Processes {
		for i, s := range p.Secrets {
			p.Secrets[i].Command = maskedArgs(s.Command)
		}
		for name, value := range p.Env {
			if secretName(name) {
				p.Env[name] = mask
			} else {
				p.Env[name] = endpoints.MaskURL(value)
			}
		}
	}
	for _, list := range [][]procfile.Service{c.Services, c.Applets} {
		for i := range list {
			list[i].Config = maskedValue(list[i].Config)
		}
	}
	for i := range c.Indicators {
		c.Indicators[i].Options, _ = maskedValue(c.Indicators[i].Options).(map[string]any)
	}
	for i := range c.Reporters {
		c.Reporters[i].Options, _ = maskedValue(c.Reporters[i].Options).(map[string]any)
	}
	return c
}

// maskedValue is a copy of a JSON value without its secrets.
func maskedValue(v any) any {
	switch v := v.(type) {
	case string:
		return endpoints.MaskURL(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			if _, text := value.(string); text && secretName(name) {
				out[name] = mask
				continue
			}
			out[name] = maskedValue(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = maskedValue(value)
		}
		return out
	}
	return v
}

// maskedArgs are arguments without the values of secrets: --token=… and --token ….
func maskedArgs(args []string) []string {
	out := make([]string, len(args))
	hide := false
	for i, arg := range args {
		name, _, assigned := strings.Cut(arg, "=")
		switch {
		case hide && !strings.HasPrefix(arg, "-"):
			out[i] = mask
		case assigned && secretName(name):
			out[i] = name + "=" + mask
		default:
			out[i] = arg
		}
		hide = !assigned && strings.HasPrefix(arg, "-") && secretName(name)
	}
	return out
}

// secretName reports whether a name is one that secrets are kept under.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "secret", "token", "credential", "apikey", "api_key", "api-key", "license", "authorization", "accesskey", "access_key", "private_key", "privatekey"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// secretNames are the variables of a process that are secrets, sorted.
func secretNames(p procfile.Process) []string {
	var names []string
	for _, s := range p.Secrets {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}
