package rotate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	marksMagic  = "pmarks1\n"
	headerBytes = len(marksMagic) + 3*8 + 4
	// maxSources bounds the writers of one file, maxName the bytes of a process name.
	maxSources = 1 << 16
	// errBit is set in the number of a worker whose standard error is a file of its own.
	errBit  = 1 << 30
	maxName = 1 << 10
	// MaxMarks is the size of a marks file at which its log is rotated, however short that is.
	MaxMarks = 4 << 20
)

// errMarks is returned for a file that is not marks.
var errMarks = errors.New("these are no marks")

// MarksPath is the file with the marks of a log file: hidden, beside it. A compressed archive has those it had before.
func MarksPath(path string) string {
	dir, name := filepath.Split(stem(path))
	return filepath.Join(dir, "."+name+".marks")
}

// Source is who wrote a part of a log: a worker, or, with an empty Process, pandora itself.
type Source struct {
	Process string
	Worker  int
	// Err says that it is standard error, known to be so only where a worker has a file for each.
	Err bool `json:",omitempty"`
}

// Segment is a part of the stream that one source has written by Time.
type Segment struct {
	From, To int64
	Time     time.Time
	Source   Source
}

// Header is the beginning of a marks file.
type Header struct {
	// Base is where in the stream the log file begins, Run where the present run of the application does.
	Base, Run int64
	// Cut is not 0 while that many bytes are being taken away from the log file: Base may be true or not.
	Cut int64
}

// encode makes the bytes of a header.
func (h Header) encode() []byte {
	b := append(make([]byte, 0, headerBytes), marksMagic...)
	for _, n := range []int64{h.Base, h.Run, h.Cut} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// decodeHeader reads a header.
func decodeHeader(b []byte) (Header, error) {
	if len(b) < headerBytes || string(b[:len(marksMagic)]) != marksMagic {
		return Header{}, errMarks
	}
	body := b[:headerBytes-4]
	if binary.BigEndian.Uint32(b[headerBytes-4:]) != crc32.ChecksumIEEE(body) {
		return Header{}, errMarks
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(body[len(marksMagic)+8*i:])) }
	h := Header{Base: at(0), Run: at(1), Cut: at(2)}
	if h.Base < 0 || h.Run < 0 || h.Cut < 0 {
		return Header{}, errMarks
	}
	return h, nil
}

// ReadHeader reads the header of a marks file.
func ReadHeader(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	b := make([]byte, headerBytes)
	if _, err := f.ReadAt(b, 0); err != nil {
		return Header{}, errMarks
	}
	return decodeHeader(b)
}

// MarkReader reads segments one after the other.
type MarkReader struct {
	Header  Header
	in      *bufio.Reader
	at      int64 // in the stream
	ms      int64
	sources []Source
	// read counts the bytes of complete records, header included.
	read int64
}

// NewMarkReader reads the header of marks.
func NewMarkReader(r io.Reader) (*MarkReader, error) {
	in := bufio.NewReader(r)
	b := make([]byte, headerBytes)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, errMarks
	}
	h, err := decodeHeader(b)
	if err != nil {
		return nil, err
	}
	return &MarkReader{Header: h, in: in, at: h.Base, read: int64(headerBytes)}, nil
}

// Next reads a segment. The error is io.EOF at the end, and also where the rest makes no sense, as after a crash.
func (r *MarkReader) Next() (Segment, error) {
	for {
		size := 0
		length, ok := r.uvarint(&size)
		if !ok {
			return Segment{}, io.EOF
		}
		if length == 0 {
			if !r.source(&size) {
				return Segment{}, io.EOF
			}
			r.read += int64(size)
			continue
		}
		past, ok1 := r.uvarint(&size)
		source, ok2 := r.uvarint(&size)
		ms := r.ms + unzigzag(past)
		if !ok1 || !ok2 || source >= uint64(len(r.sources)) || length > 1<<62 || r.at > 1<<62 || ms < 0 || ms > 1<<52 {
			return Segment{}, io.EOF
		}
		r.ms = ms
		s := Segment{From: r.at, To: r.at + int64(length), Time: time.UnixMilli(ms), Source: r.sources[source]}
		r.at = s.To
		r.read += int64(size)
		return s, nil
	}
}

// again goes back behind the last complete record, so that Next sees what was added to the file since it said io.EOF.
func (r *MarkReader) again(f io.ReadSeeker) {
	if _, err := f.Seek(r.read, io.SeekStart); err == nil {
		r.in.Reset(f)
	}
}

// uvarint reads a number and counts its bytes.
func (r *MarkReader) uvarint(size *int) (uint64, bool) {
	n := uint64(0)
	for i := range binary.MaxVarintLen64 {
		b, err := r.in.ReadByte()
		if err != nil || i == binary.MaxVarintLen64-1 && b > 1 {
			return 0, false
		}
		*size++
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, true
		}
	}
	return 0, false
}

// source reads the definition of a source.
func (r *MarkReader) source(size *int) bool {
	worker, ok1 := r.uvarint(size)
	length, ok2 := r.uvarint(size)
	if !ok1 || !ok2 || worker >= 2*errBit || length > maxName || len(r.sources) >= maxSources {
		return false
	}
	name := make([]byte, length)
	if _, err := io.ReadFull(r.in, name); err != nil {
		return false
	}
	*size += len(name)
	r.sources = append(r.sources, Source{Process: string(name), Worker: int(worker &^ errBit), Err: worker&errBit != 0})
	return true
}

func zigzag(n int64) uint64   { return uint64(n)<<1 ^ uint64(n>>63) }
func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// Marks writes the marks of a live log file.
type Marks struct {
	path   string
	file   *os.File
	header Header
	end    int64
	ms     int64
	size   int64
	// sources are the indexes of the sources that the file defines, defined is how many definitions it has.
	sources map[Source]int
	defined int
}

// OpenMarks opens the marks of a log file, or makes new ones that begin at the start of the stream. What a crash has left
// incomplete is dropped; what is no marks at all is replaced.
func OpenMarks(path string) (*Marks, error) {
	m := &Marks{path: path}
	if err := m.load(); err == nil {
		return m, nil
	}
	if err := m.rewrite(Header{}, nil); err != nil {
		return nil, fmt.Errorf("make log marks: %w", err)
	}
	return m, nil
}

// load reads an existing file.
func (m *Marks) load() error {
	f, err := os.OpenFile(m.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	r, err := NewMarkReader(f)
	if err != nil {
		f.Close()
		return err
	}
	for err == nil {
		_, err = r.Next()
	}
	if err := f.Truncate(r.read); err != nil {
		f.Close()
		return err
	}
	m.file, m.header, m.end, m.ms, m.size = f, r.Header, r.at, r.ms, r.read
	m.sources, m.defined = make(map[Source]int, len(r.sources)), len(r.sources)
	for i, s := range r.sources {
		m.sources[s] = i
	}
	return nil
}

// Header is what the file says of the log.
func (m *Marks) Header() Header { return m.header }

// End is where in the stream the last segment ends.
func (m *Marks) End() int64 { return m.end }

// Size is the size of the file.
func (m *Marks) Size() int64 { return m.size }

// Add says that the stream up to end was written by then, by a source. Nothing new is no error.
func (m *Marks) Add(end int64, at time.Time, source Source) error {
	if end <= m.end {
		return nil
	}
	data := m.append(nil, end-m.end, at.UnixMilli(), source)
	if err := m.write(data); err != nil {
		return fmt.Errorf("write log marks: %w", err)
	}
	return nil
}

// write appends records and takes back what was written of them on an error; then m is as it was.
func (m *Marks) write(r records) error {
	if _, err := m.file.WriteAt(r.data, m.size); err != nil {
		_ = m.file.Truncate(m.size)
		return err
	}
	m.define(r)
	m.size += int64(len(r.data))
	m.end, m.ms = m.end+r.length, r.ms
	return nil
}

// define takes over the source that records define.
func (m *Marks) define(r records) {
	if r.defined {
		m.sources[r.source] = m.defined
		m.defined++
	}
}

// records are encoded, but not yet written.
type records struct {
	data    []byte
	length  int64
	ms      int64
	source  Source
	defined bool // source was not known before
}

// append encodes a segment behind data.
func (m *Marks) append(data []byte, length, ms int64, source Source) records {
	source.Process = source.Process[:min(len(source.Process), maxName)]
	index, known := m.sources[source]
	if !known && m.defined >= maxSources {
		index, known = 0, true
	}
	if !known {
		index = m.defined
		worker := uint64(min(max(source.Worker, 0), errBit-1))
		if source.Err {
			worker |= errBit
		}
		data = binary.AppendUvarint(data, 0)
		data = binary.AppendUvarint(data, worker)
		data = binary.AppendUvarint(data, uint64(len(source.Process)))
		data = append(data, source.Process...)
	}
	data = binary.AppendUvarint(data, uint64(length))
	data = binary.AppendUvarint(data, zigzag(ms-m.ms))
	data = binary.AppendUvarint(data, uint64(index))
	return records{data: data, length: length, ms: ms, source: source, defined: !known}
}

// Begin says that the next n bytes of the log file are being taken away. Until Cut, readers wait.
func (m *Marks) Begin(n int64) error { return m.setCut(n) }

// Abandon says that they stay.
func (m *Marks) Abandon() error { return m.setCut(0) }

func (m *Marks) setCut(n int64) error {
	h := m.header
	h.Cut = n
	if _, err := m.file.WriteAt(h.encode(), 0); err != nil {
		return fmt.Errorf("write log marks: %w", err)
	}
	m.header = h
	return nil
}

// Cut moves the marks of the first n bytes of the log file to those of the archive, and goes on with the rest. Base is
// moved also when that fails; then it is the marks that are lost.
func (m *Marks) Cut(n int64, archive string) error {
	h := Header{Base: m.header.Base + n, Run: m.header.Run}
	err := m.cut(h, archive)
	if err == nil {
		return nil
	}
	// What is smaller than before can be written on a full disk, too.
	_, err2 := m.file.WriteAt(h.encode(), 0)
	err3 := m.file.Truncate(int64(headerBytes))
	m.header, m.end, m.ms, m.size, m.sources, m.defined = h, h.Base, 0, int64(headerBytes), map[Source]int{}, 0
	return fmt.Errorf("cut log marks: %w", errors.Join(err, err2, err3))
}

func (m *Marks) cut(h Header, archive string) error {
	old, err := os.Open(m.path)
	if err != nil {
		return err
	}
	defer old.Close()
	r, err := NewMarkReader(old)
	if err != nil {
		return err
	}
	head := &Marks{path: MarksPath(archive)}
	rest, err := head.fill(Header{Base: m.header.Base, Run: m.header.Run}, r, h.Base)
	if err == nil {
		err = head.Close()
	}
	if err != nil {
		return err
	}
	return m.rewrite(h, func(to *Marks) error { return to.rest(rest, r) })
}

// fill makes m a file with the segments of r up to at, and returns what the segment that crosses it has left.
func (m *Marks) fill(h Header, r *MarkReader, at int64) (rest Segment, err error) {
	err = m.rewrite(h, func(to *Marks) error {
		out := &buffered{marks: to}
		for {
			s, err := r.Next()
			if err != nil {
				return out.flush()
			}
			if s.From >= at {
				rest = s
				return out.flush()
			}
			if s.To > at {
				rest, s.To = s, at
				rest.From = at
			}
			if err := out.add(s); err != nil {
				return err
			}
			if rest.To > 0 {
				return out.flush()
			}
		}
	})
	return rest, err
}

// rest writes a first segment, if it is one, and then those of r.
func (m *Marks) rest(first Segment, r *MarkReader) error {
	out := &buffered{marks: m}
	for s, err := first, error(nil); err == nil; s, err = r.Next() {
		if s.To > s.From {
			if err := out.add(s); err != nil {
				return err
			}
		}
	}
	return out.flush()
}

// buffered writes segments in large pieces.
type buffered struct {
	marks *Marks
	data  []byte
}

func (b *buffered) add(s Segment) error {
	m := b.marks
	r := m.append(b.data, s.To-s.From, s.Time.UnixMilli(), s.Source)
	m.define(r)
	b.data, m.end, m.ms = r.data, m.end+r.length, r.ms
	if len(b.data) > 32<<10 {
		return b.flush()
	}
	return nil
}

func (b *buffered) flush() error {
	_, err := b.marks.file.WriteAt(b.data, b.marks.size)
	b.marks.size += int64(len(b.data))
	b.data = b.data[:0]
	return err
}

// Restart forgets all segments: the log file is a new one, which begins at base. run says that the application begins
// anew there.
func (m *Marks) Restart(base int64, run bool) error {
	h := Header{Base: base, Run: m.header.Run}
	if run {
		h.Run = base
	}
	if err := m.rewrite(h, nil); err != nil {
		return fmt.Errorf("write log marks: %w", err)
	}
	return nil
}

// rewrite replaces the file, in one step, by one with this header and what body adds.
func (m *Marks) rewrite(h Header, body func(*Marks) error) error {
	f, err := os.CreateTemp(filepath.Dir(m.path), ".marks-*.part")
	if err != nil {
		return err
	}
	name := f.Name()
	next := &Marks{path: m.path, header: h, end: h.Base, size: int64(headerBytes), sources: map[Source]int{}, file: f}
	_, err = f.Write(h.encode())
	if err == nil && body != nil {
		err = body(next)
	}
	if err == nil {
		err = os.Rename(name, m.path)
	}
	if err != nil {
		f.Close()
		os.Remove(name)
		return err
	}
	if m.file != nil {
		m.file.Close()
	}
	*m = *next
	return nil
}

// Close closes the file.
func (m *Marks) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}
