package metrics

import (
	"os"
)

// newSystemReader reads /proc and the root file system.
func newSystemReader(o SystemOptions) func() systemReading {
	root := o.Root
	if root == nil {
		root = os.DirFS("/")
	}
	space := o.StatFS
	if space == nil {
		space = statFS
	}
	return func() systemReading {
		r := readProc(root)
		if d, err := space("/"); err == nil {
			r.disk = &d
		}
		return r
	}
}
