package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pandora-go/pandora/internal/fserr"
)

// maxFile bounds a file that is looked into.
const maxFile = 4 << 20

// ErrNoEntry says that the entry that was asked for is no file of the folder.
var ErrNoEntry = errors.New("there is no such file")

// Read looks at the folder of an application. entry is the program that the user named, relative to the folder, or "" to
// look for it. Errors are a package.json that cannot be read, with its line, and an entry that is not there (ErrNoEntry).
func Read(folder fs.FS, entry string) (Facts, error) {
	r := reader{folder: folder}
	if err := r.readPackage(); err != nil {
		return Facts{}, err
	}
	f := &r.facts
	for _, extension := range []string{"js", "ts", "cjs", "mjs", "cts", "mts"} {
		if r.exists("procfile." + extension) {
			f.Procfiles = append(f.Procfiles, "procfile."+extension)
		}
	}
	for _, name := range []string{"ecosystem.config.js", "ecosystem.config.cjs", "pm2.json", "Procfile"} {
		if r.exists(name) {
			f.ProcessFiles = append(f.ProcessFiles, name)
		}
	}
	f.Installed = len(f.Dependencies) == 0 || r.exists("node_modules")
	f.Alone = f.alone()
	if entry != "" {
		found := r.file(entry)
		if found == "" {
			return Facts{}, fmt.Errorf("find entry %q: %w", entry, ErrNoEntry)
		}
		f.Entries = []Entry{r.entry(found, "--entry")}
	}
	f.Framework = r.framework()
	if entry == "" {
		r.findEntries()
	}
	if f.Framework == Unknown && len(f.Entries) > 0 {
		f.Framework = r.library(f.Entries[0])
	}
	return *f, nil
}

// has reports whether the project depends on a package.
func (f *Facts) has(name string) bool { _, ok := f.Dependencies[name]; return ok }

// reader looks at one folder.
type reader struct {
	folder fs.FS
	facts  Facts
	// egg is true where package.json has a member "egg"; eggFramework is the package that it names.
	egg          bool
	eggFramework string
	// midwayOptions is true where package.json says how midway 1.x is started.
	midwayOptions bool
}

// readPackage reads package.json into the facts. Names of members are as they are written, as Node reads them.
func (r *reader) readPackage() error {
	data, err := r.read("package.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	members, err := parsePackage(data)
	if err != nil {
		return err
	}
	f := &r.facts
	f.Package = true
	f.Name, f.Main = textOf(members["name"]), textOf(members["main"])
	f.Module = textOf(members["type"]) == "module"
	f.Scripts, f.Dependencies = textsOf(members["scripts"]), textsOf(members["dependencies"])
	var egg map[string]json.RawMessage
	r.egg = json.Unmarshal(members["egg"], &egg) == nil && egg != nil
	r.eggFramework = textOf(egg["framework"])
	r.midwayOptions = members["midway-server-options"] != nil
	return nil
}

// parsePackage reads the text of a package.json; what is wrong in it is told with line and column.
func parsePackage(data []byte) (map[string]json.RawMessage, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var members map[string]json.RawMessage
	err := json.Unmarshal(data, &members)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := data[:min(int(syntax.Offset), len(data))]
		line := 1 + bytes.Count(before, []byte("\n"))
		column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
		return nil, fmt.Errorf("read package.json:%d:%d: %w; mend it first, Node reads it as well", line, max(column, 1), err)
	}
	if err != nil || members == nil {
		return nil, errors.New("read package.json: expected an object; mend it first, Node reads it as well")
	}
	return members, nil
}

// textOf is a JSON value that is a text, else "".
func textOf(value json.RawMessage) string {
	var text string
	_ = json.Unmarshal(value, &text)
	return text
}

// textsOf are the members of a JSON object that are texts; nil when it is none.
func textsOf(value json.RawMessage) map[string]string {
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil || len(members) == 0 {
		return nil
	}
	texts := make(map[string]string, len(members))
	for name, member := range members {
		if text := textOf(member); text != "" {
			texts[name] = text
		}
	}
	return texts
}

// read is the content of a regular file of some size at most.
func (r *reader) read(name string) ([]byte, error) {
	info, err := fs.Stat(r.folder, name)
	if err != nil {
		return nil, fserr.Bare(err)
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for
		return nil, errors.New("it is no regular file")
	}
	file, err := r.folder.Open(name)
	if err != nil {
		return nil, fserr.Bare(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return data, err
}

// exists reports whether there is a file or folder of that name.
func (r *reader) exists(name string) bool {
	_, err := fs.Stat(r.folder, name)
	return err == nil
}

// isFile reports whether there is a regular file of that name.
func (r *reader) isFile(name string) bool {
	info, err := fs.Stat(r.folder, name)
	return err == nil && info.Mode().IsRegular()
}

// endings are those that a name may be completed with, as Node does it, and pandora for TypeScript.
func endings() []string { return []string{".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"} }

// hasEnding reports whether a path has one of the endings.
func hasEnding(name string, endings ...string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// file is the file of the folder that a path means to Node: itself, with an ending, or the index of a folder; "" for none.
func (r *reader) file(name string) string {
	name = path.Clean(strings.TrimSuffix(name, "/"))
	if !fs.ValidPath(name) {
		return ""
	}
	if r.isFile(name) {
		return name
	}
	for _, stem := range []string{name, path.Join(name, "index")} {
		for _, ending := range endings() {
			if name != "." || stem != name {
				if r.isFile(stem + ending) {
					return stem + ending
				}
			}
		}
	}
	return ""
}

// entry looks into a program of the folder.
func (r *reader) entry(file, from string) Entry {
	e := Entry{Path: "./" + file, From: from}
	e.Listens, e.Clusters = r.look(file)
	return e
}
