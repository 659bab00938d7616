//go:build oracle

package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestOriginalReporterClasses: the same configuration and application tell the same under the original, but for what is fixed
// here.
func TestOriginalReporterClasses(t *testing.T) {
	b := newBench(t)
	recorder := &toldRecorder{}
	server := httptest.NewServer(recorder)
	defer server.Close()
	config := filepath.Join(b.dir, "config.js")
	b.write(config, strings.Replace(fmt.Sprintf(classConfig, "0", server.URL, ""), "http: { port: 0 }", "http: { enabled: false }", 1))
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), classApp)
	b.original(t, config, dir)
	t.Cleanup(func() {
		if _, body, posts := recorder.last(); t.Failed() {
			t.Logf("the last of %d posts: %s", posts, body)
		}
	})
	want := withoutValues(t, classWant)
	b.until("the class tells the same", func() bool {
		_, body, posts := recorder.last()
		return posts > 0 && withoutValues(t, body) == want
	})
}

// withoutValues leaves out what the original does not know of a distribution: null, or nothing.
func withoutValues(t *testing.T, text string) string {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		for _, key := range []string{"min", "max", "mean", "median", "p99"} {
			delete(one, key)
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
