// Package procfile holds the graph that a project's procfile.js describes: one application, its processes, services
// and applets. It is pure data that travels as JSON from the command to the daemon, the guard and the workers; it
// starts nothing, reads no file and knows no other package of this module.
//
// A graph normally comes from procfile/evaluate. One taken from JSON is checked with Decode:
//
//	app, err := procfile.Decode(data)
//
// Concurrency: values are plain data; share them read-only, or Clone first.
package procfile

import "fmt"

// Application is the evaluated graph of one application.
//
// Its JSON is the original's structure record (appName, appDir, process) plus the fields below it, which are ours.
type Application struct {
	// AppName is the application's unique name; never empty in a valid graph.
	AppName string `json:"appName"`
	// AppDir is the absolute application folder, as given by the user (symlinks kept).
	AppDir string `json:"appDir"`
	// Processes are the processes to run, in start order.
	Processes []Process `json:"process"`
	// DefinedProcesses names every defined process in definition order, also those that nothing runs in.
	DefinedProcesses []string `json:"definedProcesses"`
	// DefaultServiceCategory is the process that services run in unless they say otherwise; "worker" by default.
	DefaultServiceCategory string `json:"defaultServiceCategory"`
	// Services in definition order, without the built-in logger.
	Services []Service `json:"services"`
	// Applets (the 0.1 standard) in definition order.
	Applets []Service `json:"applets"`
	// Indicators, Reporters and Hooks are in definition order; nil when there are none.
	Indicators []Indicator `json:"indicators,omitempty"`
	Reporters  []Reporter  `json:"reporters,omitempty"`
	Hooks      []Hook      `json:"hooks,omitempty"`
	// EnvFiles are those for all processes, in the order in which they are read: what a procfile, and the functions in it,
	// see of them. nil when there are none.
	EnvFiles []EnvFile `json:"envFiles,omitempty"`
	// Engine tells who evaluated the procfile: "goja" or "node".
	Engine string `json:"engine"`
	// Warnings are sentences for the user; empty when there is nothing to say.
	Warnings []string `json:"warnings"`
	// Evaluation tells how the graph came about; nil in a graph that is not from an evaluation.
	Evaluation *Evaluation `json:"evaluation,omitempty"`
	// Places tell where in the user's source things are written; empty in a graph that is not from an evaluation.
	Places []Place `json:"places,omitempty"`
}

// Subject tells what a Place is of.
type Subject string

// The subjects of places.
const (
	OfProcess      Subject = "process"
	OfService      Subject = "service"
	OfApplet       Subject = "applet"
	OfEnvironment  Subject = "environment"
	OfConfigurator Subject = "configurator"
	// OfWarning is one of Application.Warnings; Name is its text.
	OfWarning Subject = "warning"
	// OfUnknown is a member that the procfile set on an object of ours, such as pandora.process('web').scale = 2, which
	// does nothing; Name is the owner (`process "web"`), Member the member.
	OfUnknown Subject = "unknown"
)

// Place is where in the user's source something is written.
type Place struct {
	Of Subject `json:"of"`
	// Name is the name of the process, service or applet; "" for application, environment and configurator.
	Name string `json:"name"`
	// Member is the setting whose last setter this is: for a process scale, env, args, nodeArgs, order or entry, for a
	// service or applet process, entry, config or dependency. "secrets.NAME" is where a secret of a process, or of the
	// application, is named. "" for the definition itself.
	Member string `json:"member,omitempty"`
	// File is the real path of the file.
	File string `json:"file"`
	// Line and Column count from 1, in the source as the user wrote it; the column is that of the called name. Both are
	// 0 where only the file is known.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Base is the folder that the path of a service's, applet's, environment's or configurator's entry is resolved from; ""
	// where there is no path.
	Base string `json:"base,omitempty"`
}

// String returns "file:line:column", as far as it is known.
func (p Place) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Evaluation is what a worker needs to evaluate the procfile as it was evaluated for the graph, and to see whether it
// found the same.
type Evaluation struct {
	// Digest identifies what workers take from an evaluation (services, applets, processes without their environment):
	// 16 hex digits. "" when it is not known; then nothing is compared.
	Digest string `json:"digest"`
	// WorkerCount is what scale 'auto' meant.
	WorkerCount int `json:"workerCount"`
	// GlobalArgs and GlobalExecArgv were added to every process.
	GlobalArgs     []string `json:"globalArgs,omitempty"`
	GlobalExecArgv []string `json:"globalExecArgv,omitempty"`
	// Source is what the application was started from, where that is no procfile; nil for a procfile.
	Source *Source `json:"source,omitempty"`
	// Environment and Configurator name the path given to pandora.environment() and pandora.configurator(), or say "a
	// class"; "" when none is set.
	Environment  string `json:"environment,omitempty"`
	Configurator string `json:"configurator,omitempty"`
}

// Kind tells how a process is run.
type Kind string

const (
	// KindPlain is an ordinary Node process: cluster.isPrimary is true in it.
	KindPlain Kind = "plain"
	// KindWorker is a cluster worker: its listening sockets are owned by the guard and shared.
	KindWorker Kind = "worker"
)

// Process is one described role of an application; Scale workers run it.
type Process struct {
	AppName string `json:"appName"`
	AppDir  string `json:"appDir"`
	// ProcessName is unique within the application.
	ProcessName string `json:"processName"`
	// Scale is the number of workers, 1..MaxScale; "auto" is already resolved.
	Scale int `json:"scale"`
	// Env is added to the environment of every worker; values are strings, as the child sees them.
	Env map[string]string `json:"env"`
	// EnvFiles are read for every worker, in this order, those of the application included: what a later one says counts,
	// and what the environment of the start says counts more. nil when there are none.
	EnvFiles []EnvFile `json:"envFiles,omitempty"`
	// Secrets are read for every worker, those of the application included; each has another name. They count more than
	// EnvFiles and the environment of the start, and less than Env. nil when there are none.
	Secrets []Secret `json:"secrets,omitempty"`
	// Args follow the entry file in process.argv.
	Args []string `json:"args"`
	// ExecArgv are Node's own options (nodeArgs in a procfile).
	ExecArgv []string `json:"execArgv"`
	// Order is the start order given by .order(n); nil when not set.
	Order *float64 `json:"order,omitempty"`
	// Offset is the original's running number for inspector ports.
	Offset int `json:"offset"`
	// EntryFile is the raw entry (".entry('./app.js')"), resolved by Node from EntryFileBaseDir; "" when the process
	// only hosts services.
	EntryFile string `json:"entryFile,omitempty"`
	// EntryFileBaseDir is the folder EntryFile is resolved from; nil for the built-in processes.
	EntryFileBaseDir *string `json:"entryFileBaseDir"`
	// Cwd is the absolute folder that it runs in; "" is that of the application.
	Cwd string `json:"cwd,omitempty"`
	// Kind is how it runs; see KindPlain and KindWorker.
	Kind Kind `json:"kind"`
	// Policy is what it asks of its supervision; nil means the defaults.
	Policy *Policy `json:"policy,omitempty"`
}

// EntryKind tells what a service's or applet's entry is.
type EntryKind string

const (
	// EntryPath is a module path given as a string.
	EntryPath EntryKind = "path"
	// EntryClass is a class that came from another module.
	EntryClass EntryKind = "class"
	// EntryInline is a class written in the procfile itself.
	EntryInline EntryKind = "inline"
	// EntryFunction is a function that is not a class.
	EntryFunction EntryKind = "function"
	// EntryNone is a service without an entry: legal to describe, an error to start.
	EntryNone EntryKind = "none"
)

// Entry names what a service or applet is made from. Only Node loads it.
type Entry struct {
	Kind EntryKind `json:"kind"`
	// Name is the class or function name, "" when anonymous or not known.
	Name string `json:"name,omitempty"`
	// Path is the module path as written, for EntryPath.
	Path string `json:"path,omitempty"`
}

// Service is one described service or applet.
type Service struct {
	ServiceName string `json:"serviceName"`
	// Category is the process it runs in, or "all" or "weak-all".
	Category string `json:"category"`
	// Dependencies are names of services that start before it: declared by the class first, then chained.
	Dependencies []string `json:"dependencies"`
	// PublishToHub is true after .publish().
	PublishToHub bool `json:"publishToHub"`
	// Config is the literal given to .config(); JSON, {} when none.
	Config any `json:"config"`
	// HasConfigResolver is true after .config(function).
	HasConfigResolver bool  `json:"hasConfigResolver"`
	Entry             Entry `json:"entry"`
}

// CommandEntry is the EntryFile of a process that runs a command, which is its Args, and no script of Node.
const CommandEntry = "pandora:command"

// MaxScale bounds the workers of one process; more is taken as a mistake.
const MaxScale = 1024
