package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func lifeHome(t *testing.T) Home {
	t.Helper()
	home, err := Locate(func(key string) string {
		return map[string]string{"PANDORA_DIR": filepath.Join(t.TempDir(), "p")}[key]
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Prepare(); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestDownMark(t *testing.T) {
	home := lifeHome(t)
	if home.IsDown() {
		t.Error("a new home is marked")
	}
	if err := home.ClearDown(); err != nil {
		t.Errorf("clear no mark: %v", err)
	}
	if err := home.MarkDown("exit"); err != nil || !home.IsDown() {
		t.Errorf("mark: %v, is down %v", err, home.IsDown())
	}
	if err := home.ClearDown(); err != nil || home.IsDown() {
		t.Errorf("clear: %v, is down %v", err, home.IsDown())
	}
}

func TestRevivals(t *testing.T) {
	home := lifeHome(t)
	if r := home.Revivals(); r != (Revivals{}) {
		t.Errorf("a new home has %+v", r)
	}
	for _, failure := range []error{nil, errors.New("no such file"), errors.New("no such file")} {
		if err := home.NoteRevival("shop", failure); err != nil {
			t.Fatal(err)
		}
	}
	if r := home.Revivals(); r.Count != 1 || r.By != "shop" || r.At.IsZero() || r.Failures != 2 || r.Failure != "no such file" || r.FailedAt.IsZero() {
		t.Errorf("after one revival and two failures: %+v", r)
	}
	if err := home.NoteRevival("bank", nil); err != nil {
		t.Fatal(err)
	}
	if r := home.Revivals(); r.Count != 2 || r.By != "bank" || r.Failures != 0 || r.Failure != "" {
		t.Errorf("after another revival: %+v", r)
	}
	if err := os.WriteFile(home.revivalsPath(), []byte("{tru"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := home.Revivals(); r != (Revivals{}) {
		t.Errorf("a truncated file is %+v", r)
	}
	if err := errors.Join(home.ForgetRevivals(), home.ForgetRevivals()); err != nil {
		t.Error(err)
	}
}

func TestDaemonLives(t *testing.T) {
	home := lifeHome(t)
	if home.DaemonLives() || home.DaemonPID() != 0 {
		t.Error("a daemon lives in a new home")
	}
	lock, err := home.LockDaemon(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	lock.Note("4711\n")
	if !home.DaemonLives() || home.DaemonPID() != 4711 {
		t.Errorf("with the lock held: lives %v, pid %d", home.DaemonLives(), home.DaemonPID())
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if home.DaemonLives() {
		t.Error("a daemon lives without its lock")
	}
}

func TestRosters(t *testing.T) {
	home := lifeHome(t)
	for _, app := range []string{"shop", "a b%2F*", "ä.json"} {
		if err := os.WriteFile(home.Roster(app), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rosters := home.Rosters()
	for _, app := range []string{"shop", "a b%2F*", "ä.json"} {
		if rosters[app] != home.Roster(app) || len(rosters) != 3 {
			t.Errorf("roster of %q: %q among %v", app, rosters[app], rosters)
		}
	}
}
