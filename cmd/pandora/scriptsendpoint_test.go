package main

import (
	"strings"
	"testing"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/metrics"
)

// TestScriptsAskEndPoints: the data of what a client gets, also where that needs a token, and errors in words.
func TestScriptsAskEndPoints(t *testing.T) {
	options := testOptions()
	options.Token = strings.Repeat("sesame", 8)
	registry := metrics.NewRegistry()
	if _, err := registry.Counter(metrics.Daemon, "shop", metrics.NewName("orders")); err != nil {
		t.Fatal(err)
	}
	y := &scriptYard{monitor: &monitor{server: endpoints.New(endpoints.Config{Source: quiet{}, Metrics: registry, Options: options})}}
	for _, c := range []struct{ app, arg, want, problem string }{
		{arg: `{"path":"metrics/list/shop"}`, want: `{"shop":[{"metric":"orders.count","type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}]}`},
		{arg: `{"path":"metrics/none"}`, problem: "The specified group is not found!"},
		{arg: `{"path":"info","query":{"appName":"a b&c=d"}}`, problem: "Can't found an Application it named a b&c=d"},
		{arg: `{"path":"info","query":{}}`, want: `{}`},
		{arg: `{"path":"nothing?appName=x"}`, problem: `ask EndPoint "nothing?appName=x": 404 Not Found, expected JSON with data`},
		{arg: `{"path":""}`, problem: `ask EndPoint "": 200 OK, expected JSON with data`},
		{arg: `[]`, problem: "ask EndPoint: expected { path, query }"},
		{app: "shop", arg: `{"path":"info"}`, problem: "EndPoints are asked by scripts of the global configuration only"},
	} {
		got, err := y.answer(t.Context(), c.app, "endpoint", []byte(c.arg))
		switch {
		case c.problem == "" && (err != nil || string(got) != c.want):
			t.Errorf("%s: got %s, %v, want %s", c.arg, got, err, c.want)
		case c.problem != "" && (err == nil || !strings.HasPrefix(err.Error(), c.problem)):
			t.Errorf("%s: got %s, %v, want the error %s", c.arg, got, err, c.problem)
		}
	}
	held := &heldAnswer{}
	if _, err := held.Write(make([]byte, maxEndPointAnswer+1)); err == nil || !held.full {
		t.Error("an endless answer is kept")
	}
}
