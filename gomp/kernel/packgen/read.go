package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// library is a Go package with kernels.
type library struct {
	path, name string
	functions  []function
}

// function is a kernel.
type function struct {
	goName, name, doc string
	params            []string
	at                token.Position
}

// reader looks for kernels in one package.
type reader struct {
	files    *token.FileSet
	problems []error
}

// read finds the kernels of the package in a folder, in the order of its files.
func read(path, folder string, tags []string) (library, error) {
	settings := build.Default
	settings.BuildTags = tags
	found, err := settings.ImportDir(folder, 0)
	if err != nil {
		return library{}, lines(folder, err)
	}
	r := reader{files: token.NewFileSet()}
	syntax := r.parse(folder, slices.Sorted(slices.Values(slices.Concat(found.GoFiles, found.CgoFiles))))
	functions := r.functions(syntax)
	switch {
	case len(r.problems) > 0:
	case found.Name == "main":
		r.refuse(syntax[0].Name.Pos(), "kernels cannot be in package main")
	case len(functions) == 0:
		r.refuse(syntax[0].Name.Pos(), "package %s exports no function", found.Name)
	}
	return library{path, found.Name, functions}, errors.Join(r.problems...)
}

func (r *reader) parse(folder string, names []string) []*ast.File {
	var syntax []*ast.File
	for _, name := range names {
		path := filepath.Join(folder, name)
		file, err := parser.ParseFile(r.files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			r.problems = append(r.problems, lines(path, err))
			continue
		}
		syntax = append(syntax, file)
	}
	return syntax
}

// functions lists the kernels. A directive that belongs to none is a mistake: without this check
// it would be passed over in silence, as any comment is.
func (r *reader) functions(syntax []*ast.File) []function {
	var directives []*ast.Comment
	for _, file := range syntax {
		for _, group := range file.Comments {
			directives = append(directives, slices.DeleteFunc(slices.Clone(group.List), isText)...)
		}
	}
	var list []function
	used := map[*ast.Comment]bool{}
	for _, file := range syntax {
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			comment := directive(f.Doc)
			used[comment] = true
			if comment != nil || len(directives) == 0 && f.Recv == nil && f.Name.IsExported() {
				list = append(list, r.function(file, f, comment))
			}
		}
	}
	for _, comment := range directives {
		if !used[comment] {
			r.refuse(comment.Pos(), "%s is not directly above a function", comment.Text)
		}
	}
	return list
}

func (r *reader) function(file *ast.File, f *ast.FuncDecl, comment *ast.Comment) function {
	switch {
	case f.Recv != nil:
		r.refuse(f.Pos(), "%s is a method: only functions can be kernels", f.Name.Name)
	case !f.Name.IsExported():
		r.refuse(f.Pos(), "%s is not exported, so it cannot be a kernel", f.Name.Name)
	case f.Type.TypeParams != nil:
		r.refuse(f.Pos(), "%s has type parameters, so it cannot be a kernel", f.Name.Name)
	}
	k := function{goName: f.Name.Name, name: f.Name.Name, doc: strings.TrimSpace(f.Doc.Text()), at: r.files.Position(f.Pos())}
	if comment != nil {
		k.name = cmp.Or(strings.TrimSpace(strings.TrimPrefix(comment.Text, mark)), k.name)
	}
	if !identifier.MatchString(k.name) || keywords[k.name] {
		r.refuse(f.Pos(), "%q cannot be a name in Python", k.name)
	}
	// Go's comments begin with the name, but Python has another one for it.
	if rest, ok := strings.CutPrefix(k.doc, k.goName+" "); ok {
		k.doc = k.name + " " + rest
	}
	k.params = params(file, f.Type.Params.List)
	if sorted := slices.Sorted(slices.Values(k.params)); len(slices.Compact(sorted)) < len(k.params) {
		r.refuse(f.Pos(), "two parameters of %s have one name in Python: %s", k.goName, strings.Join(k.params, ", "))
	}
	return k
}

// params gives the names of the parameters for Python: without a context, which no caller
// passes, with a number for those without a name, and with PEP 8's underscore for keywords.
func params(file *ast.File, fields []*ast.Field) []string {
	var list []*ast.Ident
	for _, field := range fields {
		if field.Names == nil {
			list = append(list, ast.NewIdent("_"))
		}
		list = append(list, field.Names...)
	}
	if len(list) > 0 && isContext(file, fields[0].Type) {
		list = list[1:]
	}
	names := make([]string, len(list))
	for i, ident := range list {
		switch name := ident.Name; {
		case name == "_":
			names[i] = "arg" + strconv.Itoa(i)
		case keywords[name]:
			names[i] = name + "_"
		default:
			names[i] = name
		}
	}
	return names
}

func isContext(file *ast.File, t ast.Expr) bool {
	selector, ok := t.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "Context" {
		return false
	}
	name, ok := selector.X.(*ast.Ident)
	return ok && slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		return i.Path.Value == `"context"` && (i.Name == nil && name.Name == "context" || i.Name != nil && i.Name.Name == name.Name)
	})
}

const mark = "//gomp:kernel"

// isText reports whether a comment is not a directive.
func isText(comment *ast.Comment) bool {
	rest, ok := strings.CutPrefix(comment.Text, mark)
	return !ok || rest != "" && !strings.ContainsAny(rest[:1], " \t")
}

// directive finds the comment that makes a function a kernel, or nil.
func directive(group *ast.CommentGroup) *ast.Comment {
	if group == nil {
		return nil
	}
	for _, comment := range group.List {
		if !isText(comment) {
			return comment
		}
	}
	return nil
}

func (r *reader) refuse(at token.Pos, format string, args ...any) {
	r.problems = append(r.problems, problem(r.files.Position(at), format, args...))
}

// problem is an error as packgen tells it.
func problem(at token.Position, format string, args ...any) error {
	return fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...))
}

// lines tells each syntax error by itself, and any other error with the path that it is about.
func lines(path string, err error) error {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return fmt.Errorf("%s: %s", path, strings.Join(strings.Fields(err.Error()), " "))
	}
	var problems []error
	for _, e := range list {
		problems = append(problems, problem(e.Pos, "%s", e.Msg))
	}
	return errors.Join(problems...)
}

var identifier = regexp.MustCompile(`^[\pL_][\pL\p{Nd}_]*$`)

// keywords are Python's.
var keywords = func() map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(`False None True and as assert async await break class continue def del elif else
		except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield`) {
		set[word] = true
	}
	return set
}()
