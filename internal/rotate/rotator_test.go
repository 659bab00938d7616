package rotate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestParseStrategy(t *testing.T) {
	full := Strategy{UUID: "u", Type: BySize, File: "/l/a.log", Interval: time.Second, MaxFiles: 3, MaxFileSize: 7}
	for _, c := range []struct {
		json string
		want Strategy
		err  string
	}{
		{`{"uuid":"u","file":"/l/a.log","type":"size","rotateDuration":1000,"maxFiles":3,"maxFileSize":7}`, full, ""},
		{`{"uuid":"u","file":"/l/./x/../a.log","type":"size","rotateDuration":1000.9,"maxFiles":3.5,"maxFileSize":7.9}`, full, ""},
		{`{"uuid":"u","file":"/a"}`, Strategy{UUID: "u", Type: ByDate, File: "/a", Interval: 5 * time.Minute, MaxFiles: 10, MaxFileSize: 300 << 20}, ""},
		{`{"uuid":"u","file":"/a","type":"date","rotateDuration":-1,"maxFiles":-4,"maxFileSize":1e300}`,
			Strategy{UUID: "u", Type: ByDate, File: "/a", MaxFiles: 1, MaxFileSize: 1 << 60}, ""},
		{`{"uuid":"u","file":"/a","maxFiles":null,"rotateDuration":1e300}`,
			Strategy{UUID: "u", Type: ByDate, File: "/a", Interval: 1e9 * time.Millisecond, MaxFiles: 10, MaxFileSize: 300 << 20}, ""},
		{`{"uuid":"u","file":"a.log"}`, Strategy{}, `file is "a.log", want an absolute path`},
		{`{"uuid":"","file":"/a"}`, Strategy{}, "uuid has 0 characters"},
		{`{"uuid":"` + strings.Repeat("u", 129) + `","file":"/a"}`, Strategy{}, "uuid has 129 characters"},
		{`{"uuid":"u","file":"/a","type":"hourly"}`, Strategy{}, `type is "hourly", want date or size`},
		{`{"uuid":"u","file":"/` + strings.Repeat("a", maxPath) + `"}`, Strategy{}, "want an absolute path"},
		{`{"uuid":"u","file":"/a","maxFiles":"ten"}`, Strategy{}, "read rotation strategy"},
		{`[]`, Strategy{}, "read rotation strategy"},
		{``, Strategy{}, "read rotation strategy"},
	} {
		got, err := ParseStrategy([]byte(c.json))
		if got != c.want || (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.80s: got %+v, %v; want %+v, %q", c.json, got, err, c.want, c.err)
		}
	}
}

func TestSizeInterval(t *testing.T) {
	for _, c := range []struct {
		asked []time.Duration
		want  time.Duration
	}{
		{nil, 10 * time.Minute},
		{[]time.Duration{time.Hour}, 10 * time.Minute},
		{[]time.Duration{5 * time.Minute, 3 * time.Minute}, 3 * time.Minute},
		{[]time.Duration{time.Second}, time.Minute},
	} {
		var list []Strategy
		for _, d := range c.asked {
			list = append(list, Strategy{Interval: d})
		}
		if got := sizeInterval(list); got != c.want {
			t.Errorf("%v: got %v, want %v", c.asked, got, c.want)
		}
	}
}

func TestOneStrategyPerFile(t *testing.T) {
	all := strategies{
		{Strategy: Strategy{UUID: "1", Type: ByDate, File: "/a"}}, {Strategy: Strategy{UUID: "2", Type: BySize, File: "/a"}},
		{Strategy: Strategy{UUID: "3", Type: BySize, File: "/b"}}, {Strategy: Strategy{UUID: "4", Type: BySize, File: "/b"}},
	}
	if got := all.of(ByDate); len(got) != 1 || got[0].UUID != "1" {
		t.Errorf("by date: %v", got)
	}
	if got := all.of(BySize); len(got) != 1 || got[0].UUID != "3" {
		t.Errorf("by size: %v", got)
	}
}

// tree makes files with the given contents in a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// content is what lies in a folder, name=text.
func content(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		all = append(all, e.Name()+"="+string(text))
	}
	slices.Sort(all)
	return all
}

func TestRotateByDate(t *testing.T) {
	day := time.Date(2026, 2, 3, 0, 0, 0, 0, time.Local)
	for name, c := range map[string]struct {
		files, want []string
	}{
		"plain":             {[]string{"f=a"}, []string{"f.2026-02-03=a"}},
		"missing":           {nil, []string{}},
		"empty":             {[]string{"f="}, []string{"f="}},
		"taken":             {[]string{"f=b", "f.2026-02-03=a"}, []string{"f.2026-02-03.1=b", "f.2026-02-03=a"}},
		"taken twice":       {[]string{"f=c", "f.2026-02-03=a", "f.2026-02-03.1=b"}, []string{"f.2026-02-03.1=b", "f.2026-02-03.2=c", "f.2026-02-03=a"}},
		"taken, compressed": {[]string{"f=b", "f.2026-02-03.gz=a"}, []string{"f.2026-02-03.1=b", "f.2026-02-03.gz=a"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for _, f := range c.files {
				name, text, _ := strings.Cut(f, "=")
				files[name] = text
			}
			dir := tree(t, files)
			if _, err := rotateByDate(filepath.Join(dir, "f"), day); err != nil {
				t.Fatal(err)
			}
			if got := content(t, dir); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRotateBySize(t *testing.T) {
	for name, c := range map[string]struct {
		files, want []string
		done        bool
	}{
		"small":     {[]string{"f=12"}, []string{"f=12"}, false},
		"missing":   {nil, []string{}, false},
		"first":     {[]string{"f=123"}, []string{"f.1=123"}, true},
		"shifted":   {[]string{"f=123", "f.1=a", "f.2=b"}, []string{"f.1=123", "f.2=a", "f.3=b"}, true},
		"all taken": {[]string{"f=123", "f.1=a", "f.2=b", "f.3=c"}, []string{"f.1=123", "f.2=a", "f.3=b"}, true},
		"a gap":     {[]string{"f=123", "f.1=a", "f.3=c"}, []string{"f.1=123", "f.2=a", "f.3=c"}, true},
		"more":      {[]string{"f=123", "f.1=a", "f.2=b", "f.3=c", "f.4=d"}, []string{"f.1=123", "f.2=a", "f.3=b", "f.4=d"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for _, f := range c.files {
				name, text, _ := strings.Cut(f, "=")
				files[name] = text
			}
			dir := tree(t, files)
			done, err := rotateBySize(Strategy{File: filepath.Join(dir, "f"), MaxFileSize: 3, MaxFiles: 3})
			if err != nil || done != c.done {
				t.Fatalf("done %v, %v", done, err)
			}
			if got := content(t, dir); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestForeignFilesStay(t *testing.T) {
	dir := tree(t, map[string]string{"real": "123456"})
	link, folder := filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Symlink("real", link), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{link, folder} {
		if to, err := rotateByDate(file, time.Now()); !errors.Is(err, errForeign) || to != "" {
			t.Errorf("%s by date: %q, %v", file, to, err)
		}
		if done, err := rotateBySize(Strategy{File: file, MaxFileSize: 1, MaxFiles: 3}); !errors.Is(err, errForeign) || done {
			t.Errorf("%s by size: %v, %v", file, done, err)
		}
	}
	// Nothing is renamed over what cannot be moved away.
	if err := os.MkdirAll(filepath.Join(dir, "real.1", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if done, err := rotateBySize(Strategy{File: filepath.Join(dir, "real"), MaxFileSize: 1, MaxFiles: 1}); err == nil || done {
		t.Errorf("done %v, %v", done, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "real")); err != nil || string(text) != "123456" {
		t.Errorf("%q, %v", text, err)
	}
}

func strategy(uuid, file, more string) []byte {
	return fmt.Appendf(nil, `{"uuid":%q,"file":%q%s}`, uuid, file, more)
}

// running runs a rotator inside a bubble of virtual time; count tells how often it has told of new names.
func running(t *testing.T, restored []byte, save func([]byte)) (r *Rotator, count func() int, end func()) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	r = NewRotator(RotatorOptions{
		Renamed: func() { mu.Lock(); defer mu.Unlock(); n++ }, Owned: func(file string) bool { return strings.HasSuffix(file, "/ours") },
		Save: func(data []byte) {
			if save != nil {
				save(data)
			}
		}, Log: zap.NewNop(),
	})
	if restored != nil {
		if err := r.Restore(restored); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	return r, func() int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return n
		}, func() {
			cancel()
			wg.Wait()
		}
}

func TestRotatorByDate(t *testing.T) {
	dir := tree(t, map[string]string{"f": "first day\n"})
	file := filepath.Join(dir, "f")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(NextMidnight(time.Now())) + 22*time.Hour)
		r, count, end := running(t, nil, nil)
		defer end()
		today := time.Now().Format(time.DateOnly)
		beating := func(d time.Duration) {
			for step := 2 * time.Minute; d > 0; d -= step {
				time.Sleep(min(step, d))
				r.Beat("one")
				r.Beat("two")
			}
		}
		for _, uuid := range []string{"one", "two"} {
			if err := r.Add(strategy(uuid, file, "")); err != nil {
				t.Fatal(err)
			}
		}
		beating(2*time.Hour - time.Millisecond)
		if got := content(t, dir); count() != 0 || !slices.Equal(got, []string{"f=first day\n"}) {
			t.Fatalf("a moment before midnight: told %d times, files %q", count(), got)
		}
		time.Sleep(time.Millisecond)
		if got := count(); got != 1 {
			t.Fatalf("at midnight it told %d times", got)
		}
		if got, want := content(t, dir), []string{"f." + today + "=first day\n"}; !slices.Equal(got, want) {
			t.Fatalf("at midnight: files %q, want %q", got, want)
		}
		if err := os.WriteFile(file, []byte("second day\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		tomorrow := time.Now().Format(time.DateOnly)
		beating(24 * time.Hour)
		told := count()
		if got, want := content(t, dir), []string{"f." + today + "=first day\n", "f." + tomorrow + "=second day\n"}; told != 2 || !slices.Equal(got, want) {
			t.Fatalf("a day later: told %d times, files %q, want %q", told, got, want)
		}
	})
}

func TestRotatorBySize(t *testing.T) {
	dir := tree(t, map[string]string{"f": "0123456789"})
	file := filepath.Join(dir, "f")
	synctest.Test(t, func(t *testing.T) {
		r, count, end := running(t, nil, nil)
		defer end()
		if err := r.Add(strategy("one", file, `,"type":"size","maxFileSize":10,"maxFiles":2,"rotateDuration":1000`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		if got := count(); got != 0 {
			t.Fatalf("told %d times within the first minute", got)
		}
		for i := range 4 {
			time.Sleep(time.Minute)
			r.Beat("one")
			if got := count(); got != i+1 {
				t.Fatalf("minute %d: told %d times", i, got)
			}
			if err := os.WriteFile(file, fmt.Appendf(nil, "%d123456789", i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := content(t, dir), []string{"f.1=2123456789", "f.2=1123456789", "f=3123456789"}; !slices.Equal(got, want) {
			t.Errorf("files %q, want %q", got, want)
		}
	})
}

func TestRotatorForgetsTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, end := running(t, nil, nil)
		defer end()
		if err := errors.Join(r.Add(strategy("one", "/a", "")), r.Add(strategy("two", "/b", ""))); err != nil {
			t.Fatal(err)
		}
		if err := r.Add(strategy("one", "/a", "")); err == nil || err.Error() != "Strategy uuid one already has" {
			t.Errorf("the same again: %v", err)
		}
		if err := r.Add(strategy("x", "/l/ours", "")); err == nil {
			t.Error("a file that is rotated already was taken")
		}
		r.Beat("unknown")
		time.Sleep(2 * time.Minute)
		r.Beat("one")
		time.Sleep(80 * time.Second)
		synctest.Wait()
		if got := r.Files(); len(got) != 1 || got["/a"] != ByDate {
			t.Errorf("after %v: %v", 200*time.Second, got)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := r.Files(); len(got) != 0 {
			t.Errorf("in the end: %v", got)
		}
		// With nothing to do it goes on with the next.
		if err := r.Add(strategy("one", "/c", `,"type":"size"`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if got := r.Files(); len(got) != 0 {
			t.Errorf("the second one: %v", got)
		}
	})
}

func TestRotatorIsBounded(t *testing.T) {
	r := NewRotator(RotatorOptions{Owned: func(string) bool { return false }})
	for i := range maxStrategies {
		if err := r.Add(strategy(fmt.Sprint(i), "/a", "")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Add(strategy("more", "/a", "")); err == nil {
		t.Error("one more was taken")
	}
}

func FuzzParseStrategy(f *testing.F) {
	f.Add([]byte(`{"uuid":"u","file":"/a","type":"size","rotateDuration":1000,"maxFiles":3,"maxFileSize":7}`))
	f.Add([]byte(`{"uuid":"u","file":"/a","maxFiles":-1e308,"maxFileSize":1e308}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStrategy(data)
		if err != nil {
			return
		}
		if !filepath.IsAbs(s.File) || s.MaxFiles < 1 || s.MaxFiles > maxKept || s.MaxFileSize < 1 || s.Interval < 0 || s.UUID == "" {
			t.Errorf("%q gave %+v", data, s)
		}
	})
}

func TestTheNextRotatorGoesOn(t *testing.T) {
	dir := tree(t, map[string]string{"f": "first day\n"})
	file := filepath.Join(dir, "f")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(NextMidnight(time.Now())) + 23*time.Hour)
		today := time.Now().Format(time.DateOnly)
		var saved []byte
		r, _, end := running(t, nil, func(data []byte) { saved = data })
		if err := errors.Join(r.Add(strategy("one", file, "")), r.Add(strategy("two", "/b", `,"type":"size","maxFiles":3,"maxFileSize":7,"rotateDuration":120000`))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		end()
		if !strings.Contains(string(saved), file) {
			t.Fatalf("saved %s", saved)
		}
		// Nobody is there at midnight. Who comes after finds what was to be done, and a client that only sends heartbeats.
		time.Sleep(2 * time.Hour)
		r, count, end := running(t, saved, func(data []byte) { saved = data })
		told := count()
		if got, want := content(t, dir), []string{"f." + today + "=first day\n"}; told != 1 || !slices.Equal(got, want) {
			t.Errorf("after midnight: told %d times, files %q, want %q", told, got, want)
		}
		for range 5 {
			time.Sleep(2 * time.Minute)
			r.Beat("one")
		}
		synctest.Wait()
		if got := r.Files(); len(got) != 1 || got[file] != ByDate {
			t.Errorf("rotated: %v", got)
		}
		end()
		if strings.Contains(string(saved), "/b") || !strings.Contains(string(saved), file) {
			t.Errorf("saved %s", saved)
		}
		time.Sleep(time.Minute)
		r, _, end = running(t, saved, func(data []byte) { saved = data })
		defer end()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if want := `{"midnight":"0001-01-01T00:00:00Z","strategies":[]}`; len(r.Files()) != 0 || string(saved) != want {
			t.Errorf("in the end %v, saved %s", r.Files(), saved)
		}
	})
	for _, bad := range []string{"", "7", `{"strategies":[{}]}`, `{"midnight":"noon"}`} {
		if err := NewRotator(RotatorOptions{}).Restore([]byte(bad)); err == nil {
			t.Errorf("%q was restored", bad)
		}
	}
}
