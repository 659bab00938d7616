package engine

import "github.com/dop251/goja/ast"

func opaqueRequests(body *ast.FunctionLiteral) map[string][]string { return nil }

type hint struct {
	name         string
	dependencies []string
}

func declaredExports(body *ast.FunctionLiteral, wanted []string) map[string]hint { return nil }
