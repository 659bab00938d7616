//go:build !linux

package engine

import "syscall"

// keepDescendants does nothing where a process cannot inherit what its descendants leave behind.
func keepDescendants() {}

// EndTree kills a process group; what has left the group is not found here.
func EndTree(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }
