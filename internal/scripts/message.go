package scripts

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxLine bounds one message of either side, in bytes.
const maxLine = 32 << 20

// Spec is what a host is started with.
type Spec struct {
	// App is the application's name, Dir its folder, Env its environment as NAME=value.
	App string   `json:"app"`
	Dir string   `json:"dir"`
	Env []string `json:"env"`
	Dev bool     `json:"dev,omitempty"`
	// WorkerCount is what scale 'auto' means.
	WorkerCount int `json:"workerCount"`
	// Procfile says that the procfile defines something that a host runs; the files in indicators/ run anyway.
	Procfile bool `json:"procfile"`
	// Exec allows check.exec.
	Exec bool `json:"exec,omitempty"`
	// MemoryLimit is that of the host in bytes; 0 means 256 MiB.
	MemoryLimit int64 `json:"memoryLimit,omitempty"`
	// Config is what the configuration has for indicators, by group and name.
	Config json.RawMessage `json:"config,omitempty"`
	// Global makes the host one of the global configuration, which is of no application: App is "", and nothing of the
	// above counts but Dir, Env and MemoryLimit.
	Global *Global `json:"global,omitempty"`
}

// Global names the modules of the global configuration.
type Global struct {
	// Base is the folder that the names of Modules are resolved from.
	Base    string   `json:"base"`
	Modules []string `json:"modules"`
}

// Indicator is one that a host runs.
type Indicator struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	// File is the file of indicators/ that it comes from; "" for one of the procfile.
	File string `json:"file,omitempty"`
	// IntervalMs is how often it runs, TimeoutMs what one run may take.
	IntervalMs int64 `json:"intervalMs"`
	TimeoutMs  int64 `json:"timeoutMs"`
	Critical   bool  `json:"critical"`
	// Problem says why it does not run; "" when it does.
	Problem string `json:"problem,omitempty"`
}

// loaded is what a host runs, told again after each change.
type loaded struct {
	Indicators []Indicator `json:"indicators"`
	// Reporters are the names of those of the procfile, with the interval of each in ms, 0 for the usual one.
	Reporters []Reporter `json:"reporters"`
	// EndPoints are those of the global configuration.
	EndPoints []EndPoint `json:"endPoints,omitempty"`
	// Problem says why nothing of the procfile runs; "" when it does.
	Problem string `json:"problem,omitempty"`
}

// Reporter is a reporter of the procfile, or of the global configuration.
type Reporter struct {
	Name       string `json:"name"`
	IntervalMs int64  `json:"intervalMs"`
	// Views says that it takes metrics.View in place of metrics.Row, as those of the global configuration do.
	Views bool `json:"views,omitempty"`
	// Problem says why it does not run; "" when it does.
	Problem string `json:"problem,omitempty"`
}

// EndPoint is one of the global configuration.
type EndPoint struct {
	Name string `json:"name"`
	// Group is that of its Indicators, "" for none of its own; Config is what they are told.
	Group  string          `json:"group"`
	Config json.RawMessage `json:"config,omitempty"`
	// Prefixes are those of its resource's paths.
	Prefixes []string `json:"prefixes"`
	// Problem says why it does not run; "" when it does.
	Problem string `json:"problem,omitempty"`
}

// result is what one run of an indicator gave: rows as the daemon's EndPoints take them.
type result struct {
	Name  string          `json:"name"`
	Group string          `json:"group"`
	Rows  json.RawMessage `json:"rows"`
}

// question asks the daemon for something only it knows.
type question struct {
	ID   int64           `json:"id"`
	What string          `json:"what"`
	Arg  json.RawMessage `json:"arg"`
}

// reply answers a question or a report.
type reply struct {
	ID    int64           `json:"id"`
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// reportOrder hands rows, or views, to a reporter.
type reportOrder struct {
	ID   int64           `json:"id"`
	Name string          `json:"name"`
	Rows json.RawMessage `json:"rows"`
}

// request is one to a resource of an EndPoint.
type request struct {
	ID  int64           `json:"id"`
	Arg json.RawMessage `json:"arg"`
}

// said is a line of output, or what a host wants the daemon to log.
type said struct {
	Owner string `json:"owner"`
	Text  string `json:"text"`
}

// toHost is one line to a host; one member is set.
type toHost struct {
	Spec   *Spec           `json:"spec,omitempty"`
	Answer *reply          `json:"answer,omitempty"`
	Event  json.RawMessage `json:"event,omitempty"`
	Report *reportOrder    `json:"report,omitempty"`
	// Request wants an answer of a resource.
	Request *request `json:"request,omitempty"`
}

// fromHost is one line of a host; one member is set.
type fromHost struct {
	Loaded   *loaded   `json:"loaded,omitempty"`
	Result   *result   `json:"result,omitempty"`
	Ask      *question `json:"ask,omitempty"`
	Reported *reply    `json:"reported,omitempty"`
	Answered *reply    `json:"answered,omitempty"`
	Print    *said     `json:"print,omitempty"`
	// Problem is something that went wrong in a hook, a reporter or a file.
	Problem *said `json:"problem,omitempty"`
	// Stuck is the last word of a host that cannot go on.
	Stuck *said `json:"stuck,omitempty"`
}

// lines writes messages, one a line. Its methods may be called concurrently.
type lines struct {
	mu sync.Mutex // guards w: messages must not mix
	w  io.Writer
}

func (l *lines) write(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(data) >= maxLine {
		return fmt.Errorf("a message has %d bytes, expected at most %d", len(data), maxLine)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(data, '\n'))
	return err
}

// each decodes lines until r ends, a line is malformed, or take returns an error.
func each[M any](r io.Reader, take func(M) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	for s.Scan() {
		var m M
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			return fmt.Errorf("read message of a script host: %w", err)
		}
		if err := take(m); err != nil {
			return err
		}
	}
	return s.Err()
}

// replies are the replies that are waited for, by the number they are to have. The zero value waits for none.
type replies struct {
	mu      sync.Mutex // guards what follows
	waiting map[int64]chan reply
	last    int64
}

// ask sends a message that carries the number it is given, and waits for the reply, or until ctx or gone ends.
func (r *replies) ask(ctx context.Context, gone <-chan struct{}, send func(id int64) error) (json.RawMessage, error) {
	answer := make(chan reply, 1)
	r.mu.Lock()
	r.last++
	id := r.last
	if r.waiting == nil {
		r.waiting = map[int64]chan reply{}
	}
	r.waiting[id] = answer
	r.mu.Unlock()
	defer r.take(id)
	if err := send(id); err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		if a.Error != "" {
			return nil, errors.New(a.Error)
		}
		return a.Value, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-gone:
		return nil, ErrGone
	}
}

// take ends the waiting for a reply; nil when nobody does.
func (r *replies) take(id int64) chan reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.waiting[id]
	delete(r.waiting, id)
	return waiting
}

// heard passes a reply on.
func (r *replies) heard(a reply) {
	if waiting := r.take(a.ID); waiting != nil {
		waiting <- a
	}
}

// ErrGone tells that a script host has ended before it has answered.
var ErrGone = errors.New("the script host has ended")
