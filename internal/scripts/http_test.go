package scripts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/engine"
)

// requests are the ways in which a script may make one; each export is called with the address of the server below.
const requests = `
const http = require('http'), https = require('node:https'), { promisify } = require('util');
const whole = (request) => new Promise((resolve, reject) => {
  request.on('error', (error) => reject(new Error(error.code + ' ' + error.message)));
  request.on('response', (response) => {
    const chunks = [];
    response.on('data', (chunk) => chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }));
  });
});
exports.post = async (base) => {
  const { hostname, port } = new URL(base);
  const request = http.request({ hostname, port, path: '/echo?x=1', method: 'POST', headers: { 'Content-Type': 'application/json', 'content-length': 9 }, auth: 'me:secret' });
  const answer = whole(request);
  request.write('{"a":');
  request.end(Buffer.from('"ü"}'));
  const { status, headers, text } = await answer;
  return [status, headers['x-method'], headers['set-cookie'], text];
};
exports.get = (base) => new Promise((resolve) => http.get(base + '/text', (response) => {
  response.setEncoding('utf8');
  let text = '';
  response.on('data', (chunk) => { text += chunk; }).on('end', () => resolve([response.statusCode, text]));
}));
exports.iterate = (base) => new Promise((resolve) => http.get(new URL(base + '/text'), async (response) => {
  for await (const chunk of response) resolve(String(chunk));
}));
exports.binary = async (base) => [...new Uint8Array(await (await fetch(base + '/binary')).arrayBuffer())];
exports.fetch = async (base) => {
  const response = await fetch(base + '/echo', { method: 'post', body: JSON.stringify([1]), headers: { 'X-Own': 'yes' } });
  return [response.ok, response.status, response.headers.get('X-Method'), await response.json()];
};
exports.redirects = async (base) => [(await fetch(base + '/away')).status, (await whole(http.get(base + '/away'))).status, (await fetch(base + '/away', { redirect: 'manual' })).status];
exports.refused = async () => {
  const of = (error) => error.message.split(' ')[0];
  return [await whole(http.get('http://127.0.0.1:1/')).catch(of), await fetch('http://127.0.0.1:1/').catch((error) => error.message + ' ' + error.cause.code)];
};
exports.slow = (base) => new Promise((resolve) => {
  const request = http.get(base + '/hang', { timeout: 20 });
  request.on('timeout', () => request.destroy(new Error('too slow')));
  request.on('error', (error) => resolve(error.message));
});
exports.aborted = (base) => fetch(base + '/hang', { signal: AbortSignal.timeout(20) }).catch((error) => error.name);
exports.large = (base) => fetch(base + '/large').catch((error) => error.cause.message.replace(base, ''));
exports.sendLarge = (base) => fetch(base + '/echo', { method: 'POST', body: 'x'.repeat(9 << 20) }).catch((error) => error.cause.code);
exports.both = () => [typeof https.request, http.request === require('http').request, http.STATUS_CODES[404], typeof http.createServer];
`

func TestRequestsOfScripts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			data, _ := io.ReadAll(r.Body)
			user, password, _ := r.BasicAuth()
			w.Header().Set("X-Method", fmt.Sprintf("%s %s %d %s%s%s%s", r.Method, r.URL.RawQuery, r.ContentLength, r.Header.Get("Content-Type"), r.Header.Get("X-Own"), user, password))
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(data)
		case "/text":
			_, _ = io.WriteString(w, "grün")
		case "/binary":
			_, _ = w.Write([]byte{0, 255, 128})
		case "/away":
			http.Redirect(w, r, "/text", http.StatusFound)
		case "/hang":
			<-r.Context().Done()
		case "/large":
			_, _ = w.Write(make([]byte, maxBody+1))
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "requests.js")
	if err := os.WriteFile(file, []byte(requests), 0o600); err != nil {
		t.Fatal(err)
	}
	var h host
	session, err := engine.NewSession(engine.SessionOptions{
		Options: engine.Options{Dir: dir, Timeout: loadTimeout}, Turn: 10 * time.Second, Host: h.host,
		Console: func(owner, text string) { t.Errorf("%s printed %s", owner, text) },
		Stuck:   func(owner string, reason *engine.Error) { t.Errorf("%s is stuck: %v", owner, reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { session.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	for _, c := range []struct{ name, want string }{
		{"post", `[201,"POST x=1 10 application/jsonmesecret",["a=1","b=2"],"{\"a\":\"ü\"}"]`},
		{"get", `[200,"grün"]`},
		{"iterate", `"grün"`},
		{"binary", `[0,255,128]`},
		{"fetch", `[true,201,"POST  3 text/plain;charset=UTF-8yes",[1]]`},
		{"redirects", `[200,302,302]`},
		{"refused", `["ECONNREFUSED","fetch failed ECONNREFUSED"]`},
		{"slow", `"too slow"`},
		{"aborted", `"TimeoutError"`},
		{"large", `"the answer of /large has more than 1048576 bytes"`},
		{"sendLarge", `"PANDORA_TOO_LARGE"`},
		{"both", `["function",true,"Not Found","function"]`},
	} {
		data, _ := json.Marshal(map[string]any{"file": file, "name": c.name, "arg": server.URL})
		calling, stop := context.WithTimeout(ctx, 30*time.Second)
		got, err := session.Call(calling, c.name, "goja/session.js", "callFile", data)
		stop()
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}
