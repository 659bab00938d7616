package engine

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// TransformOptions say for whom Transform writes. The zero value is for this package's own engine.
type TransformOptions struct {
	// Node writes for Node 18 and newer: less is rewritten, names of classes and functions are kept, and the code ends
	// with an inline source map whose only source is the path, so that Node started with --enable-source-maps shows
	// stack traces in the user's lines and columns.
	Node bool
	// KeepModules leaves import and export statements as they are, for Node's loader of ES modules. Otherwise they
	// become require calls and assignments to module.exports.
	KeepModules bool
}

// Names that stand in transformed code for what an ES module has or has not.
const (
	// metaName is import.meta. For the engine it is the last parameter of the wrapper.
	metaName = "__pandora_import_meta__"
	// The variables that esbuild makes of an anonymous default export, and of all exports, of a file called module.
	defaultName = "module_default"
	exportsName = "module_exports"
)

// isTypeScript reports whether a path names a TypeScript file.
func isTypeScript(path string) bool {
	switch filepath.Ext(path) {
	case ".ts", ".mts", ".cts", ".tsx":
		return !strings.HasSuffix(path, ".d.ts")
	}
	return false
}

// Transform rewrites one file of TypeScript, or of JavaScript with syntax that goja or an older Node does not know, to
// plain CommonJS. path is absolute; its extension tells the language, the nearest tsconfig.json how decorators and
// fields are meant (experimentalDecorators, useDefineForClassFields, target, verbatimModuleSyntax, and extends). Types
// are removed, not checked. Imports that only name types vanish, unless verbatimModuleSyntax is set.
//
// sourceMap is a source map of version 3 whose source is path; with Node it also ends the code. A file that does not
// parse, or whose tsconfig.json cannot be used, is an error of KindSyntax with its place, a top-level await in CommonJS
// one of KindUnsupported.
func Transform(path, source string, o TransformOptions) (code string, sourceMap []byte, failed *Error) {
	f, err := formOf(path, newResolver(""))
	if err != nil {
		return "", nil, &Error{Kind: KindLoad, Message: err.Error(), File: path, Code: codeOf(err)}
	}
	module := f == formModule || f == formUnknown && moduleStatement().MatchString(source)
	out, failed := transform(path, source, o, module)
	if failed != nil {
		return "", nil, failed
	}
	return out.code, out.sourceMap, nil
}

// transformed is the outcome of esbuild.
type transformed struct {
	code      string
	sourceMap []byte
}

// gojaLacks lists what goja cannot parse, or silently takes for something else. Functions declared in blocks need no
// entry: esbuild always rewrites them.
func gojaLacks() map[string]bool {
	return map[string]bool{
		"async-generator": false, "for-await": false, "dynamic-import": false, "import-meta": true, "decorators": false,
		"using": false, "regexp-unicode-property-escapes": false, "regexp-set-notation": false,
		"regexp-match-indices": false, "top-level-await": true,
	}
}

// transform runs esbuild. module says that the file is an ES module, in which the names of CommonJS do not exist.
func transform(path, source string, o TransformOptions, module bool) (transformed, *Error) {
	typescript := isTypeScript(path)
	options := api.TransformOptions{
		Loader: api.LoaderJS, Format: api.FormatCommonJS, Platform: api.PlatformNeutral, Target: api.ESNext,
		LogLevel: api.LogLevelSilent, LogLimit: 1, Sourcemap: api.SourceMapExternal,
		SourcesContent: api.SourcesContentExclude, Supported: gojaLacks(), Define: map[string]string{"import.meta": metaName},
		// A name without meaning: of "x.mjs" esbuild would derive Node's rule for default imports, which is wrong for
		// imports of other transformed modules. Which rule holds is decided by the require that the code is given.
		Sourcefile: "module.js",
	}
	if typescript {
		options.Loader, options.Sourcefile = api.LoaderTS, "module.ts"
		if filepath.Ext(path) == ".tsx" {
			options.Loader = api.LoaderTSX
		}
		config, err := readTSConfig(filepath.Dir(path))
		if err != nil {
			return transformed{}, err
		}
		options.TsconfigRaw = config
	}
	if module && !o.Node {
		for _, name := range []string{"require", "module", "exports", "__filename", "__dirname"} {
			options.Define[name] = outsideModule(name)
		}
	}
	if o.Node {
		forNode(&options, path, source, o, module)
	}
	result := api.Transform(source, options)
	if len(result.Errors) > 0 {
		return transformed{}, transformError(path, result.Errors)
	}
	out := transformed{code: string(result.Code), sourceMap: nameSource(result.Map, path)}
	// Both stand on lines of their own, which the source map does not speak of.
	switch {
	case module && o.Node:
		out.code = strings.Replace(out.code, babelRule, nodeRule, 1)
	case typescript && !module:
		out.code = strings.Replace(out.code, plainNamespace, callableNamespace, 1)
	}
	if o.Node {
		out.code += inlineMap(out.sourceMap)
	}
	return out, nil
}

// outsideModule is a name that is declared nowhere, for one that exists in CommonJS only; describing an error turns it
// back.
func outsideModule(name string) string { return "__pandora_no_" + name + "__" }

// insideModule turns the names of outsideModule in a message back, with Node's words.
func insideModule(message string) string {
	before, rest, found := strings.Cut(message, "__pandora_no_")
	if !found {
		return message
	}
	name, after, found := strings.Cut(rest, "__ is not defined")
	if !found {
		return message
	}
	advice := ""
	if name == "require" {
		advice = ", you can use import instead"
	}
	return before + name + " is not defined in ES module scope" + advice + after
}

// forNode changes the options for code that real Node runs.
func forNode(options *api.TransformOptions, path, source string, o TransformOptions, module bool) {
	options.Target = api.ESNext
	options.Engines = []api.Engine{{Name: api.EngineNode, Version: "18"}}
	options.Supported = map[string]bool{"dynamic-import": true, "decorators": false, "using": false, "top-level-await": true}
	options.KeepNames = true
	options.Define = nil
	if o.KeepModules {
		options.Format = api.FormatESModule
		return
	}
	var banner []string
	if module {
		banner = append(banner, `"use strict";`)
	}
	if strings.Contains(source, "import.meta") {
		options.Define = map[string]string{"import.meta": metaName}
		banner = append(banner, "const "+metaName+" = { __proto__: null, dirname: __dirname, filename: __filename, "+
			"resolve: (request) => { const found = require.resolve(request); "+
			"return require('node:path').isAbsolute(found) ? require('node:url').pathToFileURL(found).href : found; }, "+
			"url: require('node:url').pathToFileURL(__filename).href };")
	}
	options.Banner = strings.Join(banner, " ")
}

// For an ES module in Node, the default import of CommonJS is module.exports, whatever marks that has; of another
// transformed ES module, which has getters, and of a true one it is the export. esbuild knows only one rule for both.
const (
	babelRule = `isNodeMode || !mod || !mod.__esModule ?`
	nodeRule  = `!mod || !(mod[Symbol.toStringTag] === "Module" || mod.__esModule && (Object.getOwnPropertyDescriptor(mod, "default") || {}).get) ?`
)

// Without esModuleInterop, "import * as koa from 'koa'" is what require gives, and much code calls it or makes an object
// of it. So where CommonJS exports a function, its namespace is one too.
const (
	plainNamespace    = `(target = mod != null ? __create(__getProtoOf(mod)) : {},`
	callableNamespace = `(target = typeof mod === "function" && !mod.__esModule ? Object.assign(function made(...args) { ` +
		`return new.target ? Reflect.construct(mod, args, new.target === made ? mod : new.target) : Reflect.apply(mod, this, args); }, ` +
		`{ prototype: mod.prototype }) : mod != null ? __create(__getProtoOf(mod)) : {},`
)

// unexpected recognises esbuild's words for a token that does not belong.
var unexpected = lazyPattern(`^Unexpected "(.*)"$`)

// transformError describes the first error that has a place, with V8's words where they are known.
func transformError(path string, messages []api.Message) *Error {
	at := max(slices.IndexFunc(messages, func(m api.Message) bool { return m.Location != nil }), 0)
	text := messages[at].Text
	e := &Error{Kind: KindSyntax, File: path}
	if place := messages[at].Location; place != nil {
		e.Line, e.Column = place.Line, place.Column+1
	}
	if strings.Contains(text, "Top-level await") {
		e.Kind, e.Code = KindUnsupported, "ERR_REQUIRE_ASYNC_MODULE"
		e.Message = "a module with a top-level await cannot be required, and so cannot describe an application; await inside a function instead"
		e.quote()
		return e
	}
	found := unexpected().FindStringSubmatch(text)
	switch {
	case found != nil:
		text = "Unexpected token '" + found[1] + "'"
	case text == "Unexpected end of file":
		text = "Unexpected end of input"
	case text == "Unterminated string literal":
		text = "Invalid or unexpected token"
	}
	e.Message = "SyntaxError: " + text
	e.quote()
	return e
}
