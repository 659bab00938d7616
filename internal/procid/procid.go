// Package procid tells processes apart beyond their numbers, which are given again: by when they have started, in which
// boot of the system.
//
//	known := procid.Start(pid)                                  // remember it, with procid.Boot()
//	same := known != "" && procid.Start(pid) == known           // later
//
// Its functions read what the system says at that moment; they may be called from any goroutine. It signals and waits
// for nothing.
package procid
