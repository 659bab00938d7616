package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pandora-go/pandora/js"
)

// The targets of a worker over the same entry run by Node alone.
const (
	bootOver = 15 // milliseconds to the entry
	rssOver  = 3  // MB
)

// workers prints what our bootstrap adds to a process, on every Node at hand.
func workers(l *place, rounds int) error {
	installed, err := js.Install(filepath.Join(l.home, "js"))
	if err != nil {
		return err
	}
	nodes, err := filepath.Glob(filepath.Join(filepath.Dir(l.peers), "node", "*", "node_modules", "node-*", "bin", "node"))
	if err != nil {
		return err
	}
	for _, node := range append([]string{"node"}, nodes...) {
		version, err := exec.Command(node, "--version").Output()
		if err != nil {
			return fmt.Errorf("ask %s for its version: %w", node, err)
		}
		fmt.Printf("\nworker on Node %-24s    ms to end   CPU ms   RSS MB   private MB\n", version[:len(version)-1])
		if err := l.worker(node, installed, rounds); err != nil {
			return err
		}
	}
	return nil
}

// worker measures on one Node.
func (l *place) worker(node, installed string, rounds int) error {
	dir, err := os.MkdirTemp(l.home, "worker-")
	if err != nil {
		return err
	}
	express, err := filepath.Abs("examples/express/node_modules/express")
	if err != nil {
		return err
	}
	cmd := exec.Command(node, "internal/bench/testdata/worker.js", installed, dir, fmt.Sprint(rounds), express)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measure a worker: %w", err)
	}
	type figures struct{ MS, CPU, RSS, Private float64 }
	var found map[string]map[string]figures // by entry, and by way to run it
	if err := json.Unmarshal(out, &found); err != nil {
		return fmt.Errorf("read the measures of a worker: %w", err)
	}
	for _, entry := range []string{"nothing", "express"} {
		bare, ok := found[entry]["node app.js"]
		if !ok {
			return errors.New("no measure of Node alone")
		}
		for _, way := range []string{"node app.js", "with an IPC channel", "as a worker"} {
			f, note := found[entry][way], ""
			if way == "as a worker" {
				reached := f.MS-bare.MS <= bootOver && f.RSS-bare.RSS <= rssOver
				note = fmt.Sprintf("   +%.1f ms, +%.1f MB", f.MS-bare.MS, f.RSS-bare.RSS) + judged(reached, true, fmt.Sprintf("+%d ms, +%d MB RSS", bootOver, rssOver))
			}
			fmt.Printf("  %-36s %12.1f %8.1f %8.1f %12.1f%s\n", entry+": "+way, f.MS, f.CPU, f.RSS, f.Private, note)
		}
	}
	return nil
}
