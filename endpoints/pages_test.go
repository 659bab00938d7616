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
)

func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pages{}
		var made atomic.Int64
		get := func(key pageKey, took time.Duration) string {
			a, err := p.get(t.Context(), key, func(context.Context) (answer, error) {
				n := made.Add(1)
				time.Sleep(took)
				return text(200, fmt.Sprint(n)), nil
			})
			if err != nil {
				return err.Error()
			}
			return string(a.body)
		}
		a, b := pageKey{path: "/a"}, pageKey{path: "/b"}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got := get(a, time.Second); got != "1" {
					t.Errorf("at the same time: %s", got)
				}
			})
		}
		wg.Wait()
		if got := get(b, 0); got != "2" {
			t.Errorf("another one: %s", got)
		}
		if got := get(a, 0); got != "1" {
			t.Errorf("again: %s", got)
		}
		if got := get(pageKey{path: "/a", version: [2]uint64{0, 1}}, 0); got != "3" {
			t.Errorf("after a change: %s", got)
		}
		time.Sleep(time.Minute)
		if got := get(b, 0); got != "4" {
			t.Errorf("after a while: %s", got)
		}
		for i := range 3 * maxPages {
			get(pageKey{path: fmt.Sprint(i)}, 0)
		}
		if len(p.all) > maxPages {
			t.Errorf("%d are kept", len(p.all))
		}
		p.sweep()
		for what, make := range map[string]func() (answer, error){
			"panic: oh": func() (answer, error) { panic("oh") },
			"failed":    func() (answer, error) { return answer{}, errors.New("failed") },
			"":          func() (answer, error) { return text(200, strings.Repeat("x", maxPageBytes+1)), nil },
		} {
			_, err := p.get(t.Context(), pageKey{path: what}, func(context.Context) (answer, error) { return make() })
			if (err == nil) != (what == "") || err != nil && !strings.Contains(err.Error(), what) {
				t.Errorf("%q: %v", what, err)
			}
			if len(p.all) > 0 {
				t.Errorf("%q is kept", what)
			}
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := p.get(gone, a, func(context.Context) (answer, error) { time.Sleep(time.Second); return text(200, ""), nil }); !errors.Is(err, errGone) {
			t.Errorf("a client that has left: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

// TestProcessIsShared: many who ask for the same rows cost the workers one question, until something changes.
func TestProcessIsShared(t *testing.T) {
	source := &versionedSource{}
	source.apps = []Application{demo()}
	b := newBed(t, noDisk, func(c *Config) { c.Source = source })
	var asked atomic.Int64
	b.frames.announce(&fakePeer{1, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(fmt.Sprintf(`[{"key":"1","data":{"pid":1,"n":%d}}]`, asked.Add(1))), nil
	}}, "process", "demo", "P", "c", "multiton")
	for range 20 {
		if status, body := b.get(t, "/process?appName=demo"); status != 200 || !strings.Contains(body, `"n":1`) {
			t.Fatalf("%d %s", status, body)
		}
	}
	if _, body := b.get(t, "/process?appName=demo&pretty=1"); !strings.Contains(body, `"n":2`) {
		t.Errorf("another question: %s", body)
	}
	source.n.Add(1)
	if _, body := b.get(t, "/process?appName=demo"); !strings.Contains(body, `"n":3`) {
		t.Errorf("after a change: %s", body)
	}
}
