package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/pandora-go/pandora/js"
)

// The targets of calls between two processes.
const (
	callOverPing     = 3 // at most, of a bare ping between them
	rateOverOriginal = 3 // at least, of the original's calls per second
)

// calls is how many calls one round of the hub has.
const calls = 3000

// hubCalls prints what a call of a method of another process costs, beside a bare ping over a socket and the original.
func hubCalls(l *place, rounds int) error {
	installed, err := js.Install(filepath.Join(l.home, "js"))
	if err != nil {
		return err
	}
	dir := filepath.Join(l.home, "hub")
	env := append(os.Environ(), "HOME="+l.home, "PANDORA_DIR="+dir, "PANDORA_ACTUATOR_PORT=0", "PORT=0")
	if _, err := run(env, []string{l.pandora, "start", "examples/fork"}); err != nil {
		return err
	}
	defer func() { _, _ = run(env, []string{l.pandora, "exit"}) }()
	ways := []struct{ name, module, sockets string }{
		{"ping", "-", ""},
		{"ours", filepath.Join(installed, "node", "hub"), filepath.Join(dir, "run")},
	}
	if original, err := filepath.Abs(filepath.Join(l.peers, "node_modules", "pandora-hub")); err == nil {
		if _, err := os.Stat(original); err == nil {
			ways = append(ways, struct{ name, module, sockets string }{"npm", original, filepath.Join(dir, "run")},
				struct{ name, module, sockets string }{"original", original, ""})
		}
	}
	type figures struct{ Call, Rate float64 }
	found := map[string][]figures{}
	for range min(rounds, 5) {
		for _, w := range ways {
			sockets := w.sockets
			if sockets == "" {
				if sockets, err = os.MkdirTemp(l.home, "s"); err != nil {
					return err
				}
			}
			cmd := exec.Command("node", "internal/bench/testdata/hub.js", w.name, w.module, fmt.Sprint(calls))
			cmd.Env = append(os.Environ(), "PANDORA_TMP_DIR="+sockets)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return fmt.Errorf("measure calls, %s: %w", w.name, err)
			}
			var f figures
			if err := json.Unmarshal(out, &f); err != nil {
				return fmt.Errorf("read the measures of calls, %s: %w", w.name, err)
			}
			found[w.name] = append(found[w.name], f)
		}
	}
	best := map[string]figures{}
	for name, all := range found {
		best[name] = figures{
			Call: slices.MinFunc(all, func(a, b figures) int { return int((a.Call - b.Call) * 1000) }).Call,
			Rate: slices.MaxFunc(all, func(a, b figures) int { return int(a.Rate - b.Rate) }).Rate,
		}
	}
	fmt.Println("\ncalls between two processes               µs a call   of a ping   calls a second, 32 at once")
	for _, w := range ways {
		f, notes := best[w.name], ""
		if original := best["original"].Rate; w.name == "ours" {
			notes = judged(f.Call <= callOverPing*best["ping"].Call, true, fmt.Sprintf("≤ %d × ping", callOverPing))
			notes += judged(f.Rate >= rateOverOriginal*original, original > 0, fmt.Sprintf("≥ %d × the original's rate", rateOverOriginal))
		}
		fmt.Printf("  %-38s %10.1f %10.2f× %12.0f%s\n", w.name, f.Call, f.Call/best["ping"].Call, f.Rate, notes)
	}
	return nil
}
