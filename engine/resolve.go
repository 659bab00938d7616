package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// moduleError is an error of module resolution or loading, thrown to JavaScript with its code as Node does.
type moduleError struct {
	// Code is Node's, "" for errors that have none. Type is the class in JavaScript, "" for Error.
	Code, Type, Message string
	// Path and RequestPath become properties of those names where they are set.
	Path, RequestPath string
	// Asked is set where the error is to name the files that asked, as Node does for a name or path not found.
	Asked bool
}

// Error returns the message alone, as Node shows it.
func (e *moduleError) Error() string { return e.Message }

// resolver finds the file a specifier means, as Node's CommonJS loader does. It is not safe for concurrent use.
type resolver struct {
	packages map[string]*packageJSON
	// conditions are the names that count in conditional exports for require, "default" apart.
	conditions map[string]bool
	// oldConfigErrors says that a broken package.json is a SyntaxError without code, as before Node 22.
	oldConfigErrors bool
}

// newResolver resolves as the Node of the given version, such as "v20.20.2", does.
func newResolver(nodeVersion string) *resolver {
	var major, minor int
	_, _ = fmt.Sscanf(nodeVersion, "v%d.%d", &major, &minor)
	conditions := map[string]bool{"node": true, "require": true, "node-addons": true}
	if major == 20 && minor >= 19 || major == 22 && minor >= 12 || major > 22 {
		conditions["module-sync"] = true
	}
	return &resolver{packages: map[string]*packageJSON{}, conditions: conditions, oldConfigErrors: major < 22}
}

// query is one request of a module.
type query struct {
	spec string
	// file is the module that asks, "" if it has no file: then neither imports nor self-reference are tried.
	file string
	// paths are the folders to look in: those of node_modules for a bare name, the module's own for a relative one.
	paths []string
	// extensions are tried in turn after the name as it is; nil means those of Node.
	extensions []string
	// conditions replace those of require; nil means require's.
	conditions map[string]bool
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// resolve returns the real path of the file that q asks for.
func (r *resolver) resolve(q query) (string, error) {
	if q.conditions == nil {
		q.conditions = r.conditions
	}
	if q.extensions == nil {
		q.extensions = []string{".js", ".json", ".node"}
	}
	if strings.ContainsRune(q.spec, 0) {
		return "", notFound(q.spec)
	}
	if q.file != "" {
		if strings.HasPrefix(q.spec, "#") {
			if path, err := r.imported(q); path != "" || err != nil {
				return path, err
			}
		}
		if path, err := r.self(q); path != "" || err != nil {
			return path, err
		}
	}
	path, err := r.find(q)
	if path == "" && err == nil {
		err = notFound(q.spec)
	}
	return path, err
}

// find looks q up in its paths. "" means that there is nothing.
func (r *resolver) find(q query) (string, error) {
	absolute := filepath.IsAbs(q.spec)
	if absolute {
		q.paths = []string{"/"}
	}
	trailing := strings.HasSuffix(q.spec, "/") || q.spec == "." || q.spec == ".." || strings.HasSuffix(q.spec, "/.") || strings.HasSuffix(q.spec, "/..")
	for _, dir := range q.paths {
		if !absolute {
			if !isDir(dir) {
				continue
			}
			path, err := r.inFolder(dir, q)
			if path != "" || err != nil {
				return path, err
			}
		}
		path := filepath.Join(dir, q.spec)
		if absolute {
			path = filepath.Clean(q.spec)
		}
		found := ""
		info, err := os.Stat(path)
		if !trailing {
			if err == nil && !info.IsDir() {
				found = path
			} else {
				found = withExtension(path, q.extensions)
			}
		}
		if found == "" && err == nil && info.IsDir() {
			found, err = r.asFolder(path, q)
			if err != nil {
				return "", err
			}
		}
		if found != "" {
			return realPath(found)
		}
	}
	return "", nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isFile reports whether path is something that can be read as a file.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func withExtension(path string, extensions []string) string {
	for _, extension := range extensions {
		if isFile(path + extension) {
			return path + extension
		}
	}
	return ""
}

// asFolder resolves dir by the main of its package.json, then by its index. "" means there is nothing to load.
func (r *resolver) asFolder(dir string, q query) (string, error) {
	pkg, err := r.packageAt(dir)
	if err != nil {
		return "", err
	}
	index := withExtension(filepath.Join(dir, "index"), q.extensions)
	if pkg == nil || pkg.main == "" {
		return index, nil
	}
	path := filepath.Join(dir, pkg.main)
	if isFile(path) {
		return path, nil
	}
	if found := withExtension(path, q.extensions); found != "" {
		return found, nil
	}
	if found := withExtension(filepath.Join(path, "index"), q.extensions); found != "" {
		return found, nil
	}
	if index == "" {
		return "", &moduleError{Code: "MODULE_NOT_FOUND", Path: pkg.path, RequestPath: q.spec,
			Message: fmt.Sprintf("Cannot find module '%s'. Please verify that the package.json has a valid \"main\" entry", path)}
	}
	return index, nil
}

// packageAt returns the package.json of exactly this folder, or nil.
func (r *resolver) packageAt(dir string) (*packageJSON, error) {
	if pkg, ok := r.packages[dir]; ok {
		return pkg, nil
	}
	pkg, err := readPackageJSON(dir)
	var e *moduleError
	if errors.As(err, &e) && r.oldConfigErrors && e.Code == "ERR_INVALID_PACKAGE_CONFIG" {
		_, what, _ := strings.Cut(e.Message, ": ")
		e.Code, e.Type, e.Path = "", "SyntaxError", filepath.Join(dir, "package.json")
		e.Message = fmt.Sprintf("Error parsing %s: %s", e.Path, what)
	}
	if err == nil {
		r.packages[dir] = pkg
	}
	return pkg, err
}

// scope returns the package that a file in dir belongs to, or nil.
func (r *resolver) scope(dir string) (*packageJSON, error) {
	for {
		if filepath.Base(dir) == "node_modules" {
			return nil, nil
		}
		pkg, err := r.packageAt(dir)
		if pkg != nil || err != nil {
			return pkg, err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, nil
		}
		dir = parent
	}
}

// splitName cuts "@scope/name/sub/path" into "@scope/name" and "./sub/path" ("." for none). The name is "" where the
// specifier cannot be that of a package.
func splitName(spec string) (name, subpath string) {
	if spec == "" || strings.HasPrefix(spec, ".") {
		return "", "."
	}
	cut := strings.IndexByte(spec, '/')
	if strings.HasPrefix(spec, "@") {
		if cut < 2 || cut+1 == len(spec) {
			return "", "."
		}
		if second := strings.IndexByte(spec[cut+1:], '/'); second >= 0 {
			cut += 1 + second
		} else {
			cut = -1
		}
	}
	name, subpath = spec, "."
	if cut >= 0 {
		name, subpath = spec[:cut], "."+spec[cut:]
	}
	if strings.ContainsAny(name, "\\%") {
		return "", "."
	}
	return name, subpath
}

// inFolder resolves q by the exports of a package in one node_modules folder. "" means it has none.
func (r *resolver) inFolder(folder string, q query) (string, error) {
	name, subpath := splitName(q.spec)
	if name == "" {
		return "", nil
	}
	pkg, err := r.packageAt(filepath.Join(folder, name))
	if err != nil || pkg == nil || pkg.exports == nil {
		return "", err
	}
	return r.exported(pkg, subpath, "", q)
}

// self resolves a package's own name through its exports.
func (r *resolver) self(q query) (string, error) {
	pkg, err := r.scope(filepath.Dir(q.file))
	if err != nil || pkg == nil || pkg.exports == nil || pkg.name == "" {
		return "", err
	}
	if q.spec == pkg.name {
		return r.exported(pkg, ".", q.file, q)
	}
	if rest, ok := strings.CutPrefix(q.spec, pkg.name+"/"); ok {
		return r.exported(pkg, "./"+rest, q.file, q)
	}
	return "", nil
}

// nodeModulePaths lists the node_modules folders of dir and its parents, nearest first.
func nodeModulePaths(dir string) []string {
	var all []string
	for {
		if filepath.Base(dir) != "node_modules" {
			all = append(all, filepath.Join(dir, "node_modules"))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return all
		}
		dir = parent
	}
}

func realPath(path string) (string, error) {
	found, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s': %v", path, err)}
	}
	return filepath.Abs(found)
}

func notFound(spec string) error {
	return &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s'", spec), Asked: true}
}

// isRelative reports whether a specifier names a file by path.
func isRelative(spec string) bool {
	return spec == "." || spec == ".." || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../")
}
