package control

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// block makes it impossible to write records until the function it returns is called.
func block(t *testing.T, home state.Home) (unblock func()) {
	t.Helper()
	apps := filepath.Dir(home.RecordPath("x"))
	if err := os.Rename(apps, apps+".away"); err != nil {
		t.Fatal(err)
	}
	// A file, since permissions do not stop root.
	if err := os.WriteFile(apps, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Remove(apps); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(apps+".away", apps); err != nil {
			t.Fatal(err)
		}
	}
}

// While records cannot be written, nothing is started or created, what runs can be stopped, and nothing is half done.
func TestRecordsThatCannotBeWritten(t *testing.T) {
	y := newYard(t)
	f, _ := y.fleet()
	start(t, f, "shop")
	unblock := block(t, y.home)
	if _, err := f.Start(t.Context(), request("late")); err == nil {
		t.Error("a start without a record")
	}
	if err := f.Create(t.Context(), request("made")); err == nil {
		t.Error("a creation without a record")
	}
	if y.spawns["late"] != 0 {
		t.Error("a guard was started for what is not recorded")
	}
	if all := f.List(); len(all) != 1 || all[0].AppName != "shop" || all[0].State != supervisor.AppComplete {
		t.Errorf("list %+v", all)
	}
	if _, err := f.Restart(t.Context(), request("shop")); err == nil {
		t.Error("a restart without a record")
	}
	if app, err := f.Get("shop"); err != nil || app.State != supervisor.AppComplete {
		t.Errorf("after the restart that was refused: %+v, %v", app, err)
	}
	op, err := f.Stop(t.Context(), "shop")
	if err != nil {
		t.Fatalf("stop: %v", err)
	}
	if op = finish(t, f, op); op.State != supervisor.OpSucceeded {
		t.Errorf("stop: %+v", op)
	}
	eventually(t, "the guard has ended", func() bool { app, _ := f.Get("shop"); return app.State == supervisor.AppStopped })
	unblock()
	// The wish of the stop holds in this daemon, and is written with the next change.
	start(t, f, "shop")
	if op, err = f.Stop(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	finish(t, f, op)
	if r, err := y.home.ReadRecord("shop"); err != nil || r.Desired != state.DesiredStopped {
		t.Errorf("record %+v, %v", r, err)
	}
	if _, err := y.home.ReadRecord("late"); err == nil {
		t.Error("a start that was refused has left a record")
	}
}
