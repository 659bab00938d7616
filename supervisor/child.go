package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/nodecluster"
	"github.com/pandora-go/pandora/internal/nodeipc"
)

const (
	// lane is the cmd of the messages between guard and bootstrap, which user code does not see.
	lane = "NODE_PANDORA"
	// treeTime is how long the processes that a worker leaves behind may take to be gone after SIGKILL.
	treeTime = 5 * time.Second
	// farewellTime is how long what a dead worker has written may take to be read.
	farewellTime = time.Second
	// maxErrorText bounds the error that a bootstrap reports.
	maxErrorText = 16 << 10
	// maxAddresses and maxAddress bound the addresses that a worker reports, and the bytes of one.
	maxAddresses = 256
	maxAddress   = 512
)

// nodeChild is one Node process.
type nodeChild struct {
	spawner *NodeSpawner
	spec    SpawnSpec
	output  *output
	donated *donated
	node    string
	dir     string
	env     []string
	args    []string

	process *os.Process
	state   *os.ProcessState // valid once ended
	abandon *time.Timer      // closes the sockets it has not taken; nil until it is ready
	pid     int
	channel *nodeipc.Channel
	member  *nodecluster.Member // nil for a plain process
	logs    []childLog          // none in dev; its standard output first
	tail    lastLines           // of pipes
	readers sync.WaitGroup
	unclear sync.Once
	// owned by receive: whether it has said so before
	drifted, started, finished bool

	events chan ChildEvent
	served chan struct{} // closed when the channel is no longer read
	exit   Exit          // valid once events is closed

	mu        sync.Mutex
	listening []string
	exclusive []string
	unheld    []string // listening sockets that could not be duplicated
	said      said     // the last error it reported
	broken    string   // what was wrong with its channel
	oomBefore int      // what the kernel had killed for memory when it was spawned
	ended     bool     // reaped: its pid may be another's

	// ending is held from when the process is seen to have ended until nothing is left of it.
	ending sync.Mutex
}

// PID is the process id.
func (c *nodeChild) PID() int { return c.pid }

// LogPath is the file with the output.
func (c *nodeChild) LogPath() string {
	if len(c.logs) == 0 {
		return ""
	}
	return c.logs[0].Path
}

// Events delivers what the worker says.
func (c *nodeChild) Events() <-chan ChildEvent { return c.events }

// Exit tells how it ended.
func (c *nodeChild) Exit() Exit { return c.exit }

// message is one message of the private lane, either way.
type message struct {
	Cmd       string `json:"cmd"`
	Act       string `json:"act"`
	TimeoutMs int64  `json:"timeoutMs,omitempty"`
	GraceMs   int64  `json:"graceMs,omitempty"`
	Gently    bool   `json:"gently,omitempty"`
}

// Listening lists the addresses that the worker says it listens on.
func (c *nodeChild) Listening() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listening
}

// Exclusive lists those of them that the guard cannot hold.
func (c *nodeChild) Exclusive() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exclusive
}

// Memory is the resident memory of the process in bytes.
func (c *nodeChild) Memory() int64 { return residentMemory(c.pid) }

// Ping sends ping.
func (c *nodeChild) Ping() error { return c.channel.Send(message{Cmd: lane, Act: "ping"}) }

// Drain sends drain.
func (c *nodeChild) Drain(d Drain) error {
	if c.member != nil {
		c.member.Retire()
	}
	return c.channel.Send(message{
		Cmd: lane, Act: "drain", TimeoutMs: d.Within.Milliseconds(), GraceMs: d.Grace.Milliseconds(), Gently: d.Gently,
	})
}

// Shutdown sends shutdown.
func (c *nodeChild) Shutdown() error { return c.channel.Send(message{Cmd: lane, Act: "shutdown"}) }

// Disconnect tells a cluster worker to leave and closes the channel of a plain process.
func (c *nodeChild) Disconnect() {
	if c.member != nil {
		c.member.Disconnect()
		return
	}
	c.channel.Close()
}

// Terminate sends SIGTERM to the process.
func (c *nodeChild) Terminate() { c.signal(false, syscall.SIGTERM) }

// Kill sends SIGKILL to the process group; wait then ends what left the group.
func (c *nodeChild) Kill() { c.signal(true, syscall.SIGKILL) }

// signal signals the process or its group, unless it was reaped.
func (c *nodeChild) signal(group bool, sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	target := c.pid
	if group {
		target = -c.pid
	}
	if err := syscall.Kill(target, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.spawner.log.Warn("signal not sent", zap.Int("pid", c.pid), zap.String("signal", unix.SignalName(sig)), zap.Error(err))
	}
}

// serve reads the channel until it ends. A worker that sends what is not the protocol cannot be guided any more and
// is ended; that costs nobody but itself.
func (c *nodeChild) serve() {
	defer close(c.served)
	if err := c.channel.Serve(c.receive); err != nil {
		c.setBroken("its IPC channel broke: " + err.Error())
		c.Kill()
	}
}

// receiveUser handles a message of the user: only the one that readiness waits for has a receiver here.
func (c *nodeChild) receiveUser(m nodeipc.Message) {
	if c.spec.Loaded != nil && m.Cmd == "" {
		if files, ok := loadedFiles(m.Raw); ok {
			c.spec.Loaded(c.spec.Process.ProcessName, files)
			return
		}
	}
	ready := c.spec.Process.PolicyOrDefault().Ready
	if ready == nil || ready.Message == nil || m.Cmd != "" || len(m.Raw) > maxErrorText {
		return
	}
	var said any
	if json.Unmarshal(m.Raw, &said) == nil && reflect.DeepEqual(said, ready.Message) {
		c.events <- ChildEvent{Kind: ChildMessage}
	}
}

// slot is where the process belongs.
func (c *nodeChild) slot() slotKey {
	return slotKey{process: c.spec.Process.ProcessName, slot: c.spec.Worker}
}

// alive reports whether the process was not reaped yet: until then its pid is nobody else's.
func (c *nodeChild) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended
}

// donate holds a socket that a plain process listens on. One that cannot be held is the process's alone.
func (c *nodeChild) donate(key, address string, fd *int) {
	if c.member != nil || fd == nil || *fd < 0 || len(key) > maxAddress || len(address) > maxAddress {
		return
	}
	if !c.donated.take(c.slot(), c.spec.ID, c.pid, *fd, key, address, c.alive) {
		c.mu.Lock()
		if len(c.unheld) < maxAddresses {
			c.unheld = append(c.unheld, address)
		}
		c.mu.Unlock()
	}
}

// bounded cuts a list that a worker has sent, and copies it, so that nothing of what is cut off is kept.
func bounded(list []string) []string {
	var all []string
	for _, text := range list[:min(len(list), maxAddresses)] {
		all = append(all, strings.Clone(text[:min(len(text), maxAddress)]))
	}
	return all
}

// setListening notes the addresses that it listens on and may lose, and reports whether they are others than before.
func (c *nodeChild) setListening(addresses, exclusive []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, wasExclusive := c.listening, c.exclusive
	c.listening, c.exclusive = bounded(addresses), bounded(exclusive)
	for _, address := range c.unheld {
		if slices.Contains(c.listening, address) {
			c.exclusive = append(c.exclusive, address)
		}
	}
	return !slices.Equal(was, c.listening) || !slices.Equal(wasExclusive, c.exclusive)
}

// wayMessage says what a worker is at: code of the application that runs, or connections that a drain waits for.
type wayMessage struct {
	Doing       string `json:"doing"`
	Connections int    `json:"connections"`
}

// receive handles one message.
func (c *nodeChild) receive(m nodeipc.Message) {
	if c.member != nil && c.member.Receive(m) {
		return
	}
	if m.Cmd != lane {
		c.receiveUser(m)
		return
	}
	var in struct {
		Act       string       `json:"act"`
		Services  int          `json:"services"`
		Inspector string       `json:"inspector"`
		Addresses []string     `json:"addresses"`
		Exclusive []string     `json:"exclusive"`
		Key       string       `json:"key"`
		Address   string       `json:"address"`
		FD        *int         `json:"fd"`
		Error     *errorReport `json:"error"`
		Origin    string       `json:"origin"`
		Handled   bool         `json:"handled"`
		wayMessage
		driftMessage
	}
	if err := json.Unmarshal(m.Raw, &in); err != nil {
		c.unclear.Do(func() { // once, so that a worker cannot fill the log
			c.spawner.log.Warn("message of a worker not understood", zap.Int("pid", c.pid), zap.Error(err))
		})
		return
	}
	switch in.Act {
	case "ready":
		if c.started { // its timer runs and the log has the line
			return
		}
		c.started = true
		if c.member == nil {
			c.abandonLater()
		}
		c.line(fmt.Sprintf("Process [name = %s, pid = %d] Started successfully!", c.spec.Process.ProcessName, c.pid))
		c.events <- ChildEvent{Kind: ChildReady, Services: in.Services, Inspector: short(in.Inspector, 300)}
	case "error":
		e := ChildEvent{Kind: ChildError}
		if in.Error != nil {
			c.hear(said{report: in.Error})
			e.Permanent = c.entryMissing(in.Error.Code, in.Error.Message)
		}
		c.events <- e
	case "doing":
		c.events <- ChildEvent{Kind: ChildDoing, Doing: short(in.Doing, 200)}
	case "uncaught":
		if in.Error != nil {
			c.hear(said{report: in.Error, uncaught: short(in.Origin, 40), handled: in.Handled})
		}
	case "drift":
		if !c.drifted { // once, so that a worker cannot fill the event log
			c.drifted = true
			c.events <- ChildEvent{Kind: ChildDrift, Drift: in.driftMessage.against(&c.spec.Plan.App)}
		}
	case "draining":
		c.events <- ChildEvent{Kind: ChildDraining, Connections: in.Connections}
	case "drained":
		c.events <- ChildEvent{Kind: ChildDrained}
	case "pong":
		c.events <- ChildEvent{Kind: ChildPong}
	case "listening":
		if c.setListening(in.Addresses, in.Exclusive) {
			c.events <- ChildEvent{Kind: ChildListening}
		}
	case "socket":
		c.donate(in.Key, in.Address, in.FD)
	case "socketClosed":
		c.donated.drop(c.slot(), c.spec.ID, in.Key)
	case "finish_shutdown":
		if in.Error != nil && !c.finished {
			c.finished = true
			c.spawner.log.Warn("a service did not stop", zap.Int("pid", c.pid), zap.String("err", in.Error.Message))
		}
		c.events <- ChildEvent{Kind: ChildFinished}
	}
}

// abandonLater closes the sockets that the process was given, after a while, if it has not listened on them by then.
func (c *nodeChild) abandonLater() {
	c.abandon = time.AfterFunc(adoptTime, func() { c.donated.dropOthers(c.slot(), c.spec.ID) })
}

// entryMissing tells a missing or useless entry, which another try does not mend, from other errors.
func (c *nodeChild) entryMissing(code, message string) bool {
	switch entry := c.spec.Process.EntryFile; code {
	case "PANDORA_ENTRY":
		return true
	case "MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND":
		return entry != "" && strings.Contains(firstLine(message), "'"+entry+"'")
	}
	return false
}

// said is an error that a worker has reported.
type said struct {
	report   *errorReport
	uncaught string // "uncaughtException" or "unhandledRejection"; "" when the bootstrap caught it
	handled  bool   // the application has a handler for it
	at       time.Time
}

// hear notes an error. The first one that the worker ends by counts; one that it handles does until the next.
func (c *nodeChild) hear(s said) {
	s.at = time.Now()
	for _, text := range []*string{&s.report.Name, &s.report.Message, &s.report.Stack, &s.report.Code, &s.report.Syscall, &s.report.Address} {
		*text = (*text)[:min(len(*text), maxErrorText)]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said.report == nil || c.said.handled {
		c.said = s
	}
}

// setBroken notes what is wrong with the channel.
func (c *nodeChild) setBroken(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = text[:min(len(text), maxErrorText)]
}

// line writes a line of our own into the application's log.
func (c *nodeChild) line(text string) {
	if c.output != nil {
		c.output.line(text)
	}
}

// read passes lines of a pipe on and keeps the last ones.
func (c *nodeChild) read(r io.Reader, stderr bool) {
	readLines(r, func(line string) {
		c.tail.add(line)
		c.spec.Output(line, stderr)
	})
}

// wait waits for the end of the process, ends what it left behind, and lets go of everything.
func (c *nodeChild) wait(f *files) {
	defer close(c.events)
	awaitExit(c.pid)
	c.ending.Lock()
	defer c.ending.Unlock()
	if !killTree(c.pid, treeOfWorker(c.spec.AppID, c.spec.ID), treeTime) {
		c.spawner.log.Error("processes of a worker survive SIGKILL", zap.Int("pid", c.pid))
	}
	c.mu.Lock() // no signal may hit whoever gets the pid next
	c.state, _ = c.process.Wait()
	c.ended = true
	c.mu.Unlock()
	timeout := time.AfterFunc(farewellTime, func() { // only when somebody else holds the other ends
		c.channel.Close()
		f.closeOurs()
	})
	<-c.served
	if c.abandon != nil {
		c.abandon.Stop()
	}
	c.readers.Wait()
	timeout.Stop()
	f.closeOurs()
	if c.member != nil {
		c.member.Detach()
	}
	c.setExit(c.state)
}

// setExit makes the exit report and writes the line that the original writes.
func (c *nodeChild) setExit(state *os.ProcessState) {
	c.exit = Exit{At: time.Now(), Code: state.ExitCode()}
	code, signal := fmt.Sprint(c.exit.Code), "null"
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		c.exit.Signal = unix.SignalName(status.Signal())
		code, signal = "null", c.exit.Signal
	}
	if c.spec.Output != nil {
		c.exit.Output = c.tail.get()
	} else if c.output != nil {
		for _, log := range c.logs {
			c.output.ended(log.Path, c.pid)
			// The errors are last: they tell most.
			c.exit.Output = append(c.exit.Output, c.output.tail(log.Path, log.From, maxSeen)...)
		}
	}
	c.exit.cause = c.causeOf(c.exit)
	c.exit.Output = c.exit.Output[max(0, len(c.exit.Output)-maxTail):]
	if r := c.exit.cause.reported(c.exit); r != nil {
		c.exit.Error = r.text()
	} else {
		c.exit.Error = c.exit.cause.broken
	}
	c.line(fmt.Sprintf("Process [name = %s, pid = %d] Exit with code %s and signal %s", c.spec.Process.ProcessName, c.pid, code, signal))
}

// causeOf gathers what is known of the end besides the exit; who stopped it and why is for the worker to say.
func (c *nodeChild) causeOf(exit Exit) *cause {
	c.mu.Lock()
	said, broken := c.said, c.broken
	c.mu.Unlock()
	k := &cause{report: said.report, uncaught: said.uncaught, handled: said.handled, age: exit.At.Sub(said.at), broken: broken, tail: exit.Output}
	if exit.Signal == "SIGKILL" {
		switch count, exact := oomKills(); {
		case count > c.oomBefore:
			k.memory = memoryKilled
		case exact:
			k.memory = memoryInnocent
		}
	}
	if r := k.reported(exit); r != nil && r.Code == "EADDRINUSE" {
		k.holder = r.holder(treeOfApp(c.spec.AppID))
	}
	return k
}
