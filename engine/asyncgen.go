package engine

import "github.com/dop251/goja/ast"

// asyncGenerator is the global that stands for an async generator function where a library only asks what one is like;
// js/goja/asyncgen.js makes it. No user's code has reason to know it.
const asyncGenerator = "__pandora_async_generator__"

// asyncPrototypes repairs what transforming takes away: libraries find the prototype of all async iterators through
// Object.getPrototypeOf(async function* () {}), and a transformed function has another prototype.
func asyncPrototypes(body *ast.FunctionLiteral) {
	walk(body.Body, func(node any) bool {
		call, ok := node.(*ast.CallExpression)
		if !ok || len(call.ArgumentList) != 1 {
			return true
		}
		callee, ok := call.Callee.(*ast.DotExpression)
		if !ok || callee.Identifier.Name != "getPrototypeOf" {
			return true
		}
		if f, ok := call.ArgumentList[0].(*ast.FunctionLiteral); ok && returnsAsyncGenerator(f) {
			call.ArgumentList[0] = &ast.Identifier{Name: asyncGenerator, Idx: f.Idx0()}
		}
		return true
	})
}

// returnsAsyncGenerator recognises what esbuild makes of an async generator function.
func returnsAsyncGenerator(f *ast.FunctionLiteral) bool {
	if f.Body == nil || len(f.Body.List) != 1 {
		return false
	}
	statement, ok := f.Body.List[0].(*ast.ReturnStatement)
	if !ok {
		return false
	}
	call, ok := statement.Argument.(*ast.CallExpression)
	if !ok {
		return false
	}
	id, ok := call.Callee.(*ast.Identifier)
	return ok && id.Name == "__asyncGenerator"
}
