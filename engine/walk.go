package engine

import (
	"reflect"

	"github.com/dop251/goja/ast"
)

// walk calls visit with a pointer to every node below node, parents first; what visit answers false for is not entered.
// Property names after a dot are not visited; the identifier of a shorthand property is.
func walk(node any, visit func(node any) bool) {
	walkValue(reflect.ValueOf(node), visit)
}

func walkValue(v reflect.Value, visit func(any) bool) {
	switch v.Kind() {
	case reflect.Interface:
		walkValue(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			walkValue(v.Index(i), visit)
		}
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct || !visit(v.Interface()) {
			return
		}
		walkFields(v.Elem(), visit)
	case reflect.Struct:
		if v.CanAddr() {
			walkValue(v.Addr(), visit)
		}
	}
}

func walkFields(v reflect.Value, visit func(any) bool) {
	t := v.Type()
	for i := range v.NumField() {
		field := t.Field(i)
		switch field.Name {
		case "DeclarationList":
			// The same bindings again, for the compiler.
			continue
		case "Identifier":
			if t == reflect.TypeFor[ast.DotExpression]() || t == reflect.TypeFor[ast.PrivateDotExpression]() {
				continue
			}
		}
		if field.IsExported() {
			walkValue(v.Field(i), visit)
		}
	}
}

// maxTraced bounds the size of a source, in bytes, whose loops are made traceable.
const maxTraced = 64 << 10

// traceLoops gives every loop with an empty body an expression to evaluate, because goja knows no position inside a
// loop without any, and "for (;;) {}" is just what a user wants to see named.
func traceLoops(node any) {
	walk(node, func(node any) bool {
		switch loop := node.(type) {
		case *ast.WhileStatement:
			loop.Body = traced(loop.Body, loop)
		case *ast.DoWhileStatement:
			loop.Body = traced(loop.Body, loop)
		case *ast.ForStatement:
			loop.Body = traced(loop.Body, loop)
		}
		return true
	})
}

func traced(body ast.Statement, loop ast.Node) ast.Statement {
	block, isBlock := body.(*ast.BlockStatement)
	if _, empty := body.(*ast.EmptyStatement); !empty && (!isBlock || len(block.List) > 0) {
		return body
	}
	// An array literal is the cheapest expression that the compiler does not drop.
	at := loop.Idx0()
	return &ast.BlockStatement{
		LeftBrace: body.Idx0(), RightBrace: body.Idx1(),
		List: []ast.Statement{&ast.ExpressionStatement{Expression: &ast.ArrayLiteral{LeftBracket: at, RightBracket: at}}},
	}
}
