package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// headerSize is one byte of flags, four of packet id, four of body length, big-endian.
	headerSize = 9
	// MaxFrame is the longest body a frame may have, in bytes.
	MaxFrame = 64 << 20
	// replyPrefix and a packet id make the action of the answer to that packet.
	replyPrefix = "response_callback_"
	// maxPacketID is where packet ids start again at 1, as in the original.
	maxPacketID = 1 << 30
	// actionMember and dataMember are around the action in a body.
	actionMember = `{"action":"`
	dataMember   = `","data":`
	// keepBuffer is the largest read buffer that is kept between two frames.
	keepBuffer = 64 << 10
	// readBuffer is how much is read at once; frames of a call have some hundred bytes.
	readBuffer = 16 << 10
)

// errMalformed marks bytes that are not a frame. The connection they came on is closed.
var errMalformed = errors.New("malformed frame")

// frame is one message.
type frame struct {
	id     uint32
	action string
	// data is nil where the body has no data.
	data json.RawMessage
}

// answers returns the packet id this frame answers, and whether it is an answer at all.
func (f frame) answers() (uint32, bool) {
	digits, ok := strings.CutPrefix(f.action, replyPrefix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 10, 32)
	return uint32(id), err == nil
}

// encodeFrame returns the bytes of one frame. A nil data gives a body without data; to send a JSON null, pass
// json.RawMessage("null"). A json.RawMessage is sent as it is.
func encodeFrame(id uint32, action string, data any) ([]byte, error) {
	if raw, ok := data.(json.RawMessage); ok && len(raw) > 0 && plain(action) {
		return rawFrame(id, action, raw)
	}
	body := struct {
		Action string `json:"action"`
		Data   any    `json:"data,omitempty"`
	}{action, data} // an interface is empty for omitempty only when it is nil
	var out bytes.Buffer
	out.Write(make([]byte, headerSize))
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, fmt.Errorf("encode message %q: %w", action, err)
	}
	return header(out.Bytes()[:out.Len()-1], id, action) // without the encoder's newline
}

// rawFrame makes a frame of data that is JSON already, as that of a message that is passed on.
func rawFrame(id uint32, action string, data json.RawMessage) ([]byte, error) {
	frame := make([]byte, headerSize, headerSize+len(actionMember)+len(action)+len(dataMember)+len(data)+1)
	frame = append(append(append(frame, actionMember...), action...), dataMember...)
	return header(append(append(frame, data...), '}'), id, action)
}

// header fills in the header of a frame.
func header(frame []byte, id uint32, action string) ([]byte, error) {
	size := len(frame) - headerSize
	if size > MaxFrame {
		return nil, fmt.Errorf("encode message %q: %d bytes, a frame can have %d", action, size, MaxFrame)
	}
	binary.BigEndian.PutUint32(frame[1:], id)
	binary.BigEndian.PutUint32(frame[5:], uint32(size))
	return frame, nil
}

// plain reports whether a text needs no escapes in JSON.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// parseBody takes a body apart. Nearly all have the same form, which is looked at once instead of twice.
func parseBody(body []byte) (action string, data json.RawMessage, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte(actionMember))
	if !ok {
		return "", nil, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !plain(string(rest[:end])) {
		return "", nil, false
	}
	action, rest = string(rest[:end]), rest[end:]
	if string(rest) == `"}` {
		return action, nil, true
	}
	rest, ok = bytes.CutPrefix(rest, []byte(dataMember))
	if !ok || len(rest) == 0 || rest[len(rest)-1] != '}' || !validJSON(rest[:len(rest)-1]) {
		return "", nil, false
	}
	return action, bytes.Clone(rest[:len(rest)-1]), true
}

// frameReader reads frames from a stream. It is used by one goroutine.
type frameReader struct {
	r    *bufio.Reader
	body bytes.Buffer
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBuffer)}
}

// next returns the next frame: io.EOF at the end of the stream, io.ErrUnexpectedEOF inside a frame, an error that wraps
// errMalformed for bytes that are no frame.
func (fr *frameReader) next() (frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(fr.r, header[:]); err != nil {
		return frame{}, err
	}
	id := binary.BigEndian.Uint32(header[1:])
	size := binary.BigEndian.Uint32(header[5:])
	if size > MaxFrame {
		return frame{}, fmt.Errorf("%w: body of %d bytes, at most %d", errMalformed, size, MaxFrame)
	}
	if fr.body.Cap() > keepBuffer {
		fr.body = bytes.Buffer{}
	}
	fr.body.Reset()
	// Memory grows with what has arrived, not with what the header promises.
	if _, err := io.CopyN(&fr.body, fr.r, int64(size)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	if action, data, ok := parseBody(fr.body.Bytes()); ok {
		return frame{id: id, action: action, data: data}, nil
	}
	var body struct {
		Action *string         `json:"action"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(fr.body.Bytes(), &body); err != nil {
		return frame{}, fmt.Errorf("%w: %v", errMalformed, err)
	}
	if body.Action == nil {
		return frame{}, fmt.Errorf("%w: no action", errMalformed)
	}
	return frame{id: id, action: *body.Action, data: body.Data}, nil
}
