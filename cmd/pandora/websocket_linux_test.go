package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pandora-go/pandora/internal/load"
)

// webSocket is a client's end of a WebSocket, as much of it as the tests need.
type webSocket struct {
	net.Conn
	reader *bufio.Reader
}

// dialWebSocket opens one.
func dialWebSocket(address string) (*webSocket, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(load.DefaultTimeout))
	w := &webSocket{conn, bufio.NewReader(conn)}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	response, err := http.ReadResponse(w.reader, nil)
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	return w, nil
}

// send sends a short text; a client's frames are masked, here with zeros.
func (w *webSocket) send(text string) error {
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	_, err := w.Write(frame)
	return err
}

// receive reads a short frame; the server's close frame is an error that names its code.
func (w *webSocket) receive() (string, error) {
	header := make([]byte, 2)
	if _, err := io.ReadFull(w.reader, header); err != nil {
		return "", err
	}
	body := make([]byte, header[1]&0x7f)
	if _, err := io.ReadFull(w.reader, body); err != nil {
		return "", err
	}
	if header[0]&0x0f == 8 && len(body) >= 2 {
		return "", fmt.Errorf("closed with %d", binary.BigEndian.Uint16(body))
	}
	return string(body), nil
}

// exchange sends a text and reads the answer of the application "ws": who answered.
func (w *webSocket) exchange(text string) (pid string, err error) {
	w.SetDeadline(time.Now().Add(load.DefaultTimeout))
	if err := w.send(text); err != nil {
		return "", err
	}
	got, err := w.receive()
	if err != nil {
		return "", err
	}
	pid, rest, _ := strings.Cut(got, " ")
	if rest != text {
		return "", fmt.Errorf("answer %q to %q", got, text)
	}
	return pid, nil
}

// askWebSocket asks over HTTP, and holds conversations of a few messages over WebSockets.
func askWebSocket(ctx context.Context, address string) load.Result {
	return askAll(
		func() load.Result {
			return load.Run(ctx, load.Options{Address: address, Connections: 2, KeepAlive: true, Think: 5 * time.Millisecond})
		},
		func() load.Result {
			return repeat(ctx, 3, func() (string, error) {
				w, err := dialWebSocket(address)
				if err != nil {
					return "", err
				}
				defer w.Close()
				var pid string
				for i := range 5 {
					if pid, err = w.exchange(fmt.Sprint("message ", i)); err != nil {
						return "", err
					}
					time.Sleep(10 * time.Millisecond)
				}
				return pid, nil
			})
		},
	)
}
