package endpoints

import (
	"context"
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
		return
	}
	kept := slices.Clone(points[:min(len(points), maxExternals)])
	s.external.Store(&external{host: host, points: kept})
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
	return answer{status: got.Status, contentType: got.ContentType, body: got.Body}, true, nil
}
