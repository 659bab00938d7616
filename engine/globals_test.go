package engine

import (
	"slices"
	"testing"
)

// Code that looks for a global finds what its Node has, and nothing that only browsers have.
func TestGlobalsLikeNode(t *testing.T) {
	nodeTwenty(t)
	sameAsNode(t, map[string]string{"main.js": `
const names = ['fetch', 'Response', 'Request', 'Headers', 'FormData', 'Blob', 'File', 'MessageEvent', 'MessageChannel', 'MessagePort', 'BroadcastChannel', 'crypto', 'Crypto', 'CryptoKey', 'SubtleCrypto', 'WebAssembly',
  'ReadableStream', 'TransformStream', 'WritableStream', 'ReadableStreamDefaultReader', 'TransformStreamDefaultController', 'WritableStreamDefaultWriter', 'ReadableByteStreamController', 'CompressionStream', 'TextDecoderStream',
  'performance', 'PerformanceEntry', 'PerformanceMark', 'PerformanceObserver', 'PerformanceResourceTiming', 'CustomEvent', 'DOMException', 'Worker', 'window', 'document', 'navigator', 'WebSocket', 'EventSource', 'XMLHttpRequest', 'localStorage', 'importScripts', 'self'];
module.exports = names.map((name) => [name, name in globalThis]);`})
}

// An older Node has less.
func TestGlobalsOfNode18(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": `module.exports = ['crypto', 'File', 'fetch', 'CustomEvent'].filter((name) => name in globalThis);`})
	rt, err := New(Options{Dir: dir, NodeVersion: "v18.20.8"})
	if err != nil {
		t.Fatal(err)
	}
	rt.files = overlay{rt.files, "exports.run = (file) => require('module')._load(file);"}
	got := run(t, rt, dir).([]any)
	if slices.Contains(got, any("crypto")) || slices.Contains(got, any("File")) || !slices.Contains(got, any("fetch")) {
		t.Errorf("Node 18 has %v", got)
	}
}
