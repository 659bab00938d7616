package engine

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
)

// form is how Node would take a file.
type form int

const (
	// formCommonJS is CommonJS for certain; formUnknown becomes an ES module if it has the syntax of one.
	formCommonJS form = iota
	formUnknown
	// formModule is an ES module.
	formModule
	// formOther is no JavaScript: Node's loader has its own way with it.
	formOther
)

// formOf tells by name and package how a file is to be taken.
func (r *Runtime) formOf(path string) (form, error) {
	return formOf(path, r.resolver)
}

func formOf(path string, packages *resolver) (form, error) {
	switch filepath.Ext(path) {
	case ".cjs", ".cts":
		return formCommonJS, nil
	case ".mjs", ".mts":
		return formModule, nil
	case ".js", ".ts", ".tsx":
		pkg, err := packages.scope(filepath.Dir(path))
		switch {
		case err != nil:
			return formOther, err
		case pkg != nil && pkg.module:
			return formModule, nil
		case isTypeScript(path):
			// Import and export are how TypeScript writes CommonJS.
			return formCommonJS, nil
		case pkg != nil && pkg.commonJS:
			return formCommonJS, nil
		}
		return formUnknown, nil
	case ".json", ".node":
		return formOther, nil
	}
	return formCommonJS, nil
}

// codeOf is the code of an error of the resolver, "" for others.
func codeOf(err error) string {
	var e *moduleError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// lazyPattern compiles a regular expression when it is first asked for: a procfile mostly needs none of them.
func lazyPattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// moduleStatement recognises a line that starts an import or export statement.
var moduleStatement = lazyPattern(`(?m)^[ \t]*(?:import\s*(?:[\w$]+\s*(?:,|from\b)|[{*"'])|export\s*(?:[{*]|(?:default|const|let|var|class|function|async)\b)|.*\bimport\.meta\b)`)

// jsonAttribute recognises the end of an import of JSON.
var jsonAttribute = lazyPattern(`['"]([^'"\n]+)['"]\s*(?:with|assert)\s*\{\s*['"]?type['"]?\s*:\s*['"]json['"]`)

// parseText parses a user's text, transformed first if goja would not take it as it is meant.
func (r *Runtime) parseText(name, source string, f form) (*parsed, *Error) {
	if f == formModule || isTypeScript(name) {
		return r.parseTransformed(name, source, f)
	}
	// The text of a regular expression that goja reads differently, also where it is a string.
	if strings.Contains(source, `\p{`) || strings.Contains(source, `\P{`) {
		return r.parseTransformed(name, source, f)
	}
	m, failed := parseModule(name, source)
	if failed == nil && !strings.HasPrefix(name, embeddedPrefix) && (hoistsFromBlocks(source, m.body) || hasAsyncGenerators(source, m.body)) {
		return r.parseTransformed(name, source, formCommonJS)
	}
	if failed == nil || !strings.HasPrefix(name, "/") {
		return m, failed
	}
	m, better := r.parseTransformed(name, source, f)
	if better != nil && better.Kind == KindSyntax && (better.Line == failed.Line || better.Line == 0) {
		// Both refuse the same: goja's words are closer to Node's.
		return nil, failed
	}
	return m, better
}

// parseTransformed transforms and parses. formUnknown is tried as CommonJS first: only an ES module makes esbuild write
// helpers for one.
func (r *Runtime) parseTransformed(name, source string, f form) (*parsed, *Error) {
	module := f == formModule
	out, failed := transform(name, source, TransformOptions{}, module)
	if failed == nil && !module && !isTypeScript(name) && isModuleOutput(out.code, source) {
		if f == formCommonJS {
			return nil, &Error{Kind: KindSyntax, File: name, Message: "SyntaxError: Cannot use import statement outside a module"}
		}
		module = true
		out, failed = transform(name, source, TransformOptions{}, module)
	}
	if failed != nil {
		return nil, failed
	}
	if strings.HasPrefix(out.code, "#!") {
		out.code = "//" + out.code[2:]
	}
	lines, err := readSourceMap(out.sourceMap)
	if err != nil {
		return nil, &Error{Kind: KindUnsupported, File: name, Message: "read the source map of the transformed file: " + err.Error()}
	}
	head := wrapperHead
	if module {
		head = moduleHead
	} else if strings.Contains(out.code, metaName) {
		return nil, &Error{Kind: KindSyntax, File: name, Message: "SyntaxError: Cannot use 'import.meta' outside a module"}
	}
	// On a line of its own, so that the code's lines keep their columns.
	m, failed := parseWrapped(name, head+"\n"+out.code+"\n})", len(source))
	if failed != nil {
		return nil, &Error{Kind: KindUnsupported, File: name, Message: "goja cannot parse this file, even transformed: " + failed.Message}
	}
	r.maps[name] = lines
	if strings.Contains(out.code, "RegExp(") && !r.extended["regexp"] {
		r.extended["regexp"] = true
		if _, err := r.extend(goja.Undefined(), r.vm.ToValue("regexp")); err != nil {
			return nil, &Error{Kind: KindUnsupported, File: name, Message: err.Error()}
		}
	}
	if strings.Contains(source, `\p{`) || strings.Contains(source, `\P{`) {
		if refused := expandLiterals(m.body); refused != "" {
			return nil, &Error{Kind: KindUnsupported, File: name, Message: "goja does not know " + refused}
		}
	}
	if strings.Contains(out.code, "__asyncGenerator(") {
		asyncPrototypes(m.body)
	}
	m.form = formCommonJS
	if module {
		m.form = formModule
		m.names = importedNames(m.body)
		bareHelpers(m.body)
		for _, found := range jsonAttribute().FindAllStringSubmatch(source, -1) {
			m.jsonImports = append(m.jsonImports, found[1])
		}
	}
	return m, nil
}

// isModuleOutput reports whether esbuild took the source for an ES module.
func isModuleOutput(code, source string) bool {
	for _, helper := range []string{"__toCommonJS(", "= __toESM(require("} {
		if strings.Contains(code, helper) && !strings.Contains(source, helper) {
			return true
		}
	}
	// No exports and no default imports: what is left of import statements are calls of require with these names.
	return importedName().MatchString(code) && !importedName().MatchString(source) || strings.Contains(code, metaName)
}

// importedName is what esbuild makes of an import statement.
var importedName = lazyPattern(`(?m)^var import_\w+ = require\("`)

// uncompiled describes an error of the compiler: of a transformed file the user is not to blame.
func (r *Runtime) uncompiled(m *parsed, failed *Error) *Error {
	if r.maps[m.name] == nil {
		return failed
	}
	p := r.position(file.Position{Filename: failed.File, Line: failed.Line, Column: failed.Column})
	if p.Filename == "" {
		p.Line, p.Column = 0, 0
	}
	e := &Error{Kind: KindSyntax, File: m.name, Line: p.Line, Column: p.Column, Message: failed.Message}
	e.quote()
	return e
}

// blockFunction recognises a function declaration that is indented, which one in a block mostly is.
var blockFunction = lazyPattern(`(?m)(?:^[ \t]+|[{;})][ \t]*)function[ \t*]`)

// asyncGeneratorText recognises an asynchronous generator: a function, or a method of an object.
var asyncGeneratorText = lazyPattern(`\basync\b\s*(?:function\s*)?\*`)

// hasAsyncGenerators reports whether there are functions that goja parses and does not compile.
func hasAsyncGenerators(source string, body *ast.FunctionLiteral) bool {
	if !strings.Contains(source, "async") || !asyncGeneratorText().MatchString(source) {
		return false
	}
	found := false
	walk(body.Body, func(node any) bool {
		if f, ok := node.(*ast.FunctionLiteral); ok && f.Async && f.Generator {
			found = true
		}
		return !found
	})
	return found
}

// hoistsFromBlocks reports whether sloppy code declares a function in a block: JavaScript makes it a variable of the
// whole function, goja does not.
func hoistsFromBlocks(source string, body *ast.FunctionLiteral) bool {
	if !blockFunction().MatchString(source) || isStrict(body.Body.List) {
		return false
	}
	found := false
	walk(body.Body, func(node any) bool {
		switch n := node.(type) {
		case *ast.FunctionLiteral:
			// Its own block is no block in this sense; what it holds is looked at in its turn.
			if n.Body != nil && !isStrict(n.Body.List) {
				found = found || inBlocks(n.Body.List)
			} else {
				return false
			}
		case *ast.ArrowFunctionLiteral:
			if block, ok := n.Body.(*ast.BlockStatement); ok {
				found = found || inBlocks(block.List)
			}
		case *ast.ClassLiteral:
			return false
		}
		return !found
	})
	return found || inBlocks(body.Body.List)
}

// isStrict reports whether a list of statements begins with the directive "use strict".
func isStrict(list []ast.Statement) bool {
	return slices.ContainsFunc(list[:min(len(list), 3)], func(s ast.Statement) bool {
		expression, ok := s.(*ast.ExpressionStatement)
		if !ok {
			return false
		}
		literal, ok := expression.Expression.(*ast.StringLiteral)
		return ok && literal.Value == "use strict"
	})
}

// inBlocks reports whether a block below the statements of one function declares a function.
func inBlocks(list []ast.Statement) bool {
	return slices.ContainsFunc(list, func(s ast.Statement) bool {
		switch s := s.(type) {
		case *ast.BlockStatement:
			return slices.ContainsFunc(s.List, isFunctionDeclaration) || inBlocks(s.List)
		case *ast.IfStatement:
			return inBlock(s.Consequent) || inBlock(s.Alternate)
		case *ast.ForStatement:
			return inBlock(s.Body)
		case *ast.ForInStatement:
			return inBlock(s.Body)
		case *ast.ForOfStatement:
			return inBlock(s.Body)
		case *ast.WhileStatement:
			return inBlock(s.Body)
		case *ast.DoWhileStatement:
			return inBlock(s.Body)
		case *ast.LabelledStatement:
			return inBlock(s.Statement)
		case *ast.WithStatement:
			return inBlock(s.Body)
		case *ast.TryStatement:
			return inBlock(s.Body) || s.Catch != nil && inBlock(s.Catch.Body) || s.Finally != nil && inBlock(s.Finally)
		case *ast.SwitchStatement:
			return slices.ContainsFunc(s.Body, func(c *ast.CaseStatement) bool {
				return slices.ContainsFunc(c.Consequent, isFunctionDeclaration) || inBlocks(c.Consequent)
			})
		}
		return false
	})
}

func inBlock(s ast.Statement) bool {
	return s != nil && (isFunctionDeclaration(s) || inBlocks([]ast.Statement{s}))
}

func isFunctionDeclaration(s ast.Statement) bool {
	_, ok := s.(*ast.FunctionDeclaration)
	return ok
}
