package engine

import (
	"io/fs"
	"testing/fstest"
)

// overlay adds the module shared/x.js to the embedded tree.
type overlay struct {
	fs.FS
	source string
}

func (o overlay) Open(name string) (fs.File, error) {
	if name == "shared/x.js" {
		return fstest.MapFS{name: {Data: []byte(o.source)}}.Open(name)
	}
	return o.FS.Open(name)
}
