package supervisor

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestHandOverKeepsEverything holds that whoever adds a field to what a guard knows decides what becomes of it when the
// guard is replaced by another build. What a hand-over carries, and what it need not, is all there is.
func TestHandOverKeepsEverything(t *testing.T) {
	for _, c := range []struct {
		of            any
		carried, made string
	}{
		{Supervisor{}, "app live spawned events seq guardID operations roster",
			"log spawner output loaded readyTimeout probe wake kill killOnce turn taken mu closed current queued wanted subscribers"},
		{application{}, "id startedAt plan roles state startCount restartCount slotCounts", ""},
		{slotCounts{}, "generation restarts", ""},
		{role{}, "process slots workers stopped sockets wanted", ""},
		{socketKeeper{}, "closed", "mu"},
		{worker{}, "plan process shown status stage child services ready tries failures replaced because sent err answered pings pending",
			"s app policy first must stop hurry done hold running leaving gently timer stable pulse doomed waits softly over taken out connections"},
		{nodeChild{}, "spec pid channel member logs abandon drifted started finished listening exclusive unheld said broken oomBefore",
			"spawner output donated node dir env args process state tail readers unclear events served exit mu ended ending"},
		{said{}, "report uncaught handled at", ""},
		{NodeSpawner{}, "session", "log onChange mu undo"},
		{session{}, "primary donated output", "cancel merged secrets"},
		{donated{}, "slots", "log onChange mu"},
		{donatedSocket{}, "fd socket id", ""},
		{output{}, "single base sources writers", "dir log turn opened due mu policy marks seen failing"},
		{outputSource{}, "path worker copied base", "seen failing"},
		{outputWriters{}, "worker opens live", "opening"},
		{roster{}, "entries", "path log boot mu"},
		{rosterEntry{}, "PID Start AppID Session", ""},
	} {
		typ := reflect.TypeOf(c.of)
		var got []string
		for i := range typ.NumField() {
			got = append(got, typ.Field(i).Name)
		}
		want := append(strings.Fields(c.carried), strings.Fields(c.made)...)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%v has fields %q, and a hand-over knows %q: let handover.go and takeover.go (or handover_node.go) carry what is new, or make it anew, and name it here",
				typ, without(got, want), without(want, got))
		}
	}
}

// without is what a has and b does not.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
