package main

import (
	"context"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/state"
)

// TestAwaitOther: a lock that is held without a daemon that answers is waited for, until it is free.
func TestAwaitOther(t *testing.T) {
	dir := t.TempDir()
	home, err := state.Locate(func(name string) string { return map[string]string{"PANDORA_DIR": dir}[name] })
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Prepare(); err != nil {
		t.Fatal(err)
	}
	lock, err := home.LockDaemon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if d, err := awaitOther(late, home); d != nil || err == nil {
		t.Errorf("while it is held: %v, %v", d, err)
	}
	time.AfterFunc(100*time.Millisecond, func() { lock.Close() })
	if d, err := awaitOther(t.Context(), home); d != nil || err != nil || home.DaemonLives() {
		t.Errorf("once it is free: %v, %v", d, err)
	}
}
