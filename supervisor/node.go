package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/nodecluster"
	"github.com/pandora-go/pandora/internal/nodeipc"
	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/procfile"
)

// NodeSpawner runs real Node processes: it is their parent, the primary of their cluster, and the keeper of their log
// files. NewNodeSpawner makes one.
type NodeSpawner struct {
	log      *zap.Logger
	onChange func()

	mu      sync.Mutex
	session *session // between Begin and End

	undo []func() // ends what freeze began
}

// session is what lives from Begin to End.
type session struct {
	primary *nodecluster.Primary
	donated *donated
	output  *output // nil in dev
	secrets secrets
	cancel  context.CancelFunc
	merged  sync.WaitGroup
}

// NewNodeSpawner makes a spawner. log may be nil; onChange, if not nil, is called after Sockets has changed and must not
// wait for a call to the spawner.
func NewNodeSpawner(log *zap.Logger, onChange func()) *NodeSpawner {
	if log == nil {
		log = zap.NewNop()
	}
	return &NodeSpawner{log: log, onChange: onChange}
}

// Begin opens log files (not in dev) and an empty cluster.
func (n *NodeSpawner) Begin(plan *Plan, _ string) error {
	s := &session{
		primary: nodecluster.New(nodecluster.Options{Log: n.log, OnChange: n.onChange}),
		donated: newDonated(n.log, n.onChange),
		cancel:  func() {},
	}
	if !plan.Dev {
		out := newOutput(filepath.Join(plan.LogsDir, plan.App.AppName), workersOf(plan) == 1, n.log)
		out.setPolicy(n.rotationOf(plan))
		if err := out.begin(); err != nil {
			return err
		}
		s.output = out
		s.keepOutput()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session = s
	return nil
}

// keepOutput merges and rotates the log files, until End cancels that and waits.
func (s *session) keepOutput() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.merged.Go(func() { s.output.run(ctx) })
	s.merged.Go(func() { s.output.runRotation(ctx) })
}

// Update tells of the plan that the next processes belong to. Their number decides whether the log has to be merged.
func (n *NodeSpawner) Update(plan *Plan) {
	s := n.current()
	if s == nil || s.output == nil {
		return
	}
	if workersOf(plan) > 1 {
		s.output.split()
	}
	s.output.setPolicy(n.rotationOf(plan))
}

// rotationOf is when the logs of a plan are rotated: as its environment says, else as the plan does. What makes no sense
// must not keep an application from running.
func (n *NodeSpawner) rotationOf(plan *Plan) rotate.Policy {
	text := lookup(plan.Env, rotate.PolicyEnv)
	if text == "" {
		text = plan.LogRotation
	}
	policy, err := rotate.ParsePolicy(text)
	if err != nil {
		n.log.Warn("logs are rotated by the defaults", zap.String("app", plan.App.AppName), zap.Error(err))
		return rotate.Default()
	}
	return policy
}

// workersOf counts the workers of a plan.
func workersOf(plan *Plan) int {
	workers := 0
	for _, p := range plan.App.Processes {
		workers += p.Scale
	}
	return workers
}

// current returns the session; nil outside Begin and End.
func (n *NodeSpawner) current() *session {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.session
}

// Sockets lists the listening sockets that the cluster holds.
func (n *NodeSpawner) Sockets() []Socket {
	s := n.current()
	if s == nil {
		return nil
	}
	var all []Socket
	for _, k := range s.primary.Sockets() {
		all = append(all, Socket{Network: k.Network, Address: k.Address, Port: k.Port, Process: k.Process})
	}
	return append(all, s.donated.list()...)
}

// Suspend closes the listening sockets of a process and remembers them.
func (n *NodeSpawner) Suspend(process string) {
	if s := n.current(); s != nil {
		s.primary.Suspend(process)
		s.donated.release(process)
	}
}

// Forget closes the listening sockets of a process; the next one that asks opens its own.
func (n *NodeSpawner) Forget(process string) {
	if s := n.current(); s != nil {
		s.primary.Forget(process)
		s.donated.release(process)
	}
}

// Resume opens them again. One that cannot be opened now is tried again when a worker asks for it.
func (n *NodeSpawner) Resume(process string) {
	if s := n.current(); s != nil {
		if err := s.primary.Resume(process); err != nil {
			n.log.Warn("listening sockets stay closed", zap.String("process", process), zap.Error(err))
		}
	}
}

// End closes the sockets and brings the merged log up to date.
func (n *NodeSpawner) End() {
	n.mu.Lock()
	s := n.session
	n.session = nil
	n.mu.Unlock()
	if s == nil {
		return
	}
	s.donated.close()
	if err := s.primary.Close(); err != nil {
		n.log.Warn("cluster not closed", zap.Error(err))
	}
	s.cancel()
	s.merged.Wait()
	if s.output != nil {
		s.output.close()
	}
}

// Spawn starts a Node process.
func (n *NodeSpawner) Spawn(spec SpawnSpec) (Child, error) {
	s := n.current()
	if s == nil {
		return nil, errors.New("spawn before Begin")
	}
	dir, err := folderOf(spec.Plan)
	if err != nil {
		return nil, err // perhaps another one is just taking its place
	}
	env, err := environment(spec, s.secrets.reader(spec.Plan, &spec.Process, dir, spec.Unwanted))
	if err != nil {
		return nil, err
	}
	node, err := FindNode(spec.Plan.Node, env, dir)
	if err != nil {
		return nil, &PermanentError{err}
	}
	bootstrap := filepath.Join(spec.Plan.JSDir, "node", "bootstrap.js")
	if _, err := os.Stat(bootstrap); err != nil {
		return nil, &PermanentError{fmt.Errorf("the workers' main script %q: %w; restart the application to install it again", bootstrap, fserr.Bare(err))}
	}
	execArgv := execArgvOf(spec.Process, spec.Plan.globalExecArgv(), spec.Worker)
	c := &nodeChild{
		spawner: n, spec: spec, output: s.output, donated: s.donated, events: make(chan ChildEvent, 4), served: make(chan struct{}),
		env: env, node: node, dir: dir,
		args: slices.Concat(execArgv, readable(execArgv, env, spec.Plan.JSDir), []string{bootstrap}, spec.Process.Args),
	}
	if err := c.start(s); err != nil {
		return nil, fmt.Errorf("start %q: %w%s", node, fserr.Bare(err), remedy(err))
	}
	return c, nil
}

// folderOf is the real folder of a plan's application.
func folderOf(plan *Plan) (string, error) {
	dir, err := filepath.EvalSymlinks(plan.App.AppDir)
	if err != nil {
		return "", fmt.Errorf("application folder %q: %w; put it back, or start the application where it is now", plan.App.AppDir, fserr.Bare(err))
	}
	return dir, nil
}

// remedy says what to do about an error of the system, as a clause of its own; "" where nothing is known to help.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return "; this user may have no more processes: end some, or raise the limit (ulimit -u, TasksMax, pids.max)"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "; no more files may be open: raise the limit (ulimit -n, LimitNOFILE)"
	case errors.Is(err, syscall.E2BIG):
		return "; its arguments and environment are too long together: make them shorter"
	case errors.Is(err, syscall.ENOMEM):
		return "; there is no memory left for another process"
	}
	return ""
}

// readable are the options that let Node read our files where its permission model is on: of itself it lets the main script
// be read, but nothing beside it.
func readable(execArgv, env []string, jsDir string) []string {
	on := func(option string) bool { return option == "--permission" || option == "--experimental-permission" }
	i := slices.IndexFunc(env, func(pair string) bool { return strings.HasPrefix(pair, "NODE_OPTIONS=") })
	if slices.ContainsFunc(execArgv, on) || i >= 0 && slices.ContainsFunc(strings.Fields(env[i][len("NODE_OPTIONS="):]), on) {
		return []string{"--allow-fs-read=" + jsDir + string(filepath.Separator) + "*"}
	}
	return nil
}

// start makes files and channel, starts the process, and then the goroutines that end when it does.
func (c *nodeChild) start(s *session) error {
	channel, theirs, err := nodeipc.Pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	files, err := c.openFiles()
	if err != nil {
		channel.Close()
		return err
	}
	defer files.closeTheirs()
	if c.spec.Process.Kind == procfile.KindWorker {
		c.member = s.primary.Attach(c.spec.ID, c.spec.Process.ProcessName, c.balance(), channel)
	}
	c.channel = channel
	if err := c.startProcess(files, theirs); err != nil {
		channel.Close()
		for _, log := range c.logs {
			c.output.notStarted(log.Path)
		}
		if c.member != nil {
			c.member.Detach()
		}
		files.closeOurs()
		return err
	}
	for _, log := range c.logs {
		c.output.started(log.Path, c.pid, treeOfWorker(c.spec.AppID, c.spec.ID))
	}
	c.follow(files, true)
	return nil
}

// follow starts the goroutines that end with the process; served says that it has a channel.
func (c *nodeChild) follow(files *files, served bool) {
	if files.ourStdout != nil {
		c.readers.Go(func() { c.read(files.ourStdout, false) })
		c.readers.Go(func() { c.read(files.ourStderr, true) })
	}
	if served {
		go c.serve() // ends when the channel does; wait waits for it
	}
	go c.wait(files) // ends with the process; closing events is how its end is waited for
}

// balance is how the worker gets its connections: what its process asks for, else what Node would do in its environment.
func (c *nodeChild) balance() nodecluster.Policy {
	policy := c.spec.Process.PolicyOrDefault().Balance
	if policy == procfile.BalanceShared || policy == "" && lookup(c.env, "NODE_CLUSTER_SCHED_POLICY") == "none" {
		return nodecluster.Shared
	}
	return nodecluster.RoundRobin
}

// startProcess starts the process with its channel as descriptor 3 and the sockets it inherits behind it. It does not use
// exec.Cmd, which would make the sockets blocking, also for the process that is still accepting from them.
func (c *nodeChild) startProcess(files *files, channel *os.File) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	descriptors := []uintptr{null.Fd(), files.stdout.Fd(), files.stderr.Fd(), channel.Fd()}
	if c.member == nil {
		keys, fds := c.donated.inherit(c.slot())
		defer func() {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}()
		if len(keys) > 0 {
			inherited := map[string]int{}
			for i, key := range keys {
				inherited[key] = len(descriptors)
				descriptors = append(descriptors, uintptr(fds[i]))
			}
			text, err := json.Marshal(inherited)
			if err != nil {
				return err
			}
			c.env = append(c.env, "PANDORA_SOCKETS="+string(text))
		}
	}
	pid, _, err := syscall.StartProcess(c.node, append([]string{c.node}, c.args...), &syscall.ProcAttr{
		Dir: c.dir, Env: c.env, Files: descriptors, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return &os.PathError{Op: "start", Path: c.node, Err: err}
	}
	c.pid = pid
	c.oomBefore, _ = oomKills()
	c.process, err = os.FindProcess(pid) // it is our child, and not yet waited for
	return err
}

// files are the output files of a child: a log file, or two pipes with our ends.
type files struct{ stdout, stderr, ourStdout, ourStderr *os.File }

// openFiles opens what the child writes to.
func (c *nodeChild) openFiles() (*files, error) {
	if c.spec.Output == nil {
		if c.output == nil {
			f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			return &files{stdout: f, stderr: f}, err
		}
		return c.openLogs()
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		outR.Close()
		outW.Close()
		return nil, err
	}
	return &files{stdout: outW, stderr: errW, ourStdout: outR, ourStderr: errR}, nil
}

// childLog is a log file that a child writes to, and the end of that file when the child was started.
type childLog struct {
	Path string `json:"path"`
	From int64  `json:"from"`
}

// openLogs opens the log file of the child, or one for each of its streams.
func (c *nodeChild) openLogs() (*files, error) {
	worker := rotate.Source{Process: c.spec.Process.ProcessName, Worker: c.spec.Worker}
	apart := c.spec.Process.PolicyOrDefault().Stdio == procfile.StdioSplit
	out, path, err := c.output.open(worker, apart)
	if err != nil {
		return nil, err
	}
	c.logs = []childLog{{path, c.output.end(path)}}
	if !apart {
		return &files{stdout: out, stderr: out}, nil
	}
	worker.Err = true
	errors, path, err := c.output.open(worker, apart)
	if err != nil {
		out.Close()
		c.output.notStarted(c.logs[0].Path)
		return nil, err
	}
	c.logs = append(c.logs, childLog{path, c.output.end(path)})
	return &files{stdout: out, stderr: errors}, nil
}

// closeTheirs closes the ends that the child has inherited.
func (f *files) closeTheirs() {
	f.stdout.Close()
	if f.stderr != f.stdout {
		f.stderr.Close()
	}
}

// closeOurs closes the reading ends of pipes.
func (f *files) closeOurs() {
	if f.ourStdout != nil {
		f.ourStdout.Close()
		f.ourStderr.Close()
	}
}
