package nodecluster

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/nodeipc"
)

// heir is a primary with the channels of its members, made of a frozen one.
type heir struct {
	*Primary
	channels map[int]*nodeipc.Channel
}

// inherit hands a primary over as an exec would, except that the frozen one keeps its descriptors and the heir has
// duplicates; the frozen one is thawed when the test is over, for its goroutines to end.
func inherit(t *testing.T, p *Primary, channels map[int]*nodeipc.Channel) heir {
	t.Helper()
	dup := func(fd *int) {
		if *fd < 0 {
			return
		}
		mine, err := unix.FcntlInt(uintptr(*fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		*fd = mine
	}
	states := map[int]nodeipc.State{}
	for id, ch := range channels {
		if !ch.Freeze() {
			t.Fatalf("channel %d has ended", id)
		}
	}
	p.Freeze()
	for id, ch := range channels {
		states[id], _ = ch.Export()
	}
	data, err := json.Marshal(p.Export())
	if err != nil {
		t.Fatal(err)
	}
	var state State
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Thaw()
		for _, ch := range channels {
			ch.Close()
		}
		p.Close()
	})
	for i := range state.Shares {
		dup(&state.Shares[i].FD)
		for j := range state.Shares[i].Pending {
			dup(&state.Shares[i].Pending[j])
		}
	}
	for i := range state.Members {
		for j := range state.Members[i].Unacked {
			dup(&state.Members[i].Unacked[j].FD)
		}
	}
	h := heir{channels: map[int]*nodeipc.Channel{}}
	for id, s := range states {
		dup(&s.FD)
		for i := range s.FDs {
			dup(&s.FDs[i])
		}
		for _, list := range [][]nodeipc.Outgoing{s.Urgent, s.Queue} {
			for i := range list {
				dup(&list[i].FD)
			}
		}
		if s.InFlight != nil {
			dup(&s.InFlight.FD)
		}
		h.channels[id], err = nodeipc.Import(s, func(line []byte, err error) { h.Member(id).Told(line, err) })
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Primary, err = Import(state, Options{}, func(id int) *nodeipc.Channel { return h.channels[id] })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for id, ch := range h.channels {
		wg.Go(func() { // until the channel is closed, by the worker or the cleanup of the next heir
			ch.Serve(func(m nodeipc.Message) { h.Member(id).Receive(m) })
		})
	}
	t.Cleanup(func() {
		for _, ch := range h.channels {
			ch.Close()
		}
		wg.Wait()
		h.Close()
	})
	return h
}

// TestHandOverUnderLoad hands a cluster over again and again while clients ask: every request is answered, by workers
// that notice nothing.
func TestHandOverUnderLoad(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		a, b := c.start("web", httpWorker, where(port)), c.start("web", httpWorker, where(port))
		a.want(fmt.Sprint("listening ", port))
		b.want(fmt.Sprint("listening ", port))
		var stop atomic.Bool
		var answered atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for !stop.Load() {
					if _, err := get("tcp", fmt.Sprint("127.0.0.1:", port)); err != nil {
						t.Errorf("after %d requests: %v", answered.Load(), err)
						return
					}
					answered.Add(1)
				}
			})
		}
		// A first heir of the two workers, and then heirs of heirs. A worker that starts later finds the same socket.
		h := inherit(t, c.Primary, map[int]*nodeipc.Channel{1: a.channel, 2: b.channel})
		for range 10 {
			before := answered.Load()
			h = inherit(t, h.Primary, h.channels)
			eventually(t, "requests are answered", func() bool { return answered.Load() > before+20 || t.Failed() })
		}
		stop.Store(true)
		wg.Wait()
		if !h.Member(1).Listening() || !h.Member(2).Online() {
			t.Error("what was known of the members is lost")
		}
		if got := h.Sockets(); len(got) != 1 || got[0].Port != port {
			t.Errorf("sockets %+v", got)
		}
		t.Logf("%d requests", answered.Load())
	})
}

// TestHandOverKeepsEverything holds that whoever adds a field decides what becomes of it in a hand-over.
func TestHandOverKeepsEverything(t *testing.T) {
	for _, c := range []struct {
		of   any
		want []string
	}{
		{Primary{}, []string{"options", "log", "opening", "mu", "members", "shares", "closed"}},
		{Member{}, []string{"primary", "id", "process", "policy", "channel", "seq", "holds", "unacked", "online", "listening",
			"voluntary", "leaving", "complaints", "dismissed", "gone"}},
		{share{}, []string{"primary", "key", "spec", "wake", "fd", "directed", "loop", "bound", "data", "holders", "free",
			"pending", "linger"}},
		{connection{}, []string{"share", "fd"}},
		{spec{}, []string{"network", "address", "abstract", "port", "six", "flags", "backlog", "readableAll", "writableAll"}},
		{bound{}, []string{"address", "port", "six", "device", "inode"}},
	} {
		var got []string
		typ := reflect.TypeOf(c.of)
		for i := range typ.NumField() {
			got = append(got, typ.Field(i).Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("the fields of %v are now %q: let Export and Import in handover.go carry what is new, then this list", typ, got)
		}
	}
}
