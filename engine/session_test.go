package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// live runs a session in which test.js of a new folder is required by goja/session-test-like calls: its exports are called
// through "goja/scripts.js" elsewhere; here the loader's own module is enough.
type liveSession struct {
	*Session
	dir string

	mu      sync.Mutex
	printed strings.Builder
	stuck   []string
}

func newLive(t *testing.T, o SessionOptions, script string) *liveSession {
	t.Helper()
	l := &liveSession{dir: t.TempDir()}
	file := filepath.Join(l.dir, "test.js")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Dir = l.dir
	o.Console = func(owner, text string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		fmt.Fprintf(&l.printed, "[%s] %s", owner, text)
	}
	o.Stuck = func(owner string, reason *Error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stuck = append(l.stuck, owner+": "+reason.Message)
	}
	if o.Host == nil {
		o.Host = func(_ context.Context, name string, arg json.RawMessage) (json.RawMessage, error) {
			if name == "fail" {
				return nil, errors.New("the host cannot")
			}
			return json.RawMessage(`{"name":"` + name + `","arg":` + string(arg) + `}`), nil
		}
	}
	s, err := NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	l.Session = s
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l
}

// do calls an export of test.js.
func (l *liveSession) do(t *testing.T, name string, arg any) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	data, err := json.Marshal(map[string]any{"file": filepath.Join(l.dir, "test.js"), "name": name, "arg": arg})
	if err != nil {
		t.Fatal(err)
	}
	value, err := l.Call(ctx, "tester", "goja/session.js", "callFile", data)
	return string(value), err
}

func (l *liveSession) output() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.printed.String()
}

func TestSession(t *testing.T) {
	l := newLive(t, SessionOptions{Turn: 20 * time.Second}, `
const { setTimeout: wait } = require('timers/promises');
exports.now = (x) => ({ got: x });
exports.promised = async (x) => { await wait(1); await new Promise((r) => setTimeout(r, 1)); return x + 1; };
exports.asks = async (ask, x) => [await ask('one', x), await ask('fail').catch((e) => e.message)];
exports.throws = async () => { await wait(1); throw new TypeError('no good'); };
exports.odd = () => { throw 17; };
exports.cycle = () => { const a = {}; a.a = a; return a; };
exports.big = () => 'x'.repeat(2_000_000);
exports.nothing = () => {};
exports.interval = () => new Promise((resolve) => {
  let n = 0;
  const timer = setInterval(() => { n += 1; if (n === 3) { clearInterval(timer); resolve(n); } }, 1);
  clearTimeout(setTimeout(() => resolve('cleared'), 1));
});
exports.log = () => { console.log('hello', { a: 1 }); Promise.reject(new Error('lost')); const p = Promise.reject(1); p.catch(() => {}); };
exports.http = () => require('net').connect(1);
`)
	for _, c := range []struct {
		name, want string
		arg        any
	}{
		{"now", `{"got":[1]}`, []int{1}},
		{"promised", `42`, 41},
		{"asks", `[{"name":"one","arg":{"a":1}},"the host cannot"]`, map[string]int{"a": 1}},
		{"throws", "TypeError: no good", nil},
		{"odd", "Uncaught 17", nil},
		{"cycle", "TypeError: Converting circular structure to JSON", nil},
		{"big", "what it returned has 2000002 characters, expected at most 1048576", nil},
		{"nothing", "null", nil},
		{"interval", "3", nil},
		{"log", "null", nil},
		{"http", "net.connect is not available in a script host", nil},
	} {
		value, err := l.do(t, c.name, c.arg)
		if err != nil {
			value = err.Error()
		}
		if value != c.want && (err == nil || !strings.Contains(value, c.want)) {
			t.Errorf("%s: got %s, want %s", c.name, value, c.want)
		}
		if c.name == "throws" && !strings.Contains(value, "test.js:6:") {
			t.Errorf("%s: the place is missing in %s", c.name, value)
		}
	}
	if got := l.output(); !strings.Contains(got, "[tester] hello { a: 1 }\n") || strings.Count(got, "unhandled rejection") != 1 {
		t.Errorf("printed: %s", got)
	}
}

// TestSessionStops: what loops is stopped, and what else runs goes on.
func TestSessionStops(t *testing.T) {
	l := newLive(t, SessionOptions{Turn: 50 * time.Millisecond, Options: Options{Timeout: 200 * time.Millisecond}}, `
exports.loop = () => { for (;;); };
exports.loopLater = () => new Promise(() => setTimeout(() => { for (;;); }, 1));
exports.catches = () => { try { for (;;); } catch { return 'caught'; } };
exports.exits = () => process.exit(3);
exports.fine = () => 'fine';
`)
	if value, err := l.do(t, "fine", nil); err != nil {
		t.Fatal(value, err)
	}
	for name, want := range map[string]string{
		"loop": "did not return to its event loop within 50ms", "loopLater": "did not return to its event loop within 50ms",
		"catches": "did not return to its event loop within 50ms", "exits": "process.exit(3) was called",
	} {
		if value, err := l.do(t, name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %s, %v, want %s", name, value, err, want)
		}
		if value, err := l.do(t, "fine", nil); err != nil || value != `"fine"` {
			t.Errorf("after %s: %s, %v", name, value, err)
		}
	}
}

// TestSessionStuck: what cannot be stopped is told of, and the call is over by its own time.
func TestSessionStuck(t *testing.T) {
	l := newLive(t, SessionOptions{Turn: 10 * time.Second, Options: Options{MemoryLimit: 2 << 20}}, `
exports.never = () => new Promise(() => {});
exports.eats = () => { const all = []; for (let i = 0; i < 100; i += 1) { all.push(('x' + i).repeat(200000)); } return all.length; };
`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	data, _ := json.Marshal(map[string]any{"file": filepath.Join(l.dir, "test.js"), "name": "never"})
	if _, err := l.Call(ctx, "tester", "goja/session.js", "callFile", data); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_, _ = l.do(t, "eats", nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.stuck) == 0 || !strings.Contains(l.stuck[0], "tester: uses more than 2 MiB") {
		t.Errorf("stuck: %q", l.stuck)
	}
}

// TestSessionDies: a world whose promises do not go on any more, because it was interrupted deep inside of some, says so.
func TestSessionDies(t *testing.T) {
	l := newLive(t, SessionOptions{Turn: 50 * time.Millisecond, Options: Options{Timeout: 200 * time.Millisecond}}, `
exports.shallow = async () => { for (;;); };
exports.deep = async () => { const inner = async () => { for (;;); }; await inner(); };
exports.fine = async () => { await null; return 'fine'; };
`)
	_, _ = l.do(t, "fine", nil)
	if value, err := l.do(t, "shallow", nil); err == nil {
		t.Error(value)
	}
	if value, err := l.do(t, "fine", nil); err != nil || value != `"fine"` {
		t.Errorf("after an interruption: %s, %v", value, err)
	}
	if value, err := l.do(t, "deep", nil); err == nil || !strings.Contains(err.Error(), "did not return to its event loop") {
		t.Errorf("%s, %v", value, err)
	}
	within := time.Now().Add(10 * time.Second)
	for told := false; !told; {
		l.mu.Lock()
		told = len(l.stuck) > 0 && strings.Contains(l.stuck[0], "tester: did not return to its event loop within 50ms")
		l.mu.Unlock()
		if !told && time.Now().After(within) {
			t.Fatalf("stuck: %q", l.stuck)
		}
	}
}

// TestSessionExits: process.exit deep inside of async functions breaks the world as running out of time does, and is told of.
func TestSessionExits(t *testing.T) {
	l := newLive(t, SessionOptions{}, `
exports.deep = async () => { const inner = async () => { process.exit(7); }; await inner(); };
exports.fine = async () => { await null; return 'fine'; };
exports.throws = async () => { const inner = async () => { throw new Error('no'); }; await inner(); };
`)
	if value, err := l.do(t, "throws", nil); err == nil {
		t.Error(value)
	}
	if value, err := l.do(t, "fine", nil); err != nil || value != `"fine"` {
		t.Errorf("after an error: %s, %v", value, err)
	}
	l.mu.Lock()
	if len(l.stuck) > 0 {
		t.Errorf("stuck after an error: %q", l.stuck)
	}
	l.mu.Unlock()
	if value, err := l.do(t, "deep", nil); err == nil || !strings.Contains(err.Error(), "process.exit(7) was called") {
		t.Errorf("%s, %v", value, err)
	}
	within := time.Now().Add(10 * time.Second)
	for told := false; !told; {
		l.mu.Lock()
		told = len(l.stuck) > 0 && strings.Contains(l.stuck[0], "tester: process.exit(7) was called")
		l.mu.Unlock()
		if !told && time.Now().After(within) {
			t.Fatalf("stuck: %q", l.stuck)
		}
	}
}

// TestSessionCallWithin: a call pays for its own time only, and what does not pause is interrupted at its limit.
func TestSessionCallWithin(t *testing.T) {
	t.Parallel()
	l := newLive(t, SessionOptions{Turn: 20 * time.Second}, `
exports.loop = () => { for (;;); };
exports.loopLater = async () => { await new Promise((r) => setTimeout(r, 1)); for (;;); };
exports.never = () => new Promise(() => {});
exports.fine = () => 'fine';
`)
	do := func(name string, limit time.Duration) (string, error) {
		data, _ := json.Marshal(map[string]any{"file": filepath.Join(l.dir, "test.js"), "name": name})
		value, err := l.CallWithin(t.Context(), limit, "tester", "goja/session.js", "callFile", data)
		return string(value), err
	}
	if value, err := do("fine", 5*time.Second); err != nil || value != `"fine"` {
		t.Fatal(value, err)
	}
	for _, name := range []string{"loop", "loopLater"} {
		looped := make(chan error, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := do(name, 6*time.Second)
			looped <- err
		})
		// It waits for the loop, and that time is not its own.
		for range 3 {
			if value, err := do("fine", 5*time.Second); err != nil || value != `"fine"` {
				t.Errorf("beside %s: %s, %v", name, value, err)
			}
		}
		wg.Wait()
		var failure *Error
		if err := <-looped; !errors.As(err, &failure) || failure.Kind != KindTimeout || !strings.Contains(err.Error(), "did not return to its event loop within 6s") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := do("never", 10*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("never: %v", err)
	}
}
