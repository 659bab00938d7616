package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxTSConfigs bounds the chain of extends.
	maxTSConfigs = 20
	// maxTSConfig bounds the size in bytes of one tsconfig.json that is read.
	maxTSConfig = 1 << 20
)

// readTSConfig returns the compiler options of the nearest tsconfig.json in dir or above that change what code means,
// as JSON that esbuild reads; "" when there is no such file.
func readTSConfig(dir string) (string, *Error) {
	for {
		path := filepath.Join(dir, "tsconfig.json")
		if isFile(path) {
			options := map[string]any{}
			if failed := mergeTSConfig(path, options, 0); failed != nil {
				return "", failed
			}
			text, err := json.Marshal(map[string]any{"compilerOptions": options})
			if err != nil {
				return "", unusableTSConfig(path, "%s", err)
			}
			return string(text), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

// mergeTSConfig adds the options of one file, over those of the files that it extends.
func mergeTSConfig(path string, options map[string]any, depth int) *Error {
	if depth > maxTSConfigs {
		return unusableTSConfig(path, "more than %d files extend one another", maxTSConfigs)
	}
	info, err := os.Stat(path)
	if err != nil {
		return unusableTSConfig(path, "%s", unread(err))
	}
	if info.Size() > maxTSConfig {
		return unusableTSConfig(path, "it has %d bytes, expected at most %d", info.Size(), maxTSConfig)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return unusableTSConfig(path, "%s", unread(err))
	}
	var config struct {
		Extends         any            `json:"extends"`
		CompilerOptions map[string]any `json:"compilerOptions"`
	}
	text := withoutComments(data)
	if err := json.Unmarshal(text, &config); err != nil {
		if line, column, what, ok := jsonFault(string(text)); ok {
			failed := unusableTSConfig(path, "%s", what)
			failed.Line, failed.Column, failed.Excerpt = line, column, ""
			failed.quote()
			return failed
		}
		return unusableTSConfig(path, "expected an object like { \"compilerOptions\": { … } }")
	}
	bases, _ := config.Extends.([]any)
	if one, ok := config.Extends.(string); ok {
		bases = []any{one}
	}
	for _, base := range bases {
		name, _ := base.(string)
		file, err := extendedTSConfig(filepath.Dir(path), name)
		if err != nil {
			return unusableTSConfig(path, "it extends %q: %s", name, err)
		}
		if failed := mergeTSConfig(file, options, depth+1); failed != nil {
			return failed
		}
	}
	for _, name := range []string{"experimentalDecorators", "useDefineForClassFields", "target", "verbatimModuleSyntax",
		"preserveValueImports", "importsNotUsedAsValues", "alwaysStrict", "strict"} {
		if value, ok := config.CompilerOptions[name]; ok {
			maps.Copy(options, map[string]any{name: value})
		}
	}
	return nil
}

// unusableTSConfig is the error of a file with options of TypeScript; what is wrong is a clause.
func unusableTSConfig(path, what string, args ...any) *Error {
	e := &Error{Kind: KindSyntax, Message: "SyntaxError: TypeScript options: " + fmt.Sprintf(what, args...), File: path, Line: 1, Column: 1}
	e.quote()
	return e
}

// extendedTSConfig finds the file that extends means: a path with or without .json, or a file of a package.
func extendedTSConfig(dir, name string) (string, error) {
	if name == "" {
		return "", errors.New("expected the path of another file")
	}
	bases := []string{dir}
	if !isRelative(name) && !filepath.IsAbs(name) {
		bases = nodeModulePaths(dir)
	}
	for _, base := range bases {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(base, name)
		}
		for _, candidate := range []string{path, path + ".json", filepath.Join(path, "tsconfig.json")} {
			if isFile(candidate) {
				return candidate, nil
			}
		}
	}
	return "", errors.New("there is no such file")
}

// withoutComments blanks comments and trailing commas, which tsconfig.json may have.
func withoutComments(data []byte) []byte {
	text := []byte(strings.TrimPrefix(string(data), "\ufeff"))
	comma := -1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case c == '/' && i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*'):
			i = blankComment(text, i)
		case c == ',':
			comma = i
		case c == '}' || c == ']':
			if comma >= 0 {
				text[comma] = ' '
			}
			comma = -1
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma = -1
		}
	}
	return text
}

// blankComment overwrites the comment at i with spaces and returns the index of its last byte.
func blankComment(text []byte, i int) int {
	end := "\n"
	if text[i+1] == '*' {
		end = "*/"
	}
	stop := len(text)
	if at := strings.Index(string(text[i+2:]), end); at >= 0 {
		stop = i + 2 + at + len(end)
	}
	for k := i; k < stop; k++ {
		if text[k] != '\n' {
			text[k] = ' '
		}
	}
	return stop - 1
}
