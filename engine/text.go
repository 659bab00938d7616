package engine

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// encodeText is the native of Buffer.from(text, encoding) for the encodings that buffer.js knows: an ArrayBuffer.
func (r *Runtime) encodeText(call goja.FunctionCall) goja.Value {
	text, ok := call.Argument(0).(goja.String)
	if !ok {
		panic(r.vm.NewTypeError("the text to encode must be a string"))
	}
	var data []byte
	switch call.Argument(1).String() {
	case "hex":
		data = decodeHex(text.String())
	case "base64", "base64url":
		data = decodeBase64(text.String())
	case "latin1", "ascii":
		data = make([]byte, text.Length())
		for i := range data {
			data[i] = byte(text.CharAt(i))
		}
	case "utf16le":
		data = make([]byte, 2*text.Length())
		for i := range text.Length() {
			unit := text.CharAt(i)
			data[2*i], data[2*i+1] = byte(unit), byte(unit>>8)
		}
	default:
		data = []byte(text.String())
	}
	return r.vm.ToValue(r.vm.NewArrayBuffer(data))
}

// decodeText is the native of buffer.toString(encoding, start, end).
func (r *Runtime) decodeText(call goja.FunctionCall) goja.Value {
	data, ok := call.Argument(0).Export().([]byte)
	start, end := int(call.Argument(2).ToInteger()), int(call.Argument(3).ToInteger())
	if !ok || start < 0 || end > len(data) || start >= end {
		return r.vm.ToValue("")
	}
	data = data[start:end]
	switch call.Argument(1).String() {
	case "hex":
		return r.vm.ToValue(hex.EncodeToString(data))
	case "base64":
		return r.vm.ToValue(base64.StdEncoding.EncodeToString(data))
	case "base64url":
		return r.vm.ToValue(base64.RawURLEncoding.EncodeToString(data))
	case "latin1", "ascii":
		mask := byte(0xff)
		if call.Argument(1).String() == "ascii" {
			mask = 0x7f
		}
		units := make([]uint16, len(data))
		for i, b := range data {
			units[i] = uint16(b & mask)
		}
		return goja.StringFromUTF16(units)
	case "utf16le":
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = uint16(data[2*i]) | uint16(data[2*i+1])<<8
		}
		return goja.StringFromUTF16(units)
	}
	return r.vm.ToValue(replaceInvalid(data))
}

// decodeHex decodes pairs of digits up to the first that is none.
func decodeHex(text string) []byte {
	valid := 0
	for valid+1 < len(text) && strings.IndexByte("0123456789abcdefABCDEF", text[valid]) >= 0 && strings.IndexByte("0123456789abcdefABCDEF", text[valid+1]) >= 0 {
		valid += 2
	}
	data, _ := hex.DecodeString(text[:valid])
	return data
}

// decodeBase64 takes both alphabets, skips what belongs to neither and stops at the padding.
func decodeBase64(text string) []byte {
	if end := strings.IndexByte(text, '='); end >= 0 {
		text = text[:end]
	}
	text = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		case c == '+':
			return '-'
		case c == '/':
			return '_'
		}
		return -1
	}, text)
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	data, _ := base64.RawURLEncoding.DecodeString(text)
	return data
}

// replaceInvalid decodes UTF-8; each longest beginning of a character that does not go on becomes one U+FFFD, as in
// Node (Go would replace every byte of it).
func replaceInvalid(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var text strings.Builder
	for len(data) > 0 {
		char, size := utf8.DecodeRune(data)
		if char == utf8.RuneError && size == 1 {
			for size < len(data) && !utf8.FullRune(data[:size+1]) {
				size++
			}
		}
		text.WriteRune(char)
		data = data[size:]
	}
	return text.String()
}
