package top

import "time"

// Sample is what was known of all applications at one time.
type Sample struct {
	At time.Time
	// Apps are in the order they are to be listed in.
	Apps []App
}

// Health is what the checks of an application say.
type Health string

// The values of Health; HealthUnknown where nobody checks.
const (
	HealthUnknown Health = ""
	HealthUp      Health = "UP"
	HealthDown    Health = "DOWN"
)

// App is one application.
type App struct {
	Name string
	// State is what it says of itself as a whole, such as "stopped"; shown where it has no workers.
	State  string
	Health Health
	// Reason says why it is DOWN; "" otherwise.
	Reason string
	// Doing is the change that is under way; "" when there is none.
	Doing     string
	Processes []Process
}

// Process is one process of an application, which has any number of workers.
type Process struct {
	Name string
	// Stopped is true when it was stopped on its own.
	Stopped bool
	Workers []Worker
}

// Worker is one worker of a process. During a reload two have the same slot, the older one first.
type Worker struct {
	Slot int
	// PID is 0 when no process lives in the slot, and all that is measured is then unknown.
	PID        int
	State      string
	Generation int
	Restarts   int
	// Since is when its process was started; zero when there is none.
	Since time.Time
	// Measured is true when CPU and Memory are known: the time on a CPU since the start, and resident bytes.
	Measured bool
	CPU      time.Duration
	Memory   uint64
	// Lag is how late its event loop was, at the longest, since it was asked before; negative when it is unknown. Silent is
	// true when it has told before and does not answer now.
	Lag    time.Duration
	Silent bool
	// Note says what is not as it should be; "" otherwise.
	Note string
}
