package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
)

func testOptions() endpoints.Options { return endpoints.DefaultOptions() }

// quiet is a source with nothing in it.
type quiet struct{}

func (quiet) Daemon() endpoints.DaemonInfo          { return endpoints.DaemonInfo{} }
func (quiet) Applications() []endpoints.Application { return nil }

func TestActuatorServesOnceThePortIsFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &actuator{
		server:  endpoints.New(endpoints.Config{Source: quiet{}, Options: testOptions()}),
		address: taken.Addr().String(), log: zap.NewNop(),
	}
	if l := a.listen(t.Context()); l != nil {
		t.Fatal("got a port that is taken")
	}
	_, problem := a.state()
	for _, part := range []string{a.address, "PANDORA_ACTUATOR_PORT", fmt.Sprintf("pid %d", os.Getpid())} {
		if !strings.Contains(problem, part) {
			t.Errorf("problem does not name %q: %s", part, problem)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { a.run(ctx, nil); close(ended) }()
	taken.Close()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if response, err := http.Get("http://" + a.address + "/"); err == nil {
			response.Body.Close()
			break
		}
		select {
		case <-deadline:
			t.Fatal("never served")
		case <-tick.C:
		}
	}
	if serving, problem := a.state(); serving != a.address || problem != "" {
		t.Errorf("state %q, %q", serving, problem)
	}
	cancel()
	<-ended
}
