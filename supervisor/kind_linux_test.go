package supervisor_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// TestPlainProcessBecomesCluster scales a process that listens, and so changes its kind: the socket that was held for the
// plain process is not in the way of the cluster. When the cluster does not come up, the plain process does again.
func TestPlainProcessBecomesCluster(t *testing.T) {
	port := freePort(t)
	g := guard(t, map[string]string{"web.js": `
if (require('node:cluster').isWorker && require('node:fs').existsSync('broken')) {
  require('node:http').createServer().listen(` + strconv.Itoa(port) + `, '127.0.0.1', () => process.exit(4));
} else {
  require('node:http').createServer((req, res) => res.end(String(process.pid))).listen(` + strconv.Itoa(port) + `, '127.0.0.1');
}`}, procfile.Process{ProcessName: "web", EntryFile: "./web.js"})
	g.must(supervisor.OpStart)
	answers := func() bool {
		_, err := get(port)
		return err == nil
	}
	g.until("it listens", 10*time.Second, answers)
	scaled := *g.plan
	scaled.App = *g.plan.App.Clone()
	scaled.App.Processes[0].Scale, scaled.App.Processes[0].Kind = 2, procfile.KindWorker
	plain := g.plan
	g.plan = &scaled

	broken := filepath.Join(plain.App.AppDir, "broken")
	if err := os.WriteFile(broken, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if op := g.perform(supervisor.OpScale); op.State != supervisor.OpFailed {
		t.Errorf("a cluster that exits: the scale has %s", op.State)
	}
	g.until("the plain process is back", 10*time.Second, func() bool {
		w := g.workers()
		return len(w) == 1 && w[0].State == supervisor.StateRunning && answers()
	})
	os.Remove(broken)
	g.must(supervisor.OpScale)
	g.until("the cluster answers", 10*time.Second, answers)
	if w := g.workers(); len(w) != 2 || w[0].State != supervisor.StateRunning || w[1].State != supervisor.StateRunning {
		t.Errorf("workers %+v", w)
	}
	// And back: a restart with the plain plan.
	g.plan = plain
	g.must(supervisor.OpReload)
	g.until("the plain process answers", 10*time.Second, answers)
}
