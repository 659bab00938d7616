package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// dashboardApp has two processes, one of them a cluster, and counts something.
const dashboardApp = `module.exports = (pandora) => {
  pandora.fork('web', './app.js').scale(2);
  pandora.fork('jobs', './jobs.js');
};`

// object is a JSON object as its reader finds it.
type object = map[string]any

// dashboard asks the daemon what pandora-dashboard asks, whose proxy hands on what it gets.
type dashboard struct {
	*bench
	client  http.Client
	address string
}

// ask gives the data of a successful answer.
func (d *dashboard) ask(path string, query url.Values) any {
	d.t.Helper()
	target := "http://" + d.address + path + "?" + query.Encode()
	response, err := d.client.Get(target)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	var answer struct {
		Data      any     `json:"data"`
		Success   bool    `json:"success"`
		Message   string  `json:"message"`
		Timestamp float64 `json:"timestamp"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || !answer.Success || response.StatusCode != http.StatusOK || answer.Timestamp == 0 {
		d.t.Fatalf("%s: %s, %v\n%s", target, response.Status, err, body)
	}
	return answer.Data
}

// rows gives the objects of an answer that is a list of them.
func (d *dashboard) rows(path string, query url.Values) []object {
	d.t.Helper()
	data := d.ask(path, query)
	list, ok := data.([]any)
	if !ok {
		d.t.Fatalf("%s: expected a list, got %v", path, data)
	}
	all := make([]object, len(list))
	for i, each := range list {
		if all[i], ok = each.(object); !ok {
			d.t.Fatalf("%s: expected a list of objects, got %v", path, data)
		}
	}
	return all
}

// has fails where one of the fields is missing, or not of the kind of its example.
func (d *dashboard) has(what string, found object, fields object) {
	d.t.Helper()
	for name, example := range fields {
		value, ok := found[name]
		same := false
		switch example.(type) {
		case float64:
			_, same = value.(float64)
		case string:
			text, isText := value.(string)
			same = isText && text != ""
		case []any:
			_, same = value.([]any)
		case object:
			_, same = value.(object)
		}
		if !ok || !same {
			d.t.Errorf("%s: expected a field %s of the kind %T, got %v in\n%v", what, name, example, value, found)
		}
	}
}

// TestDashboard replays the requests of pandora-dashboard and looks at each field that it shows.
func TestDashboard(t *testing.T) {
	d := &dashboard{bench: newBench(t), client: http.Client{Timeout: 5 * time.Second}} // as long as it waits
	dir, _ := d.app(dashboardApp)
	d.write(dir+"/jobs.js", `'use strict';
require('dorapan').MetricsClientUtil.getMetricsClient().getCounter('jobs', 'jobs.done').inc(3);
setInterval(() => {}, 60000);
`)
	d.run("start", dir)
	daemonControl := control.DialDaemon(filepath.Join(d.dir, "p", "run", "control.sock"), "dev")
	defer daemonControl.Close()
	within(t, 10*time.Second, "the daemon listens", func() bool {
		info, err := daemonControl.Info(t.Context())
		d.address = info.Actuator
		return err == nil && d.address != ""
	})
	app := url.Values{"appName": {"app"}}

	daemon, _ := d.ask("/daemon", nil).(object)
	d.has("/daemon", daemon, object{"versions": object{}, "cwd": "", "pid": 0.0, "uptime": 0.0,
		"loadedGlobalConfigPaths": []any{}, "loadedEndPoints": []any{}, "loadedReporters": []any{}})
	d.checkInfo(app)
	d.checkProcesses(app)
	d.checkMetrics(app)
	if endPoints, _ := daemon["loadedEndPoints"].([]any); slices.Contains(endPoints, any("error")) {
		d.checkErrors()
	}
}

// checkInfo looks at the list of applications, and at the page of one.
func (d *dashboard) checkInfo(app url.Values) {
	d.t.Helper()
	all, _ := d.ask("/info", nil).(object)
	if list, ok := all["app"].([]any); len(all) != 1 || !ok || len(list) == 0 {
		d.t.Errorf("/info: expected the rows of app, got %v", all)
	}
	within(d.t, 10*time.Second, "rows of what the processes say", func() bool { return len(d.rows("/info", app)) >= 3 })
	rows := d.rows("/info", app)
	d.has("/info, row 0", rows[0], object{"key": "", "data": object{}})
	first, _ := rows[0]["data"].(object)
	d.has("/info, introspection", first, object{"appName": "", "appDir": "", "appId": "", "pids": []any{}, "state": 0.0, "uptime": 0.0,
		"startCount": 0.0, "restartCount": 0.0, "stdoutLogPath": "", "structure": object{}, "complex": object{}, "representation": object{}})
	if rows[0]["key"] != "introspection" || first["state"] != 2.0 {
		d.t.Errorf("/info: expected the introspection of a running application, got %v", rows[0])
	}
	structure, _ := first["structure"].(object)
	processes, _ := structure["process"].([]any)
	names := []string{}
	for _, each := range processes {
		process, _ := each.(object)
		d.has("/info, structure", process, object{"processName": "", "scale": 0.0, "env": object{}, "args": []any{}, "execArgv": []any{}})
		names = append(names, process["processName"].(string))
	}
	if slices.Sort(names); !slices.Equal(names, []string{"jobs", "web"}) {
		d.t.Errorf("/info: expected the processes jobs and web, got %v", processes)
	}
	keys := []string{}
	for _, row := range rows[1:] {
		d.has("/info, a row", row, object{"key": "", "data": object{}, "scope": ""})
		keys = append(keys, row["key"].(string))
	}
	if !slices.Contains(keys, "application") || !slices.Contains(keys, "node") {
		d.t.Errorf("/info: expected the rows application and node, got %v", keys)
	}
}

// checkProcesses looks at the table of processes, whose inspectors the dashboard opens.
func (d *dashboard) checkProcesses(app url.Values) {
	d.t.Helper()
	var rows []object
	within(d.t, 10*time.Second, "rows of three workers", func() bool {
		rows = slices.DeleteFunc(d.rows("/process", app), func(row object) bool { return row["processName"] != "web" && row["processName"] != "jobs" })
		return len(rows) == 3
	})
	for _, row := range rows {
		d.has("/process", row, object{"processName": "", "pid": 0.0, "ppid": 0.0, "title": "", "argv": []any{}, "execArgv": []any{},
			"debugPort": 0.0, "execPath": "", "cpu": 0.0, "memory": 0.0, "uptime": 0.0})
		if row["ppid"] == 0.0 || row["debugPort"] == 0.0 {
			d.t.Errorf("/process: expected a parent and a port, got %v", row)
		}
	}
}

// checkMetrics looks at the list of groups and at each group.
func (d *dashboard) checkMetrics(app url.Values) {
	d.t.Helper()
	var groups object
	within(d.t, 10*time.Second, "the groups jobs and node", func() bool {
		groups, _ = d.ask("/metrics/list", app).(object)
		node, _ := groups["node"].([]any)
		jobs, _ := groups["jobs"].([]any)
		return len(node) > 0 && len(jobs) > 0
	})
	if !slices.Contains(slices.Collect(maps.Keys(groups)), "system") {
		d.t.Errorf("/metrics/list: expected the group system, got %v", groups)
	}
	for group, listed := range groups {
		for _, each := range listed.([]any) {
			metric, _ := each.(object)
			d.has("/metrics/list, "+group, metric, object{"metric": "", "type": "", "level": "", "tags": object{}, "interval": 0.0})
		}
	}
	within(d.t, 10*time.Second, "3 jobs are counted", func() bool {
		return slices.ContainsFunc(d.rows("/metrics/jobs", app), func(row object) bool {
			d.has("/metrics/jobs", row, object{"metric": "", "timestamp": 0.0, "type": "", "level": "", "tags": object{}, "interval": 0.0})
			return row["metric"] == "jobs.done.count" && row["value"] == 3.0
		})
	})
	names := []string{}
	for _, row := range d.rows("/metrics/system", nil) {
		names = append(names, fmt.Sprint(row["metric"]))
	}
	for _, prefix := range []string{"system.load.", "system.cpu.", "system.mem.", "system.disk.", "system.tcp."} {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			d.t.Errorf("/metrics/system: expected a metric %s…, got %v", prefix, names)
		}
	}
	within(d.t, 10*time.Second, "gauges of three processes, told apart by their tag pid", func() bool {
		pids := map[any]bool{}
		for _, row := range d.rows("/metrics/node", app) {
			if name, _ := row["metric"].(string); strings.HasPrefix(name, "node.v8.") {
				tags, _ := row["tags"].(object)
				pids[tags["pid"]] = true
			}
		}
		return len(pids) == 3 && !pids[nil]
	})
}

// checkErrors looks at the pages of errors.
func (d *dashboard) checkErrors() {
	d.t.Helper()
	page, _ := d.ask("/error", url.Values{"appName": {"app"}, "order": {"DESC"}, "offset": {"0"}, "limit": {"10"}}).(object)
	d.has("/error", page, object{"count": 0.0, "items": []any{}, "offset": "", "limit": ""})
}
