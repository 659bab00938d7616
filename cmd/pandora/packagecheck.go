package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

// checkPackage looks whether the package.json of a folder, if there is one, can be read as JSON. Neither engine loads a
// file beside one that cannot, and neither tells the place. The error is an evaluate.Error.
func checkPackage(dir string) error {
	path := filepath.Join(dir, "package.json")
	bad := &evaluate.Error{Procfile: dir, Engine: evaluate.EngineGoja, Kind: evaluate.KindSyntax, Path: path, Hint: "mend it first: Node reads it as well"}
	info, err := os.Stat(path)
	if err != nil {
		return nil // that is what the engines say, if they need it
	}
	if !info.Mode().IsRegular() {
		bad.Message = "it is no regular file"
		return bad
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		bad.Message, bad.Hint = fserr.Bare(err).Error(), "give this user the right to read it"
		return bad
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPackage))
	if err != nil {
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var value any
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(data, &value))
	if !ok || len(data) == maxPackage {
		return nil
	}
	before := data[:min(max(int(syntax.Offset)-1, 0), len(data))]
	bad.Line = 1 + bytes.Count(before, []byte("\n"))
	bad.Column = len(before) - bytes.LastIndexByte(before, '\n')
	bad.Message = fmt.Sprintf("it is no JSON: %s", syntax)
	if syntax.Error() == "unexpected end of JSON input" {
		bad.Message = "it is no JSON: it ends too early"
	}
	return bad
}
