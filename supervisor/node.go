package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/nodecluster"
	"github.com/pandora-go/pandora/internal/nodeipc"
	"github.com/pandora-go/pandora/procfile"
)

// NodeSpawner runs real Node processes: it is their parent, the primary of their cluster, and the keeper of their log
// files. NewNodeSpawner makes one.
type NodeSpawner struct {
	log      *zap.Logger
	onChange func()

	mu      sync.Mutex
	session *session // between Begin and End
}

// session is what lives from Begin to End.
type session struct {
	primary *nodecluster.Primary
	output  *output // nil in dev
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
	policy := nodecluster.RoundRobin
	if lookup(plan.Env, "NODE_CLUSTER_SCHED_POLICY") == "none" {
		policy = nodecluster.Shared
	}
	s := &session{
		primary: nodecluster.New(nodecluster.Options{Policy: policy, Log: n.log, OnChange: n.onChange}),
		cancel:  func() {},
	}
	if !plan.Dev {
		out := newOutput(filepath.Join(plan.LogsDir, plan.App.AppName), workersOf(plan) == 1, n.log)
		if err := out.rotateAtStart(); err != nil {
			return err
		}
		s.output = out
		ctx, cancel := context.WithCancel(context.Background())
		s.cancel = cancel
		s.merged.Go(func() { out.run(ctx) }) // End cancels and waits
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session = s
	return nil
}

// Update tells of the plan that the next processes belong to. Their number decides whether the log has to be merged.
func (n *NodeSpawner) Update(plan *Plan) {
	if s := n.current(); s != nil && s.output != nil && workersOf(plan) > 1 {
		s.output.split()
	}
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
	return all
}

// Suspend closes the listening sockets of a process and remembers them.
func (n *NodeSpawner) Suspend(process string) {
	if s := n.current(); s != nil {
		s.primary.Suspend(process)
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
	if err := s.primary.Close(); err != nil {
		n.log.Warn("cluster not closed", zap.Error(err))
	}
	s.cancel()
	s.merged.Wait()
}

// Spawn starts a Node process.
func (n *NodeSpawner) Spawn(spec SpawnSpec) (Child, error) {
	s := n.current()
	if s == nil {
		return nil, errors.New("spawn before Begin")
	}
	dir, err := filepath.EvalSymlinks(spec.Plan.App.AppDir)
	if err != nil {
		return nil, &PermanentError{fmt.Errorf("application folder: %w", err)}
	}
	env, err := environment(spec)
	if err != nil {
		return nil, err
	}
	node, err := findNode(spec.Plan.Node, env, dir)
	if err != nil {
		return nil, &PermanentError{err}
	}
	bootstrap := filepath.Join(spec.Plan.JSDir, "node", "bootstrap.js")
	if _, err := os.Stat(bootstrap); err != nil {
		return nil, &PermanentError{fmt.Errorf("the workers' main script: %w; restart the application to install it again", err)}
	}
	c := &nodeChild{
		spawner: n, spec: spec, output: s.output, events: make(chan ChildEvent, 4), served: make(chan struct{}),
		env: env, node: node, dir: dir,
		args: append(append(append([]string{}, spec.Process.ExecArgv...), bootstrap), spec.Process.Args...),
	}
	if err := c.start(s); err != nil {
		return nil, fmt.Errorf("spawn %q: %w", node, err)
	}
	return c, nil
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
	c.cmd = &exec.Cmd{
		Path: c.node, Args: append([]string{c.node}, c.args...), Env: c.env, Dir: c.dir,
		Stdout: files.stdout, Stderr: files.stderr, // Stdin nil is /dev/null
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if c.spec.Process.Kind == procfile.KindWorker {
		c.member = s.primary.Attach(c.spec.ID, c.spec.Process.ProcessName, channel)
	}
	c.channel = channel
	if err := c.cmd.Start(); err != nil {
		channel.Close()
		if c.member != nil {
			c.member.Detach()
		}
		files.closeOurs()
		return err
	}
	c.pid = c.cmd.Process.Pid
	if files.ourStdout != nil {
		c.readers.Go(func() { c.read(files.ourStdout, false) })
		c.readers.Go(func() { c.read(files.ourStderr, true) })
	}
	go c.serve()     // ends when the channel does; wait waits for it
	go c.wait(files) // ends with the process; closing events is how its end is waited for
	return nil
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
		f, path, err := c.output.open(c.spec.Process.ProcessName, c.spec.Worker)
		if err != nil {
			return nil, err
		}
		c.logPath, c.logFrom = path, c.output.mark(path)
		return &files{stdout: f, stderr: f}, nil
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

// findNode finds the Node binary: node as given, or "node", looked up in the PATH of env, relative parts from dir.
func findNode(node string, env []string, dir string) (string, error) {
	if node == "" {
		node = "node"
	}
	if strings.Contains(node, "/") {
		if !filepath.IsAbs(node) {
			node = filepath.Join(dir, node)
		}
		if err := executable(node); err != nil {
			return "", fmt.Errorf("Node binary %q: %w; install Node 18 or newer there, or name another", node, err)
		}
		return node, nil
	}
	path := lookup(env, "PATH")
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		if file := filepath.Join(folder, node); executable(file) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("no %q in PATH %q; install Node 18 or newer, or put its folder into PATH", node, path)
}

// executable tells why a file cannot be executed.
func executable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return errors.Unwrap(err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fs.ErrPermission
	}
	return nil
}
