package engine

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"
)

// hint is what a file says about an exported class without being run.
type hint struct {
	name         string
	dependencies []string
}

// declarations is the top level of a module.
type declarations struct {
	// plain says that the top level only declares, requires and exports.
	plain bool
	// esModule says that the exports are those of an ES module, as compilers mark them.
	esModule bool
	// transformed says that this is what esbuild made of one.
	transformed bool
	values      map[unistring.String]ast.Expression
	exports     map[string]ast.Expression
	// members are the values assigned to members of local names, such as A.dependencies.
	members map[unistring.String]map[unistring.String]ast.Expression
}

// importer says how the exports of a file are asked for.
type importer int

const (
	// byRequire is a call of require.
	byRequire importer = iota
	// byImport is an import statement of an ES module.
	byImport
)

// declaredExports returns hints for the wanted exports, or nil if the file does more than declare, or if one of them is
// not known without running it. The export "" is the module itself or its default; for importedDefault the result says
// under which name it was found. esModule says that the file has the exports of an ES module.
func declaredExports(body *ast.FunctionLiteral, wanted []string, from importer) (hints map[string]hint, esModule bool) {
	d := readDeclarations(body.Body.List)
	if !d.plain {
		return nil, false
	}
	hints = map[string]hint{}
	for _, name := range wanted {
		asked, key := name, name
		switch {
		case name != importedDefault:
		case from == byImport && !d.esModule, from == byImport && d.esModule && !d.transformed:
			// The default import of CommonJS is module.exports itself, whatever that says.
			asked, key = wholeModule, "default"
		case d.esModule:
			asked, key = "default", "default"
		default:
			asked, key = wholeModule, ""
		}
		h, ok := d.hint(asked)
		if !ok {
			return nil, false
		}
		hints[key] = h
	}
	return hints, d.esModule
}

// wholeModule asks for module.exports itself.
const wholeModule = "module.exports"

func readDeclarations(statements []ast.Statement) *declarations {
	d := &declarations{
		plain:   true,
		values:  map[unistring.String]ast.Expression{},
		exports: map[string]ast.Expression{},
		members: map[unistring.String]map[unistring.String]ast.Expression{},
	}
	for _, statement := range statements {
		if !d.read(statement) {
			d.plain = false
		}
	}
	return d
}

// read takes in one statement and reports whether it has no effect beyond the module.
func (d *declarations) read(statement ast.Statement) bool {
	switch s := statement.(type) {
	case *ast.EmptyStatement:
		return true
	case *ast.FunctionDeclaration:
		d.values[s.Function.Name.Name] = s.Function
		return true
	case *ast.ClassDeclaration:
		d.values[s.Class.Name.Name] = s.Class
		return isPure(s.Class)
	case *ast.VariableStatement:
		return d.bindings(s.List)
	case *ast.LexicalDeclaration:
		return d.bindings(s.List)
	case *ast.ExpressionStatement:
		switch e := s.Expression.(type) {
		case *ast.StringLiteral:
			return true
		case *ast.AssignExpression:
			return d.assignment(e)
		case *ast.CallExpression:
			if marksESModule(e) {
				d.esModule = true
				return true
			}
			return d.exportsOf(e)
		}
	}
	return false
}

func (d *declarations) bindings(list []*ast.Binding) bool {
	plain := true
	for _, b := range list {
		id, isName := b.Target.(*ast.Identifier)
		if !isName {
			plain = plain && isPlainPattern(b.Target)
		} else if b.Initializer != nil {
			d.values[id.Name] = b.Initializer
		}
		plain = plain && (b.Initializer == nil || isPure(b.Initializer))
	}
	return plain
}

// isPlainPattern reports whether a pattern has neither defaults nor computed keys.
func isPlainPattern(target ast.Expression) bool {
	plain := true
	walk(target, func(node any) bool {
		switch n := node.(type) {
		case *ast.PropertyShort:
			plain = plain && n.Initializer == nil
		case *ast.PropertyKeyed:
			plain = plain && !n.Computed
		case *ast.AssignExpression:
			plain = false
		}
		return plain
	})
	return plain
}

// marksESModule recognises Object.defineProperty(exports, "__esModule", …), which compilers write.
func marksESModule(call *ast.CallExpression) bool {
	callee, ok := call.Callee.(*ast.DotExpression)
	if !ok || callee.Identifier.Name != "defineProperty" || len(call.ArgumentList) != 3 {
		return false
	}
	target, isName := call.ArgumentList[0].(*ast.Identifier)
	key, isLiteral := call.ArgumentList[1].(*ast.StringLiteral)
	return isName && isLiteral && target.Name == "exports" && key.Value == "__esModule" && isPure(call.ArgumentList[2])
}

// exportsOf takes in what esbuild makes of export statements: __export(module_exports, { name: () => local, … }), and
// __reExport(module_exports, require(…), …), of which the names are not known.
func (d *declarations) exportsOf(call *ast.CallExpression) bool {
	callee, ok := call.Callee.(*ast.Identifier)
	if !ok || len(call.ArgumentList) < 2 {
		return false
	}
	if callee.Name == "__reExport" {
		return isPure(call.ArgumentList[1])
	}
	object, ok := call.ArgumentList[1].(*ast.ObjectLiteral)
	if !ok || callee.Name != "__export" {
		return false
	}
	for _, property := range object.Value {
		keyed, ok := property.(*ast.PropertyKeyed)
		if !ok {
			return false
		}
		key, isLiteral := keyed.Key.(*ast.StringLiteral)
		getter, isArrow := keyed.Value.(*ast.ArrowFunctionLiteral)
		if !isLiteral || !isArrow {
			return false
		}
		local, ok := getter.Body.(*ast.ExpressionBody)
		if !ok {
			return false
		}
		d.exports[string(key.Value)] = local.Expression
	}
	return true
}

// isCall reports whether e calls the function of that name.
func isCall(e ast.Expression, name unistring.String) bool {
	call, ok := e.(*ast.CallExpression)
	if !ok {
		return false
	}
	callee, ok := call.Callee.(*ast.Identifier)
	return ok && callee.Name == name
}

// isModuleExports recognises module.exports.
func isModuleExports(e ast.Expression) bool {
	dot, ok := e.(*ast.DotExpression)
	if !ok || dot.Identifier.Name != "exports" {
		return false
	}
	id, ok := dot.Left.(*ast.Identifier)
	return ok && id.Name == "module"
}

// assignment takes in module.exports = …, exports.x = … and A.x = …, also several in a row.
func (d *declarations) assignment(e *ast.AssignExpression) bool {
	if e.Operator != token.ASSIGN {
		return false
	}
	value := e.Right
	plain := true
	if inner, ok := value.(*ast.AssignExpression); ok {
		plain = d.assignment(inner)
		for ok {
			value = inner.Right
			inner, ok = value.(*ast.AssignExpression)
		}
	} else {
		plain = isPure(value)
	}
	switch target := e.Left.(type) {
	case *ast.Identifier:
		// exports = module.exports = …; any other name could be one that a hint depends on.
		return plain && target.Name == "exports" && isModuleExports(leftOf(e.Right))
	case *ast.DotExpression:
		if isModuleExports(target) && isCall(value, "__toCommonJS") {
			d.esModule, d.transformed = true, true
			return true
		}
		if isModuleExports(target) {
			d.exports[""] = value
			return plain
		}
		name := target.Identifier.Name
		if isModuleExports(target.Left) {
			d.exports[string(name)] = value
			return plain
		}
		id, ok := target.Left.(*ast.Identifier)
		if !ok {
			return plain && isPrototype(target.Left)
		}
		if id.Name == "exports" {
			d.exports[string(name)] = value
			return plain
		}
		if d.values[id.Name] == nil {
			return false
		}
		if d.members[id.Name] == nil {
			d.members[id.Name] = map[unistring.String]ast.Expression{}
		}
		d.members[id.Name][name] = value
		return plain && isOwnFunction(d.values[id.Name])
	}
	return false
}

func leftOf(e ast.Expression) ast.Expression {
	if assign, ok := e.(*ast.AssignExpression); ok {
		return assign.Left
	}
	return nil
}

// isPrototype recognises A.prototype.
func isPrototype(e ast.Expression) bool {
	dot, ok := e.(*ast.DotExpression)
	if !ok || dot.Identifier.Name != "prototype" {
		return false
	}
	_, ok = dot.Left.(*ast.Identifier)
	return ok
}

// isOwnFunction reports whether e is a function or class written here, whose members have no setters to run.
func isOwnFunction(e ast.Expression) bool {
	switch e.(type) {
	case *ast.FunctionLiteral, *ast.ClassLiteral, *ast.ArrowFunctionLiteral:
		return true
	}
	return false
}

// follow goes from a name to the expression behind it. name is what JavaScript would name an anonymous function.
func (d *declarations) follow(e ast.Expression, name unistring.String) (ast.Expression, unistring.String) {
	for range 10 {
		id, ok := e.(*ast.Identifier)
		if !ok || d.values[id.Name] == nil {
			break
		}
		name, e = id.Name, d.values[id.Name]
	}
	return e, name
}

// exported finds the expression of an export and the name it was found under, if it has one.
func (d *declarations) exported(export string) (ast.Expression, unistring.String) {
	whole := d.exports[""]
	if export == wholeModule {
		value, name := d.follow(whole, "")
		if _, isObject := value.(*ast.ObjectLiteral); isObject {
			return nil, ""
		}
		return value, name
	}
	if whole == nil {
		if export == "" {
			export = "default"
		}
		return d.follow(d.exports[export], "")
	}
	value, name := d.follow(whole, "")
	object, isObject := value.(*ast.ObjectLiteral)
	if export == "" && !isObject {
		return value, name
	}
	if !isObject {
		return nil, ""
	}
	if export == "" {
		export = "default"
	}
	for _, property := range object.Value {
		switch p := property.(type) {
		case *ast.PropertyShort:
			if string(p.Name.Name) == export {
				return d.follow(&p.Name, "")
			}
		case *ast.PropertyKeyed:
			if key, ok := p.Key.(*ast.StringLiteral); ok && !p.Computed && p.Kind == ast.PropertyKindValue && string(key.Value) == export {
				return d.follow(p.Value, key.Value)
			}
		default:
			// A spread may replace what stands before it.
			return nil, ""
		}
	}
	return nil, ""
}

// hint reads name and dependencies of an exported class or function; ok is false when they are not plainly there.
func (d *declarations) hint(export string) (h hint, ok bool) {
	value, name := d.exported(export)
	var elements []ast.ClassElement
	switch f := value.(type) {
	case *ast.ClassLiteral:
		if f.SuperClass != nil && !inheritsNothing(f) {
			return hint{}, false
		}
		if f.Name != nil {
			name = f.Name.Name
		}
		elements = f.Body
	case *ast.FunctionLiteral:
		if f.Name != nil {
			name = f.Name.Name
		}
	case *ast.ArrowFunctionLiteral:
	default:
		return hint{}, false
	}
	if name == defaultName {
		name = "default"
	}
	dependencies, shadowed, known := staticMembers(elements)
	for variable, declared := range d.values {
		for member, assigned := range d.members[variable] {
			if declared == value && member == "dependencies" {
				dependencies, known = literalStrings(assigned)
			}
			shadowed = shadowed || declared == value && member == "name"
		}
	}
	// module.exports.dependencies = … after module.exports = class …
	if assigned := d.exports["dependencies"]; assigned != nil && d.exports[""] != nil {
		dependencies, known = literalStrings(assigned)
	}
	return hint{name: name.String(), dependencies: dependencies}, known && !shadowed
}

// inheritsNothing reports whether a class with a superclass has its own dependencies.
func inheritsNothing(class *ast.ClassLiteral) bool {
	for _, element := range class.Body {
		if isStatic(element, "dependencies") {
			return true
		}
	}
	return false
}

func isStatic(element ast.ClassElement, name unistring.String) bool {
	switch e := element.(type) {
	case *ast.FieldDefinition:
		key, ok := e.Key.(*ast.StringLiteral)
		return ok && e.Static && !e.Computed && key.Value == name
	case *ast.MethodDefinition:
		key, ok := e.Key.(*ast.StringLiteral)
		return ok && e.Static && !e.Computed && key.Value == name
	case *ast.ClassStaticBlock:
		_, ok := staticAssignment(e, name)
		return ok
	}
	return false
}

// staticAssignment returns what a static block, as compilers write for a static field, assigns to this.name.
func staticAssignment(block *ast.ClassStaticBlock, name unistring.String) (ast.Expression, bool) {
	for _, statement := range block.Block.List {
		expression, ok := statement.(*ast.ExpressionStatement)
		if !ok {
			continue
		}
		assign, ok := expression.Expression.(*ast.AssignExpression)
		if !ok {
			continue
		}
		target, ok := assign.Left.(*ast.DotExpression)
		if !ok || target.Identifier.Name != name {
			continue
		}
		if _, ok := target.Left.(*ast.ThisExpression); ok {
			return assign.Right, true
		}
	}
	return nil, false
}

// staticMembers reads static dependencies; known is false if they are there and not plain. shadowed tells of a static
// member called name.
func staticMembers(elements []ast.ClassElement) (dependencies []string, shadowed, known bool) {
	known = true
	for _, element := range elements {
		shadowed = shadowed || isStatic(element, "name")
		if !isStatic(element, "dependencies") {
			continue
		}
		switch e := element.(type) {
		case *ast.FieldDefinition:
			dependencies, known = literalStrings(e.Initializer)
		case *ast.ClassStaticBlock:
			value, _ := staticAssignment(e, "dependencies")
			dependencies, known = literalStrings(value)
		case *ast.MethodDefinition:
			known = false
			if e.Kind == ast.PropertyKindGet && len(e.Body.Body.List) == 1 {
				if back, ok := e.Body.Body.List[0].(*ast.ReturnStatement); ok {
					dependencies, known = literalStrings(back.Argument)
				}
			}
		}
	}
	return dependencies, shadowed, known
}

// literalStrings reads an array of string literals.
func literalStrings(e ast.Expression) ([]string, bool) {
	array, ok := e.(*ast.ArrayLiteral)
	if !ok {
		return nil, false
	}
	list := []string{}
	for _, value := range array.Value {
		literal, ok := value.(*ast.StringLiteral)
		if !ok {
			return nil, false
		}
		list = append(list, literal.Value.String())
	}
	return list, true
}
