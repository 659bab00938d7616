package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// selectable are two shops with a web of two workers and a tick of one, and a blog without processes.
func selectable() []control.AppStatus {
	shop := func(name string, pid int) control.AppStatus {
		worker := func(n int) supervisor.WorkerStatus { return supervisor.WorkerStatus{Worker: n, PID: pid + n} }
		return control.AppStatus{AppName: name, PIDs: []int{pid, pid + 1, pid + 2}, Processes: []supervisor.ProcessStatus{
			{Name: "web", Workers: []supervisor.WorkerStatus{worker(0), worker(1)}},
			{Name: "tick", Workers: []supervisor.WorkerStatus{{Worker: 0, PID: pid + 2}}},
		}}
	}
	return []control.AppStatus{shop("shop-a", 10), shop("shop-b", 20), {AppName: "blog"}}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		selectors, want, problem string
		code                     int
	}{
		{"", "shop-a shop-b blog", "", 0},
		{"all", "shop-a shop-b blog", "", 0},
		{"blog shop-a blog", "blog shop-a", "", 0},
		{"shop-*", "shop-a shop-b", "", 0},
		{"shop-[b-z] blog", "shop-b blog", "", 0},
		{"shop-a/web", "shop-a/web", "", 0},
		{"shop-a/web/1", "shop-a/web/1", "", 0},
		{"all/t*", "shop-a/tick shop-b/tick", "", 0},
		{"shop-a/all", "shop-a/web shop-a/tick", "", 0},
		{"shpo-a", "", `there is no application "shpo-a"; did you mean shop-a`, exitNotFound},
		{"SHOP-B", "", "did you mean shop-b", exitNotFound},
		{"shop", "", "did you mean shop-a or shop-b?", exitNotFound},
		{"shop-a/wbe", "", `there is no process "wbe"; did you mean web?`, exitNotFound},
		{"shop-a/web/7", "", "shop-a/web has no worker 7", exitNotFound},
		{"nothing*", "", `no application matches "nothing*"`, exitNotFound},
		{"blog/*", "", `no process matches "blog/*"`, exitNotFound},
		{"shop-a/web/x", "", "is not a number", exitUsage},
		{"a/b/1/2", "", "selects nothing", exitUsage},
		{"/web", "", "selects nothing", exitUsage},
		{"shop-[", "", "not a pattern", exitUsage},
		{strings.Repeat("x", 10_000), "", "…(10000 bytes)…xxxxxxxxxx\" is no name: expected 1 to 512 bytes", exitUsage},
		{strings.Repeat("x ", maxSelectors+1), "", "at most 1000", exitUsage},
	} {
		chosen, err := choose(selectable(), strings.Fields(c.selectors))
		var names []string
		for _, s := range chosen {
			names = append(names, s.String())
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%.60q selects %q, want %q", c.selectors, got, c.want)
		}
		if c.problem == "" && err == nil {
			continue
		}
		if err == nil || c.problem == "" || !strings.Contains(err.Error(), c.problem) || exitCode(err) != c.code {
			t.Errorf("%.60q: %v with code %d, want %q with %d", c.selectors, err, exitCode(err), c.problem, c.code)
		} else if len(err.Error()) > 300 {
			t.Errorf("%.60q: the error has %d bytes", c.selectors, len(err.Error()))
		}
	}
	named := append(selectable(), control.AppStatus{AppName: "all"}, control.AppStatus{AppName: "shop-*"})
	for _, name := range []string{"all", "shop-*"} {
		if chosen, err := choose(named, []string{name}); err != nil || len(chosen) != 1 || chosen[0].app != name {
			t.Errorf("an application named %s: %v, %v", name, chosen, err)
		}
	}
	if chosen, err := choose(nil, nil); err != nil || len(chosen) != 0 {
		t.Errorf("nothing is known: %v, %v", chosen, err)
	}
}

func TestRestrict(t *testing.T) {
	for selectors, want := range map[string]string{
		"shop-a":                   "shop-a[10 11 12] web[0 1] tick[0]",
		"shop-a/web/1":             "shop-a[11] web[1]",
		"shop-b/web/0 shop-b/tick": "shop-b[20 22] web[0] tick[0]",
		"shop-a/web/1 shop-a":      "shop-a[10 11 12] web[0 1] tick[0]",
		"shop-b/tick shop-a/web/0": "shop-a[10] web[0] shop-b[22] tick[0]",
	} {
		apps := selectable()
		chosen, err := choose(apps, strings.Fields(selectors))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range restrict(apps, chosen) {
			got = append(got, fmt.Sprint(a.AppName, a.PIDs))
			for _, p := range a.Processes {
				var slots []int
				for _, w := range p.Workers {
					slots = append(slots, w.Worker)
				}
				got = append(got, fmt.Sprint(p.Name, slots))
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s leaves %s, want %s", selectors, text, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"web", "web", 0}, {"web", "wbe", 1}, {"web", "we", 1}, {"", "web", 3}, {"店铺", "店", 1}, {"abc", "xyz", 3}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestTableFits(t *testing.T) {
	header := []string{"AppName", "PID", "AppDir", "State", "Uptime", "Restart Count"}
	row := []cell{{text: "商店🛒"}, {text: "1,2,3"}, {text: "/home/someone/deep/folder/of/an/application"}, {text: "Running"}, {text: "2h 5m"}, {text: "0\x1b[31m\n"}}
	for _, width := range []int{0, 100, 80, 60, 20, 4} {
		var out bytes.Buffer
		table(&out, width, header, [][]cell{slices.Clone(row), slices.Clone(row)})
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		for _, line := range lines {
			if n := textWidth(line); width > 0 && n > width || width != 20 && width != 4 && n != textWidth(lines[0]) {
				t.Errorf("width %d: a line has %d columns: %s", width, n, line)
			}
		}
		if strings.ContainsAny(out.String(), "\x1b") {
			t.Errorf("width %d: a control character is printed", width)
		}
		if width == 0 && !strings.Contains(out.String(), row[2].text) {
			t.Errorf("without a width nothing is cut:\n%s", out.String())
		}
		if width == 20 && !strings.Contains(out.String(), "AppName: 商店🛒\n") {
			t.Errorf("a narrow terminal gets a field a line:\n%s", out.String())
		}
	}
}

func TestYAML(t *testing.T) {
	value := struct {
		B    string         `json:"b"`
		A    []string       `json:"a"`
		None []int          `json:"none"`
		Map  map[string]any `json:"map"`
		N    float64        `json:"number"`
	}{"yes", []string{"1", "null", "x: y", "a\nb", ""}, []int{}, map[string]any{"on": true, "12": nil}, 1.5}
	data, err := documentJSON(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := yamlOf(data)
	want := "schemaVersion: 1\nb: \"yes\"\na:\n  - \"1\"\n  - \"null\"\n  - 'x: y'\n  - |-\n    a\n    b\n  - \"\"\nnone: []\nmap:\n  \"12\": null\n  \"on\": true\nnumber: 1.5\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestRedrawn(t *testing.T) {
	if got, want := string(redrawn("a\nb\nc\n", 0, 3)), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
