package engine

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"hash/crc32"
	"io"

	"github.com/dop251/goja"
)

// maxInflated bounds in bytes what one call of zlib's *Sync functions returns.
const maxInflated = 64 << 20

// inflate is the shim's native: (kind, bytes) → an ArrayBuffer, "header" or "end" for damaged data, or undefined where
// Node has to decide. Kinds are gzip, zlib, raw, and any for the first two.
func (r *Runtime) inflate(call goja.FunctionCall) goja.Value {
	kind, data := call.Argument(0).String(), r.bytes(call.Argument(1))
	if kind == "any" {
		if kind = "zlib"; len(data) > 0 && data[0] == 0x1f {
			kind = "gzip"
		}
	}
	var reader io.Reader
	var err error
	switch kind {
	case "gzip":
		reader, err = gzip.NewReader(bytes.NewReader(data))
	case "zlib":
		reader, err = zlib.NewReader(bytes.NewReader(data))
	default:
		reader = flate.NewReader(bytes.NewReader(data))
	}
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(reader, maxInflated+1))
	}
	switch {
	case errors.Is(err, gzip.ErrHeader) && out == nil, errors.Is(err, zlib.ErrHeader):
		return r.vm.ToValue("header")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return r.vm.ToValue("end")
	case err != nil, len(out) > maxInflated:
		return goja.Undefined()
	}
	return r.vm.ToValue(r.vm.NewArrayBuffer(out))
}

// crc32 is the shim's native: (bytes, the checksum of what came before) → the checksum.
func (r *Runtime) crc32(call goja.FunctionCall) goja.Value {
	before := uint32(call.Argument(1).ToInteger())
	return r.vm.ToValue(int64(crc32.Update(before, crc32.IEEETable, r.bytes(call.Argument(0)))))
}
