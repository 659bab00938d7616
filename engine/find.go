package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// typeScriptExtensions follow those of Node where a worker loads a path that has none; as in js/node.
var typeScriptExtensions = [...]string{".ts", ".cts", ".mts"}

// Find returns the real path of the file that a worker loads for a request ("./app", "/srv/app/web.ts", "egg") given in
// the folder dir, resolved as Node of a version such as "v20.20.2" ("" when not known) does, and with the extensions of
// TypeScript after Node's own. The error names the request; a module of Node's own ("node:http") is returned as it is.
func Find(nodeVersion, dir, request string) (string, error) {
	if strings.HasPrefix(request, "node:") {
		return request, nil
	}
	q := query{spec: request, file: filepath.Join(dir, "procfile.js"), paths: nodeModulePaths(dir)}
	if isRelative(request) {
		q.paths = []string{dir}
	}
	path, err := newResolver(nodeVersion).resolve(q)
	var missing *moduleError
	if err == nil || !errors.As(err, &missing) || !missing.Asked {
		return path, err
	}
	if !isRelative(request) && !filepath.IsAbs(request) {
		return "", err
	}
	at := request
	if !filepath.IsAbs(at) {
		at = filepath.Join(dir, at)
	}
	for _, base := range []string{at, filepath.Join(at, "index")} {
		for _, extension := range typeScriptExtensions {
			if info, err := os.Stat(base + extension); err == nil && info.Mode().IsRegular() {
				return realPath(base + extension)
			}
		}
	}
	return "", err
}
