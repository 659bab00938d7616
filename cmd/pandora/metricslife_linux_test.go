package main

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestCountsOutliveWorkersAndDaemons: what two workers count adds up, goes on through a reload and a crash, and is told to
// a daemon that takes over.
func TestCountsOutliveWorkersAndDaemons(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js').scale(2); };`)
	b.write(filepath.Join(dir, "app.js"), `'use strict';
const client = require('dorapan').MetricsClientUtil.getMetricsClient();
client.getCounter('shop', 'orders').inc(5);
client.getTimer('shop', 'took').update(250);
client.register('shop', 'words', { async getValue() { return 'text'; } });
client.register('shop', 'queue', { getValue() { return 7; } });
setInterval(() => {}, 60000);
`)
	b.run("start", dir)
	counted := func(workers int) {
		t.Helper()
		b.shows("/metrics/shop?appName=app", fmt.Sprintf(`"value":%d,"type":"COUNTER","level":"NORMAL","tags":{"appName":"app"}`, 5*workers))
		b.shows("/metrics", fmt.Sprintf("\npandora_orders_total{app=\"app\",group=\"shop\"} %d\n", 5*workers))
		b.shows("/metrics", fmt.Sprintf("\npandora_took_seconds_count{app=\"app\",group=\"shop\"} %d\n", workers))
	}
	counted(2)
	b.shows("/metrics/shop", `"metric":"words","timestamp":`)
	for worker := range 2 {
		b.shows("/metrics", fmt.Sprintf("\npandora_queue{app=\"app\",group=\"shop\",process=\"web\",worker=\"%d\"} 7\n", worker))
	}
	b.run("reload", "app")
	counted(4)
	pids := b.workersNow(nil)
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	counted(5)
	daemon, since := b.daemonPID(), time.Now()
	if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.revived(daemon, since, 1, 10*time.Second)
	counted(2)
}
