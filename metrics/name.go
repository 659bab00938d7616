package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Level says how often a metric is meant to be looked at. It decides the width of a metric's buckets.
type Level string

// The levels, from the most to the least frequent.
const (
	Critical Level = "CRITICAL"
	Major    Level = "MAJOR"
	Normal   Level = "NORMAL"
	Minor    Level = "MINOR"
	Trivial  Level = "TRIVIAL"
)

// DefaultReporterInterval caps the period of every level when the configuration says nothing else.
const DefaultReporterInterval = 60 * time.Second

// ParseLevel returns the level of that spelling, Normal for any other.
func ParseLevel(s string) Level {
	switch l := Level(s); l {
	case Critical, Major, Minor, Trivial:
		return l
	}
	return Normal
}

// Period is the bucket width of metrics of this level, at most the reporters' interval. An interval that is not above zero counts
// as DefaultReporterInterval.
func (l Level) Period(reporterInterval time.Duration) time.Duration {
	if reporterInterval <= 0 {
		reporterInterval = DefaultReporterInterval
	}
	base := 60 * time.Second
	switch l {
	case Critical:
		base = 5 * time.Second
	case Major:
		base = 30 * time.Second
	case Minor:
		base = 90 * time.Second
	case Trivial:
		base = 120 * time.Second
	}
	return min(base, reporterInterval)
}

// The separators of a serialised name.
const (
	partSeparator  = "@%^"
	tagSeparator   = "!*&"
	valueSeparator = "%^&"
)

// Name identifies a metric within a group: a dotted key, tags and a level. The zero value is the empty name, of level
// Normal. A Name is a value: no method changes its receiver.
type Name struct {
	Key   string
	Tags  map[string]string
	Level Level
}

// NewName joins the parts with dots; empty ones are left out.
func NewName(parts ...string) Name {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return p == "" })
	return Name{Key: strings.Join(parts, "."), Level: Normal}
}

// Tagged returns the name with more tags. A tag the name already has keeps its value.
func (n Name) Tagged(tags map[string]string) Name {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, n.Tags)
	n.Tags = all
	return n
}

// WithLevel returns the name with another level.
func (n Name) WithLevel(l Level) Name {
	n.Level = l
	return n
}

// Resolve returns the name with a suffix after a dot, and the same tags and level.
func (n Name) Resolve(suffix string) Name {
	n.Key = NewName(n.Key, suffix).Key
	return n
}

// String is the serialised name that workers send, for example "a.b@%^b%^&2!*&z%^&1@%^CRITICAL".
func (n Name) String() string {
	tags := make([]string, 0, len(n.Tags))
	for k, v := range n.Tags {
		tags = append(tags, k+valueSeparator+v)
	}
	slices.Sort(tags)
	level := n.Level
	if level == "" {
		level = Normal
	}
	return n.Key + partSeparator + strings.Join(tags, tagSeparator) + partSeparator + string(level)
}

// ParseName reads a serialised name: key, tags and level, or without level, or a key alone. Anything with more parts
// gives the empty name, an unknown level Normal; a tag without a value is left out.
func ParseName(s string) Name {
	parts := strings.Split(s, partSeparator)
	n := Name{Level: Normal}
	switch len(parts) {
	case 3:
		n.Level = ParseLevel(parts[2])
		n.Tags = parseTags(parts[1])
	case 2:
		n.Tags = parseTags(parts[1])
	case 1:
	default:
		return n
	}
	n.Key = parts[0]
	return n
}

func parseTags(s string) map[string]string {
	var tags map[string]string
	for pair := range strings.SplitSeq(s, tagSeparator) {
		if k, v, ok := strings.Cut(pair, valueSeparator); ok {
			if tags == nil {
				tags = map[string]string{}
			}
			tags[k] = v
		}
	}
	return tags
}

// sanitizeTags returns the tags as the original's JSON shows them: other characters than letters, digits and
// - _ . / \ { } become underscores.
func sanitizeTags(tags map[string]string) map[string]string {
	clean := make(map[string]string, len(tags))
	for k, v := range tags {
		clean[k] = strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(`-_./\{}`, r):
				return r
			}
			return '_'
		}, v)
	}
	return clean
}
