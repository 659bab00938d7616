package endpoints

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxErrorFields is how many fields of a report are kept, maxErrorText how long a text among them may be, and
	// maxErrorValue how long an object or a list.
	maxErrorFields = 32
	maxErrorText   = 48 << 10
	maxErrorValue  = 4 << 10
	maxErrorName   = 64
	// fieldBytes is what a field costs beside its text.
	fieldBytes = 48
)

// errorKey tells errors apart.
type errorKey [16]byte

// errorField is one field of a report, as the worker wrote it.
type errorField struct {
	name  string
	value json.RawMessage
}

// errorReport is what a worker says of one error. It is never changed.
type errorReport struct {
	app    string
	client string
	key    errorKey
	// suppressed is how many errors before this one were not reported, for being too many.
	suppressed float64
	// fields are in the order of the report.
	fields []errorField
}

// errorItem is one error as /error shows it.
type errorItem struct {
	report errorReport
	count  float64
	first  json.RawMessage
}

// passing tells the fields that differ from one report of the same error to the next.
func passing(name string) bool {
	switch name {
	case "timestamp", "ip", "host", "pid", "traceId", "spanId", "suppressed":
		return true
	}
	return false
}

// ours tells the fields that the daemon adds.
func ours(name string) bool { return name == "count" || name == "firstTimestamp" }

// decodeErrorReport reads a report: an object with any fields. Long ones are cut, strange ones are left out. What is said
// neither of the application nor of the time is filled in.
func decodeErrorReport(data json.RawMessage, app string, now time.Time) (errorReport, error) {
	fields, err := decodeFields(data)
	if err != nil {
		return errorReport{}, err
	}
	r := errorReport{fields: fields}
	if json.Unmarshal(r.value("appName"), &r.app) != nil || r.app == "" {
		r.app = app
		r.set("appName", quoted(app))
	}
	if r.app == "" || len(r.app) > maxNameBytes {
		return errorReport{}, errors.New("it names no application")
	}
	if at, ok := number(r.value("timestamp")); !ok || at <= 0 {
		r.set("timestamp", strconv.AppendInt(nil, now.UnixMilli(), 10))
	}
	if n, ok := number(r.value("suppressed")); ok {
		r.suppressed = math.Trunc(min(max(0, n), maxSuppressed))
	}
	sum := sha256.New()
	for _, f := range r.fields {
		if !passing(f.name) {
			fmt.Fprintf(sum, "%d %s %d %s", len(f.name), f.name, len(f.value), f.value)
		}
	}
	copy(r.key[:], sum.Sum(nil))
	return r, nil
}

// decodeFields reads the members of an object in their order; of a name that is there twice, the last value counts.
func decodeFields(data json.RawMessage) ([]errorField, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("it is not an object")
	}
	var fields []errorField
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if value = boundedValue(value); value == nil || name == "" || len(name) > maxErrorName || ours(name) {
			continue
		}
		if at := slices.IndexFunc(fields, func(f errorField) bool { return f.name == name }); at >= 0 {
			fields[at].value = value
		} else if len(fields) < maxErrorFields {
			fields = append(fields, errorField{name, value})
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("it ends too early")
	}
	return fields, nil
}

// boundedValue returns a value that is fit to be kept; nil when there is none.
func boundedValue(value json.RawMessage) json.RawMessage {
	value = bytes.ToValidUTF8(value, []byte("\uFFFD"))
	switch {
	case value[0] == '"' && len(value) > maxErrorText:
		var text string
		if json.Unmarshal(value, &text) != nil {
			return nil
		}
		if len(text) > maxErrorText {
			text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
		}
		return quoted(text)
	case len(value) > maxErrorValue && value[0] != '"':
		return nil
	}
	var compact bytes.Buffer // else a line of the file might be several
	if json.Compact(&compact, value) != nil {
		return nil
	}
	return compact.Bytes()
}

// quoted is a text as JSON.
func quoted(text string) json.RawMessage {
	raw, err := encodeJSON(text)
	if err != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return raw
}

// number reads a JSON number.
func number(value json.RawMessage) (float64, bool) {
	var n float64
	if len(value) == 0 || value[0] == 'n' || json.Unmarshal(value, &n) != nil {
		return 0, false
	}
	return n, true
}

// value returns the value of a field; nil when there is none.
func (r errorReport) value(name string) json.RawMessage {
	for _, f := range r.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// set fills a field in, while the report is made.
func (r *errorReport) set(name string, value json.RawMessage) {
	for i, f := range r.fields {
		if f.name == name {
			r.fields[i].value = value
			return
		}
	}
	r.fields = append(r.fields, errorField{name, value})
}

func (r errorReport) timestamp() json.RawMessage { return r.value("timestamp") }

// size is what the report costs to keep.
func (r errorReport) size() int {
	n := len(r.app) + len(r.client)
	for _, f := range r.fields {
		n += len(f.name) + len(f.value) + fieldBytes
	}
	return n
}

// echoes tells whether other is the same error told by another client of the same process: our own and npm's may both
// be there.
func (r errorReport) echoes(other errorReport) bool {
	return r.client != other.client && len(r.value("pid")) > 0 && bytes.Equal(r.value("pid"), other.value("pid")) &&
		bytes.Equal(r.timestamp(), other.timestamp())
}

// MarshalJSON writes the fields of the last report, and how often the error happened since when.
func (i errorItem) MarshalJSON() ([]byte, error) {
	o := make(ordered, 0, len(i.report.fields)+2)
	for _, f := range i.report.fields {
		o = append(o, member{f.name, f.value})
	}
	return append(o, member{"count", i.count}, member{"firstTimestamp", i.first}).MarshalJSON()
}
