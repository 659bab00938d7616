package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// fakeWorld is a world whose daemon lives and dies as a test says; all times are those of the bubble.
type fakeWorld struct {
	began time.Time
	// wait is how long to leave a dead daemon to somebody else.
	wait time.Duration

	mu          sync.Mutex
	alive, down bool
	failure     error
	notBefore   time.Time
	revivals    []time.Duration
	looks       []time.Duration
	left        []time.Duration
	onRevive    func()
}

func (w *fakeWorld) set(change func(w *fakeWorld)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *fakeWorld) daemonLives() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks = append(w.looks, time.Since(w.began))
	return w.alive
}

func (w *fakeWorld) meantToEnd() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.down
}

func (w *fakeWorld) patience() time.Duration { return w.wait }

func (w *fakeWorld) revive(context.Context) (time.Duration, error) {
	w.mu.Lock()
	if wait := time.Until(w.notBefore); wait > 0 {
		w.mu.Unlock()
		return wait, nil
	}
	w.revivals = append(w.revivals, time.Since(w.began))
	failure := w.failure
	w.alive = failure == nil
	f := w.onRevive
	w.mu.Unlock()
	if failure == nil && f != nil {
		f()
	}
	return 0, failure
}

func (w *fakeWorld) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = append(w.left, time.Since(w.began))
}

// reviving runs a test with a reviver in virtual time.
func reviving(t *testing.T, world *fakeWorld, test func(r *reviver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		world.began = time.Now()
		r := newReviver(world, zap.NewNop())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.run(ctx) })
		test(r)
		cancel()
		wg.Wait()
	})
}

func seconds(n ...float64) []time.Duration {
	all := make([]time.Duration, len(n))
	for i, s := range n {
		all[i] = time.Duration(s * float64(time.Second))
	}
	return all
}

func TestReviverRestsWhileFollowed(t *testing.T) {
	world := &fakeWorld{alive: true}
	reviving(t, world, func(r *reviver) {
		r.followed()
		time.Sleep(24 * time.Hour)
	})
	if len(world.looks) > 0 || len(world.revivals) > 0 {
		t.Errorf("while a daemon follows it looked at %v and revived at %v", world.looks, world.revivals)
	}
}

func TestReviverActsAtOnce(t *testing.T) {
	world := &fakeWorld{alive: true}
	reviving(t, world, func(r *reviver) {
		end := r.followed()
		time.Sleep(time.Minute)
		world.set(func(w *fakeWorld) {
			w.alive = false
			w.onRevive = func() { r.followed() }
		})
		end()
		time.Sleep(time.Hour)
	})
	if want := seconds(60); !slices.Equal(world.revivals, want) {
		t.Errorf("revived at %v, want %v", world.revivals, want)
	}
}

// TestReviverBacksOff: a daemon that cannot be started is tried 0, 1, 3, 7 … s after its death, and at last once a minute.
func TestReviverBacksOff(t *testing.T) {
	world := &fakeWorld{alive: true, failure: errors.New("no such file")}
	reviving(t, world, func(r *reviver) {
		end := r.followed()
		time.Sleep(10 * time.Second)
		world.set(func(w *fakeWorld) { w.alive = false })
		end()
		time.Sleep(4 * time.Minute)
	})
	if want := seconds(10, 11, 13, 17, 25, 41, 73, 133, 193); !slices.Equal(world.revivals, want) {
		t.Errorf("tried at %v, want %v", world.revivals, want)
	}
}

// TestReviverSlowsForOneThatDies: a daemon that lives and dies at once is brought back slower and slower, a steady one at
// once again.
func TestReviverSlowsForOneThatDies(t *testing.T) {
	world := &fakeWorld{alive: true}
	reviving(t, world, func(r *reviver) {
		ends := make(chan func(), 1)
		world.set(func(w *fakeWorld) { w.onRevive = func() { ends <- r.followed() } })
		life := func(end func(), d time.Duration) {
			time.Sleep(d)
			world.set(func(w *fakeWorld) { w.alive = false })
			end()
		}
		life(r.followed(), time.Minute)
		for range 3 {
			life(<-ends, time.Second/2)
		}
		life(<-ends, steadyDaemon)
		(<-ends)()
	})
	// Each revival and then half a second of life: waits of 0, 1, 2 and 4 s; after a steady one none.
	if want := seconds(60, 61.5, 64, 68.5, 71.5); !slices.Equal(world.revivals, want) {
		t.Errorf("revived at %v, want %v", world.revivals, want)
	}
}

func TestReviverLeavesWhenMeantToEnd(t *testing.T) {
	world := &fakeWorld{alive: true}
	reviving(t, world, func(r *reviver) {
		end := r.followed()
		time.Sleep(10 * time.Second)
		world.set(func(w *fakeWorld) { w.down = true }) // exit has begun, the daemon still stops applications
		end()
		time.Sleep(500 * time.Millisecond)
		world.set(func(w *fakeWorld) {
			if len(w.left) > 0 {
				t.Error("it left while the daemon still ends")
			}
			w.alive = false
		})
		time.Sleep(10 * time.Second)
	})
	if len(world.revivals) > 0 || len(world.left) != 1 || world.left[0] > 12*time.Second {
		t.Errorf("revived at %v, left at %v", world.revivals, world.left)
	}
}

// TestReviverOfNewGuard: the daemon may die before it ever follows.
func TestReviverOfNewGuard(t *testing.T) {
	world := &fakeWorld{}
	reviving(t, world, func(r *reviver) {
		world.set(func(w *fakeWorld) { w.onRevive = func() { r.followed() } })
		time.Sleep(time.Minute)
	})
	if want := []time.Duration{firstLook}; !slices.Equal(world.revivals, want) {
		t.Errorf("revived at %v, want %v", world.revivals, want)
	}
}

// TestReviverLooksRarely: a daemon that lives and does not follow costs a look a minute.
func TestReviverLooksRarely(t *testing.T) {
	world := &fakeWorld{alive: true}
	reviving(t, world, func(r *reviver) { time.Sleep(time.Hour) })
	if n := len(world.looks); n < 60 || n > 70 {
		t.Errorf("%d looks in an hour: %v", n, world.looks)
	}
	if len(world.revivals) > 0 {
		t.Errorf("revived at %v although a daemon lives", world.revivals)
	}
}

func TestReviverLetsOthersFirst(t *testing.T) {
	t.Run("a service manager", func(t *testing.T) {
		world := &fakeWorld{alive: true, wait: servicePatience}
		reviving(t, world, func(r *reviver) {
			end := r.followed()
			time.Sleep(10 * time.Second)
			world.set(func(w *fakeWorld) { w.alive = false })
			end()
			time.Sleep(servicePatience - time.Second)
			world.set(func(w *fakeWorld) {
				if len(w.revivals) > 0 {
					t.Error("it did not wait for the service manager")
				}
			})
			time.Sleep(2 * time.Second)
		})
		if want := []time.Duration{10*time.Second + servicePatience}; !slices.Equal(world.revivals, want) {
			t.Errorf("revived at %v, want %v", world.revivals, want)
		}
	})
	t.Run("a guard that has just failed", func(t *testing.T) {
		world := &fakeWorld{}
		reviving(t, world, func(r *reviver) {
			world.set(func(w *fakeWorld) { w.notBefore = w.began.Add(30 * time.Second) })
			time.Sleep(31 * time.Second)
		})
		if want := seconds(30); !slices.Equal(world.revivals, want) {
			t.Errorf("revived at %v, want %v", world.revivals, want)
		}
	})
}
