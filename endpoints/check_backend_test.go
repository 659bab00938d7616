package endpoints

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/metrics"
	"google.golang.org/protobuf/encoding/protowire"
)

// These tests try the checks on servers of their own, the good ones and those that misbehave. How they fare with real
// ones is tested behind the tag slow.

// tryOnce makes one try of a check as an application declares it.
func tryOnce(t *testing.T, kind, options string, app Application, env checkEnv) finding {
	t.Helper()
	return tryWithin(t, 10*time.Second, kind, options, app, env)
}

func tryWithin(t *testing.T, limit time.Duration, kind, options string, app Application, env checkEnv) finding {
	t.Helper()
	d := DeclaredIndicator{Name: "backend", Type: kind, Options: json.RawMessage(options), Timeout: limit}
	if err := CheckIndicator(d); err != nil {
		t.Fatal(err)
	}
	s := declaredSpec(d)
	p := s.options.probe(env, s)
	defer p.close()
	ctx, cancel := context.WithTimeout(t.Context(), s.timeout)
	defer cancel()
	f := p.try(ctx, app)
	if shown := fmt.Sprint(f.err, f.details); strings.Contains(shown, "geheim") {
		t.Errorf("%s %s shows the secret: %s", kind, options, shown)
	}
	return f
}

// wantFinding expects a finding; "" is up.
func wantFinding(t *testing.T, f finding, reason string) {
	t.Helper()
	switch {
	case reason == "" && f.err != nil:
		t.Errorf("DOWN: %v", f.err)
	case reason != "" && f.err == nil:
		t.Errorf("UP, want DOWN: %s", reason)
	case reason != "" && !strings.Contains(problem(f.err, time.Second), reason):
		t.Errorf("DOWN: %v, want …%s…", f.err, reason)
	}
}

// listening serves each connection with a function, and returns the port.
func listening(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// misbehaving are servers that no client expects.
func misbehaving(t *testing.T) map[string]int {
	flood := func(of string) func(net.Conn) {
		return func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat(of, 4096)); err != nil {
					return
				}
			}
		}
	}
	return map[string]int{
		"closes": listening(t, func(net.Conn) {}),
		"silent": listening(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }),
		"zeros":  listening(t, flood("\x00")),
		"ones":   listening(t, flood("\xff")),
		"text":   listening(t, flood("hello\r\n")),
		"http": listening(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}),
		"huge": listening(t, func(c net.Conn) { _, _ = io.WriteString(c, "$99999999999999\r\n"); _, _ = io.Copy(io.Discard, c) }),
		"overflow": listening(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "$184467440737095516160\r\n*7\r\n")
			_, _ = io.Copy(io.Discard, c)
		}),
		"nested":  listening(t, flood("*1\r\n")),
		"endless": listening(t, flood("+")),
	}
}

// TestMisbehavingServers: whatever answers, a check is DOWN in time and says something.
func TestMisbehavingServers(t *testing.T) {
	t.Parallel()
	for name, port := range misbehaving(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			misbehave(t, name, port)
		})
	}
}

func misbehave(t *testing.T, name string, port int) {
	for kind, options := range map[string]string{
		"mysql": `"user":"app","password":"geheim"`, "redis": `"password":"geheim","role":"master"`, "rpc": `"metadata":{"authorization":"geheim"}`,
		"port": `"tls":{"insecure":true}`,
	} {
		began := time.Now()
		f := tryWithin(t, 500*time.Millisecond, kind, fmt.Sprintf(`{"port":%d,%s}`, port, options), Application{}, checkEnv{})
		if took := time.Since(began); f.err == nil || f.err.Error() == "" || took > 5*time.Second {
			t.Errorf("%s of %s: %v after %v", kind, name, f.err, took)
		}
	}
	for _, options := range []string{`"protocol":"http"`, `"protocol":"jsonrpc","rpcMethod":"health"`} {
		if f := tryWithin(t, 500*time.Millisecond, "rpc", fmt.Sprintf(`{"url":"http://u:geheim@127.0.0.1:%d/",%s}`, port, options), Application{}, checkEnv{}); f.err == nil {
			t.Errorf("%s of %s is UP", options, name)
		}
	}
}

// fakeMySQL greets, accepts any account but those of deny, and answers each query with one value.
func fakeMySQL(deny string, value string) func(net.Conn) {
	send := func(c net.Conn, sequence byte, payload string) {
		_, _ = c.Write(append([]byte{byte(len(payload)), byte(len(payload) >> 8), 0, sequence}, payload...))
	}
	receive := func(c net.Conn) (string, byte, error) {
		header := make([]byte, 4)
		if _, err := io.ReadFull(c, header); err != nil {
			return "", 0, err
		}
		body := make([]byte, int(header[0])|int(header[1])<<8)
		_, err := io.ReadFull(c, body)
		return string(body), header[3], err
	}
	const ok, eof = "\x00\x00\x00\x02\x00\x00\x00", "\xfe\x00\x00\x02\x00"
	return func(c net.Conn) {
		// Protocol 10, version, thread, salt, capabilities of 4.1 with secure authentication.
		send(c, 0, "\x0a5.5.5-fake\x00\x01\x00\x00\x0012345678\x00\x00\xa2\x21\x02\x00\x08\x00\x15"+strings.Repeat("\x00", 10)+"123456789012\x00mysql_native_password\x00")
		login, sequence, err := receive(c)
		if err != nil {
			return
		}
		if deny != "" && strings.Contains(login, deny) {
			send(c, sequence+1, "\xff\x15\x04#28000Access denied for user '"+deny+"'")
			return
		}
		send(c, sequence+1, ok)
		for {
			query, _, err := receive(c)
			switch {
			case err != nil || query[0] == 1:
				return
			case query[0] != 3:
				send(c, 1, ok)
				continue
			}
			column := "\x03def\x00\x00\x00\x01v\x00\x0c\x21\x00\xff\x00\x00\x00\xfd\x00\x00\x00\x00\x00"
			send(c, 1, "\x01")
			send(c, 2, column)
			send(c, 3, eof)
			send(c, 4, string(rune(len(value)))+value)
			send(c, 5, eof)
		}
	}
}

func TestMySQLCheck(t *testing.T) {
	t.Parallel()
	port := listening(t, fakeMySQL("eve", "42"))
	f := tryOnce(t, "mysql", fmt.Sprintf(`{"url":"mysql://app:geheim@127.0.0.1:%d/shop","query":"SELECT n","expect":42}`, port), Application{}, checkEnv{})
	wantFinding(t, f, "")
	if f.details["value"] != "42" || f.details["database"] != "shop" || f.details["version"] != "42" {
		t.Errorf("%v", f.details)
	}
	f = tryOnce(t, "mysql", fmt.Sprintf(`{"port":%d,"user":"app","query":"SELECT n","expect":"43"}`, port), Application{}, checkEnv{})
	wantFinding(t, f, fmt.Sprintf(`MySQL at 127.0.0.1:%d as app: the query "SELECT n" gives "42", expected "43"`, port))
	f = tryOnce(t, "mysql", fmt.Sprintf(`{"port":%d,"user":"eve","password":"geheim"}`, port), Application{}, checkEnv{})
	wantFinding(t, f, "Access denied for user 'eve'; correct user and password")
	f = tryOnce(t, "mysql", fmt.Sprintf(`{"port":%d,"passwordFile":"/nowhere"}`, port), Application{}, checkEnv{})
	wantFinding(t, f, "read the password: open /nowhere: no such file or directory")
}

// fakeRedis answers each command by its first word.
func fakeRedis(answers map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			var count int
			if _, err := fmt.Fscanf(r, "*%d\r\n", &count); err != nil {
				return
			}
			var words []string
			for range count {
				var size int
				if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
					return
				}
				word := make([]byte, size+2)
				if _, err := io.ReadFull(r, word); err != nil {
					return
				}
				words = append(words, string(word[:size]))
			}
			_, _ = io.WriteString(c, answers[words[0]])
		}
	}
}

func TestRedisCheck(t *testing.T) {
	t.Parallel()
	bulk := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	replica := func(link string, silent, told, done int) string {
		return bulk(fmt.Sprintf("# Replication\r\nrole:slave\r\nmaster_host:db1\r\nmaster_port:6379\r\nmaster_link_status:%s\r\nmaster_last_io_seconds_ago:%d\r\nslave_read_repl_offset:%d\r\nslave_repl_offset:%d\r\n", link, silent, told, done))
	}
	for _, c := range []struct {
		name, options, reason string
		answers               map[string]string
	}{
		{"up", ``, "", map[string]string{"PING": "+PONG\r\n"}},
		{"login", `,"username":"app","password":"geheim","db":3`, "", map[string]string{"AUTH": "+OK\r\n", "SELECT": "+OK\r\n", "PING": "+PONG\r\n"}},
		{"wrong password", `,"password":"geheim"`, "WRONGPASS nope; correct username, password and db", map[string]string{"AUTH": "-WRONGPASS nope\r\n"}},
		{"loading", ``, "LOADING the dataset; it will be up", map[string]string{"PING": "-LOADING the dataset\r\n"}},
		{"other answer", ``, `it answered "pong", expected PONG`, map[string]string{"PING": "+pong\r\n"}},
		{"master", `,"role":"master"`, "", map[string]string{"PING": "+PONG\r\n", "INFO": bulk("role:master\r\nconnected_slaves:2\r\n")}},
		{"no replica", `,"role":"replica"`, "is a master, expected a replica", map[string]string{"PING": "+PONG\r\n", "INFO": bulk("role:master\r\n")}},
		{"replica", `,"maxLagSeconds":3,"maxLagBytes":10`, "", map[string]string{"PING": "+PONG\r\n", "INFO": replica("up", 3, 110, 100)}},
		{"lost", `,"role":"replica"`, "has lost its master db1:6379", map[string]string{"PING": "+PONG\r\n", "INFO": replica("down", -1, 1, 1)}},
		{"late", `,"maxLagSeconds":3`, "has heard nothing from its master db1:6379 for 4 s", map[string]string{"PING": "+PONG\r\n", "INFO": replica("up", 4, 1, 1)}},
		{"behind", `,"maxLagBytes":10`, "is 11 B behind its master", map[string]string{"PING": "+PONG\r\n", "INFO": replica("up", 0, 111, 100)}},
		{"no permission", `,"role":"master"`, "NOPERM no; allow the account PING and, for role, INFO", map[string]string{"PING": "+PONG\r\n", "INFO": "-NOPERM no\r\n"}},
		{"endless info", `,"role":"master"`, "answered more than a check reads", map[string]string{"PING": "+PONG\r\n", "INFO": "$5000000\r\n"}},
	} {
		port := listening(t, fakeRedis(c.answers))
		t.Run(c.name, func(t *testing.T) {
			wantFinding(t, tryOnce(t, "redis", fmt.Sprintf(`{"port":%d%s}`, port, c.options), Application{}, checkEnv{}), c.reason)
		})
	}
}

// FuzzRedisReply: what the guard lets through announces nothing that is larger than an answer may be.
func FuzzRedisReply(f *testing.F) {
	f.Add([]byte("+OK\r\n$3\r\nabc\r\n$-1\r\n"), 3)
	f.Add([]byte("$99999999999\r\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		whole, pieces := &replyGuard{}, &replyGuard{}
		errWhole := whole.look(slices.Clone(data))
		var errPieces error
		step = max(1, step%7)
		for part := range slices.Chunk(data, step) {
			if errPieces = pieces.look(part); errPieces != nil {
				break
			}
		}
		if (errWhole == nil) != (errPieces == nil) || errWhole == nil && whole.payload != pieces.payload {
			t.Errorf("whole: %v, in pieces: %v", errWhole, errPieces)
		}
		if whole.payload > maxAnswer+2 || len(whole.line) > maxReplyLine {
			t.Errorf("%d bytes to come, a line of %d", whole.payload, len(whole.line))
		}
	})
}

// fakeGRPC answers health checks of one service.
func fakeGRPC(t *testing.T, handle http.HandlerFunc) int {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

func TestGRPCCheck(t *testing.T) {
	t.Parallel()
	message := func(fields ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(fields))), fields...)
	}
	answer := func(code, text string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			sent, _ := io.ReadAll(r.Body)
			if r.URL.Path != grpcMethod || r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || len(sent) < grpcFrame || r.Header.Get("Grpc-Timeout") == "" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.Header().Set("Content-Type", "application/grpc+proto")
			w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
			_, _ = w.Write(body)
			w.Header().Set("Grpc-Status", code)
			w.Header().Set("Grpc-Message", text)
		}
	}
	for _, c := range []struct {
		name, reason string
		handle       http.HandlerFunc
	}{
		{"serving", "", answer("0", "", message(8, 1))},
		{"with other fields", "", answer("0", "", message(append(protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), []byte("x")), 8, 1)...))},
		{"not serving", "it is NOT_SERVING, expected SERVING", answer("0", "", message(8, 2))},
		{"unknown", "it is UNKNOWN", answer("0", "", message())},
		{"of the future", "it is 9", answer("0", "", message(8, 9))},
		{"refused", "PERMISSION_DENIED: you there; give metadata", answer("7", "you%20there", nil)},
		{"refused at once", "UNAVAILABLE: busy; see the server's log", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "14")
			w.Header().Set("Grpc-Message", "busy")
		}},
		{"code of the future", "the answer is not gRPC", answer("77", "", nil)},
		{"short", "the answer is not gRPC", answer("0", "", []byte{0, 0, 0})},
		{"longer than it says", "the answer is not gRPC", answer("0", "", append(message(8, 1), 1))},
		{"broken message", "the answer is not gRPC", answer("0", "", message(8))},
		{"a web server", "the answer is not gRPC: see whether the address is that of a gRPC server (HTTP 200 OK)", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }},
		{"endless", "gRPC health of", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			for {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}},
	} {
		port := fakeGRPC(t, c.handle)
		t.Run(c.name, func(t *testing.T) {
			wantFinding(t, tryOnce(t, "rpc", fmt.Sprintf(`{"port":%d,"service":"shop.Orders"}`, port), Application{}, checkEnv{}), c.reason)
		})
	}
}

func TestJSONRPC(t *testing.T) {
	t.Parallel()
	var reply string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Key") != "k" {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(reply, "ECHO", string(body)))
	}))
	defer s.Close()
	for _, c := range []struct{ options, reply, reason string }{
		{`"params":[1]`, `{"jsonrpc":"2.0","id":1,"result":ECHO}`, ""},
		{`"params":[1],"expect":{"jsonrpc":"2.0","id":1.0,"method":"health","params":[1]}`, `{"jsonrpc":"2.0","id":1,"result":ECHO}`, ""},
		{`"expect":{"db":{"up":true}}`, `{"jsonrpc":"2.0","id":1,"result":{"db":{"up":false}}}`, `the result at db.up is not as expected: {"db":{"up":true}} has to be in it`},
		{`"expect":["a"]`, `{"jsonrpc":"2.0","id":1,"result":["b"]}`, `the result at 0 is not as expected`},
		{`"expect":null`, `{"jsonrpc":"2.0","id":1,"result":null}`, ""},
		{``, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}`, `call "health" at ` + s.URL + `: error -32601: no such method`},
		{``, `{"jsonrpc":"2.0","id":2,"result":1}`, `the answer is to another call`},
		{``, `{"jsonrpc":"2.0","id":1}`, `neither a result nor an error`},
		{``, `<html>`, `the answer is not JSON-RPC 2.0`},
		{``, `{}`, `the answer is not JSON-RPC 2.0`},
		{`"maxBodyBytes":20`, `{"jsonrpc":"2.0","id":1,"result":1}`, `raise maxBodyBytes`},
	} {
		options := strings.TrimSuffix(`{"protocol":"jsonrpc","url":"`+s.URL+`","rpcMethod":"health","headers":{"x-key":"k"},`+c.options, ",") + "}"
		reply = c.reply
		f := tryOnce(t, "rpc", options, Application{}, checkEnv{})
		wantFinding(t, f, c.reason)
	}
	reply = `{"state":"ok","queue":3}`
	plain := `{"protocol":"http","url":"` + s.URL + `","headers":{"X-Key":"k"},"body":{"ask":1},"expect":`
	wantFinding(t, tryOnce(t, "rpc", plain+`{"state":"ok"}}`, Application{}, checkEnv{}), "")
	wantFinding(t, tryOnce(t, "rpc", plain+`{"queue":"3"}}`, Application{}, checkEnv{}), `the body at queue is not as expected`)
}

func TestHTTPOptions(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/made":
			w.WriteHeader(http.StatusCreated)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "database is gone")
		case "/endless":
			for {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
					return
				}
			}
		default:
			fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.Header.Get("X-Key"), r.Header.Get("Authorization"))
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	for _, c := range []struct{ path, options, reason string }{
		{"/ok", `"bodyContains":"GET 127.0.0.1"`, ""},
		{"/ok", `"headers":{"Host":"shop.test","x-key":"k"},"bodyMatches":"^GET shop\\.test k $"`, ""},
		{"/ok", `"method":"HEAD"`, ""},
		{"/ok", `"bodyContains":"POST"`, `/ok answered without "POST" in the body`},
		{"/ok", `"bodyMatches":"^$"`, `the body does not match "^$"`},
		{"/made", `"status":"2xx"`, ""},
		{"/made", `"status":[200,"201-203"]`, ""},
		{"/made", ``, `/made answered 201 Created, expected 200: see the server's log`},
		{"/broken", `"status":["2xx",304]`, `/broken answered 500 Internal Server Error, expected 200-299, 304`},
		{"/moved", ``, `answered 302 Found to /ok, expected 200: set followRedirects`},
		{"/moved", `"followRedirects":true`, ""},
		{"/circle", `"followRedirects":3`, "more than 3 redirects"},
		{"/endless", `"bodyContains":"y"`, `in the first 64.0 KiB of the body`},
		{"/endless", ``, ``},
		{"/ok", `"minCertificateDays":3650`, ""},
	} {
		f := tryOnce(t, "port", strings.TrimSuffix(`{"url":"`+s.URL+c.path+`","tls":{"insecure":true},`+c.options, ",")+"}", Application{}, checkEnv{})
		wantFinding(t, f, c.reason)
		if f.details["url"] != s.URL+c.path || f.details["certificateDaysLeft"] == nil && c.path != "/circle" {
			t.Errorf("%s: %v", c.path, f.details)
		}
	}
	wantFinding(t, tryOnce(t, "port", `{"url":"`+s.URL+`"}`, Application{}, checkEnv{}), "signed by nobody who is trusted here")
	wantFinding(t, tryOnce(t, "port", `{"url":"`+strings.Replace(s.URL, "https", "http", 1)+`"}`, Application{}, checkEnv{}), "answered 400 Bad Request")
	user := strings.Replace(s.URL, "https://", "https://app:geheim@", 1)
	wantFinding(t, tryOnce(t, "port", `{"url":"`+user+`","tls":{"insecure":true},"bodyContains":"Basic "}`, Application{}, checkEnv{}), "")
	wantFinding(t, tryOnce(t, "port", `{"url":"`+user+`","tls":{"insecure":true},"status":500}`, Application{}, checkEnv{}), "GET https://app:******@127.0.0.1")
}

func TestOwnPort(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/ready?deep=1" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	app := Application{Name: "demo", Sockets: []Socket{{Network: "tcp", Address: "::", Port: s.Listener.Addr().(*net.TCPAddr).Port}}}
	wantFinding(t, tryOnce(t, "port", `{"path":"/ready?deep=1"}`, app, checkEnv{}), "")
	wantFinding(t, tryOnce(t, "port", `{"path":"/"}`, app, checkEnv{}), "answered 404 Not Found, expected 200")
	if f := tryOnce(t, "port", `{"path":"/"}`, Application{}, checkEnv{}); !f.absent {
		t.Error("there is a port without sockets")
	}
	wantFinding(t, tryOnce(t, "port", `{"socketPath":"/nowhere"}`, app, checkEnv{}), "connect to /nowhere: there is no such socket")
	wantFinding(t, tryOnce(t, "port", `{"host":"nowhere.invalid","port":1}`, app, checkEnv{}), "connect to nowhere.invalid:1: ")
}

func TestProcessCheck(t *testing.T) {
	running, backoff := Worker{State: "running", PID: 1}, Worker{Worker: 1, State: "backoff", Reason: "exited with code 1", Restarts: 4}
	app := Application{Processes: []Process{
		{Name: "web", Workers: []Worker{running, {Worker: 1, State: "running"}, {Worker: 1, State: "starting", Generation: 2}}},
		{Name: "background", Workers: []Worker{running}}, {Name: "off", Stopped: true, Workers: []Worker{{State: "stopped"}}},
	}}
	f := tryOnce(t, "process", `{}`, app, checkEnv{})
	wantFinding(t, f, "")
	if shown, _ := json.Marshal(f.details); string(shown) != `{"processes":{"background":{"workers":1,"running":1,"restarts":0},"off":{"workers":1,"running":0,"restarts":0,"stopped":true},"web":{"workers":2,"running":2,"restarts":0}}}` {
		t.Errorf("%s", shown)
	}
	app.Processes[0].Workers = []Worker{running, backoff}
	wantFinding(t, tryOnce(t, "process", `{}`, app, checkEnv{}), "1 of 2 workers of web are running, expected 2: worker 1 is backoff: exited with code 1")
	wantFinding(t, tryOnce(t, "process", `{"minRunning":1}`, app, checkEnv{}), "")
	wantFinding(t, tryOnce(t, "process", `{"process":"background"}`, app, checkEnv{}), "")
	wantFinding(t, tryOnce(t, "process", `{"process":"nobody"}`, app, checkEnv{}), `there is no process "nobody"`)
	app.Processes[1].Workers[0].UnresponsiveSince = time.Unix(0, 0)
	wantFinding(t, tryOnce(t, "process", `{"process":"background"}`, app, checkEnv{}), "its event loop has not answered since 1970-01-01T00:00:00Z")
}

// fakeVitals are metrics that ask workers.
type fakeVitals struct {
	Metrics
	app, watch string
	every      time.Duration
	all        []metrics.Vitals
}

func (f *fakeVitals) Vitals(_ context.Context, app, watch string, every time.Duration) []metrics.Vitals {
	f.app, f.watch, f.every = app, watch, every
	return f.all
}

func twoWorkers() Application {
	return Application{Name: "demo", Processes: []Process{{Name: "web", Workers: []Worker{
		{State: "running", PID: 10}, {Worker: 1, State: "running", PID: 11}, {Worker: 2, State: "starting", PID: 12},
	}}}}
}

func TestEventLoopCheck(t *testing.T) {
	m := &fakeVitals{all: []metrics.Vitals{{PID: 10, LagMs: map[string]float64{"p99": 20, "now": 9000}}, {PID: 99, LagMs: map[string]float64{"p99": 9000}}}}
	env := checkEnv{metrics: m}
	f := tryOnce(t, "event_loop", `{"maxLagMs":50}`, twoWorkers(), env)
	wantFinding(t, f, "worker web/1 did not answer: its event loop hangs")
	if m.app != "demo" || m.watch != "backend" || m.every != 5*time.Second {
		t.Errorf("%+v", m)
	}
	m.all = append(m.all, metrics.Vitals{PID: 11, LagMs: map[string]float64{"now": 40}})
	f = tryOnce(t, "event_loop", `{"maxLagMs":50}`, twoWorkers(), env)
	wantFinding(t, f, "")
	if shown, _ := json.Marshal(f.details); string(shown) != `{"lagMs":{"web/0":20,"web/1":40},"maxLagMs":50,"percentile":"p99"}` {
		t.Errorf("%s", shown)
	}
	wantFinding(t, tryOnce(t, "event_loop", `{"maxLagMs":30}`, twoWorkers(), env), "the event loop is late (p99), more than 30 ms: web/1 40 ms; look for synchronous work")
	wantFinding(t, tryOnce(t, "event_loop", `{"process":"none"}`, twoWorkers(), env), `there is no process "none"`)
	wantFinding(t, tryOnce(t, "event_loop", `{}`, twoWorkers(), checkEnv{}), "there are no metrics")
	if f := tryOnce(t, "event_loop", `{}`, Application{Name: "demo"}, env); !f.absent {
		t.Error("there is a loop without workers")
	}
}

func TestMemoryCheck(t *testing.T) {
	m := &fakeVitals{all: []metrics.Vitals{
		{PID: 10, RSS: 200 << 20, HeapUsed: 50 << 20, HeapLimit: 100 << 20}, {PID: 11, RSS: 200 << 20, HeapUsed: 90 << 20, HeapLimit: 100 << 20},
	}}
	group := groupUse{"/app", 80, 100}
	try := func(options string) finding {
		o := declaredSpec(DeclaredIndicator{Name: "m", Type: "memory", Options: json.RawMessage(options)}).options.(*memoryOptions)
		p := memoryProbe{options: o, metrics: m, group: func(pid int) (groupUse, bool) { return group, pid == 10 }}
		return p.try(t.Context(), twoWorkers())
	}
	f := try(`{}`)
	wantFinding(t, f, "")
	if shown, _ := json.Marshal(f.details); string(shown) != `{"cgroups":[{"limitBytes":100,"path":"/app","usedBytes":80,"usedPercent":80}],"workers":{"web/0":{"heapLimitBytes":104857600,"heapUsedBytes":52428800,"rssBytes":209715200},"web/1":{"heapLimitBytes":104857600,"heapUsedBytes":94371840,"rssBytes":209715200}}}` {
		t.Errorf("%s", shown)
	}
	wantFinding(t, try(`{"heapRate":85}`), "the heap of worker web/1 is 90% full (90.0 MiB of 100.0 MiB), more than 85%: look for a leak")
	wantFinding(t, try(`{"maxRssBytes":104857600}`), "worker web/0 has 200.0 MiB, more than maxRssBytes, 100.0 MiB; worker web/1")
	wantFinding(t, try(`{"maxHeapBytes":62914560}`), "the heap of worker web/1 is 90.0 MiB, more than maxHeapBytes, 60.0 MiB")
	wantFinding(t, try(`{"rate":79}`), "the control group /app uses 80% of its memory (80 B of 100 B), more than 79%")
	group.limit = 0
	wantFinding(t, try(`{"rate":1}`), "")
}

func TestHTTPStatuses(t *testing.T) {
	for text, want := range map[string]string{`200`: "200", `"2xx"`: "200-299", `["2XX",404,"500-502"]`: "200-299, 404, 500-502", `99`: "", `"6xx"`: "", `"300-200"`: "", `[]`: "", `true`: "", `["200","x"]`: ""} {
		f := newFields("x", json.RawMessage(`{"status":`+text+`}`))
		got := statusText(f.statuses("status"))
		if (f.err != nil) != (want == "") || f.err == nil && got != want {
			t.Errorf("%s: %q %v, want %q", text, got, f.err, want)
		}
	}
}
