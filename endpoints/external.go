package endpoints

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	// maxExternalBody bounds an answer of an external EndPoint.
	maxExternalBody = 32 << 20
	// maxExternals bounds how many there are.
	maxExternals = 256
)

// External answers the routes of EndPoints that the configuration adds in JavaScript: what runs that is elsewhere.
type External interface {
	// Answer answers a request below one of the prefixes; found is false when none of its routes has the path. An error
	// becomes a 500, one that is context.DeadlineExceeded a 504. The context ends with the client.
	Answer(ctx context.Context, r ExternalRequest) (a ExternalAnswer, found bool, err error)
}

// ExternalEndPoint is one EndPoint of an External.
type ExternalEndPoint struct {
	// Name is its key in actuator.endPoint, which /daemon lists.
	Name string
	// Prefixes are the first segments of its paths, as "/prometheus": its resource's prefix and aliases. A path that is
	// served here already stays so.
	Prefixes []string
	// Group is that of the Indicators it asks; "" when it has none of its own. Config, JSON, is what they are told.
	Group  string
	Config json.RawMessage
}

// ExternalRequest is a request for an External.
type ExternalRequest struct {
	// EndPoint is the name of the EndPoint whose prefix the path has.
	EndPoint string `json:"endPoint"`
	Method   string `json:"method"`
	// Path is as the client has sent it, still escaped; RawQuery is without the question mark.
	Path     string `json:"path"`
	RawQuery string `json:"rawQuery"`
	// Header has the client's Accept, Content-Type and User-Agent by lower-case names.
	Header map[string]string `json:"header"`
	// Body is at most 64 KiB.
	Body []byte `json:"body,omitempty"`
}

// ExternalAnswer is what an External answers with.
type ExternalAnswer struct {
	// Status is 200 to 599.
	Status int `json:"status"`
	// ContentType is "" for none.
	ContentType string `json:"contentType"`
	// Header has other headers by name; those of the connection are not sent, nor are malformed ones.
	Header map[string]string `json:"header"`
	// Body is at most 32 MiB.
	Body []byte `json:"body"`
}

// external is what is mounted.
type external struct {
	host   External
	points []ExternalEndPoint
}

// Mount makes an External answer its EndPoints' paths from now on, in place of those mounted before; nil for none.
func (s *Server) Mount(host External, points []ExternalEndPoint) {
	if host == nil {
		s.external.Store(nil)
		s.groups.mount(nil)
		return
	}
	kept := slices.Clone(points[:min(len(points), maxExternals)])
	s.external.Store(&external{host: host, points: kept})
	configs := map[string]json.RawMessage{}
	for _, point := range kept {
		if point.Group != "" {
			configs[point.Group] = point.Config
		}
	}
	s.groups.mount(configs)
}

// AskIndicators asks the Indicators of a group, of one application or, with app "", of all, as an EndPoint does. It returns
// the JSON of an array of {app, rows}.
func (s *Server) AskIndicators(ctx context.Context, group, app string, args map[string]any) (json.RawMessage, error) {
	type told struct {
		App  string `json:"app"`
		Rows []row  `json:"rows"`
	}
	all := []told{}
	for _, a := range s.groups.invoke(ctx, group, app, args) {
		all = append(all, told{a.app, list(a.rows)})
	}
	return encodeJSON(all)
}

// ExternalNames lists the EndPoints of a configuration, as DecodeOptions takes it, that are classes in JavaScript and not
// switched off, in order.
func ExternalNames(config json.RawMessage) []string {
	type point map[string]json.RawMessage
	var root struct {
		Actuator struct {
			EndPoint  map[string]json.RawMessage `json:"endPoint"`
			EndPoints map[string]json.RawMessage `json:"endPoints"`
		} `json:"actuator"`
	}
	if json.Unmarshal(config, &root) != nil {
		return nil
	}
	all := map[string]json.RawMessage{}
	maps.Copy(all, root.Actuator.EndPoints)
	maps.Copy(all, root.Actuator.EndPoint)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var p point
		if json.Unmarshal(all[name], &p) != nil || p["enabled"] != nil && !isTruthy(p["enabled"]) {
			continue
		}
		for _, key := range []string{"target", "resource"} {
			var marked struct {
				Class *string `json:"class"`
			}
			if json.Unmarshal(p[key], &marked) == nil && marked.Class != nil {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// externalNames lists the names of what is mounted.
func (s *Server) externalNames() []string {
	var names []string
	if e := s.external.Load(); e != nil {
		for _, point := range e.points {
			names = append(names, point.Name)
		}
	}
	return names
}

// match finds the EndPoint of a path, the one with the longest prefix.
func (e *external) match(path string) (name string, found bool) {
	if e == nil {
		return "", false
	}
	longest := -1
	for _, point := range e.points {
		for _, prefix := range point.Prefixes {
			prefix = strings.TrimSuffix(prefix, "/")
			if len(prefix) <= longest || len(path) < len(prefix) || !strings.EqualFold(path[:len(prefix)], prefix) {
				continue
			}
			if rest := path[len(prefix):]; rest == "" || rest[0] == '/' {
				name, found, longest = point.Name, true, len(prefix)
			}
		}
	}
	return name, found
}

// serve asks for the answer to a request with the path of an EndPoint; found is false when that has no such route.
func (e *external) serve(r *http.Request, name string, body []byte) (a answer, found bool, err error) {
	request := ExternalRequest{
		EndPoint: name, Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Header: map[string]string{}, Body: body,
	}
	for _, key := range []string{"Accept", "Content-Type", "User-Agent"} {
		if value := r.Header.Get(key); value != "" {
			request.Header[strings.ToLower(key)] = value
		}
	}
	got, found, err := e.host.Answer(r.Context(), request)
	if err != nil || !found {
		return answer{}, found, err
	}
	if got.Status < 200 || got.Status > 599 || len(got.Body) > maxExternalBody || strings.ContainsAny(got.ContentType, "\r\n") {
		return text(http.StatusBadGateway, http.StatusText(http.StatusBadGateway)), true, nil
	}
	return answer{status: got.Status, contentType: got.ContentType, body: got.Body, header: fitHeader(got.Header)}, true, nil
}

// maxExternalHeaders bounds the headers that an external EndPoint may set.
const maxExternalHeaders = 32

// fitHeader leaves of headers what may be sent.
func fitHeader(header map[string]string) http.Header {
	fit := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		value := header[name]
		switch http.CanonicalHeaderKey(name) {
		case "Connection", "Content-Length", "Content-Type", "Date", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
			continue
		}
		if len(fit) < maxExternalHeaders && plainHeader(name, value) {
			fit.Set(name, value)
		}
	}
	return fit
}

// plainHeader accepts a name of letters, digits and hyphens, and a value of one line.
func plainHeader(name, value string) bool {
	return name != "" && len(name) <= maxNameBytes && len(value) <= 4<<10 &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		}) &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
