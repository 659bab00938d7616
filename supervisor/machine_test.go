package supervisor

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// allFacts is every combination that can matter.
func allFacts() []facts {
	var all []facts
	for i := range 64 {
		f := facts{operation: i&1 != 0, permanent: i&2 != 0, services: i&4 != 0, tries: 1}
		if i&8 != 0 {
			f.tries = maxTries
		}
		if i&16 != 0 {
			f.failures = 3
		}
		f.exhausted = i&32 != 0
		all = append(all, f)
	}
	return all
}

// TestEveryStateAndEvent walks every stage with every event and all facts, against an independent statement of what must
// come out; a pair that is not listed must change nothing.
func TestEveryStateAndEvent(t *testing.T) {
	type key struct {
		s stage
		e event
	}
	type outcome struct {
		to stage
		do []action
	}
	fixed := func(to stage, do ...action) func(facts) outcome {
		return func(facts) outcome { return outcome{to, do} }
	}
	failedStart := func(f facts) outcome {
		switch {
		case f.operation:
			return outcome{stageFatal, []action{actFail}}
		case f.permanent || f.tries >= 5 || f.exhausted:
			return outcome{stageFatal, nil}
		}
		return outcome{stageBackoff, []action{actCount, actWait}}
	}
	crashed := func(f facts) outcome {
		if f.exhausted {
			return outcome{stageFatal, nil}
		}
		if f.failures == 0 {
			return outcome{stageStarting, []action{actCount, actSpawn}}
		}
		return outcome{stageBackoff, []action{actCount, actWait}}
	}
	drained := func(f facts) outcome {
		if f.services {
			return outcome{stageFinishing, []action{actShutdown}}
		}
		return outcome{stageAsked, []action{actAsk}}
	}
	want := map[key]func(facts) outcome{
		{stagePending, eventStart}: fixed(stageStarting, actSpawn), {stagePending, eventStop}: fixed(stageStopped),
		{stageStarting, eventReady}: fixed(stageRunning, actSucceed, actWatch), {stageStarting, eventError}: fixed(stageStarting, actGiveUp),
		{stageStarting, eventLate}: fixed(stageStarting, actKill), {stageStarting, eventSpawnFailed}: failedStart,
		{stageStarting, eventExited}: failedStart, {stageStarting, eventStop}: fixed(stageTerminating, actTerminate),
		{stageRunning, eventStable}: fixed(stageRunning, actForget), {stageRunning, eventExited}: crashed,
		{stageRunning, eventStop}: fixed(stageDraining, actDrain), {stageRunning, eventSilent}: fixed(stageRunning, actKill),
		{stageDraining, eventDrained}: drained, {stageDraining, eventElapsed}: drained,
		{stageFinishing, eventFinished}: fixed(stageDisconnecting, actDisconnect), {stageFinishing, eventElapsed}: fixed(stageDisconnecting, actDisconnect),
		{stageAsked, eventElapsed}:         fixed(stageDisconnecting, actDisconnect),
		{stageDisconnecting, eventElapsed}: fixed(stageTerminating, actTerminate),
		{stageTerminating, eventElapsed}:   fixed(stageKilling, actKill), {stageKilling, eventElapsed}: fixed(stageKilling, actKill),
		{stageBackoff, eventDue}: fixed(stageStarting, actSpawn), {stageBackoff, eventStop}: fixed(stageStopped),
		{stageFatal, eventStop}: fixed(stageStopped),
	}
	for s := stageDraining; s <= stageKilling; s++ {
		want[key{s, eventExited}] = fixed(stageStopped)
	}
	for s := range stages {
		for e := range events {
			for _, f := range allFacts() {
				to, do := next(s, e, f)
				expected := outcome{s, nil}
				if rule, ok := want[key{s, e}]; ok {
					expected = rule(f)
				}
				if got := (outcome{to, do}); got.to != expected.to || len(got.do)+len(expected.do) > 0 && !reflect.DeepEqual(got.do, expected.do) {
					t.Errorf("%v × %v with %+v: got %v %v, want %v %v", s, e, f, got.to, got.do, expected.to, expected.do)
				}
			}
		}
	}
}

// slotModel plays a worker whose process does what it likes, and holds the invariants.
type slotModel struct {
	t                       *testing.T
	stage                   stage
	live, armed, stopped    bool
	ready, services         bool
	tries, failures, spawns int
	told                    int
	exhausted               bool
}

func (m *slotModel) handle(e event, permanent bool) {
	f := facts{operation: !m.ready, permanent: permanent, tries: m.tries, failures: m.failures, services: m.services, exhausted: m.exhausted}
	to, do := next(m.stage, e, f)
	if to == stageFatal && m.stage != stageFatal && !f.operation && !permanent && f.tries < maxTries && !f.exhausted {
		m.t.Fatalf("after %v: given up without a reason: %+v", e, f)
	}
	if to == stageFatal && f.operation && !slices.Contains(do, actFail) {
		m.t.Fatalf("after %v: given up, and nobody is told", e)
	}
	if to != m.stage {
		m.armed = false
	}
	m.stage = to
	for _, a := range do {
		switch a {
		case actSpawn:
			if m.live {
				m.t.Fatalf("spawned while a process is live")
			}
			if m.stopped {
				m.t.Fatalf("spawned after stop")
			}
			m.live, m.armed = true, true
			m.spawns++
		case actSucceed, actFail:
			m.told++
		case actCount:
			m.failures++
		case actForget:
			m.failures = 0
		case actWait, actGiveUp:
			m.armed = true
		case actDrain, actShutdown, actAsk, actDisconnect, actTerminate, actKill:
			if !m.live {
				m.t.Fatalf("%v without a process", a)
			}
			m.armed = true
		}
	}
	m.check(e)
}

func (m *slotModel) check(e event) {
	alive := m.stage == stageStarting || m.stage == stageRunning || m.stage >= stageDraining && m.stage <= stageKilling
	if alive != m.live {
		m.t.Fatalf("after %v: stage %v, process live: %v", e, m.stage, m.live)
	}
	if !m.stopped && m.stage >= stageDraining && m.stage <= stageStopped {
		m.t.Fatalf("after %v: %v though it is wanted", e, m.stage)
	}
	if timed := m.stage != stageRunning && m.stage != stagePending && m.stage != stageStopped && m.stage != stageFatal; timed && !m.armed {
		m.t.Fatalf("after %v: %v with nothing to end it", e, m.stage)
	}
	if m.stopped && (m.stage == stageBackoff || m.stage == stageFatal || m.stage == stageRunning || m.stage == stagePending) {
		m.t.Fatalf("after %v: %v though it was stopped", e, m.stage)
	}
	if m.told > 1 && m.stage == stageFatal && !m.ready {
		m.t.Fatalf("told the operation twice")
	}
}

// TestRandomWalks lets workers be ready, crash, hang and be stopped at random: never two processes in a slot, none in a
// stopped one, and a wanted one runs, starts, is due or is fatal.
func TestRandomWalks(t *testing.T) {
	const count, lanes = 100_000, 4
	for lane := range uint64(lanes) {
		t.Run(strconv.FormatUint(lane, 10), func(t *testing.T) {
			t.Parallel()
			for seed := lane; seed < count; seed += lanes {
				slotWalk(t, seed)
			}
		})
	}
}

// slotWalk takes one walk.
func slotWalk(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &slotModel{t: t, services: r.IntN(2) == 0}
	for range 100 {
		m.exhausted = r.IntN(30) == 0
		switch p := r.IntN(20); {
		case m.stage == stagePending:
			m.handle(eventStart, false)
		case p == 0 && r.IntN(4) == 0:
			m.stopped = true
			m.handle(eventStop, false)
		case m.live && p < 5: // ends
			if m.stage == stageStarting {
				m.tries++
			}
			m.live = false
			if m.stage == stageStarting && p == 4 {
				m.handle(eventSpawnFailed, r.IntN(8) == 0)
			} else {
				m.handle(eventExited, r.IntN(20) == 0)
			}
		case m.live && p < 11: // says something, asked for or not
			e := []event{eventReady, eventError, eventDrained, eventFinished}[r.IntN(4)]
			if e == eventReady && m.stage == stageStarting {
				m.ready, m.tries = true, 0
			}
			m.handle(e, false)
		case m.stage == stageRunning && p < 14:
			m.handle([]event{eventStable, eventSilent}[p%2], false)
		case m.armed && m.stage == stageBackoff:
			m.handle(eventDue, false)
		case m.armed && m.stage == stageStarting:
			m.handle(eventLate, false)
		case m.armed:
			m.handle(eventElapsed, false)
		}
	}
	// A stop always comes to its end.
	m.stopped = true
	m.handle(eventStop, false)
	for range 10 {
		if m.stage == stageKilling && m.live {
			m.live = false
			m.handle(eventExited, false)
		} else if m.live {
			m.handle(eventElapsed, false)
		}
	}
	if m.stage != stageStopped || m.live {
		t.Fatalf("seed %d: %v after a stop", seed, m.stage)
	}
}

func TestBackoff(t *testing.T) {
	for failures, full := range map[int]time.Duration{
		0: firstDelay, 2: firstDelay, 3: 200 * time.Millisecond, 4: 400 * time.Millisecond, 9: 12800 * time.Millisecond,
		10: 25600 * time.Millisecond, 11: maxDelay, 12: maxDelay, 1000: maxDelay, 1 << 40: maxDelay,
	} {
		for range 100 {
			if d := backoff(failures); d > full || d < full*3/4 {
				t.Fatalf("after %d failures: %v, want %v to %v", failures, d, full*3/4, full)
			}
		}
	}
}

// printTransitions is the table in Markdown.
func printTransitions() string {
	var b strings.Builder
	b.WriteString("| state | event | if | next | what is done |\n|---|---|---|---|---|\n")
	for _, r := range transitions {
		var do []string
		for _, a := range r.do {
			do = append(do, a.String())
		}
		fmt.Fprintf(&b, "| %v | %v | %s | %v | %s |\n", r.from, r.on, r.because, r.to, strings.Join(do, ", "))
	}
	b.WriteString("\nWhatever is not in the table changes nothing. Of several rows for a pair the first that applies counts.\n")
	return b.String()
}

// TestStateTableInDocs keeps the table in docs/architecture.md what the code says; with PANDORA_UPDATE_DOCS=1 it writes it.
func TestStateTableInDocs(t *testing.T) {
	const path, begin, end = "../docs/architecture.md", "<!-- states:begin -->\n", "<!-- states:end -->"
	doc, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := bytes.Cut(doc, []byte(begin))
	old, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the state table: want lines %q and %q", path, begin, end)
	}
	table := printTransitions()
	if string(old) == table {
		return
	}
	if os.Getenv("PANDORA_UPDATE_DOCS") == "" {
		t.Fatalf("the state table in %s is not what the code says; write it with PANDORA_UPDATE_DOCS=1 go test ./supervisor", path)
	}
	all := string(before) + begin + table + end + string(after)
	if err := os.WriteFile(path, []byte(all), 0o644); err != nil {
		t.Fatal(err)
	}
}
