package top

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// at is the time of the first sample.
var at = time.Date(2026, 3, 4, 10, 20, 30, 0, time.UTC)

// shop is two applications: one with a cluster of which a worker is in trouble, and one with a wide name that is stopped.
func shop() Sample {
	worker := func(slot, pid int, cpu time.Duration, memory uint64) Worker {
		return Worker{
			Slot: slot, PID: pid, State: "running", Generation: 1, Since: at.Add(-time.Hour), Measured: true,
			CPU: cpu, Memory: memory << 20, Lag: time.Duration(slot+1) * time.Millisecond,
		}
	}
	broken := Worker{Slot: 2, State: "backoff", Generation: 7, Restarts: 6, Lag: -1, Note: "backoff, next try in 1.6 s, 6 restarts: exited with code 1: Error: no database"}
	silent := worker(0, 9, time.Minute, 90)
	silent.Silent, silent.Restarts = true, 1
	return Sample{At: at, Apps: []App{
		{Name: "shop", State: "running", Health: HealthDown, Reason: "redis: connection refused", Processes: []Process{
			{Name: "web", Workers: []Worker{worker(0, 101, time.Second, 80), worker(1, 102, 2*time.Second, 120), broken}},
			{Name: "jobs", Workers: []Worker{silent}},
			{Name: "mail", Stopped: true},
		}},
		{Name: "商店", State: "stopped"},
	}}
}

// later is a sample a second after one, in which a process has used a part of a core.
func later(s Sample, used map[int]time.Duration) Sample {
	s.At = s.At.Add(time.Second)
	s.Apps = slices.Clone(s.Apps)
	for i := range s.Apps {
		s.Apps[i].Processes = slices.Clone(s.Apps[i].Processes)
		for j, p := range s.Apps[i].Processes {
			p.Workers = slices.Clone(p.Workers)
			for k := range p.Workers {
				p.Workers[k].CPU += used[p.Workers[k].PID]
			}
			s.Apps[i].Processes[j] = p
		}
	}
	return s
}

// many is an application with n workers.
func many(n int) Sample {
	p := Process{Name: "web"}
	for i := range n {
		p.Workers = append(p.Workers, Worker{
			Slot: i, PID: 1000 + i, State: "running", Generation: 1, Since: at.Add(-time.Minute), Measured: true,
			Memory: 64 << 20, Lag: time.Millisecond,
		})
	}
	return Sample{At: at, Apps: []App{{Name: "big", State: "running", Health: HealthUp, Processes: []Process{p}}}}
}

// shown is a view of samples on a terminal of a size, after some keys.
func shown(width, height int, samples []Sample, keys ...string) (Model, Effect) {
	m := New(Options{Sort: ByCPU})
	m, _ = m.Update(Size{width, height})
	for _, s := range samples {
		m, _ = m.Update(Sampled{s})
	}
	return press(m, keys...)
}

// press presses keys, and types a text that begins with a quote; the effect is that of the last one.
func press(m Model, keys ...string) (Model, Effect) {
	var effect Effect
	for _, k := range keys {
		if text, ok := strings.CutPrefix(k, "'"); ok {
			for _, r := range text {
				m, effect = m.Update(Key{string(r), string(r)})
			}
			continue
		}
		text := k
		if len(k) > 1 {
			text = ""
		}
		m, effect = m.Update(Key{k, text})
	}
	return m, effect
}

func page(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// fits checks that a page keeps to its size.
func fits(t *testing.T, m Model, width, height int) {
	t.Helper()
	lines := m.View()
	if len(lines) > height {
		t.Fatalf("%d lines on a page of %d", len(lines), height)
	}
	for _, l := range lines {
		if l.Width() > width {
			t.Fatalf("%d columns, want at most %d: %q", l.Width(), width, l)
		}
		for _, s := range l {
			if strings.ContainsFunc(s.Text, hidden) {
				t.Fatalf("control characters in %q", s.Text)
			}
		}
	}
}

// TestFrames compares whole pages with golden ones.
func TestFrames(t *testing.T) {
	busy := []Sample{shop(), later(shop(), map[int]time.Duration{101: 250 * time.Millisecond, 102: 1100 * time.Millisecond})}
	log := Tail{Of: Target{"shop", "web", 1}, Lines: []string{"one", "\x1b[31mtwo\x1b[0m\tred", "a long line " + strings.Repeat("商", 100)}}
	cases := map[string]struct {
		width, height int
		samples       []Sample
		keys          []string
	}{
		"80x24":        {80, 24, busy, nil},
		"20x24":        {20, 24, busy, nil},
		"20x6":         {20, 6, busy, nil},
		"200x24":       {200, 24, busy, nil},
		"processes":    {80, 24, busy, []string{"v"}},
		"applications": {80, 24, busy, []string{"v", "v"}},
		"broken":       {80, 24, busy, []string{"3"}},
		"filter":       {80, 16, busy, []string{"f", "'WEB", "enter"}},
		"confirm":      {80, 16, busy, []string{"/", "'web/0", "enter", "r"}},
		"scale":        {80, 16, busy, []string{"s", "'12"}},
		"help":         {80, 24, busy, []string{"?"}},
		"first":        {80, 16, busy[:1], nil},
		"empty":        {80, 16, []Sample{{At: at}}, nil},
		"many":         {80, 24, []Sample{many(200), many(200)}, []string{"end", "up", "L", "L"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, _ := shown(c.width, c.height, c.samples, c.keys...)
			m, _ = m.Update(log)
			fits(t, m, c.width, c.height)
			golden(t, name, page(m.View()))
		})
	}
	t.Run("page", func(t *testing.T) {
		m, _ := shown(0, 0, busy)
		golden(t, "page", page(m.Page(0)))
	})
	t.Run("away", func(t *testing.T) {
		m, _ := shown(80, 12, busy)
		m, _ = m.Update(Away{at.Add(5 * time.Second), "nobody answers"})
		m, _ = m.Update(Away{at.Add(17 * time.Second), "nobody answers still"})
		golden(t, "away", page(m.View()))
		if m, _ = m.Update(Sampled{busy[1]}); strings.Contains(page(m.View()), "away") {
			t.Error("the daemon is back, and is told to be away")
		}
	})
}

// golden compares a text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page has changed (-update writes it anew):\n%s\nwant:\n%s", got, want)
	}
}

// TestKeys walks through the keys: what is selected then, and what is asked of the caller.
func TestKeys(t *testing.T) {
	samples := []Sample{shop(), later(shop(), map[int]time.Duration{101: 250 * time.Millisecond, 102: 1100 * time.Millisecond})}
	web := Target{"shop", "web", All}
	cases := []struct {
		keys     string
		selected string
		effect   Effect
	}{
		{"", "shop/web/1", nil},
		{"down", "shop/web/0", nil},
		{"j k", "shop/web/1", nil},
		{"up", "shop/web/1", nil},
		{"end", "商店", nil},
		{"G g", "shop/web/1", nil},
		{"G g 5", "shop/web/1", nil},
		{"pgdown", "商店", nil},
		{"pgdown pgup", "shop/web/1", nil},
		{"/ 'jobs", "shop/jobs/0", nil},
		{"/ 'jobs esc", "shop/jobs/0", nil},
		{"/ 'web enter n", "shop/web/0", nil},
		{"/ 'web enter n n", "shop/web/2", nil},
		{"/ 'web enter n n n", "shop/web/1", nil},
		{"/ 'web enter N", "shop/web/2", nil},
		{"/ 'nowhere", "shop/web/1", nil},
		{"/ 'jobx backspace backspace enter", "shop/jobs/0", nil},
		{"f 'jobs enter", "shop/jobs/0", nil},
		{"f 'jobs esc down", "shop/web/0", nil},
		{"f 'nowhere enter r y", "", nil},
		{"q", "shop/web/1", Quit{}},
		{"? q", "shop/web/1", Quit{}},
		{"? r y", "shop/web/1", nil},
		{"/ 'q", "shop/web/1", nil},
		{"/ ctrl+c", "shop/web/1", Quit{}},
		{"ctrl+z", "shop/web/1", Suspend{}},
		{"r", "shop/web/1", nil},
		{"r y", "shop/web/1", Action{Restart, Target{"shop", "web", 1}, 0}},
		{"r n", "shop/web/1", nil},
		{"r enter", "shop/web/1", nil},
		{"r esc y", "shop/web/1", nil},
		{"l Y", "shop/web/1", Action{Reload, Target{"shop", "web", 1}, 0}},
		{"v l y", "shop/web", Action{Reload, web, 0}},
		{"v v r y", "shop", Action{Restart, Target{"shop", "", All}, 0}},
		{"s '5 enter y", "shop/web/1", Action{Scale, web, 5}},
		{"s '5 enter n", "shop/web/1", nil},
		{"s '0 enter y", "shop/web/1", nil},
		{"s 'five enter y", "shop/web/1", nil},
		{"s '7 ctrl+u '2 enter y", "shop/web/1", Action{Scale, web, 2}},
		{"s '5 esc y", "shop/web/1", nil},
		{"v v s '5 enter y", "shop", nil},
		{"end s '5 enter y", "商店", nil},
		{"1", "shop/jobs/0", nil}, // nothing was chosen
		{"down up 1", "shop/web/1", nil},
		{"1 home", "shop/jobs/0", nil},
		{"1 1 home", "商店", nil},
		{"4 home", "shop/mail", nil}, // least first: that is what is unknown
		{"5 home", "shop/web/1", nil},
		{"6 home", "shop/jobs/0", nil},
		{"7 home", "shop/web/2", nil},
		{"3 home", "shop/web/2", nil},
		{"> home", "shop/web/1", nil},
		{"< home", "shop/web/2", nil},
		{"i home", "shop/mail", nil},
	}
	for _, c := range cases {
		t.Run(c.keys, func(t *testing.T) {
			m, effect := shown(80, 24, samples, strings.Fields(c.keys)...)
			row, _ := m.current()
			if row.Name != c.selected || effect != c.effect {
				t.Errorf("selected %q and %#v, want %q and %#v", row.Name, effect, c.selected, c.effect)
			}
			fits(t, m, 80, 24)
		})
	}
}

// TestScroll goes through 200 workers: the selected one is always seen, and stays selected when others come and go.
func TestScroll(t *testing.T) {
	m, _ := shown(80, 24, []Sample{many(200)})
	for i := range 200 {
		if text := page(m.View()); !strings.Contains(text, fmt.Sprintf("> big/web/%d ", i)) && !strings.Contains(text, fmt.Sprintf(">  big/web/%d ", i)) {
			t.Fatalf("worker %d is not seen:\n%s", i, text)
		}
		m, _ = press(m, "down")
	}
	m, _ = press(m, "/", "'web/150", "enter")
	m, _ = m.Update(Size{80, 6})
	if text := page(m.View()); !strings.Contains(text, "> big/web/150 ") {
		t.Errorf("the selected row is not seen on a smaller page:\n%s", text)
	}
	m, _ = m.Update(Sampled{many(160)})
	if row, _ := m.current(); row.Name != "big/web/150" {
		t.Errorf("selected is %q after others have gone", row.Name)
	}
	m, _ = m.Update(Sampled{many(100)})
	if row, _ := m.current(); row.Name != "big/web/99" {
		t.Errorf("selected is %q after it has gone itself", row.Name)
	}
	m, _ = m.Update(Sampled{Sample{At: at}})
	if _, ok := m.current(); ok {
		t.Error("something is selected, and there is nothing")
	}
	m, _ = press(m, "r", "y", "s", "down", "n", "end")
	fits(t, m, 80, 6)
}

// TestRowsOfIdleWorkersStay: what does not differ to the eye does not change places.
func TestRowsOfIdleWorkersStay(t *testing.T) {
	for _, by := range []Column{ByCPU, ByMemory, ByLag, ByUptime} {
		first, second := many(50), later(many(50), nil)
		for i := range second.Apps[0].Processes[0].Workers {
			w := &second.Apps[0].Processes[0].Workers[i]
			w.Memory += uint64(i%7) * 1000
			w.CPU += time.Duration(i%5) * 100 * time.Microsecond
			w.Lag += time.Duration(i%3) * 100 * time.Microsecond
		}
		m := New(Options{Sort: by})
		for _, s := range []Sample{first, later(first, nil), second} {
			m, _ = m.Update(Sampled{s})
		}
		for i, r := range m.Rows() {
			if want := fmt.Sprintf("big/web/%d", i); r.Name != want {
				t.Errorf("sorted by %s: row %d is %s, want %s", by, i, r.Name, want)
				break
			}
		}
	}
}

// TestPercent: the share of one core over the last interval.
func TestPercent(t *testing.T) {
	before := Sample{At: at}
	began := at.Add(-time.Hour)
	now := at.Add(2 * time.Second)
	w := Worker{PID: 5, Since: began, Measured: true, CPU: 3 * time.Second}
	cases := map[string]struct {
		w      Worker
		used   map[life]time.Duration
		before *Sample
		want   float64
	}{
		"half a core":         {w, map[life]time.Duration{lifeOf(w): 2 * time.Second}, &before, 50},
		"nothing":             {w, map[life]time.Duration{lifeOf(w): 3 * time.Second}, &before, 0},
		"the first sample":    {w, nil, nil, -1},
		"not seen before":     {w, nil, &before, -1},
		"not measured":        {Worker{PID: 5, Since: began}, nil, &before, -1},
		"began in between":    {Worker{PID: 5, Since: now.Add(-time.Second), Measured: true, CPU: 250 * time.Millisecond}, nil, &before, 25},
		"the number of other": {w, map[life]time.Duration{{5, 1}: time.Second}, &before, -1},
		"began just now":      {Worker{PID: 5, Since: now, Measured: true}, nil, &before, -1},
	}
	for name, c := range cases {
		if got := percent(c.w, now, c.used, c.before); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestReload: of two workers in a slot the newer has the name, and an action concerns one.
func TestReload(t *testing.T) {
	s := many(2)
	newer := s.Apps[0].Processes[0].Workers[0]
	newer.PID, newer.Generation, newer.State = 77, 2, "starting"
	s.Apps[0].Processes[0].Workers = slices.Insert(s.Apps[0].Processes[0].Workers, 1, newer)
	m, _ := shown(80, 24, []Sample{many(2), s}, "1")
	var names []string
	for _, r := range m.Rows() {
		names = append(names, r.Name+" "+r.State)
	}
	if want := []string{"big/web/0 starting", "big/web/0 old running", "big/web/1 running"}; !slices.Equal(names, want) {
		t.Errorf("rows %q, want %q", names, want)
	}
	m, _ = press(m, "v", "s")
	if !strings.Contains(page(m.View()), "Scale big/web from 2 to: _") {
		t.Errorf("the question counts a slot twice:\n%s", page(m.View()))
	}
}

// TestPause: what is shown stays, and goes on.
func TestPause(t *testing.T) {
	m, _ := shown(80, 24, []Sample{many(2)}, "p")
	m, _ = m.Update(Sampled{many(3)})
	if len(m.Rows()) != 2 || !strings.Contains(page(m.View()), "paused") {
		t.Errorf("%d rows while paused:\n%s", len(m.Rows()), page(m.View()))
	}
	m, _ = press(m, "p")
	if m, _ = m.Update(Sampled{many(3)}); len(m.Rows()) != 3 {
		t.Errorf("%d rows afterwards", len(m.Rows()))
	}
}

// TestRandomWalk: whatever is pressed on whatever terminal, the page keeps to its size and a row is selected if there is any.
func TestRandomWalk(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := strings.Fields("up down pgup pgdown home end / f n N esc enter backspace r l s y x v i < > L p ? q 1 2 3 4 5 6 7 8 9 tab f5")
	samples := []Sample{shop(), many(200), many(3), {At: at}, later(shop(), nil)}
	m := New(Options{})
	width, height := 80, 24
	for range 2000 {
		switch random.IntN(12) {
		case 0:
			width, height = random.IntN(120), random.IntN(40)
			m, _ = m.Update(Size{width, height})
		case 1:
			m, _ = m.Update(Sampled{samples[random.IntN(len(samples))]})
		case 2:
			m, _ = m.Update(Away{at, "it is away\x1b[2J"})
		case 3:
			of, n := m.Follow()
			m, _ = m.Update(Tail{of, slices.Repeat([]string{"\x1b]0;title\x07line\r\x00商"}, n)})
		default:
			k := keys[random.IntN(len(keys))]
			m, _ = press(m, k)
		}
		if m.width == width && m.height == height {
			fits(t, m, max(0, width), max(0, height))
		}
		if row, ok := m.current(); ok != (len(m.rows) > 0) || ok && row.Key != m.selected {
			t.Fatalf("%d rows, selected %q at %d", len(m.rows), m.selected, m.cursor)
		}
	}
}

// FuzzPrintable: what is printed never holds what a terminal obeys.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred\x1b[0m", "\x1b]8;;http://x\x1b\\link", "\x1b", "\x1b[", "a\tb\r\n", "\xff\xfe", "\u202eabc", "商店", "\x9b31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := printable(text)
		if strings.ContainsFunc(clean, hidden) {
			t.Errorf("%q has become %q", text, clean)
		}
		for _, n := range []int{0, 1, 5, 20} {
			for _, cut := range []string{cutRight(clean, n), cutLeft(clean, n)} {
				if width(cut) > n {
					t.Errorf("%q has %d columns, want at most %d", cut, width(cut), n)
				}
			}
		}
	})
}

// TestTexts: figures in few columns.
func TestTexts(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0K", 500 << 10: "500K", 1000 << 10: "1.0M", 64 << 20: "64.0M", 99<<20 + 1000<<10: "100M", 512 << 20: "512M",
		1000 << 20: "1.0G", 12 << 30: "12.0G", 1 << 50: "1024T",
	} {
		if got := bytesText(n); got != want || len(got) > ByMemory.width() {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 3*time.Hour + 5*time.Minute: "3h05m",
		26 * time.Hour: "1d02h", 400 * 24 * time.Hour: "400d",
	} {
		if got := spanText(d); got != want || len(got) > ByUptime.width() {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{400 * time.Microsecond: "0ms", 12 * time.Millisecond: "12ms", 1500 * time.Millisecond: "1.5s"} {
		if got := lagText(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

// BenchmarkSample is a new sample of 200 workers, and its page.
func BenchmarkSample(b *testing.B) {
	m, _ := shown(80, 24, []Sample{many(200)})
	s := later(many(200), nil)
	for b.Loop() {
		m, _ = m.Update(Sampled{s})
		m.View()
	}
}
