package endpoints

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// noAnswer is what is said of a worker that did not tell about itself.
const noAnswer = "it does not tell about itself; what is shown is what the system says"

// nodeDebugPort is the port of Node's inspector when nothing else is said.
const nodeDebugPort = 9229

// workerFacts are what the daemon knows of a worker, by the names that the verb list prints them with.
type workerFacts struct {
	Worker            int       `json:"worker"`
	State             string    `json:"state"`
	Generation        int       `json:"generation"`
	Restarts          int       `json:"restarts"`
	UnresponsiveSince time.Time `json:"unresponsiveSince,omitzero"`
	LastExit          *Exit     `json:"lastExit,omitempty"`
}

func factsOf(w Worker) workerFacts {
	return workerFacts{w.Worker, w.State, w.Generation, w.Restarts, w.UnresponsiveSince, w.LastExit}
}

// process serves /process: a row for each process of one application, as it tells itself, with what the daemon knows of
// it. A worker that does not answer has a row as well, of what the system says.
func (s *Server) process(ctx context.Context, r request) (answer, error) {
	name := r.query.get("appName")
	if name == "" {
		return failOK("please query data by appName")
	}
	told := s.groups.invoke(ctx, nameProcess, name, r.query.args())
	workers := map[int]*liveWorker{}
	var order []*liveWorker
	for _, app := range s.source.Applications() { // afterwards: a worker that has answered is known by now
		if app.Name != name {
			continue
		}
		for _, p := range app.Processes {
			for _, w := range p.Workers {
				if w.PID != 0 {
					live := &liveWorker{process: p.Name, Worker: w}
					workers[w.PID] = live
					order = append(order, live)
				}
			}
		}
	}
	data := []json.RawMessage{}
	for _, a := range told {
		for _, row := range a.rows {
			if len(row.Data) > 0 {
				data = append(data, addFacts(row.Data, workers))
			}
		}
	}
	for _, live := range order {
		if live.told {
			continue
		}
		if row, err := live.row(ctx, &s.usage, r.query.get("pretty") != ""); err == nil {
			data = append(data, row)
		} // else it has ended meanwhile
	}
	return ok(http.StatusOK, data)
}

// liveWorker is a worker that has a process.
type liveWorker struct {
	process string
	// told is true when it has told about itself.
	told bool
	Worker
}

// addFacts adds what is known of a worker to its row, unless the row is of something else.
func addFacts(data json.RawMessage, workers map[int]*liveWorker) json.RawMessage {
	var own struct {
		PID        json.RawMessage `json:"pid"`
		Generation json.RawMessage `json:"generation"`
	}
	if data[0] != '{' || json.Unmarshal(data, &own) != nil || own.Generation != nil {
		return data
	}
	pid, err := strconv.Atoi(string(own.PID))
	live := workers[pid]
	if err != nil || live == nil {
		return data
	}
	facts, err := encodeJSON(factsOf(live.Worker))
	if err != nil {
		return data
	}
	live.told = true
	joined := make([]byte, 0, len(data)+len(facts))
	joined = append(joined, data[:len(data)-1]...) // it is not empty: it has a pid
	joined = append(joined, ',')
	return append(joined, facts[1:]...)
}

// row is what the system says of a worker, in the form that workers have for themselves.
func (live *liveWorker) row(ctx context.Context, u *usage, pretty bool) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	p, err := process.NewProcessWithContext(ctx, int32(live.PID))
	if err != nil {
		return nil, err
	}
	times, err := p.TimesWithContext(ctx)
	if err != nil {
		return nil, err
	}
	began, err := p.CreateTimeWithContext(ctx)
	if err != nil {
		return nil, err
	}
	memory, err := p.MemoryInfoWithContext(ctx)
	if err != nil {
		return nil, err
	}
	// What follows is nice to have; the system may keep it from us.
	ppid, _ := p.PpidWithContext(ctx)
	title, _ := p.NameWithContext(ctx)
	line, _ := p.CmdlineSliceWithContext(ctx)
	argv, execArgv := splitCommand(line)
	path, _ := p.ExeWithContext(ctx)
	percent := u.percent(live.PID, began, times.User+times.System, time.Now())
	var cpu any = percent
	if pretty {
		cpu = strconv.FormatFloat(percent, 'f', -1, 64) + "%"
	}
	return encodeJSON(struct {
		ProcessName string   `json:"processName"`
		PPID        int32    `json:"ppid"`
		PID         int      `json:"pid"`
		Title       string   `json:"title"`
		Argv        []string `json:"argv"`
		ExecArgv    []string `json:"execArgv"`
		DebugPort   int      `json:"debugPort"`
		ExecPath    string   `json:"execPath"`
		CPU         any      `json:"cpu"`
		Memory      uint64   `json:"memory"`
		Uptime      float64  `json:"uptime"`
		workerFacts
		Problem string `json:"problem"`
	}{
		live.process, ppid, live.PID, title, list(argv), list(execArgv), debugPort(execArgv), path, cpu, memory.RSS,
		max(0, float64(time.Now().UnixMilli()-began)/1000), factsOf(live.Worker), noAnswer,
	})
}

// splitCommand takes a command line apart as Node does: its own options come before the script.
func splitCommand(line []string) (argv, execArgv []string) {
	end := 1
	for end < len(line) && strings.HasPrefix(line[end], "-") {
		end++
	}
	if end > len(line) {
		return nil, nil
	}
	return append([]string{line[0]}, line[end:]...), line[1:end]
}

// debugPort is where Node's inspector listens, or would.
func debugPort(execArgv []string) int {
	port := nodeDebugPort
	for _, arg := range execArgv {
		name, value, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "--inspect") {
			if n, err := strconv.Atoi(value[strings.LastIndexByte(value, ':')+1:]); err == nil {
				port = n
			}
		}
	}
	return port
}

// usage knows how much of the CPU processes had used when they were asked for last. The zero value is ready.
type usage struct {
	mu   sync.Mutex
	last map[int]used
}

type used struct {
	// began tells processes of the same number apart, in ms since 1970.
	began   int64
	seconds float64
	at      time.Time
	percent float64
}

const (
	// maxUsages bounds how many processes are remembered.
	maxUsages = 1024
	// shortestUsage is the shortest time that a share is taken over.
	shortestUsage = 100 * time.Millisecond
)

// percent is the share of one core that a process has had since it was asked for last, or else since it began, with two
// digits.
func (u *usage) percent(pid int, began int64, seconds float64, now time.Time) float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	last, known := u.last[pid]
	if !known || last.began != began {
		last = used{began: began, at: time.UnixMilli(began)}
	}
	if span := now.Sub(last.at); span >= shortestUsage {
		last.percent = math.Round(max(0, seconds-last.seconds)/span.Seconds()*1e4) / 100
		last.seconds, last.at = seconds, now
	}
	if len(u.last) >= maxUsages || u.last == nil {
		u.last = map[int]used{}
	}
	u.last[pid] = last
	return last.percent
}
