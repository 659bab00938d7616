package rotate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParsePolicy(t *testing.T) {
	d := Default()
	for text, want := range map[string]Policy{
		"":                          d,
		"off":                       {},
		"size=1gb":                  {MaxFile: 1 << 30, MaxTotal: d.MaxTotal, Daily: true, Compress: true},
		"size=off,total=64KB":       {MaxTotal: 64 << 10, Daily: true, Compress: true},
		"daily=off compress=off":    {MaxFile: d.MaxFile, MaxTotal: d.MaxTotal},
		" size=200000b,daily=true ": {MaxFile: 200000, MaxTotal: d.MaxTotal, Daily: true, Compress: true},
	} {
		if got, err := ParsePolicy(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"size=1", "size=", "size=-1mb", "total=9999999999gb", "size=x", "rotate=on", "daily=maybe", "50mb"} {
		if _, err := ParsePolicy(text); err == nil || !strings.Contains(err.Error(), "size=50mb,total=500mb") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNextMidnight(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// The day on which the clocks go forward has 23 hours.
	got := NextMidnight(time.Date(2026, 3, 29, 0, 30, 0, 0, zone))
	if want := time.Date(2026, 3, 30, 0, 0, 0, 0, zone); !got.Equal(want) {
		t.Errorf("got %v", got)
	}
}

// marksOf reads all segments.
func marksOf(t *testing.T, path string) (Header, []Segment) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewMarkReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []Segment
	for {
		s, err := r.Next()
		if err != nil {
			return r.Header, all
		}
		all = append(all, s)
	}
}

func TestMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".log.marks")
	m, err := OpenMarks(path)
	if err != nil {
		t.Fatal(err)
	}
	web, api := Source{Process: "web", Worker: 1}, Source{Process: "api", Err: true}
	at := func(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms) }
	for _, s := range []Segment{
		{0, 100, at(0), web}, {100, 250, at(90), api}, {250, 251, at(50), Source{}}, {251, 251 + 1<<40, at(1 << 30), web},
	} {
		if err := m.Add(s.To, s.Time, s.Source); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Add(7, at(0), api); err != nil || m.End() != 251+1<<40 {
		t.Errorf("what is noted already: %v, end %d", err, m.End())
	}
	m.Close()
	// A record that a crash has cut.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte{0x85, 0x01, 0x80})
	f.Close()
	if m, err = OpenMarks(path); err != nil || m.End() != 251+1<<40 {
		t.Fatalf("opened again: %v, end %d", err, m.End())
	}
	if err := m.Add(m.End()+5, at(2<<30), api); err != nil {
		t.Fatal(err)
	}
	if _, all := marksOf(t, path); len(all) != 5 || all[1] != (Segment{100, 250, at(90), api}) || all[2].Time != at(50) || all[4].Source != api {
		t.Errorf("segments %v", all)
	}

	archive := filepath.Join(filepath.Dir(path), "log.2026-01-01-1")
	if err := m.Begin(200); err != nil {
		t.Fatal(err)
	}
	if h, err := ReadHeader(path); err != nil || h.Cut != 200 {
		t.Errorf("while bytes are taken away: %+v %v", h, err)
	}
	if err := m.Cut(200, archive); err != nil {
		t.Fatal(err)
	}
	h, all := marksOf(t, path)
	if h != (Header{Base: 200}) || len(all) != 4 || all[0] != (Segment{200, 250, at(90), api}) || all[3].To != m.End() {
		t.Errorf("live %+v %v", h, all)
	}
	h, all = marksOf(t, MarksPath(archive+".gz"))
	if h != (Header{}) || len(all) != 2 || all[1] != (Segment{100, 200, at(90), api}) {
		t.Errorf("archive %+v %v", h, all)
	}
	if err := m.Add(m.End()+1, at(3<<30), Source{Process: "new", Worker: 3}); err != nil {
		t.Fatal(err)
	}
	if _, all = marksOf(t, path); len(all) != 5 || all[4].Source != (Source{Process: "new", Worker: 3}) {
		t.Errorf("after the cut %v", all)
	}
	if err := m.Restart(5000, true); err != nil || m.End() != 5000 || m.Header() != (Header{Base: 5000, Run: 5000}) {
		t.Errorf("restart: %v %+v", err, m.Header())
	}
	m.Close()
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err = OpenMarks(path); err != nil || m.Header() != (Header{}) {
		t.Errorf("a foreign file: %v", err)
	}
	m.Close()
}

func FuzzMarks(f *testing.F) {
	path := filepath.Join(f.TempDir(), "m")
	m, err := OpenMarks(path)
	if err != nil {
		f.Fatal(err)
	}
	m.Add(100, time.Now(), Source{Process: "web", Worker: 1})
	m.Add(300, time.Now(), Source{Process: "api", Worker: 0})
	m.Close()
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[:headerBytes], seed[headerBytes:])
	f.Add([]byte(marksMagic), []byte{})
	f.Fuzz(func(t *testing.T, head, body []byte) {
		if h, err := decodeHeader(head); err == nil && !bytes.Equal(h.encode(), head[:headerBytes]) {
			t.Errorf("header %x reads as %+v", head, h)
		}
		data := append(Header{Base: 10}.encode(), body...)
		r, err := NewMarkReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		at := int64(10)
		for {
			s, err := r.Next()
			if err != nil {
				break
			}
			if s.From != at || s.To <= s.From {
				t.Fatalf("segment %+v after %d", s, at)
			}
			at = s.To
		}
		if r.read > int64(len(data)) {
			t.Errorf("%d of %d bytes read", r.read, len(data))
		}
		// What OpenMarks keeps of it can be gone on with.
		path := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := OpenMarks(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if m.End() != at {
			t.Fatalf("end %d, want %d", m.End(), at)
		}
		if err := m.Add(at+1, time.UnixMilli(5), Source{Process: "x", Worker: 2}); err != nil {
			t.Fatal(err)
		}
		_, all := marksOf(t, path)
		if last := all[len(all)-1]; last != (Segment{at, at + 1, time.UnixMilli(5), Source{Process: "x", Worker: 2}}) {
			if m.defined < maxSources {
				t.Errorf("added %+v", last)
			}
		}
	})
}

func TestArchives(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nodejs_stdout.log")
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for range 3 {
		name := NewName(path, now)
		put(name, strings.Repeat("line\n", 1000))
		put(MarksPath(name), "marks")
		names = append(names, name)
	}
	for _, other := range []string{".gz", ".1", ".2026-11-25", ".2026-11-25-x", ".2026-13-25-1", ".2026-11-25-5.part"} {
		put(path+other, "other")
	}
	all, err := Archives(path)
	if err != nil || len(all) != 3 || all[0].Path != names[0] || all[2].Path != names[2] || !all[0].Time.Equal(now) {
		t.Fatalf("%v %v", all, err)
	}
	if err := all[1].Compress(func() bool { return true }); !errors.Is(err, errStopped) {
		t.Errorf("stopped: %v", err)
	}
	if err := all[1].Compress(func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	in, err := all[1].Open() // as it was listed
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if in.Close(); err != nil || len(text) != 5000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if all, _ = Archives(path); len(all) != 3 || !all[1].Compressed || all[1].Marks() != MarksPath(names[1]) || all[1].Size > 1000 {
		t.Errorf("%+v", all)
	}
	// Interrupted between the renaming and the removal.
	put(names[1], "line\n")
	if all, _ = Archives(path); len(all) != 3 || all[1].Compressed {
		t.Errorf("%+v", all)
	}
	if n, err := Prune(path, 5500); err != nil || n != 1 {
		t.Errorf("removed %d, %v", n, err)
	}
	if _, err := os.Stat(MarksPath(names[0])); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("marks of the removed archive: %v", err)
	}
	if n, err := Prune(path, 0); err != nil || n != 0 {
		t.Errorf("without limit removed %d, %v", n, err)
	}
	put(names[0]+partSuffix, "half")
	Sweep(path)
	if exists(names[0] + partSuffix) {
		t.Error("an unfinished copy is left")
	}
	if all, err := Archives(filepath.Join(dir, "none", "x")); all != nil || err != nil {
		t.Errorf("without folder: %v %v", all, err)
	}
	put(path+".2026-11-25-9.gz", "no gzip")
	if _, err := (Archive{Path: path + ".2026-11-25-9.gz", Compressed: true}).Open(); !errors.Is(err, gzip.ErrHeader) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken archive: %v", err)
	}
}

// testLog is a log with marks that is written and rotated by renaming.
type testLog struct {
	t     *testing.T
	path  string
	marks *Marks
	base  int64
	size  int64
	now   time.Time
}

func newTestLog(t *testing.T) *testLog {
	path := filepath.Join(t.TempDir(), "nodejs_stdout.log")
	m, err := OpenMarks(MarksPath(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &testLog{t: t, path: path, marks: m, now: time.UnixMilli(1_700_000_000_000)}
}

// write adds text of a source a second later.
func (l *testLog) write(text string, s Source) {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		l.t.Fatal(err)
	}
	l.size += int64(len(text))
	l.now = l.now.Add(time.Second)
	if err := l.marks.Add(l.base+l.size, l.now, s); err != nil {
		l.t.Fatal(err)
	}
}

// rotate renames the log.
func (l *testLog) rotate(run bool) {
	l.t.Helper()
	name := NewName(l.path, l.now)
	if err := os.Rename(l.path, name); err != nil {
		l.t.Fatal(err)
	}
	if err := l.marks.Cut(l.size, name); err != nil {
		l.t.Fatal(err)
	}
	l.base, l.size = l.base+l.size, 0
	if err := os.WriteFile(l.path, nil, 0o600); err != nil {
		l.t.Fatal(err)
	}
	if run {
		if err := l.marks.Restart(l.base, true); err != nil {
			l.t.Fatal(err)
		}
	}
}

// rest reads what r has, one string a line.
func (l *testLog) rest(r *Reader) string {
	l.t.Helper()
	var b strings.Builder
	for {
		line, err := r.Next(false)
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			l.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s%d:%s ", line.Source.Process, line.Source.Worker, line.Text)
	}
}

func TestReader(t *testing.T) {
	l := newTestLog(t)
	if _, err := OpenReader(l.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	web, api := Source{Process: "web", Worker: 1}, Source{Process: "api", Err: true}
	l.write("old\n", web)
	l.rotate(true)
	l.write("one\ntwo\n", web)
	cut := l.now
	l.write("three\nfo", api)
	r, err := OpenReader(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := l.rest(r); got != "web1:one web1:two api0:three " {
		t.Errorf("from the beginning of the file: %s", got)
	}
	if rest, ok := r.Rest(); !ok || string(rest.Text) != "fo" || rest.Source != api {
		t.Errorf("rest %q %v", rest.Text, ok)
	}
	second, err := OpenReader(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	// The line goes on in the next file.
	l.rotate(false)
	l.write("ur\nfive\n", web)
	all, err := Archives(l.path)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v %v", all, err)
	}
	if err := all[1].Compress(func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	l.rotate(false)
	l.write("six\n", api)
	if got := l.rest(second); got != "web1:one web1:two api0:three api0:four web1:five api0:six " {
		t.Errorf("behind: %s", got)
	}
	if starts := second.Starts(); len(starts) != 3 || starts[2] != 4 || starts[0] != l.base {
		t.Errorf("files of this run begin at %v, the live one at %d", starts, l.base)
	}
	if err := second.SeekTime(cut.Add(1)); err != nil {
		t.Fatal(err)
	}
	if got := l.rest(second); got != "api0:three api0:four web1:five api0:six " {
		t.Errorf("since: %s", got)
	}
	if err := second.SeekTime(time.UnixMilli(0)); err != nil {
		t.Fatal(err)
	}
	if got := l.rest(second); !strings.HasPrefix(got, "web1:old web1:one ") {
		t.Errorf("since ever: %s", got)
	}
	if err := second.SeekTime(l.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := l.rest(second); got != "" {
		t.Errorf("since later: %s", got)
	}
	// A reader so far behind that its archives are gone goes on with what is there.
	if _, err := Prune(l.path, 1); err != nil {
		t.Fatal(err)
	}
	second.SeekTo(0)
	if got := l.rest(second); got != "api0:six " {
		t.Errorf("after archives were removed: %s", got)
	}
}

func TestReaderHoldsBack(t *testing.T) { synctest.Test(t, readerHoldsBack) }

func readerHoldsBack(t *testing.T) {
	l := newTestLog(t)
	l.write("one\n", Source{Process: "web", Worker: 0})
	r, err := OpenReader(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if line, err := r.Next(true); err != nil || !line.Known {
		t.Fatalf("%+v %v", line, err)
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString("two\nthree\nfour\n")
	for range 3 {
		if _, err := r.Next(true); err != io.EOF {
			t.Errorf("a line without a mark is not held back: %v", err)
		}
		time.Sleep(markLimit / 4)
	}
	if err := l.marks.Add(8, l.now, Source{Process: "web", Worker: 0}); err != nil {
		t.Fatal(err)
	}
	if line, err := r.Next(true); err != nil || !line.Known || string(line.Text) != "two" {
		t.Errorf("%+v %v", line, err)
	}
	// The wait for the next one begins anew.
	for range 3 {
		if _, err := r.Next(true); err != io.EOF {
			t.Errorf("the second line without a mark is not held back: %v", err)
		}
		time.Sleep(markLimit / 4)
	}
	time.Sleep(markLimit / 4)
	for _, want := range []string{"three", "four"} {
		if line, err := r.Next(true); err != nil || line.Known || string(line.Text) != want {
			t.Errorf("held back for ever: %+v %v", line, err)
		}
	}
	if _, err := r.Next(true); err != io.EOF {
		t.Errorf("end: %v", err)
	}
}

func TestReaderLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", maxLine+10)+"\nend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lengths []int
	for {
		line, err := r.Next(false)
		if err != nil {
			break
		}
		lengths = append(lengths, len(line.Text))
	}
	if fmt.Sprint(lengths) != fmt.Sprint([]int{maxLine, 10, 3}) {
		t.Errorf("lines of %v bytes", lengths)
	}
}
