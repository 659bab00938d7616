package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// The types of metrics, as workers spell them.
const (
	typeGauge     = "GAUGE"
	typeCounter   = "COUNTER"
	typeHistogram = "HISTOGRAM"
	typeMeter     = "METER"
	typeTimer     = "TIMER"
	typeCompass   = "FASTCOMPASS"
)

// methodMerge is the method whose argument is all that a worker has counted.
const methodMerge = "merge"

// maxSamples bounds the samples of one frame.
const maxSamples = 8192

// maxTotal bounds what a worker may have counted: whole numbers are exact up to here.
const maxTotal = 1 << 53

// target is a metric that workers change.
type target interface {
	// call does what one call in a worker does.
	call(method string, args []json.RawMessage) error
	// merge applies what a worker has counted since known, and makes known up to date. With now the difference
	// happened just now, otherwise at some time before.
	merge(known *totals, state json.RawMessage, now bool) error
}

// totals is what is known of what one worker has counted of one metric.
type totals struct {
	count, sum float64
	categories map[string][2]float64 // of compasses: count and sum
}

// errMethod is for a method that a metric of this type does not have.
var errMethod = errors.New("unknown method")

// targetOf returns the metric of a type as workers spell it; a nil one if there is no such type.
func (r *Registry) targetOf(owner Owner, kind, group string, name Name) (target, error) {
	switch kind {
	case typeCounter:
		return orNil(r.BucketCounter(owner, group, name))
	case typeMeter:
		return orNil(r.Meter(owner, group, name))
	case typeHistogram:
		return orNil(r.Histogram(owner, group, name, ReservoirDecaying))
	case typeTimer:
		return orNil(r.Timer(owner, group, name, ReservoirDecaying))
	case typeCompass:
		return orNil(r.FastCompass(owner, group, name))
	}
	return nil, nil
}

// orNil keeps a nil metric from becoming a target that is not nil.
func orNil[T target](t T, err error) (target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// amount reads the argument of a method that counts. As in the original an absent, null or zero argument counts as 1.
func amount(args []json.RawMessage) (float64, error) {
	if len(args) == 0 || string(args[0]) == "null" {
		return 1, nil
	}
	var n float64
	if err := json.Unmarshal(args[0], &n); err != nil {
		return 0, fmt.Errorf("amount %.40s: expected a number", args[0])
	}
	if n == 0 {
		return 1, nil
	}
	return n, nil
}

// value reads the argument of a method that takes a value, and tells whether there is one.
func value(args []json.RawMessage) (v float64, ok bool, err error) {
	if len(args) == 0 || string(args[0]) == "null" {
		return 0, false, nil
	}
	if err := json.Unmarshal(args[0], &v); err != nil {
		return 0, false, fmt.Errorf("value %.40s: expected a number", args[0])
	}
	return v, true, nil
}

func (c *BucketCounter) call(method string, args []json.RawMessage) error {
	n, err := amount(args)
	if err != nil {
		return err
	}
	switch method {
	case "inc", "update":
		c.Inc(n)
	case "dec", "desc": // the npm client calls dec "desc"
		c.Dec(n)
	default:
		return errMethod
	}
	return nil
}

func (m *Meter) call(method string, args []json.RawMessage) error {
	n, err := amount(args)
	if err != nil {
		return err
	}
	if method != "mark" {
		return errMethod
	}
	m.Mark(n)
	return nil
}

func (h *Histogram) call(method string, args []json.RawMessage) error {
	v, ok, err := value(args)
	if method != "update" {
		return errMethod
	}
	if ok {
		h.Update(v)
	}
	return err
}

func (t *Timer) call(method string, args []json.RawMessage) error {
	v, ok, err := value(args)
	if method != "update" {
		return errMethod
	}
	if ok {
		t.Update(v)
	}
	return err
}

func (f *FastCompass) call(method string, args []json.RawMessage) error {
	v, ok, err := value(args)
	if method != "record" {
		return errMethod
	}
	if err != nil || !ok || len(args) < 2 || string(args[1]) == "null" || v < 0 {
		return err
	}
	name, err := word(args[1])
	if err != nil {
		return err
	}
	return f.record(name, 1, v, true)
}

// word reads a string, or what JavaScript would make one of.
func word(raw json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil {
		return s, nil
	}
	var other any
	if err := json.Unmarshal(raw, &other); err != nil {
		return "", fmt.Errorf("category %.40s: %w", raw, err)
	}
	switch v := other.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("category %.40s: expected a string", raw)
}

// record is add that says when there is no room.
func (f *FastCompass) record(name string, count, sum float64, now bool) error {
	if f.add(name, count, sum, now) {
		return nil
	}
	return refuse(RefusedCategories, "category %.80q: a compass has at most %d, of at most %d bytes", name, maxCategories, maxCategory)
}

// total reads a number that a worker has counted.
func total(state json.RawMessage) (float64, error) {
	var n *float64
	if err := json.Unmarshal(state, &n); err != nil || n == nil || math.Abs(*n) > maxTotal {
		return 0, fmt.Errorf("total %.40s: expected a number up to 2^53", state)
	}
	return *n, nil
}

func (c *BucketCounter) merge(known *totals, state json.RawMessage, now bool) error {
	n, err := total(state)
	if err != nil {
		return err
	}
	c.add(n-known.count, now)
	known.count = n
	return nil
}

func (m *Meter) merge(known *totals, state json.RawMessage, now bool) error {
	n, err := total(state)
	if err != nil {
		return err
	}
	if n > known.count { // what is not above is a repetition
		m.add(n-known.count, now)
		known.count = n
	}
	return nil
}

// samples is the state of a histogram or timer.
type samples struct {
	// Seq is how many values there had been before this frame, Count with it, of which Sum is the sum.
	Seq   float64 `json:"seq"`
	Count float64 `json:"count"`
	Sum   float64 `json:"sum"`
	// Samples are the values since Seq, or a random choice of them.
	Samples json.RawMessage `json:"samples"`
}

// distribution is a histogram or timer.
type distribution interface {
	add(count, sum float64, samples []float64, times float64, now bool)
}

// mergeSamples is merge for distributions, whose values are at least floor.
func mergeSamples(d distribution, floor float64, known *totals, state json.RawMessage, now bool) error {
	var s samples
	if err := json.Unmarshal(state, &s); err != nil {
		return fmt.Errorf("state %.40s: %w", state, err)
	}
	if !(0 <= s.Seq && s.Seq <= s.Count && s.Count <= maxTotal) || s.Seq != math.Trunc(s.Seq) || s.Count != math.Trunc(s.Count) {
		return fmt.Errorf("state %.40s: expected whole numbers 0 <= seq <= count", state)
	}
	if s.Count <= known.count {
		return nil // a repetition
	}
	values, err := numbers(s.Samples, maxSamples)
	fresh := s.Count - max(s.Seq, known.count) // of the values of this frame
	if n := float64(len(values)); n > fresh {
		values = values[len(values)-int(fresh):]
	}
	kept := values[:0]
	for _, v := range values {
		if v >= floor {
			kept = append(kept, v)
		}
	}
	d.add(s.Count-known.count, s.Sum-known.sum, kept, max(1, rate(fresh, float64(len(kept)))), now)
	known.count, known.sum = s.Count, s.Sum
	return err
}

func (h *Histogram) merge(known *totals, state json.RawMessage, now bool) error {
	return mergeSamples(h, math.Inf(-1), known, state, now)
}

func (t *Timer) merge(known *totals, state json.RawMessage, now bool) error {
	return mergeSamples(t, 0, known, state, now)
}

func (f *FastCompass) merge(known *totals, state json.RawMessage, now bool) error {
	var s struct {
		Totals map[string][2]float64 `json:"totals"`
	}
	if err := json.Unmarshal(state, &s); err != nil {
		return fmt.Errorf("state %.40s: %w", state, err)
	}
	var refused error
	for _, name := range sortedKeys(s.Totals) {
		before, after := known.categories[name], s.Totals[name]
		if !(after[0] > before[0]) || after[0] > maxTotal || !(after[1] >= 0) {
			continue // a repetition, or nonsense
		}
		if err := f.record(name, after[0]-before[0], max(0, after[1]-before[1]), now); err != nil {
			refused = err
			continue
		}
		if known.categories == nil {
			known.categories = map[string][2]float64{}
		}
		known.categories[name] = after
	}
	return refused
}

// numbers reads a JSON array of at most limit numbers; what comes after them is refused. It is written out because
// samples are the bulk of what workers send.
func numbers(raw json.RawMessage, limit int) ([]float64, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '[' {
		return nil, fmt.Errorf("samples %.40s: expected an array", raw)
	}
	values := make([]float64, 0, min(limit, len(raw)/2))
	for i := 1; i < len(raw); {
		end := i
		for end < len(raw) && raw[end] != ',' && raw[end] != ']' {
			end++
		}
		if text := trim(raw[i:end]); len(text) > 0 {
			v, err := strconv.ParseFloat(string(text), 64)
			if err != nil || !finite(v) {
				return values, fmt.Errorf("sample %.40s: expected a number", text)
			}
			if len(values) == limit {
				return values, refuse(RefusedSamples, "more than %d samples in one frame", limit)
			}
			values = append(values, v)
		}
		i = end + 1
	}
	return values, nil
}

// trim removes the white space of JSON.
func trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}
