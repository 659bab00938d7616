package control

import (
	"testing"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// What a guard has done while no daemon was there is written down by the next, and its operations are found by their ids.
func TestChangesOfATimeWithoutDaemon(t *testing.T) {
	y := newYard(t)
	first, stop := y.fleet()
	began := start(t, first, "shop")
	stop()
	guard := DialGuard(y.home.GuardSocket("shop"), "1")
	defer guard.Close()
	plan, err := guard.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plan.App = *plan.App.Clone()
	plan.App.Processes[0].Scale = 3
	scaled, err := guard.Submit(t.Context(), supervisor.Request{Kind: supervisor.OpScale, Plan: &plan})
	if err != nil {
		t.Fatal(err)
	}
	if scaled, err = guard.Follow(t.Context(), scaled.ID, nil); err != nil || scaled.State != supervisor.OpSucceeded {
		t.Fatalf("scale: %+v, %v", scaled, err)
	}
	second, _ := y.fleet()
	r, err := y.home.ReadRecord("shop")
	if err != nil || r.App.Processes[0].Scale != 3 || r.Desired != state.DesiredRunning {
		t.Errorf("record %+v, %v", r, err)
	}
	var ids []string
	for _, op := range second.Operations() {
		ids = append(ids, op.ID)
	}
	if len(ids) != 2 || ids[0] != began.ID || ids[1] != scaled.ID {
		t.Errorf("operations %q, want %q and %q", ids, began.ID, scaled.ID)
	}
}
