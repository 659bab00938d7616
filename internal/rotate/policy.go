// Package rotate is what becomes of a log file that grows: when its head is taken away, where that goes, and the marks
// that tell when and by whom each part was written.
//
//	policy, err := rotate.ParsePolicy("size=100mb,total=2gb")
//	marks, err := rotate.OpenMarks(rotate.MarksPath(path))
//	err = marks.Add(end, time.Now(), rotate.Source{Process: "web"})  // who wrote up to end
//	err = rotate.Collapse(file, n)                                   // takes n bytes away while others append
//
// A log is one stream of bytes without end. Each of its files, the live one and the archives, holds a piece of it, and
// the marks of a file say where in the stream it begins; archives and live file one after the other are the stream.
//
// Concurrency: Marks belongs to one goroutine at a time. Readers need no lock: they read again when the marks changed
// meanwhile. Everything else may be called from any goroutine.
//
// Rotator is for other files, those of loggers, which their writers open again when they are told: it renames them by date
// or size.
//
// It starts nothing, stops no process and knows no application: the supervisor decides and orders.
package rotate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// PolicyEnv is the environment variable with the policy of one application.
const PolicyEnv = "PANDORA_LOG_ROTATION"

// CompressAfter is how old an archive is when it is compressed: of an application that writes so fast that its archives
// do not live that long, none is compressed for nothing.
const CompressAfter = 10 * time.Minute

// Policy says when a log is rotated and how much of it is kept.
type Policy struct {
	// MaxFile is the size at which the live file is rotated, MaxTotal what all archives of a log may take together; 0
	// means no limit.
	MaxFile, MaxTotal int64
	// Daily rotates at midnight, local time.
	Daily bool
	// Compress makes gzip files of archives that are older than CompressAfter.
	Compress bool
}

// Default is the policy without any configuration.
func Default() Policy {
	return Policy{MaxFile: 50 << 20, MaxTotal: 500 << 20, Daily: true, Compress: true}
}

// ParsePolicy reads "size=50mb,total=500mb,daily=on,compress=on"; what is not named has its default. "" is the default,
// "off" never rotates.
func ParsePolicy(text string) (Policy, error) {
	p := Default()
	text = strings.TrimSpace(text)
	if text == "off" {
		return Policy{}, nil
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "size":
			p.MaxFile, err = parseSize(value)
		case "total":
			p.MaxTotal, err = parseSize(value)
		case "daily":
			p.Daily, err = parseSwitch(value)
		case "compress":
			p.Compress, err = parseSwitch(value)
		default:
			err = fmt.Errorf("%q is not one of size, total, daily, compress", name)
		}
		if err != nil {
			return Policy{}, fmt.Errorf("read log rotation %q: %w; it looks like size=50mb,total=500mb,daily=on,compress=on, or off", text, err)
		}
	}
	return p, nil
}

// parseSwitch reads on or off.
func parseSwitch(text string) (bool, error) {
	switch text {
	case "on", "true":
		return true, nil
	case "off", "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither on nor off", text)
}

// minSize is the smallest limit that makes sense: a file has to hold a few blocks of the file system.
const minSize = 64 << 10

// parseSize reads a number of bytes with an optional unit kb, mb or gb (1024 based); off is no limit.
func parseSize(text string) (int64, error) {
	lower := strings.ToLower(text)
	if lower == "off" {
		return 0, nil
	}
	unit := int64(1)
	for _, u := range []struct {
		name string
		size int64
	}{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"b", 1}} {
		if number, ok := strings.CutSuffix(lower, u.name); ok {
			lower, unit = number, u.size
			break
		}
	}
	n, err := strconv.ParseInt(lower, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size, such as 50mb", text)
	}
	if n*unit < minSize {
		return 0, fmt.Errorf("%q is less than 64kb", text)
	}
	return n * unit, nil
}

// NextMidnight is when the next day begins, local time.
func NextMidnight(now time.Time) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, now.Location())
}
