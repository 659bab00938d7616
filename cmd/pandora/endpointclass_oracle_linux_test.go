//go:build oracle

package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestOriginalEndPointClasses: the same configuration is answered alike by the original.
func TestOriginalEndPointClasses(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	config := filepath.Join(b.dir, "config.js")
	b.write(config, fmt.Sprintf(endPointConfig, "", port, ""))
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), endPointApp)
	b.original(t, config, dir)
	base := "http://127.0.0.1:" + port
	b.until("the Indicator and the metric are there", func() bool {
		stock, _ := askFor(t, base, endPointAnswerWant{path: "/stock?appName=shop"})
		exported, _ := askFor(t, base, endPointAnswerWant{path: "/exporter"})
		return strings.Contains(stock.body, "screws") && strings.Contains(exported.body, "} 3")
	})
	holdEndPoints(t, base)
}
