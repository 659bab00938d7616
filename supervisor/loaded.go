package supervisor

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
)

const (
	// loadedEnv makes Node report each file that it loads as a message to its parent, as it does under node --watch.
	loadedEnv = "WATCH_REPORT_DEPENDENCIES"
	// maxLoaded bounds such a message: it holds one path.
	maxLoaded = 64 << 10
)

// loadedFiles reads a report of Node about files that it has loaded: {"watch:require": [path, …]} or {"watch:import":
// [file URL, …]}. ok is false when the message is the application's own. Relative paths, built-in modules and what comes
// from elsewhere are left out.
func loadedFiles(raw []byte) (files []string, ok bool) {
	if len(raw) > maxLoaded || !bytes.Contains(raw, []byte(`"watch:`)) {
		return nil, false
	}
	var report map[string][]*string
	if json.Unmarshal(raw, &report) != nil || len(report) != 1 {
		return nil, false
	}
	for _, path := range report["watch:require"] {
		if path != nil && filepath.IsAbs(*path) {
			files = append(files, *path)
		}
	}
	for _, address := range report["watch:import"] {
		if address == nil {
			continue
		}
		if u, err := url.Parse(*address); err == nil && u.Scheme == "file" && filepath.IsAbs(u.Path) {
			files = append(files, u.Path)
		}
	}
	_, required := report["watch:require"]
	_, imported := report["watch:import"]
	return files, required || imported
}
