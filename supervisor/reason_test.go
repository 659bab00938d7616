package supervisor

import (
	"strings"
	"testing"
	"time"
)

// heapTail is what Node 20 writes when its heap is full, shortened.
const heapTail = `
<--- Last few GCs --->

[18320:0x367f4d00]       92 ms: Mark-Compact 12.9 (26.5) -> 12.2 (29.2) MB, 2.02 / 0.00 ms  (+ 1.9 ms in 41 steps since start of marking)
<--- JS stacktrace --->

FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
----- Native stack trace -----

 1: 0xb78db3 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [/usr/bin/node]`

const uncaughtTail = `/app/a.js:5
 if (x) throw new TypeError('boom');
        ^

TypeError: boom
    at Timeout._onTimeout (/app/a.js:5:23)
    at listOnTimeout (node:internal/timers:581:17)

Node.js v20.20.2`

const addressTail = `node:events:496
      throw er; // Unhandled 'error' event
      ^

Error: listen EADDRINUSE: address already in use 127.0.0.1:3000
    at Server.setupListenHandle [as _listen2] (node:net:1908:16)
Emitted 'error' event on Server instance at:
    at emitErrorNT (node:net:1887:8) {
  code: 'EADDRINUSE',
  errno: -98,
  syscall: 'listen',
  address: '127.0.0.1',
  port: 3000
}

Node.js v20.20.2`

const syntaxTail = `/app/broken.js:2
  const = 1;
        ^

SyntaxError: Unexpected token '='
    at wrapSafe (node:internal/modules/cjs/loader:1464:18)

Node.js v20.20.2`

func TestReason(t *testing.T) {
	typed := &errorReport{Name: "TypeError", Message: "x is not a function\nmore", Stack: "TypeError: x is not a function\n    at f (/app/web.js:3:7)\n    at node:internal/x:1:1"}
	taken := &errorReport{Name: "Error", Message: "listen EADDRINUSE: address already in use :::80", Code: "EADDRINUSE", Syscall: "listen", Port: 80}
	lines := func(text string) []string { return strings.Split(text, "\n") }
	for name, test := range map[string]struct {
		exit    Exit
		cause   cause
		code    string
		message string
		hint    string
	}{
		"zero":          {Exit{}, cause{}, ReasonExitZero, "exited with code 0, although it is to go on running", "something calls process.exit()"},
		"zero, stopped": {Exit{}, cause{stopping: true}, ReasonStopped, "exited with code 0, as it was asked to", ""},
		"code":          {Exit{Code: 3}, cause{tail: lines("hello")}, ReasonExit, "exited with code 3", ""},
		"shell code":    {Exit{Code: 143}, cause{}, ReasonExit, "exited with code 143, as programs do that signal 15 has ended", ""},
		"bad option":    {Exit{Code: 9}, cause{}, ReasonExit, "exited with code 9: Node refuses one of its options", ""},
		"code, stopped": {Exit{Code: 3}, cause{stopping: true}, ReasonStopped, "exited with code 3, as it was asked to", ""},
		"start error":   {Exit{Code: 1}, cause{report: typed}, ReasonStart, "exited with code 1: TypeError: x is not a function (at /app/web.js:3:7)", ""},
		"of ours": {Exit{Code: 1}, cause{report: &errorReport{Name: "Error", Message: "x", Stack: "Error: x\n    at y (/h/js/781096da2c811ffe/node/bootstrap.js:9:4)\n    at z (/app/js/a.js:1:2)"}}, ReasonStart,
			"exited with code 1: Error: x (at /app/js/a.js:1:2)", ""},
		"uncaught": {Exit{Code: 1}, cause{report: typed, uncaught: "uncaughtException"}, ReasonUncaught,
			"exited with code 1: TypeError: x is not a function (at /app/web.js:3:7)", ""},
		"rejection": {Exit{Code: 1}, cause{report: typed, uncaught: "unhandledRejection", age: time.Second}, ReasonRejection,
			"exited with code 1, unhandled rejection: TypeError: x is not a function (at /app/web.js:3:7)", ""},
		"handled, then exit": {Exit{Code: 3}, cause{report: typed, uncaught: "uncaughtException", handled: true, age: time.Second}, ReasonUncaught,
			"exited with code 3: TypeError: x is not a function (at /app/web.js:3:7)", ""},
		"handled long ago": {Exit{Code: 3}, cause{report: typed, uncaught: "uncaughtException", handled: true, age: time.Hour}, ReasonExit, "exited with code 3", ""},
		"handled, then killed": {Exit{Code: -1, Signal: "SIGKILL"}, cause{report: typed, handled: true, memory: memoryInnocent}, ReasonSignal,
			"was ended by SIGKILL, which somebody else sent", ""},
		"error while stopping": {Exit{Code: 1}, cause{report: typed, uncaught: "uncaughtException", stopping: true}, ReasonUncaught,
			"exited with code 1: TypeError: x is not a function (at /app/web.js:3:7)", ""},
		"from the output":       {Exit{Code: 1}, cause{tail: lines("before\n" + uncaughtTail)}, ReasonUncaught, "exited with code 1: TypeError: boom (at /app/a.js:5:23)", ""},
		"of an earlier process": {Exit{Code: 1}, cause{tail: lines(uncaughtTail + "\nNode.js v20.20.2")}, ReasonExit, "exited with code 1", ""},
		"address in the output": {Exit{Code: 1}, cause{tail: lines(addressTail), holder: "port 3000 is held by pid 7 (nginx)"}, ReasonAddress,
			"exited with code 1: Error: listen EADDRINUSE: address already in use 127.0.0.1:3000: port 3000 is held by pid 7 (nginx)", "end what listens there, or choose another address"},
		"syntax in the output": {Exit{Code: 1}, cause{tail: lines(syntaxTail)}, ReasonSyntax, "exited with code 1: SyntaxError: Unexpected token '=' (at /app/broken.js:2)", ""},
		"syntax": {Exit{Code: 1}, cause{report: &errorReport{Name: "SyntaxError", Message: "bad", Stack: "/app/b.js:9\n x\n ^\n\nSyntaxError: bad\n    at wrapSafe (node:x:1:1)"}}, ReasonSyntax,
			"exited with code 1: SyntaxError: bad (at /app/b.js:9)", ""},
		"JSON": {Exit{Code: 1}, cause{report: &errorReport{Name: "SyntaxError", Message: "Unexpected token", Stack: "SyntaxError: Unexpected token\n    at JSON.parse (<anonymous>)\n    at read (/app/c.js:1:2)"}}, ReasonStart,
			"exited with code 1: SyntaxError: Unexpected token (at /app/c.js:1:2)", ""},
		"address": {Exit{Code: 1}, cause{report: taken, holder: "port 80 is held by pid 7 (nginx)"}, ReasonAddress,
			"exited with code 1: Error: listen EADDRINUSE: address already in use :::80: port 80 is held by pid 7 (nginx)", "end what listens there, or choose another address"},
		"package": {Exit{Code: 1}, cause{report: &errorReport{Name: "Error", Message: "Cannot find module '@a/b/c'\nRequire stack:\n- /x", Code: "MODULE_NOT_FOUND"}}, ReasonModule,
			"exited with code 1: Error: Cannot find module '@a/b/c'", "run [ npm install ] in the application's folder, or [ npm install @a/b ] if package.json does not name it"},
		"path": {Exit{Code: 1}, cause{report: &errorReport{Name: "Error", Message: "Cannot find module './x'", Code: "MODULE_NOT_FOUND"}}, ReasonModule,
			"exited with code 1: Error: Cannot find module './x'", "check the path"},
		"ES module": {Exit{Code: 1}, cause{report: &errorReport{Name: "Error", Message: "Cannot find package 'koa' imported from /x", Code: "ERR_MODULE_NOT_FOUND"}}, ReasonModule,
			"exited with code 1: Error: Cannot find package 'koa' imported from /x", "run [ npm install ] in the application's folder, or [ npm install koa ] if package.json does not name it"},
		"a low port": {Exit{Code: 1}, cause{report: &errorReport{Name: "Error", Message: "listen EACCES: permission denied 0.0.0.0:80", Code: "EACCES", Syscall: "listen", Port: 80}}, ReasonPermission,
			"exited with code 1: Error: listen EACCES: permission denied 0.0.0.0:80", "ports below 1024 need a privilege: use a higher one behind a proxy, or sysctl net.ipv4.ip_unprivileged_port_start, or setcap cap_net_bind_service=+ep on the node binary"},
		"a file": {Exit{Code: 1}, cause{report: &errorReport{Name: "Error", Message: "EACCES: permission denied, open '/x'", Code: "EACCES", Syscall: "open"}}, ReasonStart,
			"exited with code 1: Error: EACCES: permission denied, open '/x'", ""},
		"heap": {Exit{Code: -1, Signal: "SIGABRT"}, cause{tail: lines(heapTail)}, ReasonHeap, "ran out of its JavaScript heap at 12 MB",
			"raise it with nodeArgs(['--max-old-space-size=<MB>']), or look for a leak"},
		"heap, trap": {Exit{Code: -1, Signal: "SIGTRAP"}, cause{tail: lines("FATAL ERROR: JavaScript heap out of memory")}, ReasonHeap,
			"ran out of its JavaScript heap (FATAL ERROR in its output)", "raise it with nodeArgs(['--max-old-space-size=<MB>']), or look for a leak"},
		"heap of another": {Exit{Code: 1}, cause{tail: lines(heapTail)}, ReasonExit, "exited with code 1", ""},
		"abort":           {Exit{Code: -1, Signal: "SIGABRT"}, cause{}, ReasonCrash, "was ended by SIGABRT: a fault in native code, of an addon or of Node", "its last output may say more"},
		"segfault":        {Exit{Code: -1, Signal: "SIGSEGV"}, cause{}, ReasonCrash, "was ended by SIGSEGV: a fault in native code, of an addon or of Node", "its last output may say more"},
		"killed by the kernel": {Exit{Code: -1, Signal: "SIGKILL"}, cause{memory: memoryKilled}, ReasonMemory, "was ended by SIGKILL of the kernel, because memory ran out",
			"give it more memory, or bound it with .maxMemory() so that it is replaced before"},
		"killed by whom":  {Exit{Code: -1, Signal: "SIGKILL"}, cause{}, ReasonSignal, "was ended by SIGKILL, which somebody else sent, or probably the kernel because memory ran out", "dmesg tells whether it was the kernel"},
		"terminated":      {Exit{Code: -1, Signal: "SIGTERM"}, cause{}, ReasonSignal, "was ended by SIGTERM, which somebody else sent", ""},
		"stop":            {Exit{Code: -1, Signal: "SIGTERM"}, cause{stopping: true, sent: "SIGTERM"}, ReasonStopped, "was ended by SIGTERM of its stop", ""},
		"stop, by force":  {Exit{Code: -1, Signal: "SIGKILL"}, cause{stopping: true, sent: "SIGKILL"}, ReasonKilled, "was ended by SIGKILL: it did not end in its time", ""},
		"stop, by others": {Exit{Code: -1, Signal: "SIGKILL"}, cause{stopping: true, sent: "SIGTERM", memory: memoryInnocent}, ReasonSignal, "was ended by SIGKILL, which somebody else sent", ""},
		"late":            {Exit{Code: -1, Signal: "SIGKILL"}, cause{sent: "SIGKILL", because: "was not ready within 2m0s and was killed"}, ReasonKilled, "was not ready within 2m0s and was killed", ""},
		"late after an error": {Exit{Code: -1, Signal: "SIGKILL"}, cause{sent: "SIGKILL", because: "was not ready within 2s and was killed", report: typed}, ReasonStart,
			"was ended by SIGKILL: TypeError: x is not a function (at /app/web.js:3:7)", ""},
		"channel": {Exit{Code: -1, Signal: "SIGKILL"}, cause{broken: "its IPC channel broke: no JSON"}, ReasonChannel, "was ended by SIGKILL: its IPC channel broke: no JSON", ""},
	} {
		got := reason(test.exit, test.cause)
		if want := (verdict{test.code, test.message, test.hint}); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestErrorInTail(t *testing.T) {
	r := errorInTail(strings.Split(addressTail, "\n"))
	if r == nil || r.Code != "EADDRINUSE" || r.Port != 3000 || r.Address != "127.0.0.1" || r.Syscall != "listen" || !strings.Contains(r.text(), "\n    at emitErrorNT") {
		t.Errorf("%+v", r)
	}
	for _, tail := range []string{"", "Error: x", "Node.js v20.0.0", "Error: only logged\nNode.js v20.1.0\n" + strings.Repeat("more\n", 9)} {
		if r := errorInTail(strings.Split(tail, "\n")); r != nil {
			t.Errorf("%q: %+v", tail, r)
		}
	}
}

// FuzzErrorInTail: an application may write what it likes.
func FuzzErrorInTail(f *testing.F) {
	for _, seed := range []string{uncaughtTail, addressTail, syntaxTail, heapTail, ""} {
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, text string, code int) {
		tail := strings.Split(text, "\n")
		for _, signal := range []string{"", "SIGABRT"} {
			if v := reason(Exit{Code: code, Signal: signal}, cause{tail: tail}); v.reason == "" || v.message == "" {
				t.Errorf("%q: %+v", text, v)
			}
		}
		if r := errorInTail(tail); r != nil {
			r.addressOf()
			if r.Name == "" {
				t.Errorf("%q: %+v", text, r)
			}
		}
	})
}

func TestAddressOf(t *testing.T) {
	for _, test := range []struct {
		report errorReport
		path   string
		port   int
	}{
		{errorReport{Port: 80, Address: "::"}, "", 80},
		{errorReport{Address: "/tmp/a.sock"}, "/tmp/a.sock", 0},
		{errorReport{Message: "listen EADDRINUSE: address already in use 127.0.0.1:3000"}, "", 3000},
		{errorReport{Message: "bind EADDRINUSE :::3001\nmore"}, "", 3001},
		{errorReport{Message: "listen EADDRINUSE: address already in use /run/x.sock"}, "/run/x.sock", 0},
		{errorReport{Message: "x:70000"}, "", 0}, {errorReport{Message: "EADDRINUSE 3000"}, "", 0}, {errorReport{}, "", 0},
	} {
		if path, port := test.report.addressOf(); path != test.path || port != test.port {
			t.Errorf("%+v: %q %d", test.report, path, port)
		}
	}
}
