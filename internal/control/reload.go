package control

import (
	"context"
	"net/http"
)

// Reloaded is what a daemon has taken from a configuration that was evaluated again.
type Reloaded struct {
	// Reporters are the names of the global reporters that run now.
	Reporters []string `json:"reporters"`
	// Problems are sentences about what could not be taken.
	Problems []string `json:"problems"`
}

// Reload makes the daemon read its configuration again from where it is kept.
func (d *Daemon) Reload(ctx context.Context) (Reloaded, error) {
	var answer Reloaded
	err := d.client.call(ctx, http.MethodPost, "/v1/reload", nil, &answer)
	return answer, err
}

// handleReload answers the request to read the configuration again.
func handleReload(mux *http.ServeMux, same func(http.Handler) http.Handler, reload func() (Reloaded, error)) {
	mux.Handle("POST /v1/reload", same(handlerFunc(func(*http.Request) (any, error) {
		if reload == nil {
			return nil, &Error{Code: CodeRefused, Message: "this daemon does not read its configuration again"}
		}
		answer, err := reload()
		if err != nil {
			return nil, &Error{Code: CodeRefused, Message: err.Error()}
		}
		return answer, nil
	})))
}
