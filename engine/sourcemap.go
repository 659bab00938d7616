package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"sort"
	"strings"
)

// sourceMap leads from places in transformed code to places in the user's file.
type sourceMap struct {
	// lines holds the segments of each generated line, in order of their columns.
	lines [][]segment
}

// segment says that the code from column on (from 0) was made from a place in the source (from 0).
type segment struct{ column, line, sourceColumn int }

// mapFile is the JSON of a source map, as far as it is used.
type mapFile struct {
	Version  int      `json:"version"`
	Sources  []string `json:"sources"`
	Names    []string `json:"names"`
	Mappings string   `json:"mappings"`
}

// nameSource sets the only source of a map.
func nameSource(data []byte, path string) []byte {
	var file mapFile
	if err := json.Unmarshal(data, &file); err != nil {
		return data
	}
	file.Sources = []string{path}
	if file.Names == nil {
		file.Names = []string{}
	}
	named, err := json.Marshal(file)
	if err != nil {
		return data
	}
	return named
}

// inlineMap is the comment with which code carries its map.
func inlineMap(data []byte) string {
	return "//# sourceMappingURL=data:application/json;base64," + base64.StdEncoding.EncodeToString(data) + "\n"
}

var errBadMap = errors.New("the mappings of the source map are damaged")

// readSourceMap decodes the mappings of a map with one source.
func readSourceMap(data []byte) (*sourceMap, error) {
	var file mapFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	m := &sourceMap{}
	line, column := 0, 0
	for text := range strings.SplitSeq(file.Mappings, ";") {
		var segments []segment
		generated := 0
		for part := range strings.SplitSeq(text, ",") {
			if part == "" {
				continue
			}
			values, err := decodeVLQ(part)
			if err != nil {
				return nil, err
			}
			generated += values[0]
			if len(values) < 4 {
				continue
			}
			line += values[2]
			column += values[3]
			segments = append(segments, segment{generated, line, column})
		}
		m.lines = append(m.lines, segments)
	}
	return m, nil
}

// decodeVLQ reads the numbers of one segment: groups of five bits, least first, the lowest bit being the sign.
func decodeVLQ(text string) ([]int, error) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	values := make([]int, 0, 5)
	value, shift := 0, 0
	for i := range len(text) {
		digit := strings.IndexByte(digits, text[i])
		if digit < 0 || shift > 30 {
			return nil, errBadMap
		}
		value |= digit & 31 << shift
		shift += 5
		if digit&32 != 0 {
			continue
		}
		if value&1 != 0 {
			values = append(values, -(value >> 1))
		} else {
			values = append(values, value>>1)
		}
		value, shift = 0, 0
	}
	if shift != 0 || len(values) == 0 {
		return nil, errBadMap
	}
	return values, nil
}

// place returns line and column (from 1) in the source for those (from 1) in the code; ok is false for what esbuild
// added.
func (m *sourceMap) place(line, column int) (int, int, bool) {
	if line < 1 || line > len(m.lines) {
		return 0, 0, false
	}
	segments := m.lines[line-1]
	i := sort.Search(len(segments), func(i int) bool { return segments[i].column > column-1 }) - 1
	if i < 0 {
		return 0, 0, false
	}
	return segments[i].line + 1, segments[i].sourceColumn + 1, true
}
