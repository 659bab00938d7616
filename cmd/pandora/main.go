// Command pandora runs Node applications that a procfile.js describes: the verbs a user types, and the daemon and the
// guards behind them, in one binary.
//
//	pandora start ./shop     # evaluates ./shop/procfile.js, starts a daemon if none runs, and returns when all is ready
//	pandora list
//	pandora stop shop
//
// One file per verb; daemon.go is the only place that builds a daemon.
//
// Concurrency: a verb is one goroutine that waits for others to answer. The daemon and the guard end their goroutines
// before they end.
//
// It decides nothing: evaluation, supervision, metrics and endpoints live in the packages it wires.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pandora-go/pandora/engine"
	"github.com/pandora-go/pandora/internal/scripts"
)

// version is set when the binary is built.
var version = "dev"

func main() {
	if len(os.Args) > 1 && os.Args[1] == engine.ChildVerb {
		// A child of ourselves that evaluates JavaScript; the less happens before, the better.
		os.Exit(engine.ChildMain(os.Stdin, os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == engine.TransformVerb {
		// Called by a worker for each file that Node cannot load by itself, while the worker waits.
		os.Exit(engine.TransformMain(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == scriptsVerb {
		// The daemon's child that runs the scripts of an application; it ends with its input.
		os.Exit(scripts.Main(context.Background(), os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	code := newCLI(&checkedFile{File: os.Stdout}, os.Stderr, os.Environ()).run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
