package endpoints

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

const (
	typeJSON = "application/json; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
)

// answer is a complete response.
type answer struct {
	status      int
	contentType string
	body        []byte
	// tail goes after the body and the time of sending in milliseconds; nil for neither.
	tail []byte
	// gzipped tells that the body is compressed.
	gzipped bool
	// header has further headers; nil for none.
	header http.Header
	// stream writes the response in place of all above, for as long as it takes; nil for a complete one.
	stream func(http.ResponseWriter, *http.Request)
}

// text is a plain answer; the original's errors are the status text.
func text(status int, body string) answer {
	return answer{status: status, contentType: typeText, body: []byte(body)}
}

// ok wraps data in the success envelope.
func ok(status int, data any) (answer, error) {
	body, err := encodeJSON(struct {
		Data      any    `json:"data"`
		Timestamp int64  `json:"timestamp"`
		Success   bool   `json:"success"`
		Message   string `json:"message"`
	}{data, time.Now().UnixMilli(), true, ""})
	return answer{status: status, contentType: typeJSON, body: body}, err
}

// fail is the failure envelope. The original sends it with status 200; only /health deviates.
func fail(status int, message string) (answer, error) {
	body, err := encodeJSON(struct {
		Success   bool   `json:"success"`
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}{false, time.Now().UnixMilli(), message})
	return answer{status: status, contentType: typeJSON, body: body}, err
}

// failOK is a failure envelope with the original's status.
func failOK(message string) (answer, error) { return fail(http.StatusOK, message) }

// encodeJSON writes compact JSON as JSON.stringify does, with <, > and & as they are.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ordered is a JSON object that keeps the order of its keys.
type ordered []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in order.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := encodeJSON(m.key)
		if err != nil {
			return nil, err
		}
		value, err := encodeJSON(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
