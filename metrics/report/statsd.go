package report

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

const (
	// udpPacket fits into one frame of Ethernet, with IPv6; unixPacket is what receivers on unix sockets take.
	udpPacket  = 1432
	unixPacket = 8192
	// burst packets are sent at once, then the receiver gets burstPause to read them.
	burst      = 32
	burstPause = 5 * time.Millisecond
)

// statsdSink sends lines as statsd or, with tags, DogStatsD has them.
type statsdSink struct {
	network, address string
	prefix           string
	// tagged is true for DogStatsD; otherwise tags become parts of the name.
	tagged bool
	packet int
	conn   net.Conn // nil before the first report and after an error
	growth growth
}

// newStatsd makes the reporter for statsd, newDogStatsd the one for DogStatsD.
func (s *Set) newStatsd(o *options) taker    { return statsdFrom(o, false) }
func (s *Set) newDogStatsd(o *options) taker { return statsdFrom(o, true) }

func statsdFrom(o *options, tagged bool) taker {
	sink := &statsdSink{network: "udp", prefix: o.text("prefix", ""), tagged: tagged, growth: growth{fresh: o.fresh}}
	packet := int64(udpPacket)
	if path := o.text("socket", ""); path != "" {
		sink.network, sink.address, packet = "unixgram", path, unixPacket
		if path[0] != '/' {
			o.wrong("socket", "the absolute path of a unix socket for datagrams")
		}
	} else {
		host := o.text("host", "127.0.0.1")
		port := o.number("port", 8125, 1, 65535)
		sink.address = net.JoinHostPort(host, strconv.FormatInt(port, 10))
		if host == "" {
			o.wrong("host", "a host name or an IP address")
		}
	}
	sink.packet = int(o.number("packetBytes", packet, 128, 65507))
	return sink
}

func (*statsdSink) shape() shape { return full }

func (s *statsdSink) take(ctx context.Context, b *batch) error {
	if s.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, s.network, s.address)
		if err != nil {
			return fmt.Errorf("reach statsd: %w", err)
		}
		s.conn = conn
	}
	step := s.growth.begin(b)
	if err := s.write(ctx, b, step); err != nil {
		return errors.Join(fmt.Errorf("send to statsd: %w", err), s.Close())
	}
	step.delivered()
	return nil
}

// write sends all rows in packets of whole lines.
func (s *statsdSink) write(ctx context.Context, b *batch, step counted) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.conn.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	sent := 0
	packet := make([]byte, 0, s.packet)
	flush := func() error {
		if len(packet) == 0 {
			return nil
		}
		if _, err := s.conn.Write(packet[:len(packet)-1]); err != nil { // without the last line feed
			return err
		}
		packet = packet[:0]
		if sent++; sent%burst != 0 {
			return nil
		}
		rest := time.NewTimer(burstPause)
		defer rest.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-rest.C:
			return nil
		}
	}
	for _, row := range b.rows {
		line := s.line(row, step)
		if line == "" || len(line) > s.packet {
			continue
		}
		if len(packet)+len(line) > s.packet {
			if err := flush(); err != nil {
				return err
			}
		}
		packet = append(packet, line...)
	}
	return flush()
}

// line is a row with its line feed, "" for one that is not sent.
func (s *statsdSink) line(row metrics.Row, step counted) string {
	value, ok := number(row.Value)
	if !ok {
		return ""
	}
	kind := "g"
	if row.Type != metrics.KindGauge {
		if kind = "c"; row.Type == metrics.KindCounter {
			value = step.grown(row, value)
		}
		if value == 0 {
			return ""
		}
	}
	name, suffix := s.name(row)
	line := name + ":" + strconv.FormatFloat(value, 'f', -1, 64) + "|" + kind + suffix + "\n"
	if kind == "g" && value < 0 {
		// A sign means a change to most receivers, so it changes from zero; to others the last value counts.
		return name + ":0|g" + suffix + "\n" + line
	}
	return line
}

// name is what a row is called, and the tags behind it.
func (s *statsdSink) name(row metrics.Row) (name, suffix string) {
	name = row.Metric
	if s.prefix != "" {
		name = s.prefix + "." + name
	}
	tags := stableTags(row.Tags)
	if s.tagged {
		var all []string
		for _, tag := range slices.Sorted(maps.Keys(tags)) {
			all = append(all, statsdWord(tag)+":"+statsdValue(tags[tag]))
		}
		if len(all) > 0 {
			suffix = "|#" + strings.Join(all, ",")
		}
		return statsdWord(name), suffix
	}
	parts := []string{}
	if s.prefix != "" {
		parts = append(parts, statsdWord(s.prefix))
	}
	if app, ok := tags[appTag]; ok {
		parts = append(parts, statsdPart(app))
	}
	parts = append(parts, statsdWord(row.Metric))
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		if tag != appTag {
			parts = append(parts, statsdPart(tags[tag]))
		}
	}
	return strings.Join(parts, "."), ""
}

// stableTags leaves out the process id where the worker is known: it would make new series with every restart.
func stableTags(tags map[string]string) map[string]string {
	if tags["pid"] == "" || tags["process"] == "" || tags["worker"] == "" {
		return tags
	}
	tags = maps.Clone(tags)
	delete(tags, "pid")
	return tags
}

// statsdWord replaces what has a meaning in a line, statsdPart also what parts names, statsdValue what parts tags.
func statsdWord(s string) string  { return replaced(s, ":|@#,/\\ ") }
func statsdPart(s string) string  { return replaced(s, ":|@#,/\\ .") }
func statsdValue(s string) string { return replaced(s, "|#, ") }

func replaced(s, what string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(what, r) {
			return '_'
		}
		return r
	}, s)
}

// Close closes the socket.
func (s *statsdSink) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}
