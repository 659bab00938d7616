package engine

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// moduleError is an error of module resolution or loading, thrown to JavaScript with its code as Node does.
type moduleError struct {
	Code, Message string
	// Asked is set where the error is to name the files that asked, as Node does for a name or path not found.
	Asked bool
}

// Error returns the message alone, as Node shows it.
func (e *moduleError) Error() string { return e.Message }

// resolver finds the file a specifier means, as Node's CommonJS loader does. It is not safe for concurrent use.
type resolver struct {
	packages map[string]*packageJSON
	// extra are the folders of NODE_PATH.
	extra []string
}

func newResolver(nodePath string) *resolver {
	r := &resolver{packages: map[string]*packageJSON{}}
	for _, dir := range filepath.SplitList(nodePath) {
		if dir != "" {
			r.extra = append(r.extra, dir)
		}
	}
	return r
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// isRelative reports whether a specifier names a file by path.
func isRelative(spec string) bool {
	return spec == "." || spec == ".." || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../")
}

// resolve returns the real path of the file that spec means for a module in the folder dir. With paths, bare names and
// relative ones are looked up from those folders instead of dir.
func (r *resolver) resolve(spec, dir string, paths []string) (string, error) {
	if spec == "" {
		return "", &moduleError{Code: "ERR_INVALID_ARG_VALUE", Message: "The argument 'id' must be a non-empty string. Received ''"}
	}
	if strings.ContainsRune(spec, 0) {
		return "", notFound(spec)
	}
	switch {
	case filepath.IsAbs(spec):
		return r.byPath(filepath.Clean(spec), spec)
	case isRelative(spec):
		if paths == nil {
			paths = []string{dir}
		}
		for _, base := range paths {
			path, err := r.byPath(filepath.Join(base, spec), spec)
			if err == nil || !isMissing(err) {
				return path, err
			}
		}
		return "", notFound(spec)
	case strings.HasPrefix(spec, "#"):
		return r.imported(spec, dir)
	}
	if path, err := r.self(spec, dir); path != "" || err != nil {
		return path, err
	}
	var folders []string
	if paths == nil {
		folders = nodeModulePaths(dir)
	}
	for _, base := range paths {
		folders = append(folders, nodeModulePaths(base)...)
	}
	for _, folder := range append(folders, r.extra...) {
		path, err := r.inFolder(folder, spec)
		if path != "" || err != nil {
			return path, err
		}
	}
	return "", notFound(spec)
}

// byPath resolves a path as a file, then as a folder.
func (r *resolver) byPath(path, spec string) (string, error) {
	trailing := strings.HasSuffix(spec, "/") || strings.HasSuffix(spec, "/.") || strings.HasSuffix(spec, "/..") || spec == "." || spec == ".."
	if !trailing {
		if found := asFile(path); found != "" {
			return realPath(found)
		}
	}
	found, err := r.asFolder(path)
	if err != nil {
		return "", err
	}
	if found == "" {
		return "", notFound(spec)
	}
	return realPath(found)
}

// isFile reports whether path is something that can be read as a file.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// asFile tries path itself and with the extensions that Node tries.
func asFile(path string) string {
	for _, ext := range []string{"", ".js", ".json", ".node"} {
		if isFile(path + ext) {
			return path + ext
		}
	}
	return ""
}

func asIndex(dir string) string {
	for _, name := range []string{"index.js", "index.json", "index.node"} {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	return ""
}

// asFolder resolves dir by the main of its package.json, then by its index. "" means there is nothing to load.
func (r *resolver) asFolder(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", nil
	}
	pkg, err := r.packageAt(dir)
	if err != nil {
		return "", err
	}
	if pkg != nil && pkg.main != "" {
		path := filepath.Join(dir, pkg.main)
		if found := asFile(path); found != "" {
			return found, nil
		}
		if found := asIndex(path); found != "" {
			return found, nil
		}
	}
	found := asIndex(dir)
	if found == "" && pkg != nil && pkg.main != "" {
		return "", &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s'. Please verify that the package.json has a valid \"main\" entry", filepath.Join(dir, pkg.main))}
	}
	return found, nil
}

// packageAt returns the package.json of exactly this folder, or nil.
func (r *resolver) packageAt(dir string) (*packageJSON, error) {
	if pkg, ok := r.packages[dir]; ok {
		return pkg, nil
	}
	pkg, err := readPackageJSON(dir)
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

// splitName cuts "@scope/name/sub/path" into "@scope/name" and "./sub/path" ("." for none).
func splitName(spec string) (name, subpath string) {
	cut := strings.IndexByte(spec, '/')
	if strings.HasPrefix(spec, "@") && cut >= 0 {
		if second := strings.IndexByte(spec[cut+1:], '/'); second >= 0 {
			cut += 1 + second
		} else {
			cut = -1
		}
	}
	if cut < 0 {
		return spec, "."
	}
	return spec[:cut], "." + spec[cut:]
}

// inFolder looks spec up in one node_modules folder. "" means it is not there.
func (r *resolver) inFolder(folder, spec string) (string, error) {
	name, subpath := splitName(spec)
	dir := filepath.Join(folder, name)
	pkg, err := r.packageAt(dir)
	if err != nil {
		return "", err
	}
	if pkg != nil && pkg.exports != nil {
		return r.exported(pkg, subpath)
	}
	path, err := r.byPath(filepath.Join(folder, spec), spec)
	if isMissing(err) && !strings.Contains(err.Error(), "\"main\" entry") {
		return "", nil
	}
	return path, err
}

// self resolves a package's own name through its exports.
func (r *resolver) self(spec, dir string) (string, error) {
	pkg, err := r.scope(dir)
	if err != nil || pkg == nil || pkg.exports == nil {
		return "", nil
	}
	name, subpath := splitName(spec)
	if pkg.name == "" || name != pkg.name {
		return "", nil
	}
	return r.exported(pkg, subpath)
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

func isMissing(err error) bool {
	var e *moduleError
	return errors.As(err, &e) && e.Code == "MODULE_NOT_FOUND"
}

// exported resolves a subpath ("." or "./x") through the package's exports.
func (r *resolver) exported(pkg *packageJSON, subpath string) (string, error) {
	target, ok, err := r.match(pkg, exportsMap(pkg.exports), subpath)
	if err != nil {
		return "", err
	}
	if !ok {
		what := fmt.Sprintf("Package subpath '%s' is not defined by \"exports\" in %s", subpath, pkg.path)
		if subpath == "." {
			what = fmt.Sprintf("No \"exports\" main defined in %s", pkg.path)
		}
		return "", &moduleError{Code: "ERR_PACKAGE_PATH_NOT_EXPORTED", Message: what}
	}
	return exactFile(target, subpath)
}

// imported resolves "#name" through the imports of the package that dir belongs to.
func (r *resolver) imported(spec, dir string) (string, error) {
	pkg, err := r.scope(dir)
	if err != nil {
		return "", err
	}
	if pkg != nil {
		if imports, ok := pkg.imports.(*orderedObject); ok && spec != "#" && !strings.HasPrefix(spec, "#/") {
			target, ok, err := r.match(pkg, imports, spec)
			if err != nil {
				return "", err
			}
			if ok {
				if !filepath.IsAbs(target) {
					return r.resolve(target, pkg.dir, nil)
				}
				return exactFile(target, spec)
			}
		}
	}
	where := ""
	if pkg != nil {
		where = " in package " + pkg.path
	}
	return "", &moduleError{Code: "ERR_PACKAGE_IMPORT_NOT_DEFINED", Message: fmt.Sprintf("Package import specifier \"%s\" is not defined%s imported from %s", spec, where, dir)}
}

// exactFile checks that a target of exports exists: no extension is tried there.
func exactFile(path, spec string) (string, error) {
	if !isFile(path) {
		return "", &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s' (for \"%s\")", path, spec)}
	}
	return realPath(path)
}

// exportsMap brings the short forms of exports into the form {".": …}.
func exportsMap(exports any) *orderedObject {
	if object, ok := exports.(*orderedObject); ok {
		if slices.ContainsFunc(object.keys, func(key string) bool { return strings.HasPrefix(key, ".") }) {
			return object
		}
	}
	return &orderedObject{keys: []string{"."}, values: map[string]any{".": exports}}
}

// match finds the entry of table for key, by name or by the most specific pattern, and resolves its target.
func (r *resolver) match(pkg *packageJSON, table *orderedObject, key string) (string, bool, error) {
	if target, ok := table.values[key]; ok && !strings.Contains(key, "*") && !strings.HasSuffix(key, "/") {
		return r.target(pkg, target, "", key)
	}
	best, bestPrefix := "", -1
	for _, pattern := range table.keys {
		prefix, suffix, ok := strings.Cut(pattern, "*")
		if !ok || strings.Contains(suffix, "*") {
			continue
		}
		if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, suffix) && len(key) >= len(pattern) &&
			(len(prefix) > bestPrefix || len(prefix) == bestPrefix && len(pattern) > len(best)) {
			best, bestPrefix = pattern, len(prefix)
		}
	}
	if bestPrefix < 0 {
		return "", false, nil
	}
	suffix := best[bestPrefix+1:]
	return r.target(pkg, table.values[best], key[bestPrefix:len(key)-len(suffix)], key)
}

// target resolves one target: a path, a list of alternatives, or conditions. The result is an absolute path, or a bare
// name for an import that points at another package.
func (r *resolver) target(pkg *packageJSON, target any, star, key string) (string, bool, error) {
	switch target := target.(type) {
	case string:
		path, err := targetPath(pkg, target, star, key)
		return path, err == nil, err
	case []any:
		var last error
		for _, one := range target {
			path, ok, err := r.target(pkg, one, star, key)
			if ok {
				return path, true, nil
			}
			last = err
		}
		return "", false, last
	case *orderedObject:
		for _, condition := range target.keys {
			switch condition {
			case "node", "require", "default", "node-addons":
				value := target.values[condition]
				if value == false {
					return "", false, nil
				}
				path, ok, err := r.target(pkg, value, star, key)
				if ok || err != nil {
					return path, ok, err
				}
			}
		}
	}
	return "", false, nil
}

func targetPath(pkg *packageJSON, target, star, key string) (string, error) {
	invalid := &moduleError{Code: "ERR_INVALID_PACKAGE_TARGET", Message: fmt.Sprintf("Invalid target \"%s\" defined for '%s' in the package config %s", target, key, pkg.path)}
	filled := strings.ReplaceAll(target, "*", star)
	if !strings.HasPrefix(target, "./") {
		if strings.HasPrefix(key, "#") && !strings.HasPrefix(target, "../") && !strings.HasPrefix(target, "/") {
			return filled, nil
		}
		return "", invalid
	}
	for i, part := range strings.FieldsFunc(filled, func(c rune) bool { return c == '/' || c == '\\' }) {
		if plain, err := url.PathUnescape(part); err == nil {
			part = plain
		}
		if i > 0 && (part == "." || part == ".." || part == "node_modules") {
			return "", invalid
		}
	}
	return filepath.Join(pkg.dir, filled), nil
}
