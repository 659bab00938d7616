package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// exited is a worker that has ended by a signal and runs again.
func exited(worker, pid int) Worker {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Worker{
		Worker: worker, State: "running", PID: pid, Generation: 2, Restarts: 1, Ready: true, SpawnedAt: at, ReadyAt: at.Add(time.Second),
		Listening: []string{"tcp 127.0.0.1:80"}, LogPath: "/l/web-0.log",
		LastExit: &Exit{At: at, Code: -1, Signal: "SIGKILL", Reason: "signal", Message: "ended by SIGKILL"},
	}
}

const exitedFacts = `"worker":0,"state":"running","generation":2,"restarts":1,"lastExit":{"at":"2026-01-02T03:04:05Z","code":-1,"signal":"SIGKILL","reason":"signal","message":"ended by SIGKILL"}`

func TestProcessRows(t *testing.T) {
	b := newBed(t, "", nil)
	app := Application{Name: "shop", Running: true, Processes: []Process{{Name: "web", Kind: "worker", Workers: []Worker{
		exited(0, 7), {Worker: 1, State: "backoff", Generation: 1, Reason: "it failed"}, {Worker: 2, State: "running", PID: 99_999_999},
	}}}}
	b.source.set(app, Application{Name: "other", Processes: []Process{{Workers: []Worker{{PID: os.Getpid()}}}}}, Application{Name: "stopped", State: 3})
	row := func(data string) string { return `[{"key":"7","data":` + data + `,"scope":"PROCESS"}]` }
	id := uint64(0)
	tell := func(reply string) {
		id++
		b.frames.announce(fixed(id, reply), "process", "shop", "ProcessIndicator", "c", "multiton")
	}
	tell(row(`{"pid":7,"cpu":1}`))
	tell(row(`{"pid":8}`))
	tell(row(`{"pid":7,"generation":5}`))
	tell(row(`"text"`))
	tell(row(`{}`))
	tell(row(`[7]`))
	tell(row(`{"pid":"7"}`))
	b.want(t, "/process?appName=shop", 200, `{"data":[{"pid":7,"cpu":1,`+exitedFacts+`},{"pid":8},{"pid":7,"generation":5},"text",{},[7],{"pid":"7"}],"timestamp":T,"success":true,"message":""}`)
	for _, none := range []string{"nobody", "stopped"} {
		b.want(t, "/process?appName="+none, 200, `{"data":[],"timestamp":T,"success":true,"message":""}`)
	}
	b.want(t, "/process", 200, `{"success":false,"timestamp":T,"message":"please query data by appName"}`)
}

// TestProcessThatDoesNotAnswer: the system tells of it.
func TestProcessThatDoesNotAnswer(t *testing.T) {
	b := newBed(t, "", nil)
	since := time.Now().Add(-time.Minute).UTC()
	b.source.set(Application{Name: "shop", Running: true, Processes: []Process{{Name: "web", Workers: []Worker{
		{Worker: 3, State: "running", PID: os.Getpid(), Generation: 1, UnresponsiveSince: since},
	}}}})
	for _, pretty := range []string{"", "&pretty=1"} {
		_, body := b.get(t, "/process?appName=shop"+pretty)
		var answer struct{ Data []map[string]any }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(body, `"timestamp":T,`, "")), &answer); err != nil || len(answer.Data) != 1 {
			t.Fatal(err, body)
		}
		row := answer.Data[0]
		cpu, isText := row["cpu"].(string)
		if isText != (pretty != "") || isText && !strings.HasSuffix(cpu, "%") {
			t.Errorf("cpu %v", row["cpu"])
		}
		if row["processName"] != "web" || row["pid"] != float64(os.Getpid()) || row["ppid"] != float64(os.Getppid()) || row["worker"] != 3.0 ||
			row["memory"].(float64) < 1<<20 || row["uptime"].(float64) <= 0 || row["execPath"] == "" || len(row["argv"].([]any)) == 0 ||
			row["unresponsiveSince"] != since.Format(time.RFC3339Nano) || row["problem"] != noAnswer {
			t.Errorf("got %v", row)
		}
	}
}

func TestProcessCommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"":                                     "[] [] 9229",
		"node":                                 "[node] [] 9229",
		"node app.js -x":                       "[node app.js -x] [] 9229",
		"node --trace --inspect=1 app.js":      "[node app.js] [--trace --inspect=1] 1",
		"node --inspect-port=[::1]:7 app.js":   "[node app.js] [--inspect-port=[::1]:7] 7",
		"node --inspect --inspect-brk= app.js": "[node app.js] [--inspect --inspect-brk=] 9229",
	} {
		argv, execArgv := splitCommand(strings.Fields(line))
		if got := fmt.Sprint(argv, execArgv, debugPort(execArgv)); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

func TestProcessUsage(t *testing.T) {
	var u usage
	began := time.UnixMilli(1_000_000)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	for _, c := range []struct {
		pid     int
		began   int64
		seconds float64
		ms      int
		want    float64
	}{
		{1, 1_000_000, 1, 2000, 50},
		{1, 1_000_000, 1.25, 3000, 25},
		{1, 1_000_000, 1.3, 3050, 25}, // too soon to say anything new
		{1, 1_000_000, 3.25, 4000, 200},
		{2, 1_000_000, 1, 4000, 25},
		{1, 1_003_000, 0.1, 4000, 10}, // another process of that number
		{1, 1_003_000, 0.05, 5000, 0},
	} {
		if got := u.percent(c.pid, c.began, c.seconds, at(c.ms)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	for pid := range 3 * maxUsages {
		u.percent(pid, 1, 1, at(0))
	}
	if len(u.last) > maxUsages {
		t.Errorf("%d are remembered", len(u.last))
	}
}

func TestInfoShowsProcesses(t *testing.T) {
	b := newBed(t, "", nil)
	app := Application{Name: "shop", State: 2, Running: true, Sockets: []Socket{{Network: "tcp", Address: "127.0.0.1", Port: 80}, {Network: "unix", Address: "/s"}}}
	app.Processes = []Process{{Name: "web", Kind: "worker", Workers: []Worker{
		exited(0, 7), {Worker: 1, State: "backoff", Generation: 1, Reason: "it failed", NextTryAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
	}}, {Name: "jobs", Kind: "plain", Stopped: true}}
	b.source.set(app)
	want := `"processes":[{"name":"web","kind":"worker","workers":[{` + exitedFacts +
		`,"pid":7,"spawnedAt":"2026-01-02T03:04:05Z","readyAt":"2026-01-02T03:04:06Z","listening":["tcp 127.0.0.1:80"],"logPath":"/l/web-0.log"},` +
		`{"worker":1,"state":"backoff","generation":1,"restarts":0,"nextTryAt":"2026-01-02T03:04:05Z","reason":"it failed"}]},` +
		`{"name":"jobs","kind":"plain","stopped":true,"workers":[]}],"sockets":[{"network":"tcp","address":"127.0.0.1","port":80},{"network":"unix","address":"/s"}]}`
	if _, body := b.get(t, "/info?appName=shop"); !strings.Contains(body, want) {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	b.want(t, "/info?appName=nobody", 200, `{"success":false,"timestamp":T,"message":"Can't found an Application it named nobody"}`)
}

// FuzzProcessRows: whatever a worker tells, /process stays JSON.
func FuzzProcessRows(f *testing.F) {
	f.Add(`[{"key":"7","data":{"pid":7},"scope":"PROCESS"}]`, "appName=shop&pretty=1")
	f.Add(`[{"key":7,"data":{"pid": 7 , "a":"}"} },{"key":"x","data":null}]`, "appName=shop&appName=x")
	f.Fuzz(func(t *testing.T, reply, query string) {
		source := &fakeSource{}
		source.set(Application{Name: "shop", Running: true, Processes: []Process{{Workers: []Worker{exited(0, 7)}}}})
		s := New(Config{Source: source, Options: DefaultOptions()})
		frames := &fakeFrames{}
		Attach(frames, s)
		frames.announce(fixed(1, reply), "process", "shop", "x", "c", "multiton")
		q, err := parseQuery(query)
		if err != nil {
			return
		}
		a, err := s.process(context.Background(), request{query: q})
		if err != nil || !json.Valid(a.body) {
			t.Fatalf("%v %s", err, a.body)
		}
	})
}

// TestProcessThatHangs: it makes few requests wait, and is there again when it answers.
func TestProcessThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "", nil)
		var hangs atomic.Bool
		hangs.Store(true)
		peer := &fakePeer{1, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
			if hangs.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			select {
			case <-time.After(time.Second):
				return json.RawMessage(`[{"key":"1","data":1}]`), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		b.frames.announce(peer, "process", "shop", "x", "c", "multiton")
		ask := func(want time.Duration, rows string) {
			t.Helper()
			began := time.Now()
			_, body := b.get(t, "/process?appName=shop")
			if took := time.Since(began); took != want || !strings.Contains(body, `"data":[`+rows+`]`) {
				t.Errorf("after %v: %s, want %v", took, body, want)
			}
		}
		ask(defaultInvokeTimeout, "")
		ask(latePatience, "")
		ask(latePatience, "")
		time.Sleep(lateTime)
		ask(defaultInvokeTimeout, "")
		ask(latePatience, "")
		hangs.Store(false)
		ask(latePatience, "")
		time.Sleep(lateTime)
		ask(time.Second, "1")
		ask(time.Second, "1")
	})
}
