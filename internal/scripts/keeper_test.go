package scripts

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProcess is a host that a test plays.
type fakeProcess struct {
	heard  chan toHost // what the keeper has told it
	in     *io.PipeWriter
	out    *io.PipeReader
	say    *io.PipeWriter
	killed chan struct{}
	once   sync.Once
	err    error
	wg     sync.WaitGroup
}

func newFakeProcess() *fakeProcess {
	p := &fakeProcess{heard: make(chan toHost, 100), killed: make(chan struct{})}
	var read *io.PipeReader
	read, p.in = io.Pipe()
	p.out, p.say = io.Pipe()
	p.wg.Go(func() {
		_ = each(read, func(m toHost) error {
			p.heard <- m
			return nil
		})
		p.end(nil) // it ends with its input
	})
	return p
}

func (p *fakeProcess) Out() io.Reader     { return p.out }
func (p *fakeProcess) In() io.WriteCloser { return p.in }
func (p *fakeProcess) Kill()              { p.end(errors.New("signal: killed")) }

func (p *fakeProcess) end(err error) {
	p.once.Do(func() {
		p.err = err
		close(p.killed)
		_ = p.in.Close()
		_ = p.say.Close()
	})
}

func (p *fakeProcess) Wait() error {
	<-p.killed
	p.wg.Wait()
	return p.err
}

func (p *fakeProcess) tell(m fromHost) { _ = (&lines{w: p.say}).write(m) }

// yard is a keeper with hosts that a test plays.
type yard struct {
	*Keeper
	started chan *fakeProcess
	up      chan *Host
	down    chan uint64 // the peer's number at that time, as the host may have the next one when it is read
}

func newYard() *yard {
	y := &yard{started: make(chan *fakeProcess, 100), up: make(chan *Host, 100), down: make(chan uint64, 100)}
	y.Keeper = NewKeeper(Config{
		Start: func(Spec) (Process, error) {
			p := newFakeProcess()
			y.started <- p
			return p, nil
		},
		Spec: func(app string) (Spec, error) { return Spec{App: app}, nil },
		Answer: func(context.Context, string, string, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage("1"), nil
		},
		Up:    func(h *Host) { y.up <- h },
		Down:  func(h *Host) { y.down <- h.ID() },
		Print: func(string, string, string) {},
	})
	return y
}

func (y *yard) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { y.Run(ctx) })
	synctest.Wait()
	return func() {
		cancel()
		wg.Wait()
	}
}

func TestKeeperPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard()
		stop := y.run(t)
		defer stop()
		y.Sync([]App{{Name: "shop", Scripted: true}, {Name: "plain"}})
		want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
		for n, pause := range want {
			p := <-y.started
			p.Kill()
			ended := time.Now()
			synctest.Wait()
			if got := y.Problem("shop"); !strings.Contains(got, "signal: killed") || !strings.Contains(got, ended.Add(pause).Format("15:04:05")) {
				t.Errorf("after end %d: %s", n, got)
			}
			time.Sleep(pause - time.Millisecond)
			if len(y.started) != 0 {
				t.Errorf("end %d: started again too early", n)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		// One that has lived for a minute begins anew.
		p := <-y.started
		time.Sleep(time.Minute)
		p.Kill()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(y.started) != 1 {
			t.Error("the first pause after a steady life is not a second")
		}
		if y.Problem("plain") == "" || y.Indicators("plain") != nil {
			t.Error("an application without scripts has a host")
		}
	})
}

func TestKeeperFollowsApplications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard()
		stop := y.run(t)
		defer stop()
		y.Sync([]App{{Name: "shop", Version: "1", Scripted: true}})
		first := <-y.started
		if m := <-first.heard; m.Spec == nil || m.Spec.App != "shop" {
			t.Errorf("first heard %+v", m)
		}
		y.Event("shop", json.RawMessage(`{"event":"crash"}`))
		y.Sync([]App{{Name: "shop", Version: "1", Scripted: true}})
		first.tell(fromHost{Loaded: &loaded{Indicators: []Indicator{{Name: "a", Group: "health", IntervalMs: 1000, TimeoutMs: 100}}}})
		h := <-y.up
		// What came before it was ready comes now, once.
		if m := <-first.heard; string(m.Event) != `{"event":"crash"}` {
			t.Errorf("heard %+v", m)
		}
		id := h.ID()
		first.tell(fromHost{Loaded: &loaded{Indicators: []Indicator{{Name: "b", Group: "health", IntervalMs: 1000, TimeoutMs: 100}}}})
		if gone := <-y.down; gone != id {
			t.Error("another peer was taken back than the one there was")
		}
		if h = <-y.up; h.ID() == id || h.Indicators()[0].Name != "b" {
			t.Errorf("registered again as %d with %+v", h.ID(), h.Indicators())
		}
		// Another version is another host, and the old one is asked to end.
		y.Sync([]App{{Name: "shop", Version: "2", Scripted: true}})
		second := <-y.started
		<-first.killed
		<-y.down
		y.Sync(nil)
		<-second.killed
		synctest.Wait()
		if len(first.heard)+len(y.started) != 0 {
			t.Error("something happened twice")
		}
	})
}

func TestHostAnswersFromItsLastRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard()
		stop := y.run(t)
		defer stop()
		y.Sync([]App{{Name: "shop", Scripted: true}})
		p := <-y.started
		p.tell(fromHost{Loaded: &loaded{Indicators: []Indicator{{Name: "a", Group: "health", IntervalMs: 1000, TimeoutMs: 100}}}})
		h := <-y.up
		ask := func() string {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			rows, err := h.Request(ctx, "MESSENGER_DOWNLINK_shop_health_"+ClientID(0), nil)
			if err != nil {
				return err.Error()
			}
			return string(rows)
		}
		begun := time.Now()
		if got := ask(); got != context.DeadlineExceeded.Error() || time.Since(begun) != 3*time.Second {
			t.Errorf("before the first run: %s after %v", got, time.Since(begun))
		}
		time.AfterFunc(time.Second, func() {
			p.tell(fromHost{Result: &result{Name: "a", Group: "health", Rows: json.RawMessage(`["one"]`)}})
		})
		if got := ask(); got != `["one"]` {
			t.Errorf("with the first run: %s", got)
		}
		time.Sleep(11 * time.Second)
		if got := ask(); got != `["one"]` {
			t.Errorf("a little late: %s", got)
		}
		time.Sleep(time.Second)
		if got := ask(); !strings.Contains(got, "has not run for 12s") {
			t.Errorf("late: %s", got)
		}
		if _, err := h.Request(t.Context(), "MESSENGER_DOWNLINK_shop_health_script-9", nil); err == nil {
			t.Error("an indicator that is not there answers")
		}
		// A report goes out and its answer comes back; a question is answered.
		reported := make(chan error, 1)
		go func() { reported <- h.Report(t.Context(), "own", json.RawMessage("[1]")) }()
		var order *reportOrder
		for order == nil {
			order = (<-p.heard).Report
		}
		p.tell(fromHost{Reported: &reply{ID: order.ID, Error: "disk full"}})
		if err := <-reported; err == nil || err.Error() != "disk full" || order.Name != "own" || string(order.Rows) != "[1]" {
			t.Errorf("report %+v: %v", order, err)
		}
		p.tell(fromHost{Ask: &question{ID: 7, What: "metrics"}})
		if m := <-p.heard; m.Answer == nil || m.Answer.ID != 7 || string(m.Answer.Value) != "1" {
			t.Errorf("heard %+v", m)
		}
		// Its last word is the reason.
		p.tell(fromHost{Stuck: &said{Owner: `indicator "a"`, Text: "uses more than 256 MiB of memory"}})
		p.Kill()
		synctest.Wait()
		if got := y.Problem("shop"); !strings.Contains(got, `indicator "a": uses more than 256 MiB`) {
			t.Errorf("problem: %s", got)
		}
		if got := ask(); !strings.Contains(got, "has not run") && !strings.Contains(got, "ended") {
			t.Errorf("after its end: %s", got)
		}
	})
}

func TestKeeperNeedsFiles(t *testing.T) {
	dir := t.TempDir()
	if needed(App{Dir: dir}) {
		t.Error("a folder without indicators needs a host")
	}
	folder := filepath.Join(dir, Folder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.js", "b.ts", "types.d.ts", ".hidden.js", "README.md", "c.mjs"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(Files(dir), " "); got != "a.js b.ts c.mjs" {
		t.Errorf("files: %s", got)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"result":{"name":"a","group":"health","rows":[]}}` + "\n"))
	f.Add([]byte(`{"loaded":{"indicators":[{"name":"a"}]}}` + "\n" + `{"ask":{"id":1}}` + "\n"))
	f.Add([]byte("{\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = each(strings.NewReader(string(data)), func(fromHost) error { return nil })
		_ = each(strings.NewReader(string(data)), func(toHost) error { return nil })
	})
}
