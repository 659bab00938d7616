package engine

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/unistring"
)

// importConditions are the conditions of import statements.
func (r *resolver) importConditions() map[string]bool {
	conditions := maps.Clone(r.conditions)
	delete(conditions, "require")
	conditions["import"] = true
	return conditions
}

// bareHelpers makes esbuild's helpers for imports and exports give what they get: the require of an ES module answers
// with namespaces already, by Node's rules, and makes them of the exports as they are.
func bareHelpers(body *ast.FunctionLiteral) {
	for _, statement := range body.Body.List {
		variable, ok := statement.(*ast.VariableStatement)
		if !ok || len(variable.List) != 1 {
			continue
		}
		binding := variable.List[0]
		if id, ok := binding.Target.(*ast.Identifier); !ok || id.Name != "__toESM" && id.Name != "__toCommonJS" {
			continue
		}
		if arrow, ok := binding.Initializer.(*ast.ArrowFunctionLiteral); ok {
			arrow.Body = &ast.ExpressionBody{Expression: &ast.Identifier{Name: "mod", Idx: arrow.Idx0()}}
		}
	}
}

// importedNames lists, by request, the exports that a transformed ES module imports by name: the members it uses of
// variables that esbuild called import_….
func importedNames(body *ast.FunctionLiteral) map[string][]string {
	requests := map[unistring.String]string{}
	for _, statement := range body.Body.List {
		variable, ok := statement.(*ast.VariableStatement)
		if !ok || len(variable.List) != 1 {
			continue
		}
		id, ok := variable.List[0].Target.(*ast.Identifier)
		inner, _ := throughHelper(variable.List[0].Initializer)
		call, isRequired := required(inner)
		if ok && isRequired && strings.HasPrefix(string(id.Name), "import_") {
			requests[id.Name] = string(call.ArgumentList[0].(*ast.StringLiteral).Value)
		}
	}
	names := map[string][]string{}
	walk(body.Body, func(node any) bool {
		dot, ok := node.(*ast.DotExpression)
		if !ok {
			return true
		}
		id, ok := dot.Left.(*ast.Identifier)
		if !ok {
			return true
		}
		name := dot.Identifier.Name.String()
		if request, ok := requests[id.Name]; ok && !slices.Contains(names[request], name) {
			names[request] = append(names[request], name)
		}
		return true
	})
	return names
}

const (
	// maxFollowed bounds how many files are read to learn the names that a CommonJS module exports.
	maxFollowed = 20
)

// hiddenExports is the loader's native that looks for exported names in the text of a CommonJS module, as Node does
// before it runs one for an import statement. It returns the first name that does not stand there plainly, or undefined.
func (r *Runtime) hiddenExports(call goja.FunctionCall) goja.Value {
	var wanted []string
	if err := r.vm.ExportTo(call.Argument(1), &wanted); err != nil || len(wanted) == 0 {
		return goja.Undefined()
	}
	names := map[string]bool{}
	r.collectExports(call.Argument(0).String(), names, map[string]bool{})
	for _, name := range wanted {
		if !names[name] {
			return r.vm.ToValue(name)
		}
	}
	return goja.Undefined()
}

var (
	exportAssignment = lazyPattern(`\bexports(?:\.([\w$]+)|\[\s*['"]([^'"\n]+)['"]\s*\])\s*=[^=]`)
	exportDefinition = lazyPattern(`\bObject\.defineProperty\(\s*(?:module\.)?exports\s*,\s*['"]([^'"\n]+)['"]\s*,\s*\{\s*(?:enumerable\s*:\s*(?:true|!0)\s*,\s*)?(?:value\s*:|get\b)`)
	exportLiteral    = lazyPattern(`\bmodule\.exports\s*=\s*\{`)
	literalMember    = lazyPattern(`^\s*(?:([\w$]+)|['"]([^'"\n]+)['"])\s*(:\s*[\w$]+\s*)?([,}])?`)
	exportAgain      = lazyPattern(`(?:\bmodule\.exports\s*=\s*|\b(?:__exportStar|__export|tslib(?:_\d+)?\.__exportStar)\(\s*)require\(\s*['"]([^'"\n]+)['"]\s*\)`)
	comment          = lazyPattern(`(?s)/\*.*?\*/|(?m:^[ \t]*//.*$)`)
)

// collectExports adds the names that stand in one file and in those it exports again.
func (r *Runtime) collectExports(path string, names, seen map[string]bool) {
	if seen[path] || len(seen) >= maxFollowed {
		return
	}
	seen[path] = true
	data, err := os.ReadFile(path)
	if err != nil || len(data) > maxSource {
		return
	}
	source := comment().ReplaceAllString(string(data), "")
	for _, pattern := range []func() *regexp.Regexp{exportAssignment, exportDefinition} {
		for _, found := range pattern().FindAllStringSubmatch(source, -1) {
			names[strings.Join(found[1:], "")] = true
		}
	}
	for _, at := range exportLiteral().FindAllStringIndex(source, -1) {
		for rest := source[at[1]:]; ; {
			found := literalMember().FindStringSubmatch(rest)
			if found == nil {
				break
			}
			names[found[1]+found[2]] = true
			rest = rest[len(found[0]):]
			if found[4] != "," {
				break
			}
		}
	}
	for _, found := range exportAgain().FindAllStringSubmatch(source, -1) {
		file, err := r.resolver.resolve(query{spec: found[1], file: path, paths: lookupFolders(found[1], path)})
		if err == nil && filepath.IsAbs(file) {
			r.collectExports(file, names, seen)
		}
	}
}

// lookupFolders are the folders that a request of a file is looked up in.
func lookupFolders(spec, path string) []string {
	if isRelative(spec) {
		return []string{filepath.Dir(path)}
	}
	return nodeModulePaths(filepath.Dir(path))
}
