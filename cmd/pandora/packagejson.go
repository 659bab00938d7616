package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// packageSettings are what the package.json of the current folder gives start or dev, under "pandora": {"start": {…}}, as
// Pandora.js has it. The zero value gives nothing.
type packageSettings struct {
	// entry is the folder or file that is started where none is named.
	entry string
	// flags are values of flags by name, as on a command line.
	flags map[string]string
	// config is appended to PANDORA_CONFIG.
	config []string
}

// packageFlags maps the keys of package.json to flags. A "name" there does not name the application: appName does.
func packageFlags() map[string]string {
	return map[string]string{
		"appName": "name", "env": "env", "args": "args", "node-args": "node-args", "nodeArgs": "node-args",
		"inspect": "inspect", "inspect-port": "inspect-port", "inspectPort": "inspect-port",
	}
}

// readPackageSettings reads those of a verb in the text of a package.json. Keys that are not known stay for whoever uses them.
func readPackageSettings(text, verb string) (packageSettings, error) {
	settings := packageSettings{flags: map[string]string{}}
	var pkg struct {
		Pandora map[string]json.RawMessage `json:"pandora"`
	}
	if json.Unmarshal([]byte(strings.TrimPrefix(text, "\ufeff")), &pkg) != nil || pkg.Pandora[verb] == nil {
		return settings, nil // what is wrong with the file is not for here: Node and npm tell it
	}
	var given map[string]any
	if err := json.Unmarshal(pkg.Pandora[verb], &given); err != nil {
		return settings, fmt.Errorf("pandora.%s is %s, expected an object", verb, pkg.Pandora[verb])
	}
	for key, value := range given {
		var err error
		switch key {
		case "entry":
			settings.entry, err = packageText(value)
		case "config":
			settings.config, err = packageList(value)
		default:
			if flag := packageFlags()[key]; flag != "" {
				settings.flags[flag], err = packageFlag(flag, value)
			}
		}
		if err != nil {
			return settings, fmt.Errorf("pandora.%s.%s: %w", verb, key, err)
		}
	}
	return settings, nil
}

// packageFlag is a value of package.json as a flag has it.
func packageFlag(flag string, value any) (string, error) {
	switch v := value.(type) {
	case bool:
		if flag == "inspect" {
			if v {
				return "0", nil
			}
			return "", nil
		}
	case float64:
		if strings.HasPrefix(flag, "inspect") {
			return fmt.Sprint(v), nil
		}
	case []any:
		if flag == "args" || flag == "node-args" {
			words, err := packageList(v)
			return strings.Join(words, " "), err
		}
	}
	return packageText(value)
}

func packageText(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("expected a text, got %s", asJSON(value))
	}
	return text, nil
}

func packageList(value any) ([]string, error) {
	list, ok := value.([]any)
	if text, single := value.(string); single {
		return []string{text}, nil
	}
	texts := make([]string, 0, len(list))
	for _, each := range list {
		text, isText := each.(string)
		ok = ok && isText
		texts = append(texts, text)
	}
	if !ok {
		return nil, fmt.Errorf("expected a list of texts, got %s", asJSON(value))
	}
	return texts, nil
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return abridged(string(text))
}

// withPackage puts what the package.json of the current folder gives a verb behind what the command line says: a flag that
// is given counts alone. It returns the argument to take, and a cli whose environment names the configuration too. It
// concerns what lies in that folder only: an application that is named, or lies elsewhere, has nothing to do with it.
func (c *cli) withPackage(cmd *cobra.Command, argument string) (*cli, string, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return c, argument, fmt.Errorf("find the current folder: %w", err)
	}
	path := filepath.Join(cwd, "package.json")
	text, err := readBounded(path)
	if err != nil || argument != "" && !liesIn(cwd, argument) {
		return c, argument, nil
	}
	settings, err := readPackageSettings(text, cmd.Name())
	if err != nil {
		return c, argument, usageError(fmt.Errorf("read %s: %w", path, err))
	}
	for name, value := range settings.flags {
		if flag := cmd.Flags().Lookup(name); flag != nil && !flag.Changed && value != "" {
			if err := flag.Value.Set(value); err != nil {
				return c, argument, usageError(fmt.Errorf("read %s: pandora.%s: --%s: %w", path, cmd.Name(), name, err))
			}
		}
	}
	if len(settings.config) > 0 {
		merged := *c
		list := strings.TrimPrefix(c.getenv("PANDORA_CONFIG")+":"+strings.Join(settings.config, ":"), ":")
		merged.environ = append(slices.Clone(c.environ), "PANDORA_CONFIG="+list)
		c = &merged
	}
	if argument == "" && cmd.ArgsLenAtDash() < 0 {
		argument = settings.entry
	}
	return c, argument, nil
}

// liesIn reports whether an argument is a file or folder that exists in or below a folder.
func liesIn(dir, argument string) bool {
	path := argument
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err != nil {
		return false
	}
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}

// resolveModule is start --npm: the folder of a package that is installed at or above a folder, or above this program. As in
// Pandora.js the application needs a name of its own.
func (c *cli) resolveModule(module, name string) (string, error) {
	switch {
	case module == "":
		return "", usageError(errors.New("[targetPath] is required when --npm flag enabled"))
	case name == "":
		return "", usageError(errors.New("option --name is required when --npm flag enabled"))
	case !filepath.IsLocal(module):
		return "", usageError(fmt.Errorf("start --npm %s: expected the name of a package, like shop or @acme/shop", module))
	}
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the current folder: %w", err)
	}
	from := []string{cwd}
	if executable, err := os.Executable(); err == nil {
		from = append(from, filepath.Dir(executable))
	}
	for _, dir := range from {
		for {
			found := filepath.Join(dir, "node_modules", module)
			if info, err := os.Stat(filepath.Join(found, "package.json")); err == nil && info.Mode().IsRegular() {
				c.say("** Resolve %s to %s **", module, found)
				return found, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", &failure{code: exitNotFound, err: fmt.Errorf(
		"start --npm %s: no folder node_modules at or above %s has this package; [ npm install %s ] installs it", module, cwd, module)}
}
