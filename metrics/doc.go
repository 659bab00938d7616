// Package metrics keeps the metrics of the daemon, the system and all workers, and shows them as the original's JSON
// rows and as Prometheus or OpenMetrics text.
//
//	r := metrics.NewRegistry()
//	err := metrics.AddSystem(r, metrics.SystemOptions{})
//	instruments, closer := metrics.NewInstruments(r, states) // the daemon's own, through tally
//	metrics.ServeClients(server, r, metrics.ClientOptions{Log: log, Missed: instruments.PullMissed})
//	rows, err := r.NormalRows(ctx, "system", "")
//	err = r.WritePrometheus(ctx, w, expfmt.NegotiateIncludingOpenMetrics(req.Header), "")
//
// The registry is the truth. A metric has a group, a name (dotted key, tags, level) and owners; it goes with its last
// owner, and comes back with what it had counted when someone registers its name again. Counters, meters, histograms,
// timers and compasses are kept here; gauges are read when someone asks, those of workers over the message socket, all
// workers at once and each at most once a second. Who filters by application also gets what has no tag appName.
// docs/metrics.md has the types, their rows and their bounds, docs/metrics-client.md the frames of workers.
//
// # Names in the text
//
// A dotted key becomes pandora_ and the key with everything but letters, digits and underscores replaced by
// underscores; a key that begins with "pandora." is not prefixed again. Counters and meters end in _total, timers and
// compasses in _seconds; the averages of meters and timers are gauges that end in _rate. A gauge or histogram whose name
// would end in _total, _count, _sum, _bucket, _created or _info gets _value behind it. A name that another type has
// already gets _counter, _summary, _gauge or _histogram behind it. Of two series with the same name and labels the one
// registered later is shown, so that nothing appears twice. Only numbers are shown: no strings, objects or NaN.
//
// Tags become labels, replaced in the same way, with their values unchanged: appName is app; a label that Prometheus
// reserves gets tag_ before it. Users' groups appear as the label group; system, node and pandora do not. A gauge appears
// for each worker that has it, with the labels process and worker from its tags or as ClientOptions.Worker tells them; then
// the pid is left out and told by
//
//	pandora_worker_info{app="shop",process="web",worker="1",pid="4711"} 1
//
// so that a restarted worker goes on with the same series.
//
// The system's gauges have names with base units instead: system.mem.used (KiB) is pandora_system_mem_used_bytes,
// system.cpu.user (percent) is pandora_system_cpu_ratio{mode="user"}, and totals are counters:
// system.nettraffic.eth0.net.in.bytes is pandora_system_net_in_bytes_total{interface="eth0"}. Their …rate gauges are
// left out; rate() knows better.
//
// Workers tell series of their own in one answer per scrape: process_*, nodejs_*, and what the application keeps in npm's
// prom-client. These keep their names. Counters and histograms are the sum of an application's workers, all else is each
// worker's.
//
// Concurrency: all functions and methods may be called concurrently. No goroutine outlives the call that started it,
// except tally's own behind NewScope, which its closer ends.
//
// The package serves no HTTP, writes no files and keeps no history.
package metrics
