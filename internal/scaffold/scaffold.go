// Package scaffold finds out what a project is, and writes the first procfile for it: Read looks at a folder and gives
// Facts, Make decides what to run and how, and gives a Plan with the text of each file. AddScripts puts scripts into the
// text of a package.json and leaves the rest of it as it is.
//
//	facts, err := scaffold.Read(os.DirFS("/srv/shop"), "")
//	plan, err := scaffold.Make(facts, scaffold.Wish{})
//	fmt.Print(plan.Files[0].Text) // module.exports = (pandora) => { …
//
// Concurrency: functions of their arguments; nothing is kept.
//
// It writes no file, asks nobody, starts nothing, and runs no JavaScript: what a source does is guessed from its text.
package scaffold

// Framework is what an application is built with.
type Framework string

// The frameworks that are told apart. Unknown is a program of which no more is known, Server one that seems to listen.
const (
	Unknown Framework = ""
	Server  Framework = "http"
	Express Framework = "express"
	Koa     Framework = "koa"
	Fastify Framework = "fastify"
	Hapi    Framework = "hapi"
	Nest    Framework = "nest"
	Next    Framework = "next"
	Egg     Framework = "egg"
	// Midway is the midway 1 that has a server of its own; MidwayBoot is what is started by @midwayjs/bootstrap.
	Midway     Framework = "midway"
	MidwayBoot Framework = "midway-bootstrap"
)

// Facts is what is known of a project. The zero value is an empty folder.
type Facts struct {
	// Package is true when there is a package.json; without it the fields up to Dependencies are empty.
	Package bool
	// Name is the package's name as it is written there.
	Name string
	// Module is true for "type": "module": Node takes a .js for an ES module.
	Module  bool
	Main    string
	Scripts map[string]string
	// Dependencies are those that are installed for production, with their ranges.
	Dependencies map[string]string

	Framework Framework
	// Entries are the programs that may be meant, the likeliest first.
	Entries []Entry
	// Looked says in words where an entry was looked for, for whoever is told that there is none.
	Looked []string
	// Procfiles are the names of the procfiles that are there already, ProcessFiles those of PM2's files and of a Procfile.
	Procfiles, ProcessFiles []string
	// Installed is false when there are dependencies and no node_modules folder.
	Installed bool
	// Egg is how egg is started, where no program of the project does it.
	Egg EggStart
	// Alone says why more than one worker may do harm, as a clause; "" when nothing speaks against it.
	Alone string
	// Notes say what else the user should know of what was found, as those of a Plan do.
	Notes []string
}

// EggStart is what egg-scripts is asked for. The zero value is egg's own defaults.
type EggStart struct {
	// Package is the framework, egg or one built on it; File a name that no file has, for the program that starts it.
	Package, File string
	// Framework is what egg-scripts has as --framework; Package is then that one.
	Framework          string
	Port, Workers, Env string
}

// Entry is a program with what it is started with.
type Entry struct {
	// Path is what the procfile names: "./app.js", or "next/dist/bin/next" for a file of a package.
	Path string
	// From says where it was found, such as "scripts.start of package.json"; Command is the script there, if it was one.
	From, Command string
	Env           []Variable
	NodeArgs      []string
	Args          []string
	// DevArgs are those under `pandora dev`; nil where they are the same.
	DevArgs []string
	// Listens is true when it, or a file that it loads, seems to open a port, Clusters when it seems to fork workers itself.
	Listens, Clusters bool
	// Missing is true when a build is yet to make Built, the program or a folder that it serves. Build is the command that
	// does, "" when none is known.
	Missing      bool
	Built, Build string
}

// Variable is one environment variable.
type Variable struct{ Name, Value string }

// TypeScript reports whether the program is written in it.
func (e Entry) TypeScript() bool { return hasEnding(e.Path, ".ts", ".mts", ".cts", ".tsx") }

// Mode is how an application runs.
type Mode string

// Fork is one plain process, Cluster several workers that share the ports they listen on.
const (
	Fork    Mode = "fork"
	Cluster Mode = "cluster"
)

// Wish is what the user asked for. The zero value leaves everything to Make.
type Wish struct {
	Mode Mode
	// Instances is a number from 1 to MaxInstances, or "auto".
	Instances string
	// Name is the name of the process.
	Name       string
	TypeScript bool
}

// MaxInstances is how many workers a process may have.
const MaxInstances = 1024

// Plan is what is to be written.
type Plan struct {
	Framework Framework
	Entry     Entry
	Mode      Mode
	// Instances is a number or "auto"; "1" with Fork.
	Instances string
	// Name is the name of the process.
	Name string
	// Procfile is the file for pandora; Others are programs that it starts and that are not there yet.
	Procfile File
	Others   []File
	// Notes say what the user should know; each is a sentence without its full stop.
	Notes []string
}

// File is a file to write; Name is relative to the application's folder.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}
