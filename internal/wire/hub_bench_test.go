package wire

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// benchPeer is the bare socket of a client, whose own part of a call is small beside the hub's.
type benchPeer struct {
	b      *testing.B
	raw    net.Conn
	frames *frameReader
	lastID uint32
}

func joinBench(b *testing.B, path string) *benchPeer {
	raw, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { raw.Close() })
	return &benchPeer{b: b, raw: raw, frames: newFrameReader(raw)}
}

func (p *benchPeer) send(action string, data json.RawMessage) {
	p.lastID++
	p.write(p.lastID, action, data)
}

func (p *benchPeer) write(id uint32, action string, data json.RawMessage) {
	frame, err := encodeFrame(id, action, data)
	if err != nil {
		p.b.Error(err)
	}
	if _, err := p.raw.Write(frame); err != nil {
		p.b.Error(err)
	}
}

func (p *benchPeer) receive() (frame, bool) {
	f, err := p.frames.next()
	return f, err == nil
}

// BenchmarkHubCall is a call of one client to another and back, as a proxy makes them, one after the other and with 32 under
// way.
func BenchmarkHubCall(b *testing.B) {
	for _, c := range []struct {
		name  string
		ahead int
		size  int
	}{{"one", 1, 40}, {"32", 32, 40}, {"one of 16 KB", 1, 16 << 10}} {
		b.Run(c.name, func(b *testing.B) { benchHubCall(b, c.ahead, c.size) })
	}
}

func benchHubCall(b *testing.B, ahead, size int) {
	path := filepath.Join(b.TempDir(), "s")
	server, err := Listen(path, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	NewHub(server, zap.NewNop())
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	b.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.Error(err)
		}
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	const host = `{"appName":"app","processName":"web","pid":"1234","clientId":"dbcf4dd6-37ad-4af4-ae31-8d1e5c6b4f2b"`
	answer := json.RawMessage(`{"host":` + host + `},"remote":` + host + `},"success":true,"data":"` + strings.Repeat("x", size) + `"}`)
	provider := joinBench(b, path)
	provider.send(hubOnline, json.RawMessage(`{"host":`+host+`}}`))
	provider.send(hubPublish, json.RawMessage(`{"host":`+host+`},"data":{"selector":`+host+`,"objectName":"echo"}}}`))
	for range 2 {
		if _, ok := provider.receive(); !ok {
			b.Fatal("the hub has closed the connection")
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			f, ok := provider.receive()
			if !ok {
				return
			}
			provider.write(1, replyPrefix+strconv.FormatUint(uint64(f.id), 10), answer)
		}
	}()
	caller := joinBench(b, path)
	call := json.RawMessage(`{"timeout":5000,"propertyName":"echo","data":["` + strings.Repeat("x", size) + `"],"remote":{"objectName":"echo"},` +
		`"action":"OBJECT_ACTION_INVOKE","broadcast":false,"host":` + host + `},"needReply":true}`)
	b.ReportAllocs()
	b.ResetTimer()
	for range min(ahead, b.N) {
		caller.send(hubMessage, call)
	}
	for i := range b.N {
		f, ok := caller.receive()
		if !ok || !strings.Contains(string(f.data), `"success":true`) {
			b.Fatalf("call %d: %s", i, f.data)
		}
		if i+ahead < b.N {
			caller.send(hubMessage, call)
		}
	}
	b.StopTimer()
	provider.raw.Close()
	<-ended
}
