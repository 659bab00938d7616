package supervisor

import (
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// Spawner makes the processes of an application and holds what outlives each of them: log files and listening sockets.
//
// Begin comes before the first Spawn of a start and End after the last process has ended; in between, Update, Spawn,
// Sockets, Suspend and Resume are called from many goroutines. NodeSpawner is the real one.
type Spawner interface {
	// Begin prepares for a plan.
	Begin(plan *Plan, appID string) error
	// Update tells of the plan that the next processes belong to, which differs from the one of Begin.
	Update(plan *Plan)
	// Spawn starts one process. A *PermanentError says that trying again cannot help.
	Spawn(SpawnSpec) (Child, error)
	// Sockets lists the listening sockets that are open.
	Sockets() []Socket
	// Suspend closes the listening sockets of a process but remembers them, Resume opens them again.
	Suspend(process string)
	Resume(process string)
	// End closes everything Begin and Spawn opened.
	End()
}

// SpawnSpec says which process to start.
type SpawnSpec struct {
	Plan    *Plan
	AppID   string
	Process procfile.Process
	// Worker is the slot, from 0; Generation counts the processes of the slot, from 1.
	Worker     int
	Generation int
	// ID is unique among all processes of the supervisor's life, from 1.
	ID int
	// Output takes the lines of output; nil means log files.
	Output func(line string, stderr bool)
	// Unwanted is closed when the process is not wanted any more: a Spawn that still waits gives up. nil never is.
	Unwanted <-chan struct{}
	// Loaded takes the files it has loaded; nil asks for no reports.
	Loaded func(process string, files []string)
}

// Child is one spawned process. Its methods never block for long and may be called after the process has ended.
type Child interface {
	PID() int
	// LogPath is the file with its output; "" when it has none.
	LogPath() string
	// Events delivers what it says. It is closed once the process and its whole tree have ended, were waited for and
	// hold nothing any more; somebody must receive until then.
	Events() <-chan ChildEvent
	// Exit tells how it ended; valid once Events is closed.
	Exit() Exit
	// Listening lists the addresses it listens on, in a form that is the same in the next generation.
	Listening() []string
	// Exclusive lists those of them that no other process can listen on at the same time; nil when there is none.
	Exclusive() []string
	// Memory is its resident memory in bytes; 0 when that is not known.
	Memory() int64
	// Ping asks for a sign of life; ChildPong is its answer.
	Ping() error
	// Drain tells it to stop accepting and to finish what it is answering; ChildDrained is its answer.
	Drain(Drain) error
	// Shutdown tells it to stop its services; ChildFinished is its answer.
	Shutdown() error
	// Disconnect takes its channel away: a cluster worker is told to leave, a plain process sees it closed.
	Disconnect()
	// Terminate sends SIGTERM to the process.
	Terminate()
	// Kill sends SIGKILL to its whole tree.
	Kill()
}

// Drain says how a worker leaves.
type Drain struct {
	// Within bounds the drain.
	Within time.Duration
	// Gently is true in a reload: idle connections stay until the client or the server's keep-alive time ends them, so
	// that no client loses a request to a connection being closed.
	Gently bool
	// Grace is how long upgraded and streaming connections may go on; 0 is as long as the drain.
	Grace time.Duration
}

// ChildEventKind says what a child tells.
type ChildEventKind uint8

// The kinds of child events.
const (
	// ChildReady: services are started and the entry is loaded.
	ChildReady ChildEventKind = iota
	// ChildError: it cannot start and is about to exit.
	ChildError
	// ChildDrained and ChildFinished answer Drain and Shutdown.
	ChildDrained
	ChildFinished
	// ChildPong answers Ping.
	ChildPong
	// ChildListening: Listening has changed.
	ChildListening
	// ChildMessage: it said with process.send what Policy.Ready waits for.
	ChildMessage
	// ChildDrift: it evaluated the procfile to something else than the plan's graph.
	ChildDrift
	// ChildDoing: it runs code of the application that may take its time.
	ChildDoing
	// ChildDraining: how many connections its drain waits for has changed.
	ChildDraining
)

// ChildEvent is one thing that a child tells.
type ChildEvent struct {
	Kind ChildEventKind
	// Services is the number of services whose stop matters, with ChildReady.
	Services int
	// Inspector is where a debugger attaches, with ChildReady; "" when nothing is to be debugged.
	Inspector string
	// Permanent is true with a ChildError that another try cannot mend.
	Permanent bool
	// Drift is what differs, with ChildDrift.
	Drift *Drift
	// Doing is what runs, with ChildDoing.
	Doing string
	// Connections is how many there are, with ChildDraining.
	Connections int
}

// PermanentError is an error that another try cannot mend, as a missing Node.
type PermanentError struct{ Err error }

// Error is the text of the wrapped error.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *PermanentError) Unwrap() error { return e.Err }
