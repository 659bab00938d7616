package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// vector is one entry of testdata/frames.json, which the Node side reads too.
type vector struct {
	Name   string
	Hex    string
	Frames []struct {
		ID     uint32
		Action string
		Data   json.RawMessage
	}
	End string // end, incomplete, malformed
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// readAll reads until the first error.
func readAll(r io.Reader) ([]frame, error) {
	fr := newFrameReader(r)
	var all []frame
	for {
		f, err := fr.next()
		if err != nil {
			return all, err
		}
		all = append(all, f)
	}
}

func end(err error) string {
	switch {
	case errors.Is(err, errMalformed):
		return "malformed"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "incomplete"
	case errors.Is(err, io.EOF):
		return "end"
	}
	return err.Error()
}

func sameJSON(t *testing.T, got, want json.RawMessage) bool {
	t.Helper()
	if (got == nil) != (want == nil) {
		return false
	}
	if got == nil {
		return true
	}
	var g, w any
	if json.Unmarshal(got, &g) != nil || json.Unmarshal(want, &w) != nil {
		t.Fatalf("not JSON: %q %q", got, want)
	}
	return reflect.DeepEqual(g, w)
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			raw, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			readers := map[string]io.Reader{
				"whole":      bytes.NewReader(raw),
				"byte by 1":  iotest.OneByteReader(bytes.NewReader(raw)),
				"half reads": iotest.HalfReader(bytes.NewReader(raw)),
			}
			for how, r := range readers {
				frames, err := readAll(r)
				if end(err) != v.End {
					t.Errorf("%s: ended with %v, want %s", how, err, v.End)
				}
				if len(frames) != len(v.Frames) {
					t.Fatalf("%s: %d frames, want %d", how, len(frames), len(v.Frames))
				}
				for i, want := range v.Frames {
					if got := frames[i]; got.id != want.ID || got.action != want.Action || !sameJSON(t, got.data, want.Data) {
						t.Errorf("%s: frame %d is %+v, want %+v", how, i, got, want)
					}
				}
			}
		})
	}
}

func TestEncodeFrame(t *testing.T) {
	got, err := encodeFrame(258, "a<b", map[string]any{"x": "é&"})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"action":"a<b","data":{"x":"é&"}}`
	want := append([]byte{0, 0, 0, 1, 2, 0, 0, 0, byte(len(body))}, body...)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for data, want := range map[string]any{
		`{"action":"a"}`:              nil,
		`{"action":"a","data":null}`:  json.RawMessage("null"),
		`{"action":"a","data":0}`:     0,
		`{"action":"a","data":false}`: false,
		`{"action":"a","data":{}}`:    struct{}{},
	} {
		got, err := encodeFrame(1, "a", want)
		if err != nil || string(got[headerSize:]) != data {
			t.Errorf("%v: %q %v, want %q", want, got[headerSize:], err, data)
		}
	}
	if _, err := encodeFrame(1, "a", strings.Repeat("x", MaxFrame)); err == nil {
		t.Error("a frame over the limit was encoded")
	}
	if _, err := encodeFrame(1, "a", func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

func TestHugeLengthCostsNothing(t *testing.T) {
	header := []byte{0, 0, 0, 0, 1, 0x03, 0xff, 0xff, 0xff}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const times = 100
	for range times {
		_, _ = readAll(bytes.NewReader(header))
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 64<<10 {
		t.Errorf("a lone header allocates %d bytes", each)
	}
}

func FuzzFrames(f *testing.F) {
	for _, v := range vectors(f) {
		raw, _ := hex.DecodeString(v.Hex)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, err := readAll(bytes.NewReader(raw))
		split, err2 := readAll(iotest.OneByteReader(bytes.NewReader(raw)))
		if end(err) != end(err2) || !reflect.DeepEqual(whole, split) {
			t.Fatalf("whole %v %v, split %v %v", whole, err, split, err2)
		}
		for _, fr := range whole {
			var data any
			if fr.data != nil {
				data = fr.data
			}
			again, err := encodeFrame(fr.id, fr.action, data)
			if err != nil {
				t.Fatal(err)
			}
			back, err := newFrameReader(bytes.NewReader(again)).next()
			if err != nil || back.id != fr.id || back.action != fr.action || !sameJSON(t, back.data, fr.data) {
				t.Fatalf("%+v came back as %+v, %v", fr, back, err)
			}
		}
	})
}
