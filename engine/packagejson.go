package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// packageJSON is what module resolution needs of one package.json.
type packageJSON struct {
	path string
	dir  string
	name string
	main string
	// module says that .js files of this package are ES modules.
	module bool
	// commonJS says that they are CommonJS for certain, so that their syntax is not asked.
	commonJS bool
	// exports and imports are nil when absent or null: a string, a []any, a *orderedObject, or what Node refuses.
	exports, imports any
}

// orderedObject is a JSON object whose key order is kept: conditions are tried in the order of the file.
type orderedObject struct {
	keys   []string
	values map[string]any
}

// maxPackageJSON bounds the size of a package.json that is read.
const maxPackageJSON = 16 << 20

// readPackageJSON reads dir/package.json, and returns nil if there is none.
func readPackageJSON(dir string) (*packageJSON, error) {
	path := filepath.Join(dir, "package.json")
	data, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
			return nil, nil
		}
		return nil, &moduleError{Code: "ERR_INVALID_PACKAGE_CONFIG", Message: fmt.Sprintf("Cannot read package config %s: %s", path, unread(err))}
	}
	if len(data) > maxPackageJSON {
		return nil, &moduleError{Code: "ERR_INVALID_PACKAGE_CONFIG", Message: fmt.Sprintf("Package config %s has %d bytes, at most %d are read", path, len(data), maxPackageJSON)}
	}
	value, err := decodeOrdered(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		where, why := path, err.Error()
		if line, column, what, ok := jsonFault(strings.TrimPrefix(string(data), "\ufeff")); ok {
			where, why = fmt.Sprintf("%s:%d:%d", path, line, column), what
		}
		return nil, &moduleError{Code: "ERR_INVALID_PACKAGE_CONFIG", Message: fmt.Sprintf("Invalid package config %s: %s", where, why)}
	}
	pkg := &packageJSON{path: path, dir: dir}
	if object, ok := value.(*orderedObject); ok {
		pkg.name, _ = object.values["name"].(string)
		pkg.main, _ = object.values["main"].(string)
		pkg.module = object.values["type"] == "module"
		pkg.commonJS = object.values["type"] == "commonjs"
		pkg.exports = absentIfNull(object.values["exports"])
		pkg.imports = absentIfNull(object.values["imports"])
	}
	return pkg, nil
}

// jsonNull is null inside a decoded value: unlike an absent member it says that something is not to be had.
type jsonNull struct{}

func absentIfNull(value any) any {
	if value == (jsonNull{}) {
		return nil
	}
	return value
}

// decodeOrdered decodes one JSON value.
func decodeOrdered(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	value, err := decodeValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, errors.New("more than one JSON value")
	}
	return value, nil
}

// maxNesting bounds the depth of a package.json.
const maxNesting = 200

func decodeValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d levels", maxNesting)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case nil:
		return jsonNull{}, nil
	case json.Delim('{'):
		object := &orderedObject{values: map[string]any{}}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			if _, again := object.values[name]; !again {
				object.keys = append(object.keys, name)
			}
			object.values[name] = value
		}
		_, err = dec.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			value, err := decodeValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = dec.Token()
		return list, err
	}
	return token, nil
}
