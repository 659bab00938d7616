package engine

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/unistring"
	"golang.org/x/sys/unix"
)

// A child that the kernel stops inside one native call cannot say where it was. So the statements of small project
// files first put their number into a page of memory that the parent can read afterwards.

const (
	tracePage = 4096
	// traceFunction is the global that traced statements call; no user's code has reason to know it.
	traceFunction = "__pandora_at__"
)

// openTrace makes the file behind the page, without a name.
func openTrace() (*os.File, error) {
	f, err := os.CreateTemp("", "pandora-engine-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	if err := f.Truncate(tracePage); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// clearTrace forgets the statement that began last.
func clearTrace(f *os.File) {
	_, _ = f.WriteAt(make([]byte, 8), 0) // what is not cleared is at worst a wrong place in the words on a killed child
}

// readTrace returns the statement that began last: the number of its file among those loaded (from 0) and its place.
func readTrace(f *os.File) (number, line, column int, ok bool) {
	var b [8]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return 0, 0, 0, false
	}
	v := binary.LittleEndian.Uint64(b[:])
	return int(v>>32) - 1, int(v >> 12 & 0xfffff), int(v & 0xfff), v != 0
}

// mapTrace gives the memory of the page behind f; it stays until the process ends.
func mapTrace(f *os.File) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, tracePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// traceInto makes the runtime mark the statements it begins in a page.
func (r *Runtime) traceInto(page []byte) error {
	at := func(call goja.FunctionCall) goja.Value {
		binary.LittleEndian.PutUint64(page, uint64(call.Argument(0).ToInteger()))
		return goja.Undefined()
	}
	r.tracing = true
	return r.vm.GlobalObject().DefineDataProperty(traceFunction, r.vm.ToValue(at), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

// traceStatements puts a mark before every statement of a file of the project itself.
func (r *Runtime) traceStatements(name string, program *ast.Program, body *ast.FunctionLiteral) {
	number := slices.Index(r.loaded, name)
	if !r.tracing || number < 0 || number >= 1<<20 || strings.Contains(name, "/node_modules/") {
		return
	}
	// nil for what esbuild added.
	mark := func(node ast.Node) ast.Expression {
		p := r.position(program.File.Position(int(node.Idx0()) - program.File.Base()))
		if p.Filename == "" {
			return nil
		}
		value := int64(number+1)<<32 | int64(min(p.Line, 0xfffff))<<12 | int64(min(p.Column, 0xfff))
		return &ast.CallExpression{
			Callee:       &ast.Identifier{Name: unistring.String(traceFunction), Idx: node.Idx0()},
			ArgumentList: []ast.Expression{&ast.NumberLiteral{Idx: node.Idx0(), Value: value}},
		}
	}
	marked := func(list []ast.Statement) []ast.Statement {
		var all []ast.Statement
		directives := true
		for _, statement := range list {
			directives = directives && isDirective(statement)
			if _, hoisted := statement.(*ast.FunctionDeclaration); !hoisted && !directives {
				if at := mark(statement); at != nil {
					all = append(all, &ast.ExpressionStatement{Expression: at})
				}
			}
			all = append(all, statement)
		}
		return all
	}
	walk(body.Body, func(node any) bool {
		switch n := node.(type) {
		case *ast.BlockStatement:
			n.List = marked(n.List)
		case *ast.CaseStatement:
			n.Consequent = marked(n.Consequent)
		case *ast.ExpressionBody:
			if at := mark(n.Expression); at != nil {
				n.Expression = &ast.SequenceExpression{Sequence: []ast.Expression{at, n.Expression}}
			}
		}
		return true
	})
}

func isDirective(statement ast.Statement) bool {
	expression, ok := statement.(*ast.ExpressionStatement)
	if !ok {
		return false
	}
	_, ok = expression.Expression.(*ast.StringLiteral)
	return ok
}
