package engine

import (
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// isPure reports whether evaluating e does nothing but make a value: declaring, requiring, reading. Getters, and what
// a required module does, are taken to be harmless.
func isPure(e ast.Expression) bool {
	switch n := e.(type) {
	case nil:
		return true
	case *ast.Identifier, *ast.ThisExpression, *ast.StringLiteral, *ast.NumberLiteral, *ast.BooleanLiteral, *ast.NullLiteral,
		*ast.RegExpLiteral, *ast.FunctionLiteral, *ast.ArrowFunctionLiteral, *ast.MetaProperty:
		return true
	case *ast.DotExpression:
		return isPure(n.Left)
	case *ast.BracketExpression:
		return isPure(n.Left) && isPure(n.Member)
	case *ast.OptionalChain:
		return isPure(n.Expression)
	case *ast.Optional:
		return isPure(n.Expression)
	case *ast.SpreadElement:
		return isPure(n.Expression)
	case *ast.UnaryExpression:
		return n.Operator != token.DELETE && n.Operator != token.INCREMENT && n.Operator != token.DECREMENT && isPure(n.Operand)
	case *ast.BinaryExpression:
		return isPure(n.Left) && isPure(n.Right)
	case *ast.ConditionalExpression:
		return isPure(n.Test) && isPure(n.Consequent) && isPure(n.Alternate)
	case *ast.ArrayLiteral:
		return allPure(n.Value)
	case *ast.TemplateLiteral:
		return n.Tag == nil && allPure(n.Expressions)
	case *ast.SequenceExpression:
		return allPure(n.Sequence)
	case *ast.ObjectLiteral:
		return isPureObject(n)
	case *ast.ClassLiteral:
		return isPureClass(n)
	case *ast.CallExpression:
		return isPureCall(n)
	case *ast.NewExpression:
		id, ok := n.Callee.(*ast.Identifier)
		return ok && len(n.ArgumentList) == 0 && (id.Name == "Map" || id.Name == "Set" || id.Name == "WeakMap" || id.Name == "WeakSet")
	}
	return false
}

func allPure(list []ast.Expression) bool {
	for _, e := range list {
		if !isPure(e) {
			return false
		}
	}
	return true
}

func isPureObject(object *ast.ObjectLiteral) bool {
	for _, property := range object.Value {
		switch p := property.(type) {
		case *ast.PropertyKeyed:
			if p.Computed && !isPure(p.Key) || !isPure(p.Value) {
				return false
			}
		case *ast.SpreadElement:
			if !isPure(p.Expression) {
				return false
			}
		case *ast.PropertyShort:
		default:
			return false
		}
	}
	return true
}

func isPureClass(class *ast.ClassLiteral) bool {
	if !isPure(class.SuperClass) {
		return false
	}
	for _, element := range class.Body {
		switch e := element.(type) {
		case *ast.FieldDefinition:
			if e.Computed && !isPure(e.Key) || e.Static && !isPure(e.Initializer) {
				return false
			}
		case *ast.MethodDefinition:
			if e.Computed && !isPure(e.Key) {
				return false
			}
		case *ast.ClassStaticBlock:
			if !isPureStaticBlock(e) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isPureStaticBlock allows assignments to members of this, which compilers write for static fields.
func isPureStaticBlock(block *ast.ClassStaticBlock) bool {
	for _, statement := range block.Block.List {
		expression, ok := statement.(*ast.ExpressionStatement)
		if !ok {
			return false
		}
		assign, ok := expression.Expression.(*ast.AssignExpression)
		if !ok || assign.Operator != token.ASSIGN || !isPure(assign.Right) {
			return false
		}
		target, ok := assign.Left.(*ast.DotExpression)
		if !ok {
			return false
		}
		if _, ok := target.Left.(*ast.ThisExpression); !ok {
			return false
		}
	}
	return true
}

// isPureCall allows require, Symbol and the import helpers that compilers write.
func isPureCall(call *ast.CallExpression) bool {
	if _, ok := required(call); ok {
		return true
	}
	if !allPure(call.ArgumentList) {
		return false
	}
	name := ""
	switch callee := call.Callee.(type) {
	case *ast.Identifier:
		name = callee.Name.String()
	case *ast.DotExpression:
		if left, ok := callee.Left.(*ast.Identifier); ok {
			name = left.Name.String() + "." + callee.Identifier.Name.String()
		}
	}
	switch name {
	case "Symbol", "Symbol.for", "__toESM", "__importDefault", "__importStar", "tslib_1.__importDefault", "tslib_1.__importStar":
		return true
	}
	return strings.HasPrefix(name, "_interopRequire")
}
