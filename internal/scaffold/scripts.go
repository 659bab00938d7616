package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Script is a script of package.json.
type Script struct{ Name, Command string }

// Scripts are those that AddScripts is called with, in the order in which they are written.
func Scripts() []Script {
	return []Script{{"start", "pandora start"}, {"dev", "pandora dev"}, {"stop", "pandora stop"}}
}

// AddScripts puts scripts into the text of a package.json and changes nothing else of it: not its indent, its line ends or
// its order. A script that is there with another command is replaced when replace is true, and is otherwise left alone
// and returned in kept. Errors are a text that is no object, and "scripts" that is none.
func AddScripts(data []byte, scripts []Script, replace bool) (changed []byte, kept []Script, err error) {
	if _, err := parsePackage(data); err != nil {
		return nil, nil, err
	}
	changed = bytes.Clone(data)
	for _, s := range scripts {
		root, err := objectAt(changed, bytes.IndexByte(changed, '{'))
		if err != nil {
			return nil, nil, err
		}
		under, there := root.members["scripts"]
		if !there {
			changed = root.insert(changed, "scripts", "{}", 1)
			if root, err = objectAt(changed, root.open); err != nil {
				return nil, nil, err
			}
			under = root.members["scripts"]
		}
		if changed[under.start] != '{' {
			return nil, nil, errors.New(`change package.json: "scripts" is no object`)
		}
		object, err := objectAt(changed, under.start)
		if err != nil {
			return nil, nil, err
		}
		command, err := json.Marshal(s.Command)
		if err != nil {
			return nil, nil, fmt.Errorf("change package.json: %w", err)
		}
		old, there := object.members[s.Name]
		switch {
		case !there:
			changed = object.insert(changed, s.Name, string(command), 2)
		case string(changed[old.start:old.end]) == string(command):
		case replace:
			changed = splice(changed, old.start, old.end, string(command))
		default:
			kept = append(kept, Script{s.Name, textOf(changed[old.start:old.end])})
		}
	}
	if _, err := parsePackage(changed); err != nil {
		return nil, nil, fmt.Errorf("change package.json: what came of it is wrong: %w", err)
	}
	return changed, kept, nil
}

// span is where a value lies.
type span struct{ start, end int }

// object is where an object and its members lie in a text; of members of one name the last counts, as in JavaScript.
type object struct {
	open, close int
	members     map[string]span
	// firstKey is where the first member begins, last the end of the last one; both 0 in an empty object.
	firstKey, last int
}

// objectAt finds the members of the object that begins at an offset.
func objectAt(data []byte, offset int) (object, error) {
	o := object{open: offset, members: map[string]span{}}
	if offset < 0 {
		return o, errors.New("change package.json: it is no object")
	}
	decoder := json.NewDecoder(bytes.NewReader(data[offset:]))
	if _, err := decoder.Token(); err != nil {
		return o, fmt.Errorf("change package.json: %w", err)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return o, fmt.Errorf("change package.json: %w", err)
		}
		if o.firstKey == 0 {
			o.firstKey = offset + bytes.IndexByte(data[offset:], '"')
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return o, fmt.Errorf("change package.json: %w", err)
		}
		end := offset + int(decoder.InputOffset())
		o.last = end
		if name, ok := key.(string); ok {
			o.members[name] = span{end - len(value), end}
		}
	}
	if _, err := decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
		return o, fmt.Errorf("change package.json: %w", err)
	}
	o.close = offset + int(decoder.InputOffset()) - 1
	return o, nil
}

// insert puts a member behind the last one, laid out as the first one is; depth is how deep the members lie.
func (o object) insert(data []byte, name, value string, depth int) []byte {
	key, _ := json.Marshal(name)
	if o.last > 0 {
		space := string(data[o.open+1 : o.firstKey])
		if space == "" && len(o.members) == 1 { // {"a": 1}, in one line
			space = " "
		}
		return splice(data, o.last, o.last, ","+space+string(key)+": "+value)
	}
	unit, newline := layout(data)
	if newline == "" {
		return splice(data, o.open+1, o.close, " "+string(key)+": "+value+" ")
	}
	indent := newline
	for range depth - 1 {
		indent += unit
	}
	return splice(data, o.open+1, o.close, indent+unit+string(key)+": "+value+indent)
}

// layout is the indent of the first member of a text and its line end; both "" for a text in one line.
func layout(data []byte) (unit, newline string) {
	open := bytes.IndexByte(data, '{')
	first := bytes.IndexByte(data, '"')
	if open < 0 || first < open {
		if bytes.IndexByte(data, '\n') < 0 {
			return "", ""
		}
		return "  ", "\n"
	}
	between := data[open+1 : first]
	end := bytes.LastIndexByte(between, '\n')
	if end < 0 {
		return "", ""
	}
	newline = "\n"
	if end > 0 && between[end-1] == '\r' {
		newline = "\r\n"
	}
	return string(between[end+1:]), newline
}

// splice replaces a part of a text.
func splice(data []byte, start, end int, text string) []byte {
	out := make([]byte, 0, len(data)+len(text))
	out = append(out, data[:start]...)
	out = append(out, text...)
	return append(out, data[end:]...)
}
