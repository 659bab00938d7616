//go:build !slow

package main

// daemonKills is how often the daemon is killed under load.
const daemonKills = 3
