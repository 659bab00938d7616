package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const (
	maxFileLines     = 600
	maxFunctionLines = 80
)

// goFile is one parsed Go file that is not a test.
type goFile struct {
	path string
	fset *token.FileSet
	ast  *ast.File
	// lines counts the file's lines.
	lines int
}

// imports returns the import paths of the file.
func (f goFile) imports() []string {
	var all []string
	for _, spec := range f.ast.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		all = append(all, path)
	}
	return all
}

// at names a position in the file.
func (f goFile) at(pos token.Pos) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(pos).Line)
}

// walk calls visit with every file of the repository that has one of the endings.
func walk(t *testing.T, visit func(path string, data []byte), endings ...string) {
	t.Helper()
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "node_modules", "testdata", ".git", ".cache", "bin":
				return fs.SkipDir
			}
			return nil
		}
		for _, ending := range endings {
			if strings.HasSuffix(path, ending) {
				data, err := fs.ReadFile(root, path)
				if err != nil {
					return err
				}
				visit(path, data)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles parses all Go files that are not tests.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var all []goFile
	walk(t, func(path string, data []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, data, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, goFile{path: path, fset: fset, ast: file, lines: strings.Count(string(data), "\n")})
	}, ".go")
	return all
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := filepath.Dir(f.path)
		documented[dir] = documented[dir] || f.ast.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment (its job, an example, concurrency, what it does not do)", dir)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d", f.path, f.lines, maxFileLines)
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, at most %d", f.at(fn.Pos()), fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
	walk(t, func(path string, data []byte) {
		if n := strings.Count(string(data), "\n"); n > maxFileLines && !strings.HasSuffix(path, ".test.js") {
			t.Errorf("%s has %d lines, at most %d", path, n, maxFileLines)
		}
	}, ".js")
}

func TestExportedDocs(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
					t.Errorf("%s: exported %s has no comment", f.at(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					ts, ok := spec.(*ast.TypeSpec)
					if ok && ts.Name.IsExported() && ts.Doc == nil && d.Doc == nil {
						t.Errorf("%s: exported type %s has no comment", f.at(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	}
}

// receiverExported reports whether fn is a function or a method of an exported type.
func receiverExported(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

// TestNoHiddenState refuses init functions and package variables that anything assigns to.
func TestNoHiddenState(t *testing.T) {
	for _, f := range goFiles(t) {
		globals := map[*ast.Object]string{}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init function", f.at(fn.Pos()))
			}
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					globals[name.Obj] = name.Name
				}
			}
		}
		changed := func(e ast.Expr) {
			if index, ok := e.(*ast.IndexExpr); ok {
				e = index.X
			}
			if id, ok := e.(*ast.Ident); ok && id.Obj != nil && globals[id.Obj] != "" && globals[id.Obj] != "_" {
				t.Errorf("%s: package variable %s is changed", f.at(e.Pos()), id.Name)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					changed(e)
				}
			case *ast.IncDecStmt:
				changed(n.X)
			}
			return true
		})
	}
}

// TestGoroutinesAreListed holds that every go statement has a row in docs/architecture.md, so that its owner is known.
func TestGoroutinesAreListed(t *testing.T) {
	doc, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range goFiles(t) {
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					row := "`" + f.path + "` " + fn.Name.Name
					if !strings.Contains(string(doc), row) {
						t.Errorf("%s: a goroutine is started in %s; docs/architecture.md has no row with %q", f.at(n.Pos()), fn.Name.Name, row)
					}
				}
				return true
			})
		}
	}
}

// TestDependenciesAreJustified holds that every direct dependency has its line in docs/decisions/dependencies.md.
func TestDependenciesAreJustified(t *testing.T) {
	data, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/decisions/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(doc), "`"+r.Mod.Path+"`") {
			t.Errorf("docs/decisions/dependencies.md does not say why %s is needed", r.Mod.Path)
		}
	}
}

// TestPublicSignatures holds that the packages named on the design card show no internal type.
func TestPublicSignatures(t *testing.T) {
	card := []string{"engine", "procfile", "procfile/evaluate", "supervisor", "endpoints", "metrics"}
	for _, f := range goFiles(t) {
		dir := filepath.Dir(f.path)
		public := false
		for _, c := range card {
			public = public || c == dir
		}
		if !public {
			continue
		}
		internal := map[string]bool{}
		for _, path := range f.imports() {
			if strings.HasPrefix(path, module+"/internal/") {
				internal[path[strings.LastIndex(path, "/")+1:]] = true
			}
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || !receiverExported(fn) {
				continue
			}
			ast.Inspect(fn.Type, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if id, ok := sel.X.(*ast.Ident); ok && internal[id.Name] {
					t.Errorf("%s: %s shows %s.%s", f.at(fn.Pos()), fn.Name.Name, id.Name, sel.Sel.Name)
				}
				return true
			})
		}
	}
}
