package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestDiscovery(t *testing.T) {
	b := newBed(t, `{"actuator":{"endPoint":{"info":{"initConfig":{"x":1}}}}}`, nil)
	p := fixed(1, "[]")
	for _, c := range []struct{ group, kind, want string }{
		{"health", "singleton", `{"disk_space":{"enabled":true,"rate":80},"port":{"checkUrl":"http://127.1:6001","enabled":true}}`},
		{"info", "singleton", `{"x":1}`},
		{"process", "multiton", `{}`},
		{"error", "multiton", `{}`},
		{"metrics", "", ""},
		{"", "", ""},
	} {
		if got := b.frames.announce(p, c.group, "demo", "I", "c", c.kind); got != c.want {
			t.Errorf("%s: config %s, want %s", c.group, got, c.want)
		}
	}
	for _, bad := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"group":"health"}`, `{"indicatorName":1,"appName":"a","group":"health","clientId":"c"}`,
		`{"indicatorName":"I","appName":"a","group":"health","clientId":"c","duplex":true}`,
		`{"indicatorName":"I","appName":"` + strings.Repeat("a", 300) + `","group":"health","clientId":"c"}`,
	} {
		b.frames.handle(p, json.RawMessage(bad), func(any) { t.Errorf("a reply to %s", bad) })
	}
}

func TestSingletonFailsOver(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.source.set(demo())
	one, two, three := fixed(1, `[{"key":"k","data":"one"}]`), fixed(2, `[{"key":"k","data":"two"}]`), fixed(3, `[{"key":"k","data":"three"}]`)
	for _, p := range []*fakePeer{one, two, three} {
		client := fmt.Sprint("c", p.id)
		if got := b.frames.announce(p, "health", "demo", "k", client, "singleton"); got == "" {
			t.Errorf("peer %d got no configuration", p.id)
		}
		b.frames.announce(p, "health", "demo", "k", client, "singleton") // again: no second member
	}
	b.frames.announce(fixed(4, `[{"key":"last","data":"UP"}]`), "health", "demo", "last", "c", "")
	want := func(k string) {
		t.Helper()
		b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","k":{"status":"`+k+`"},"last":{"status":"UP"}}`))
	}
	want("one")
	b.frames.closed(two)
	want("one")
	b.frames.closed(one)
	want("three")
	b.frames.closed(three)
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","last":{"status":"UP"}}`))
	b.frames.closed(fixed(99, "")) // had nothing
	if b.groups.total != 1 || len(b.groups.perPeer) != 1 || len(b.groups.seats) != 1 {
		t.Errorf("left over: %d, %v, %d seats", b.groups.total, b.groups.perPeer, len(b.groups.seats))
	}
}

// TestStandbyAnswersAtOnce has the owner's connection close while it is being asked.
func TestStandbyAnswersAtOnce(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.source.set(demo())
	b.frames.announce(broken(1), "health", "demo", "k", "a", "singleton")
	b.frames.announce(fixed(2, `[{"key":"k","data":"UP"}]`), "health", "demo", "k", "b", "singleton")
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","k":{"status":"UP"}}`))
}

func TestSilentIndicatorCostsItself(t *testing.T) {
	options, err := DecodeOptions(json.RawMessage(noDisk))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		o := &observed{}
		b := &bed{source: &fakeSource{}, frames: &fakeFrames{}}
		b.Server = New(Config{Source: b.source, Options: options, Observer: o})
		Attach(b.frames, b.Server)
		b.source.set(demo())
		for i := range 50 {
			b.frames.announce(mute(uint64(i)), "health", "demo", fmt.Sprint("mute", i), "c", "singleton")
		}
		b.frames.announce(mute(98), "health", "demo", "k", "c", "singleton") // a stand-by gets no second deadline
		b.frames.announce(mute(99), "health", "demo", "k", "d", "singleton")
		b.frames.announce(fixed(100, `[{"key":"quick","data":"UP"}]`), "health", "demo", "quick", "c", "singleton")
		began := time.Now()
		b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","quick":{"status":"UP"}}`))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		if len(o.list) != 52 || o.list[0] != "health timeout" {
			t.Errorf("observed %d: %q", len(o.list), o.list)
		}
	})
}

// TestRequestsShareAnInvocation: the same question at the same time is asked once, another one by itself.
func TestRequestsShareAnInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := DefaultOptions()
		b := &bed{source: &fakeSource{}, frames: &fakeFrames{}}
		b.Server = New(Config{Source: b.source, Options: options})
		Attach(b.frames, b.Server)
		var asked atomic.Int64
		b.frames.announce(&fakePeer{1, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			return json.RawMessage(`[{"key":"k","data":1}]`), nil
		}}, "process", "demo", "P", "c", "multiton")
		var wg sync.WaitGroup
		for i := range 20 {
			target := "/process?appName=demo"
			if i%2 == 1 {
				target += "&pretty=1"
			}
			wg.Go(func() { b.want(t, target, 200, envelope(`[1]`)) })
		}
		wg.Wait()
		if asked.Load() != 2 {
			t.Errorf("asked %d times", asked.Load())
		}
		b.want(t, "/process?appName=demo", 200, envelope(`[1]`))
		if asked.Load() != 3 || len(b.groups.flights.all) != 0 {
			t.Errorf("asked %d times, %d flights left", asked.Load(), len(b.groups.flights.all))
		}
	})
}

// TestLeaderMayLeave: a client that goes away does not spoil the answer of those who joined its invocation.
func TestLeaderMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroups(map[string]json.RawMessage{"process": nil}, time.Second, silent{}, New(Config{Options: DefaultOptions()}).log)
		g.discover(&fakePeer{1, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(500 * time.Millisecond):
				return json.RawMessage(`[{"key":"k"}]`), nil
			}
		}}, json.RawMessage(`{"indicatorName":"I","appName":"a","group":"process","clientId":"c"}`), func(any) {})
		leader, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { g.invoke(leader, "process", "a", nil) })
		synctest.Wait()
		leave()
		if got := g.invoke(t.Context(), "process", "a", nil); len(got) != 1 || len(got[0].rows) != 1 {
			t.Errorf("got %v", got)
		}
		wg.Wait()
	})
}

func TestBadReplies(t *testing.T) {
	big := `[{"key":"k","data":"` + strings.Repeat("x", maxReplyBytes) + `"}]`
	many := "[" + strings.Repeat(`{"key":"k"},`, maxReplyRows) + `{"key":"k"}]`
	for reply, reason := range map[string]string{
		``: "empty", `null`: "empty", `{}`: "malformed", `"UP"`: "malformed", `[1]`: "malformed", `[{"data":1}]`: "malformed",
		`[{"key":{}}]`: "malformed", big: "size", many: "size", `[]`: "", `[{"key":"k","scope":7}]`: "",
	} {
		g := newGroups(nil, time.Second, silent{}, zap.NewNop())
		rows, got := g.askSeat(t.Context(), &seat{members: []registration{{peer: fixed(1, reply)}}}, nil, maxReplyBytes, func(int64) bool { return true })
		if got != reason || reason != "" && rows != nil {
			t.Errorf("%.40s: %q %v, want %q", reply, got, rows, reason)
		}
	}
	over := newGroups(nil, time.Second, silent{}, zap.NewNop())
	if _, reason := over.askSeat(t.Context(), &seat{members: []registration{{peer: fixed(1, `[]`)}}}, nil, maxReplyBytes, func(n int64) bool { return n == 0 }); reason != "size" {
		t.Errorf("over the total: %q", reason)
	}
	if rows, _ := decodeRows(json.RawMessage(`[{"key":4194304,"data":1}]`)); rows[0].Key != "4194304" {
		t.Errorf("number as key: %q", rows[0].Key)
	}
}

func TestTooManyIndicators(t *testing.T) {
	b := newBed(t, noDisk, nil)
	p := fixed(1, `[]`)
	for i := range maxPerPeer {
		if b.frames.announce(p, "health", "demo", fmt.Sprint(i), "c", "") == "" {
			t.Fatalf("number %d was refused", i)
		}
	}
	if b.frames.announce(p, "health", "demo", "more", "c", "") != "" {
		t.Error("one more than allowed was taken")
	}
	if b.frames.announce(fixed(2, `[]`), "health", "demo", "more", "c", "") == "" {
		t.Error("another connection was refused")
	}
}

// TestRegistrationsMoveWhileAsked lets everything happen at once, for the race detector.
func TestRegistrationsMoveWhileAsked(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) { c.InvokeTimeout = 50 * time.Millisecond; c.Log = nil })
	b.source.set(demo())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				p := fixed(uint64(i*1000+n), `[{"key":"k","data":"UP"}]`)
				if n%5 == 0 {
					p.answer = func(context.Context, string, json.RawMessage) (json.RawMessage, error) { return nil, errors.New("x") }
				}
				b.frames.announce(p, "health", "demo", "k", "c", []string{"singleton", "multiton"}[n%2])
				b.get(t, "/health")
				b.frames.closed(p)
			}
		})
	}
	wg.Wait()
	b.want(t, "/health", 200, envelope(`{"demo":{"status":"UP"}}`))
}

func FuzzAnnouncement(f *testing.F) {
	f.Add([]byte(`{"indicatorName":"I","appName":"a","group":"health","clientId":"c","type":"multiton"}`), []byte(`[{"key":"k","data":"UP","scope":"APP"}]`))
	f.Add([]byte(`{"group":[]}`), []byte(`[[]]`))
	f.Fuzz(func(t *testing.T, data, reply []byte) {
		g := newGroups(map[string]json.RawMessage{"health": json.RawMessage("{}")}, time.Second, silent{}, New(Config{Options: DefaultOptions()}).log)
		g.discover(fixed(1, string(reply)), data, func(any) {})
		for _, a := range g.invoke(t.Context(), "health", "", nil) {
			if _, err := encodeJSON(a.rows); err != nil {
				t.Errorf("rows of %q: %v", reply, err)
			}
		}
	})
}
