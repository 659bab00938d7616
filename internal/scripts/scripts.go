// Package scripts runs the scripts of an application outside its workers and outside the daemon: the indicators, reporters
// and hooks of its procfile, and the classes in its folder indicators/. They run in a process of their own, the script
// host, in Goja, with bounds on time and memory; what goes wrong in one costs itself, at worst its host, which is started
// again after a pause.
//
//	code := scripts.Main(ctx, os.Stdin, os.Stdout)          // in the host
//
//	k := scripts.NewKeeper(scripts.Config{…})               // in the daemon
//	go k.Run(ctx)
//	k.Sync(apps)                                            // again and again
//	k.Event("shop", []byte(`{"event":"crash", …}`))
//
// Both sides speak in lines of JSON over the host's standard input and output, so that a host ends with its daemon.
//
// Concurrency: in the host each JavaScript world has one goroutine, and each indicator one that has it run; in the daemon
// each host has one that reads what it says. Keeper and Host may be used from any goroutine.
//
// The package starts no process itself and decides nothing about health.
package scripts
