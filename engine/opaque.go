package engine

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/unistring"
)

// opaquePrefix marks the request of a require call whose value is only ever handed on as an entry.
const opaquePrefix = embeddedPrefix + "opaque:"

// entryMethods are the methods that take a class or path without looking at it while the procfile runs.
func isEntryMethod(name unistring.String) bool {
	switch name {
	case "service", "applet", "environment", "configurator", "entry":
		return true
	}
	return false
}

// candidate is a variable that holds a required module (export "") or one export of it.
type candidate struct {
	request, export string
	// imported says that a compiler's helper makes the value, so that it is not the module itself.
	imported bool
	call     *ast.CallExpression
	declared *ast.Identifier
	uses     int
}

// useAnalysis decides which require calls of a procfile give values that the procfile never observes.
type useAnalysis struct {
	// declarations counts how often each name is declared, in any scope.
	declarations map[unistring.String]int
	// handles are the names through which the application is described: the exported function's first parameter and
	// constants made from it.
	handles    map[unistring.String]bool
	candidates map[unistring.String][]*candidate
	// harmless are the identifiers seen as an argument of an entry method.
	harmless map[*ast.Identifier]bool
	// wanted maps each call to the exports that its uses hand on; a call that is observed is in observed.
	wanted   map[*ast.CallExpression][]string
	observed map[*ast.CallExpression]bool
	// hopeless is set where names cannot be followed: eval, with, a redeclared require.
	hopeless bool
}

// markOpaque rewrites the requests of opaque require calls in a procfile so that the loader recognises them, and
// returns the exports wanted of each request.
func markOpaque(body *ast.FunctionLiteral) map[string][]string {
	body = withoutHelpers(body)
	a := &useAnalysis{
		declarations: map[unistring.String]int{},
		handles:      map[unistring.String]bool{},
		candidates:   map[unistring.String][]*candidate{},
		harmless:     map[*ast.Identifier]bool{},
		wanted:       map[*ast.CallExpression][]string{},
		observed:     map[*ast.CallExpression]bool{},
	}
	a.declare(body)
	a.findHandles(body)
	a.findCandidates(body)
	a.findEntries(body)
	a.findOtherUses(body)
	requests := map[string][]string{}
	if a.hopeless {
		return requests
	}
	for call, exports := range a.wanted {
		if a.observed[call] {
			continue
		}
		literal := call.ArgumentList[0].(*ast.StringLiteral)
		request := string(literal.Value)
		literal.Value = unistring.String(opaquePrefix) + literal.Value
		for _, name := range exports {
			if !slices.Contains(requests[request], name) {
				requests[request] = append(requests[request], name)
			}
		}
	}
	return requests
}

// withoutHelpers leaves out what esbuild put before the user's statements.
func withoutHelpers(body *ast.FunctionLiteral) *ast.FunctionLiteral {
	block, function := *body.Body, *body
	block.List = slices.DeleteFunc(slices.Clone(block.List), func(s ast.Statement) bool {
		v, ok := s.(*ast.VariableStatement)
		if !ok || len(v.List) != 1 {
			return false
		}
		id, ok := v.List[0].Target.(*ast.Identifier)
		return ok && isHelper(id.Name)
	})
	function.Body = &block
	return &function
}

// isHelper reports whether a name is that of one of esbuild's helpers.
func isHelper(name unistring.String) bool {
	switch name {
	case "__create", "__defProp", "__getOwnPropDesc", "__getOwnPropNames", "__getProtoOf", "__hasOwnProp", "__export",
		"__copyProps", "__reExport", "__toESM", "__toCommonJS":
		return true
	}
	return false
}

// importedDefault stands for the default export of a module that is imported through a compiler's helper: what that is
// depends on the module.
const importedDefault = "default import"

// required returns the call if e is require('literal').
func required(e ast.Expression) (*ast.CallExpression, bool) {
	call, ok := e.(*ast.CallExpression)
	if !ok || len(call.ArgumentList) != 1 {
		return nil, false
	}
	callee, ok := call.Callee.(*ast.Identifier)
	if !ok || callee.Name != "require" {
		return nil, false
	}
	literal, ok := call.ArgumentList[0].(*ast.StringLiteral)
	// A request with characters beyond ASCII has another encoding inside goja; those are loaded.
	return call, ok && isASCII(string(literal.Value))
}

func isASCII(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b >= 0x80 || b == 0 })
}

// throughHelper returns the argument of the helpers that compilers write around require.
func throughHelper(e ast.Expression) (argument ast.Expression, ok bool) {
	call, ok := e.(*ast.CallExpression)
	if !ok || len(call.ArgumentList) == 0 || len(call.ArgumentList) > 2 {
		return e, false
	}
	name, ok := call.Callee.(*ast.Identifier)
	if !ok || name.Name != "__toESM" && name.Name != "__importDefault" && name.Name != "__importStar" {
		return e, false
	}
	return call.ArgumentList[0], true
}

// requiredExport returns the call and the export if e is require('literal') or require('literal').name, and whether a
// compiler's helper is around it.
func requiredExport(e ast.Expression) (call *ast.CallExpression, export string, imported, ok bool) {
	if dot, isDot := e.(*ast.DotExpression); isDot {
		inner, imported := throughHelper(dot.Left)
		call, ok = required(inner)
		return call, exportOf(string(dot.Identifier.Name), imported), false, ok
	}
	e, imported = throughHelper(e)
	call, ok = required(e)
	return call, "", imported, ok
}

// exportOf is the export behind a member of what require returned, or of what a helper made of it.
func exportOf(member string, imported bool) string {
	if imported && member == "default" {
		return importedDefault
	}
	return member
}

// boundNames lists the identifiers that a binding target declares.
func boundNames(target ast.Expression, found func(*ast.Identifier)) {
	switch t := target.(type) {
	case *ast.Identifier:
		found(t)
	case *ast.Binding:
		boundNames(t.Target, found)
	case *ast.AssignExpression:
		boundNames(t.Left, found)
	case *ast.ArrayPattern:
		for _, e := range t.Elements {
			boundNames(e, found)
		}
		boundNames(t.Rest, found)
	case *ast.ObjectPattern:
		for _, p := range t.Properties {
			switch p := p.(type) {
			case *ast.PropertyShort:
				found(&p.Name)
			case *ast.PropertyKeyed:
				boundNames(p.Value, found)
			}
		}
		boundNames(t.Rest, found)
	}
}

// declare counts the declarations of every name.
func (a *useAnalysis) declare(body *ast.FunctionLiteral) {
	count := func(id *ast.Identifier) {
		a.declarations[id.Name]++
		a.harmless[id] = true
	}
	walk(body.Body, func(node any) bool {
		switch n := node.(type) {
		case *ast.Binding:
			boundNames(n.Target, count)
		case *ast.FunctionLiteral:
			if n.Name != nil {
				count(n.Name)
			}
			if n.ParameterList != nil {
				boundNames(n.ParameterList.Rest, count)
			}
		case *ast.ArrowFunctionLiteral:
			boundNames(n.ParameterList.Rest, count)
		case *ast.ClassLiteral:
			if n.Name != nil {
				count(n.Name)
			}
		case *ast.CatchStatement:
			boundNames(n.Parameter, count)
		case *ast.ForDeclaration:
			boundNames(n.Target, count)
		case *ast.WithStatement:
			a.hopeless = true
		case *ast.Identifier:
			a.hopeless = a.hopeless || n.Name == "eval"
		}
		return true
	})
	a.hopeless = a.hopeless || a.declarations["require"] > 0
}

// firstParameter returns the name of a function's first parameter.
func firstParameter(e ast.Expression) (unistring.String, bool) {
	var list *ast.ParameterList
	switch f := e.(type) {
	case *ast.FunctionLiteral:
		list = f.ParameterList
	case *ast.ArrowFunctionLiteral:
		list = f.ParameterList
	}
	if list == nil || len(list.List) == 0 {
		return "", false
	}
	id, ok := list.List[0].Target.(*ast.Identifier)
	if !ok {
		return "", false
	}
	return id.Name, true
}

// findHandles collects the exported function's parameter and the constants derived from it.
func (a *useAnalysis) findHandles(body *ast.FunctionLiteral) {
	module := readDeclarations(body.Body.List)
	for _, name := range []string{"", "default"} {
		exported, _ := module.follow(module.exports[name], "")
		if handle, ok := firstParameter(exported); ok && a.declarations[handle] == 1 {
			a.handles[handle] = true
		}
	}
	walk(body.Body, func(node any) bool {
		declaration, ok := node.(*ast.LexicalDeclaration)
		if !ok || declaration.Token.String() != "const" {
			return true
		}
		for _, binding := range declaration.List {
			id, ok := binding.Target.(*ast.Identifier)
			if ok && a.declarations[id.Name] == 1 && a.rooted(binding.Initializer) {
				a.handles[id.Name] = true
			}
		}
		return true
	})
}

// rooted reports whether e is a chain of calls and members that starts at a handle.
func (a *useAnalysis) rooted(e ast.Expression) bool {
	for {
		switch n := e.(type) {
		case *ast.Identifier:
			return a.handles[n.Name]
		case *ast.CallExpression:
			e = n.Callee
		case *ast.DotExpression:
			e = n.Left
		case *ast.BracketExpression:
			e = n.Left
		default:
			return false
		}
	}
}

// findCandidates collects the variables that hold what require returned.
func (a *useAnalysis) findCandidates(body *ast.FunctionLiteral) {
	imported := false
	add := func(id *ast.Identifier, call *ast.CallExpression, export string) {
		a.candidates[id.Name] = append(a.candidates[id.Name], &candidate{
			request: string(call.ArgumentList[0].(*ast.StringLiteral).Value), export: export, call: call, declared: id,
			imported: imported,
		})
		a.wanted[call] = append([]string{}, a.wanted[call]...)
	}
	walk(body.Body, func(node any) bool {
		binding, ok := node.(*ast.Binding)
		if !ok {
			return true
		}
		call, export, helped, ok := requiredExport(binding.Initializer)
		if !ok {
			return true
		}
		imported = helped
		switch target := binding.Target.(type) {
		case *ast.Identifier:
			add(target, call, export)
		case *ast.ObjectPattern:
			if export != "" || helped || target.Rest != nil || !a.destructured(target, call, add) {
				a.observed[call] = true
			}
		default:
			a.observed[call] = true
		}
		return true
	})
}

// destructured adds the variables of { A, B: C } = require(…); defaults and computed keys look at the value.
func (a *useAnalysis) destructured(target *ast.ObjectPattern, call *ast.CallExpression, add func(*ast.Identifier, *ast.CallExpression, string)) bool {
	for _, property := range target.Properties {
		switch p := property.(type) {
		case *ast.PropertyShort:
			if p.Initializer != nil {
				return false
			}
			add(&p.Name, call, string(p.Name.Name))
		case *ast.PropertyKeyed:
			key, isLiteral := p.Key.(*ast.StringLiteral)
			id, isName := p.Value.(*ast.Identifier)
			if p.Computed || !isLiteral || !isName {
				return false
			}
			add(id, call, string(key.Value))
		default:
			return false
		}
	}
	return len(target.Properties) > 0
}

// findEntries looks at the arguments of entry methods on a chain that starts at a handle.
func (a *useAnalysis) findEntries(body *ast.FunctionLiteral) {
	walk(body.Body, func(node any) bool {
		call, ok := node.(*ast.CallExpression)
		if !ok {
			return true
		}
		method, ok := call.Callee.(*ast.DotExpression)
		if !ok || !isEntryMethod(method.Identifier.Name) || !a.rooted(method.Left) {
			return true
		}
		for _, argument := range call.ArgumentList {
			a.entry(argument)
		}
		return true
	})
}

// entry notes an argument that is handed on unseen.
func (a *useAnalysis) entry(argument ast.Expression) {
	if call, export, imported, ok := requiredExport(argument); ok {
		if imported {
			return
		}
		a.wanted[call] = append(a.wanted[call], export)
		return
	}
	id, isName := argument.(*ast.Identifier)
	export := ""
	if dot, ok := argument.(*ast.DotExpression); ok {
		id, isName = dot.Left.(*ast.Identifier)
		export = string(dot.Identifier.Name)
	}
	if !isName || len(a.candidates[id.Name]) != 1 || a.declarations[id.Name] != 1 {
		return
	}
	c := a.candidates[id.Name][0]
	switch {
	case export == "" && c.imported:
		// The helper's object itself.
		return
	case export == "":
		a.wanted[c.call] = append(a.wanted[c.call], c.export)
	case c.export == "":
		a.wanted[c.call] = append(a.wanted[c.call], exportOf(export, c.imported))
	default:
		// A member of an export: nothing stands for that.
		return
	}
	c.uses++
	a.harmless[id] = true
}

// findOtherUses marks as observed whatever is used in any other way, or not at all: an unused module is loaded for
// what loading it does.
func (a *useAnalysis) findOtherUses(body *ast.FunctionLiteral) {
	walk(body.Body, func(node any) bool {
		switch n := node.(type) {
		case *ast.Identifier:
			if !a.harmless[n] {
				a.observe(n.Name)
			}
		case *ast.CallExpression:
			// The callee require is no use of require as a value.
			if id, ok := n.Callee.(*ast.Identifier); ok && id.Name == "require" {
				a.harmless[id] = true
			}
		}
		return true
	})
	for name, list := range a.candidates {
		for _, c := range list {
			if c.uses == 0 || len(list) > 1 || a.declarations[name] != 1 {
				a.observed[c.call] = true
			}
		}
	}
}

func (a *useAnalysis) observe(name unistring.String) {
	for _, c := range a.candidates[name] {
		a.observed[c.call] = true
	}
}
