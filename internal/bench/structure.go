package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/pandora-go/pandora/js"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

// warmLimit is what a second evaluation of a small procfile may take in `pandora dev`.
const warmLimit = 5 * time.Millisecond

// evaluator is one way to learn the structure of an application in a process of its own.
type evaluator struct {
	name string
	run  func() (time.Duration, error)
	// wanted is how many times longer than pandora it is to take; 0 if nothing is wanted.
	wanted float64
}

// structures compares the ways to evaluate a procfile. They run in turn, so that a busy moment meets all of them, and
// the ratios are taken round by round.
func structures(pandora, peers, home string, runs int, env []string) error {
	jsDir, err := js.Install(filepath.Join(home, "js"))
	if err != nil {
		return err
	}
	original, err := filepath.Abs(filepath.Join(peers, "node_modules/pandora/dist/application/ProcfileReconciler.js"))
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name, dir              string
		overOriginal, overNode float64
	}{
		{"a procfile of one line", "examples/fork", 8, 2.5},
		{"60 lines with classes", "internal/bench/testdata/classes", 3, 0},
	} {
		dir, err := filepath.Abs(c.dir)
		if err != nil {
			return err
		}
		all := []evaluator{
			{name: "pandora structure", run: func() (time.Duration, error) {
				f, err := run(env, []string{pandora, "structure", dir, "--json"})
				return f.wall, err
			}},
			{name: "node, the same reconciler", wanted: c.overNode, run: func() (time.Duration, error) { return probe(jsDir, dir, env) }},
		}
		if _, err := os.Stat(original); err == nil {
			script := fmt.Sprintf("require(%q).ProcfileReconciler.echoStructure({appName:'x',appDir:%q},%q);process.exit()", original, dir, filepath.Join(home, "structure.json"))
			all = append(all, evaluator{name: "pandora 1.11.0", wanted: c.overOriginal, run: func() (time.Duration, error) {
				f, err := run(env, []string{"node", "-e", script})
				return f.wall, err
			}})
		}
		if err := compare(c.name, all, runs); err != nil {
			return err
		}
		if err := warm(pandora, dir, runs, env); err != nil {
			return err
		}
	}
	return nil
}

// compare runs all in turn and prints the medians, and those of the ratios to the first.
func compare(title string, all []evaluator, runs int) error {
	times := make([][]time.Duration, len(all))
	ratios := make([][]float64, len(all))
	for range runs {
		for i, e := range all {
			took, err := e.run()
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			times[i] = append(times[i], took)
			ratios[i] = append(ratios[i], float64(took)/float64(times[0][len(times[0])-1]))
		}
	}
	fmt.Printf("\nstructure of %-24s  median ms    min ms   × pandora\n", title)
	for i, e := range all {
		slices.Sort(times[i])
		slices.Sort(ratios[i])
		ratio := ratios[i][runs/2]
		fmt.Printf("  %-35s %10.1f %9.1f %10.1f%s\n", e.name, ms(times[i][runs/2]), ms(times[i][0]), ratio, judged(ratio >= e.wanted, e.wanted > 0, fmt.Sprintf("%g", e.wanted)))
	}
	return nil
}

// judged is the note behind a figure with a target.
func judged(reached, wanted bool, target string) string {
	switch {
	case !wanted:
		return ""
	case reached:
		return "   PASS (target " + target + ")"
	}
	return "   below target (" + target + ")"
}

// probe runs the reconciler in a bare Node, as the judge of an evaluation does.
func probe(jsDir, dir string, env []string) (time.Duration, error) {
	options, err := json.Marshal(map[string]any{"appName": "x", "appDir": dir, "workerCount": 2})
	if err != nil {
		return 0, err
	}
	input := filepath.Join(filepath.Dir(jsDir), "options.json")
	if err := os.WriteFile(input, options, 0o600); err != nil {
		return 0, err
	}
	in, err := os.Open(input)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	answers, answer, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer answers.Close()
	cmd := exec.Command("node", filepath.Join(jsDir, "node", "probe.js"))
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.ExtraFiles = dir, env, in, []*os.File{answer}
	began := time.Now()
	err = cmd.Start()
	answer.Close()
	if err != nil {
		return 0, err
	}
	// When it has answered it closes the pipe and waits to be killed.
	text, err := io.ReadAll(answers)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	var got struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Value == nil {
		return 0, fmt.Errorf("node gave no structure but %q", text)
	}
	return took, nil
}

// warm times evaluations in the child that `pandora dev` keeps, with pauses as between two changes of a file.
func warm(pandora, dir string, runs int, env []string) error {
	v, err := evaluate.NewEvaluator(pandora)
	if err != nil {
		return err
	}
	defer v.Close()
	var times []time.Duration
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for i := range runs + 1 {
		<-pause.C
		began := time.Now()
		if _, err := v.Evaluate(context.Background(), evaluate.Options{Dir: dir, AppName: "x", Dev: true, Env: env, Engine: evaluate.EngineGoja}); err != nil {
			return err
		}
		if i > 0 { // the first starts the child
			times = append(times, time.Since(began))
		}
	}
	slices.Sort(times)
	median := times[runs/2]
	fmt.Printf("  %-35s %10.1f %9.1f           %s\n", "again in the warm evaluator", ms(median), ms(times[0]), judged(median <= warmLimit, true, fmt.Sprintf("%g ms", ms(warmLimit))))
	return nil
}
