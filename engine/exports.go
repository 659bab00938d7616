package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// A table is the exports or the imports of a package.json while one key is looked up in it.
type table struct {
	pkg *packageJSON
	// imports says which of the two it is.
	imports bool
	// base is the module that asks, for messages; "" where Node does not name it.
	base       string
	conditions map[string]bool
}

// What resolving a target gives besides a path: nothing applies (try on), or null (not exported, stop).
const (
	targetNone = "none"
	targetNull = "null"
	targetPath = "path"
	// targetName is the name of another package, in imports.
	targetName = "name"
)

// exported resolves a subpath ("." or "./x") through the package's exports.
func (r *resolver) exported(pkg *packageJSON, subpath, base string, q query) (string, error) {
	t := table{pkg: pkg, base: base, conditions: q.conditions}
	entries, err := t.exportsMap(pkg.exports)
	if err != nil {
		return "", err
	}
	kind, target, err := t.match(entries, subpath)
	if err != nil {
		return "", err
	}
	if kind != targetPath {
		what := fmt.Sprintf("Package subpath '%s' is not defined by \"exports\" in %s", subpath, pkg.path)
		if subpath == "." {
			what = fmt.Sprintf("No \"exports\" main defined in %s", pkg.path)
		}
		return "", &moduleError{Code: "ERR_PACKAGE_PATH_NOT_EXPORTED", Message: what + importedFrom(base)}
	}
	return t.exactFile(target)
}

func importedFrom(base string) string {
	if base == "" {
		return ""
	}
	return " imported from " + base
}

// imported resolves "#name" through the imports of the package that the asking file belongs to. "" means it has none.
func (r *resolver) imported(q query) (string, error) {
	pkg, err := r.scope(filepath.Dir(q.file))
	if err != nil || pkg == nil || pkg.imports == nil {
		return "", err
	}
	if q.spec == "#" || strings.HasPrefix(q.spec, "#/") || strings.HasSuffix(q.spec, "/") {
		return "", invalidSpecifier(q.spec, "is not a valid internal imports specifier name", q.file)
	}
	t := table{pkg: pkg, imports: true, base: q.file, conditions: q.conditions}
	entries, _ := pkg.imports.(*orderedObject)
	if entries == nil {
		entries = &orderedObject{}
	}
	kind, target, err := t.match(entries, q.spec)
	switch {
	case err != nil:
		return "", err
	case kind == targetPath:
		return t.exactFile(target)
	case kind == targetName:
		return r.fromImports(target, q, t)
	}
	return "", &moduleError{Code: "ERR_PACKAGE_IMPORT_NOT_DEFINED", Type: "TypeError",
		Message: fmt.Sprintf("Package import specifier \"%s\" is not defined in package %s imported from %s", q.spec, pkg.path, q.file)}
}

// fromImports resolves the package that an import stands for. As for ES modules, no extension is tried.
func (r *resolver) fromImports(name string, q query, t table) (string, error) {
	missing := &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s'", q.spec)}
	if slices.Contains(importableCore(), name) {
		return "", &moduleError{Code: "ERR_INVALID_URL_SCHEME", Type: "TypeError", Message: "The URL must be of scheme file"}
	}
	if t.pkg.exports != nil && t.pkg.name != "" {
		if rest, ok := strings.CutPrefix(name+"/", t.pkg.name+"/"); ok {
			return r.exported(t.pkg, strings.TrimSuffix("./"+rest, "/"), t.pkg.path, q)
		}
	}
	short, subpath := splitName(name)
	if short == "" {
		return "", missing
	}
	for _, folder := range nodeModulePaths(t.pkg.dir) {
		dir := filepath.Join(folder, short)
		if !isDir(dir) {
			continue
		}
		pkg, err := r.packageAt(dir)
		if err != nil {
			return "", err
		}
		if pkg != nil && pkg.exports != nil {
			return r.exported(pkg, subpath, t.pkg.path, q)
		}
		if subpath != "." {
			if path := filepath.Join(dir, subpath); isFile(path) {
				return realPath(path)
			}
			return "", &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s'", filepath.Join(dir, subpath)), Path: t.pkg.path}
		}
		found, err := r.asFolder(dir, query{spec: name, extensions: []string{".js", ".json", ".node"}})
		if err != nil || found == "" {
			return "", missing
		}
		return realPath(found)
	}
	return "", missing
}

// importableCore lists core modules that imports are known to point at; Node cannot require them so either.
func importableCore() []string {
	return []string{"assert", "buffer", "child_process", "cluster", "crypto", "dns", "events", "fs", "fs/promises", "http", "http2", "https",
		"net", "os", "path", "process", "querystring", "readline", "stream", "string_decoder", "timers", "tls", "tty", "url", "util", "v8", "vm", "worker_threads", "zlib"}
}

func invalidSpecifier(spec, reason, base string) error {
	return &moduleError{Code: "ERR_INVALID_MODULE_SPECIFIER", Type: "TypeError", Message: fmt.Sprintf("Invalid module \"%s\" %s%s", spec, reason, importedFrom(base))}
}

// exactFile checks that a target exists: no extension is tried there.
func (t table) exactFile(path string) (string, error) {
	plain, err := url.PathUnescape(path)
	if encodedSlash().MatchString(path) || err != nil {
		return "", invalidSpecifier((&url.URL{Scheme: "file", Opaque: "//" + path}).String(), "must not include encoded \"/\" or \"\\\" characters", t.base)
	}
	if !isFile(plain) {
		return "", &moduleError{Code: "MODULE_NOT_FOUND", Message: fmt.Sprintf("Cannot find module '%s'", plain), Path: t.pkg.path}
	}
	return realPath(plain)
}

var encodedSlash = lazyPattern(`(?i)%2f|%5c`)

// exportsMap brings the short forms of exports into the form {".": …}.
func (t table) exportsMap(exports any) (*orderedObject, error) {
	object, ok := exports.(*orderedObject)
	if !ok {
		switch exports.(type) {
		case string, []any:
			return &orderedObject{keys: []string{"."}, values: map[string]any{".": exports}}, nil
		}
		return &orderedObject{}, nil
	}
	dotted := 0
	for _, key := range object.keys {
		if strings.HasPrefix(key, ".") {
			dotted++
		}
	}
	switch {
	case dotted == len(object.keys):
		return object, nil
	case dotted == 0:
		return &orderedObject{keys: []string{"."}, values: map[string]any{".": exports}}, nil
	}
	return nil, t.invalidConfig("\"exports\" cannot contain some keys starting with '.' and some not. The exports object must either be an object of package subpath keys or an object of main entry condition name keys only.")
}

func (t table) invalidConfig(what string) error {
	while := ""
	if t.base != "" {
		while = " while importing " + t.base
	}
	return &moduleError{Code: "ERR_INVALID_PACKAGE_CONFIG", Message: fmt.Sprintf("Invalid package config %s%s. %s", t.pkg.path, while, what)}
}

// match finds the entry for key, by name or by the most specific pattern, and resolves its target.
func (t table) match(entries *orderedObject, key string) (kind, target string, err error) {
	if value, ok := entries.values[key]; ok && !strings.Contains(key, "*") && (t.imports || !strings.HasSuffix(key, "/")) {
		return t.target(value, "", false, key)
	}
	best, bestPrefix := "", -1
	for _, pattern := range entries.keys {
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
		return targetNone, "", nil
	}
	suffix := best[bestPrefix+1:]
	return t.target(entries.values[best], key[bestPrefix:len(key)-len(suffix)], true, best)
}

// target resolves one target: a path, a list of alternatives, or conditions. The path is absolute and still escaped.
func (t table) target(target any, star string, pattern bool, key string) (kind, path string, err error) {
	switch target := target.(type) {
	case string:
		return t.text(target, star, pattern, key)
	case []any:
		kind := targetNone
		if len(target) == 0 {
			return targetNull, "", nil
		}
		var last error
		for _, one := range target {
			oneKind, path, err := t.target(one, star, pattern, key)
			var e *moduleError
			switch {
			case errors.As(err, &e) && e.Code == "ERR_INVALID_PACKAGE_TARGET":
				last = err
				continue
			case err != nil:
				return "", "", err
			case oneKind == targetPath || oneKind == targetName:
				return oneKind, path, nil
			case oneKind == targetNull:
				kind, last = targetNull, nil
			}
		}
		return kind, "", last
	case *orderedObject:
		if slices.ContainsFunc(target.keys, isArrayIndex) {
			return "", "", t.invalidConfig("\"exports\" cannot contain numeric property keys.")
		}
		for _, condition := range target.keys {
			if condition == "default" || t.conditions[condition] {
				kind, path, err := t.target(target.values[condition], star, pattern, key)
				if err != nil || kind != targetNone {
					return kind, path, err
				}
			}
		}
		return targetNone, "", nil
	case jsonNull:
		return targetNull, "", nil
	}
	return "", "", t.invalidTarget(target, key)
}

func isArrayIndex(key string) bool {
	return key != "" && len(key) <= 10 && strings.Trim(key, "0123456789") == "" && (key == "0" || key[0] != '0')
}

func (t table) invalidTarget(target any, key string) error {
	text, ok := target.(string)
	if !ok {
		plain, _ := json.Marshal(target)
		text = string(plain)
	}
	shown, _ := json.Marshal(text)
	hint := ""
	if !t.imports && text != "" && !strings.HasPrefix(text, "./") {
		hint = "; targets must start with \"./\""
	}
	what := "exports"
	if t.imports {
		what = "imports"
	}
	message := fmt.Sprintf("Invalid \"%s\" target %s defined for '%s' in the package config %s", what, shown, key, t.pkg.path)
	if key == "." {
		message = fmt.Sprintf("Invalid \"exports\" main target %s defined in the package config %s", shown, t.pkg.path)
	}
	return &moduleError{Code: "ERR_INVALID_PACKAGE_TARGET", Message: message + importedFrom(t.base) + hint}
}

// badSegment finds ".", ".." and "node_modules" as parts of a path, also where they are escaped.
var badSegment = lazyPattern(`(?i)(^|\\|/)((\.|%2e)(\.|%2e)?|(n|%6e|%4e)(o|%6f|%4f)(d|%64|%44)(e|%65|%45)(_|%5f)(m|%6d|%4d)(o|%6f|%4f)(d|%64|%44)(u|%75|%55)(l|%6c|%4c)(e|%65|%45)(s|%73|%53))(\\|/|$)`)

func (t table) text(target, star string, pattern bool, key string) (kind, path string, err error) {
	if star != "" && !pattern && !strings.HasSuffix(target, "/") {
		return "", "", t.invalidTarget(target, key)
	}
	filled := target
	if pattern {
		filled = strings.ReplaceAll(target, "*", star)
	}
	if !strings.HasPrefix(target, "./") {
		if t.imports && !strings.HasPrefix(target, "../") && !strings.HasPrefix(target, "/") && !looksLikeURL(target) {
			return targetName, filled, nil
		}
		return "", "", t.invalidTarget(target, key)
	}
	if badSegment().MatchString(target[2:]) {
		return "", "", t.invalidTarget(target, key)
	}
	if badSegment().MatchString(star) {
		what := "exports"
		if t.imports {
			what = "imports"
		}
		return "", "", invalidSpecifier(strings.Replace(key, "*", star, 1),
			fmt.Sprintf("request is not a valid match in pattern \"%s\" for the \"%s\" resolution of %s", key, what, t.pkg.path), t.base)
	}
	// A target is a URL: what follows a question mark or a hash is no part of the file's name.
	filled, _, _ = strings.Cut(filled, "#")
	filled, _, _ = strings.Cut(filled, "?")
	escaped := (&url.URL{Path: t.pkg.dir}).EscapedPath()
	return targetPath, escaped + "/" + strings.ReplaceAll(filled[2:], "\\", "/"), nil
}

// looksLikeURL reports whether a target would be taken for a URL, such as "node:fs".
func looksLikeURL(target string) bool {
	u, err := url.Parse(target)
	return err == nil && u.Scheme != ""
}
