package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/internal/state"
)

// TestWatch: whoever watches sees what is there and every change, and what health checks say where that is asked for.
func TestWatch(t *testing.T) {
	y := newYard(t)
	y.recorded("shop", state.DesiredRunning)
	f, _ := y.fleet()
	listener, err := socket.Listen(y.home.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	health := func(context.Context) []Health { asked++; return []Health{{AppName: "shop", Up: asked > 1}} }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, listener, DaemonHandler(DaemonConfig{Fleet: f, Version: "1", Health: health, Info: func() DaemonInfo { return DaemonInfo{} }}))
	}()
	d := DialDaemon(y.home.ControlSocket(), "1")
	defer d.Close()
	begun := false
	if err := d.Watch(ctx, false, func(w Watched) error {
		if w.Health != nil {
			t.Errorf("health that nobody has asked for: %+v", w.Health)
		}
		switch {
		case len(w.Applications) == 2:
			return ErrSeen
		case !begun:
			begun = true
			start(t, f, "blog")
		}
		return nil
	}); err != nil {
		t.Fatalf("the change is not seen: %v", err)
	}
	if err := d.Watch(ctx, true, func(w Watched) error {
		if len(w.Health) == 1 && w.Health[0].Up {
			return ErrSeen
		}
		return nil
	}); err != nil || asked < 2 {
		t.Errorf("health is not asked again: %v, asked %d", err, asked)
	}
	enough := errors.New("enough")
	if err := d.Watch(ctx, false, func(Watched) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of the reader: %v", err)
	}
	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if err := d.Watch(short, false, func(Watched) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the end of the time: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
