//go:build !linux

package rotate

import "os"

// Block is the unit in which Collapse takes bytes away from a file.
func Block(os.FileInfo) int64 { return 4096 }

// Collapse takes the first n bytes of a file away while others go on appending to it; here it cannot.
func Collapse(*os.File, int64) error { return ErrNoCollapse }

// copyDirect copies nothing here.
func copyDirect(*os.File, string, int64, int64) int64 { return 0 }

// Flush is for Collapse.
func Flush(*os.File, int64) {}
