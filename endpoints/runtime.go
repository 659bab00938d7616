package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// runtime serves /runtime: for each running application, or the one with appName, the rows of its Indicators; the row
// "config" has what its configurator says. Values under the names of secrets are hidden.
func (s *Server) runtime(ctx context.Context, r request) (answer, error) {
	name := r.query.get("appName")
	apps, found := s.running(name)
	if name != "" && !found {
		return failOK(appNotFound(name))
	}
	rows := map[string][]row{}
	for _, a := range s.groups.invoke(ctx, nameRuntime, name, r.query.args()) {
		rows[a.app] = a.rows
	}
	all := ordered{}
	for _, app := range apps {
		one := list(slices.Clone(rows[app.Name])) // requests at the same time share them
		for i := range one {
			one[i].Data = s.mask(one[i])
		}
		if name != "" {
			return ok(http.StatusOK, one)
		}
		all = append(all, member{app.Name, one})
	}
	return ok(http.StatusOK, all)
}

// mask hides the secrets in a row's data, and all of it under a secret key.
func (s *Server) mask(r row) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(r.Data))
	d.UseNumber()
	var v any
	if len(r.Data) == 0 || d.Decode(&v) != nil {
		return nil
	}
	data, err := encodeJSON(s.maskValue(r.Key, v))
	if err != nil {
		return nil // it was JSON before
	}
	return data
}

// maskValue is a value with everything hidden that has the name of a secret, and the passwords of URLs.
func (s *Server) maskValue(name string, v any) any {
	if s.secret != nil && s.secret(name) {
		switch v.(type) {
		case nil, bool, map[string]any:
		default:
			return masked
		}
	}
	switch v := v.(type) {
	case string:
		return MaskURL(v)
	case map[string]any:
		for key, value := range v {
			v[key] = s.maskValue(key, value)
		}
	case []any:
		for i := range v {
			v[i] = s.maskValue("", v[i])
		}
	}
	return v
}
