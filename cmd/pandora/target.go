package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/state"
)

// maxPackage bounds a package.json.
const maxPackage = 4 << 20

// target is the application a command line names.
type target struct {
	// Dir is the absolute folder, symlinks kept.
	Dir  string
	Name string
}

// resolveTarget finds folder and name: the folder is argument (the current one when empty) and must exist; the name is
// the one given, or the name in the folder's package.json without its scope, or the folder's own name.
func resolveTarget(cwd, argument, name string) (target, error) {
	dir := argument
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(cwd, dir)
	}
	dir = filepath.Clean(dir)
	info, err := os.Stat(dir)
	if fserr.Missing(err) {
		text := whyMissing(err)
		if text == "" && !strings.Contains(argument, string(filepath.Separator)) {
			text = ", and no application of that name is recorded; [ pandora list ] shows those that are"
		}
		return target{}, &failure{code: exitNotFound, err: fmt.Errorf("open application folder %q: there is no such folder%s", dir, text)}
	}
	if err != nil {
		return target{}, fmt.Errorf("open application folder %q: %w; give this user the right to it", dir, fserr.Bare(err))
	}
	if !info.IsDir() {
		return target{}, sentence(exitFailure, "Pandora.js can only start a Pandora.js project directory, like [ pandora start ./ ]; %q is a file", dir)
	}
	if err := unix.Access(dir, unix.X_OK); err != nil {
		return target{}, fmt.Errorf("open application folder %q: %w; give this user the right to it", dir, err)
	}
	if name == "" {
		name = applicationName(dir)
	}
	if err := state.ValidName(name); err != nil {
		return target{}, newNameError(err)
	}
	return target{Dir: dir, Name: name}, nil
}

// applicationName is the default name of the application in a folder.
func applicationName(dir string) string {
	if name := packageName(filepath.Join(dir, "package.json")); name != "" {
		return name
	}
	return filepath.Base(dir)
}

// packageName reads the name of a package without its scope; "" when there is none to be read.
func packageName(path string) string {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that nobody writes to keeps nobody waiting
	if err != nil {
		return ""
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPackage))
	if err != nil {
		return ""
	}
	var pkg struct {
		Name any `json:"name"`
	}
	if json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &pkg) != nil {
		return ""
	}
	name, _ := pkg.Name.(string)
	if strings.HasPrefix(name, "@") {
		if _, rest, scoped := strings.Cut(name, "/"); scoped {
			return rest
		}
	}
	return name
}

// nameArgument is the application named on a command line, or the one in the current folder.
func nameArgument(args []string) (string, error) {
	if len(args) > 0 {
		if err := state.ValidName(args[0]); err != nil {
			return "", nameError(err)
		}
		return args[0], nil
	}
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the current folder: %w", err)
	}
	return applicationName(cwd), nil
}

// newNameError is the error of a name that an application cannot be given.
func newNameError(err error) error {
	return usageError(fmt.Errorf("%w; give another one with --name", err))
}

// nameError is the error of a name that no application can have.
func nameError(err error) error {
	return usageError(fmt.Errorf("%w; [ pandora list ] shows the applications", err))
}
