package scripts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pandora-go/pandora/engine"
)

const (
	defaultMemory   = 256 << 20
	defaultInterval = 5 * time.Second
	defaultTimeout  = 3 * time.Second
	minInterval     = 100 * time.Millisecond
	maxTimeout      = time.Minute
	// loadTimeout bounds the evaluation of a procfile or of a file of indicators/.
	loadTimeout = 5 * time.Second
	// hookTimeout bounds a hook, reportTimeout a report.
	hookTimeout   = 30 * time.Second
	reportTimeout = 10 * time.Second
	// requestTimeout is longer than the daemon waits, which says so to the client.
	requestTimeout = 5 * time.Second
	// globalTurn bounds what the classes of the configuration do without a pause: they go through all metrics.
	globalTurn = 3 * time.Second
	// hookGrace is how long hooks may go on when the host is to end.
	hookGrace = 2 * time.Second
	// lookEvery is how often the folder of indicators is looked at.
	lookEvery = time.Second
	// maxFiles bounds the files in indicators/, maxPerFile what one may define.
	maxFiles   = 100
	maxPerFile = 100
	// Folder is where an application keeps the files of its indicators.
	Folder = "indicators"

	module       = "goja/scripts.js"
	globalModule = "goja/global.js"
)

// exitStuck is the exit code of a host that could not go on.
const exitStuck = 3

// host is a script host at work.
type host struct {
	spec Spec
	out  *lines
	env  map[string]string

	// asked is what the daemon was asked.
	asked replies
	// closing waits for the hooks that run when the input has ended.
	closing sync.WaitGroup

	mu sync.Mutex // guards what follows
	// worlds are by their file, the procfile's under "".
	worlds map[string]*world
}

// world is one JavaScript world with its indicators.
type world struct {
	file    string
	session *engine.Session
	// stamp tells versions of the file apart.
	stamp      string
	indicators []runnable
	reporters  []runnable
	endPoints  []EndPoint
	hooks      []runnable
	problem    string
	cancel     context.CancelFunc
	wg         sync.WaitGroup
}

// runnable is one function or class of a world, by its number there.
type runnable struct {
	Number int `json:"number"`
	Indicator
	Event string `json:"event"`
}

// Main is the script host's process: it reads a Spec and then messages from in, runs the application's scripts, and writes
// what they say to out, until in ends. The process has to end afterwards, with the code that is returned.
func Main(ctx context.Context, in io.Reader, out io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	h := &host{out: &lines{w: out}, worlds: map[string]*world{}}
	var wg, hooks sync.WaitGroup
	defer h.closing.Wait()
	defer wg.Wait()
	defer cancel()
	defer h.finish(&hooks)
	err := each(in, func(m toHost) error {
		switch {
		case m.Spec != nil && h.env == nil:
			if err := h.start(*m.Spec); err != nil {
				return err
			}
			wg.Go(func() { h.run(ctx) })
		case m.Answer != nil:
			h.asked.heard(*m.Answer)
		case m.Event != nil:
			hooks.Go(func() { h.event(ctx, m.Event) })
		case m.Report != nil:
			wg.Go(func() { h.report(ctx, *m.Report) })
		case m.Request != nil:
			wg.Go(func() { h.request(ctx, *m.Request) })
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// finish lets hooks that run come to their end, for a while.
func (h *host) finish(hooks *sync.WaitGroup) {
	done := make(chan struct{})
	h.closing.Go(func() {
		hooks.Wait()
		close(done)
	})
	select {
	case <-done:
	case <-time.After(hookGrace):
	}
}

// start takes the specification.
func (h *host) start(spec Spec) error {
	h.spec, h.env = spec, map[string]string{}
	for _, v := range spec.Env {
		if name, value, ok := strings.Cut(v, "="); ok && name != "" {
			h.env[name] = value
		}
	}
	if h.spec.MemoryLimit <= 0 {
		h.spec.MemoryLimit = defaultMemory
	}
	if err := os.Chdir(spec.Dir); err != nil {
		return fmt.Errorf("enter the folder %q: %w", spec.Dir, err)
	}
	return engine.LimitProcess(h.spec.MemoryLimit)
}

// run loads what there is, and the files again that change, until ctx ends.
func (h *host) run(ctx context.Context) {
	defer h.close()
	if h.spec.Global != nil {
		h.load(ctx, "", "")
		h.tell()
		<-ctx.Done()
		return
	}
	if h.spec.Procfile {
		h.load(ctx, "", "")
	}
	h.look(ctx)
	h.tell()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if h.look(ctx) {
				h.tell()
			}
		}
	}
}

// files lists the files of the folder with what tells their versions apart.
func files(dir string) map[string]string {
	entries, err := os.ReadDir(filepath.Join(dir, Folder))
	if err != nil {
		return nil
	}
	found := map[string]string{}
	for _, e := range entries {
		if !IsScript(e.Name()) || len(found) == maxFiles {
			continue
		}
		path := filepath.Join(dir, Folder, e.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found[path] = fmt.Sprint(info.ModTime().UnixNano(), info.Size())
		}
	}
	return found
}

// IsScript reports whether a file of the folder is one that a host loads.
func IsScript(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".d.ts") &&
		slices.Contains([]string{".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"}, filepath.Ext(name))
}

// look loads files that are new or have changed, and forgets those that are gone. It reports whether there were any.
func (h *host) look(ctx context.Context) (changed bool) {
	now := files(h.spec.Dir)
	h.mu.Lock()
	var gone []*world
	for file, w := range h.worlds {
		if file != "" && now[file] != w.stamp {
			gone = append(gone, w)
			delete(h.worlds, file)
		}
	}
	var fresh []string
	for file := range now {
		if h.worlds[file] == nil {
			fresh = append(fresh, file)
		}
	}
	h.mu.Unlock()
	for _, w := range gone {
		w.end()
	}
	slices.Sort(fresh)
	for _, file := range fresh {
		h.load(ctx, file, now[file])
	}
	return len(gone)+len(fresh) > 0
}

// load makes the world of a file, or of the procfile.
func (h *host) load(ctx context.Context, file, stamp string) {
	ctx, cancel := context.WithCancel(ctx)
	w := &world{file: file, stamp: stamp, cancel: cancel}
	if err := h.prepare(ctx, w); err != nil {
		w.problem = err.Error()
		h.out.write(fromHost{Problem: &said{Owner: h.owner(w), Text: w.problem}})
	}
	h.mu.Lock()
	h.worlds[file] = w
	h.mu.Unlock()
	for _, r := range w.indicators {
		w.wg.Go(func() { h.repeat(ctx, w, r) })
	}
}

// prepare starts the world and evaluates its file.
func (h *host) prepare(ctx context.Context, w *world) error {
	turn := engine.DefaultTurn
	if h.spec.Global != nil {
		turn = globalTurn
	}
	session, err := engine.NewSession(engine.SessionOptions{
		Turn:    turn,
		Options: engine.Options{Dir: h.spec.Dir, Env: h.env, Timeout: loadTimeout, MemoryLimit: h.spec.MemoryLimit},
		Host:    h.host,
		Console: func(owner, text string) { h.out.write(fromHost{Print: &said{Owner: owner, Text: text}}) },
		Stuck: func(owner string, reason *engine.Error) {
			h.out.write(fromHost{Stuck: &said{Owner: owner, Text: reason.Message}})
			os.Exit(exitStuck)
		},
	})
	if err != nil {
		return err
	}
	w.session = session
	w.wg.Go(func() { session.Run(ctx) })
	from, function := module, "procfile"
	var arg any = map[string]any{"appName": h.spec.App, "appDir": h.spec.Dir, "dev": h.spec.Dev, "workerCount": h.spec.WorkerCount}
	switch {
	case h.spec.Global != nil:
		from, function, arg = globalModule, "load", h.spec.Global
	case w.file != "":
		function, arg = "file", map[string]any{"path": w.file, "config": h.spec.Config}
	}
	data, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	loading, cancel := context.WithTimeout(ctx, 2*loadTimeout)
	defer cancel()
	value, err := session.Call(loading, h.owner(w), from, function, data)
	if err != nil {
		return err
	}
	if w.file != "" {
		err = json.Unmarshal(value, &w.indicators)
		if len(w.indicators) > maxPerFile {
			return fmt.Errorf("it defines %d indicators, expected at most %d", len(w.indicators), maxPerFile)
		}
		return err
	}
	var found struct {
		Indicators, Reporters, Hooks []runnable
		EndPoints                    []EndPoint
	}
	err = json.Unmarshal(value, &found)
	w.indicators, w.reporters, w.hooks = found.Indicators, found.Reporters, found.Hooks
	w.endPoints = found.EndPoints
	return err
}

// owner is how messages call a world.
func (h *host) owner(w *world) string {
	if h.spec.Global != nil {
		return "configuration"
	}
	return w.owner()
}

// owner is how messages call the world of an application.
func (w *world) owner() string {
	if w.file == "" {
		return "procfile"
	}
	return filepath.Join(Folder, filepath.Base(w.file))
}

// end stops the world and waits for it.
func (w *world) end() {
	w.cancel()
	w.wg.Wait()
}

func (h *host) close() {
	h.mu.Lock()
	worlds := h.worlds
	h.worlds = map[string]*world{}
	h.mu.Unlock()
	for _, w := range worlds {
		w.end()
	}
}

// tell says what is loaded.
func (h *host) tell() {
	l := loaded{Indicators: []Indicator{}, Reporters: []Reporter{}}
	h.mu.Lock()
	for file, w := range h.worlds {
		if file == "" {
			if h.spec.Global != nil {
				l.Problem = w.problem
			} else if w.problem != "" {
				l.Problem = fmt.Sprintf("goja cannot evaluate the procfile (%s); move the indicator to a file in %s/, which is evaluated by itself", h.short(w.problem), Folder)
			}
		} else if w.problem != "" {
			name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
			l.Indicators = append(l.Indicators, Indicator{Name: name, Group: "health", File: w.owner(), Critical: true, Problem: w.problem})
		}
		for _, r := range w.indicators {
			shown := r.Indicator
			if file != "" {
				shown.File = w.owner()
			}
			shown.IntervalMs, shown.TimeoutMs = r.interval().Milliseconds(), r.timeout().Milliseconds()
			l.Indicators = append(l.Indicators, shown)
		}
		l.EndPoints = append(l.EndPoints, w.endPoints...)
		for _, r := range w.reporters {
			l.Reporters = append(l.Reporters, Reporter{Name: r.Name, IntervalMs: r.IntervalMs, Views: h.spec.Global != nil, Problem: r.Problem})
		}
	}
	h.mu.Unlock()
	slices.SortFunc(l.Indicators, func(a, b Indicator) int { return strings.Compare(a.Group+"\x00"+a.Name, b.Group+"\x00"+b.Name) })
	h.out.write(fromHost{Loaded: &l})
}

func (r runnable) interval() time.Duration {
	if r.IntervalMs <= 0 {
		return defaultInterval
	}
	return max(time.Duration(r.IntervalMs)*time.Millisecond, minInterval)
}

func (r runnable) timeout() time.Duration {
	if r.TimeoutMs <= 0 {
		return defaultTimeout
	}
	return min(time.Duration(r.TimeoutMs)*time.Millisecond, maxTimeout)
}

// repeat runs an indicator at its interval until ctx ends. One that had to be interrupted has held up all others of its
// world: it runs again after a pause, which grows each time, and its row says so meanwhile.
func (h *host) repeat(ctx context.Context, w *world, r runnable) {
	tick := time.NewTicker(r.interval())
	defer tick.Stop()
	var last *result
	var next time.Time
	pause := firstPause
	for {
		if !time.Now().Before(next) {
			found, looped := h.once(ctx, w, r)
			last = found
			if looped {
				next = time.Now().Add(pause)
				pause = min(2*pause, lastPause)
			} else {
				pause = firstPause
			}
		}
		h.out.write(fromHost{Result: last})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// once runs an indicator. looped says that its code did not pause until it was interrupted.
func (h *host) once(ctx context.Context, w *world, r runnable) (found *result, looped bool) {
	function := "indicator"
	if w.file != "" {
		function = "instance"
	}
	arg, _ := json.Marshal(map[string]int{"number": r.Number})
	rows, err := w.session.CallWithin(ctx, r.timeout(), fmt.Sprintf("indicator %q", r.Name), module, function, arg)
	if err == nil {
		return &result{Name: r.Name, Group: r.Group, Rows: rows}, false
	}
	var failure *engine.Error
	looped = errors.As(err, &failure) && failure.Kind == engine.KindTimeout
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", r.timeout())
	}
	return &result{Name: r.Name, Group: r.Group, Rows: failed(r.Name, r.Group, h.short(err.Error()))}, looped
}

// short leaves out the application's folder from the paths in a text.
func (h *host) short(text string) string { return strings.ReplaceAll(text, h.spec.Dir+"/", "") }

// failed are the rows of an indicator that did not answer: DOWN and why, and none outside health.
func failed(name, group, reason string) json.RawMessage {
	if group != "health" {
		return json.RawMessage("[]")
	}
	rows, _ := json.Marshal([]map[string]any{{"key": name, "data": "DOWN", "scope": "APP", "description": reason}})
	return rows
}

// procfile is the world of the procfile; nil when it does not run.
func (h *host) procfile() *world {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.worlds[""]
}

// event calls the hooks for an event, one after another.
func (h *host) event(ctx context.Context, event json.RawMessage) {
	var named struct {
		Event string `json:"event"`
	}
	w := h.procfile()
	if json.Unmarshal(event, &named) != nil || w == nil {
		return
	}
	for _, hook := range w.hooks {
		if hook.Event != named.Event {
			continue
		}
		arg, _ := json.Marshal(map[string]any{"number": hook.Number, "event": event})
		owner := fmt.Sprintf("pandora.on('%s')", hook.Event)
		calling, cancel := context.WithTimeout(ctx, hookTimeout)
		_, err := w.session.Call(calling, owner, module, "hook", arg)
		cancel()
		if err != nil && ctx.Err() == nil {
			h.out.write(fromHost{Problem: &said{Owner: owner, Text: h.short(err.Error())}})
		}
	}
}

// request has a resource of the global configuration answer.
func (h *host) request(ctx context.Context, asked request) {
	answer := reply{ID: asked.ID}
	if w := h.procfile(); w == nil || w.session == nil || h.spec.Global == nil {
		answer.Error = "the configuration is not loaded"
	} else {
		calling, cancel := context.WithTimeout(ctx, requestTimeout)
		value, err := w.session.Call(calling, "resource", globalModule, "answer", asked.Arg)
		cancel()
		if answer.Value = value; err != nil {
			answer.Error = h.short(err.Error())
		}
	}
	if h.out.write(fromHost{Answered: &answer}) != nil {
		h.out.write(fromHost{Answered: &reply{ID: asked.ID, Error: "the answer is too long"}})
	}
}

// report hands rows to a reporter of the procfile, or views to one of the global configuration.
func (h *host) report(ctx context.Context, order reportOrder) {
	answer := reply{ID: order.ID}
	w := h.procfile()
	at := -1
	if w != nil {
		at = slices.IndexFunc(w.reporters, func(r runnable) bool { return r.Name == order.Name })
	}
	if at < 0 {
		answer.Error = fmt.Sprintf("the %s has no reporter %q", h.owner(&world{}), order.Name)
	} else {
		from, input := module, map[string]any{"number": w.reporters[at].Number, "rows": order.Rows}
		if h.spec.Global != nil {
			from, input = globalModule, map[string]any{"name": order.Name, "views": order.Rows}
		}
		arg, _ := json.Marshal(input)
		calling, cancel := context.WithTimeout(ctx, reportTimeout)
		if _, err := w.session.Call(calling, fmt.Sprintf("reporter %q", order.Name), from, "report", arg); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("report() has not ended within %v", reportTimeout)
			}
			answer.Error = h.short(err.Error())
		}
		cancel()
	}
	h.out.write(fromHost{Reported: &answer})
}
