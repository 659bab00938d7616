package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"
)

// TestPlain: what users read about a lost connection names neither requests nor addresses of ours.
func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&url.Error{Op: "Get", URL: "http://pandora/v1/daemon", Err: io.EOF}, "the connection was closed"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "the connection was closed"},
		{&url.Error{Op: "Get", URL: "http://pandora/v1/daemon", Err: &net.OpError{Op: "dial", Net: "unix", Err: syscall.ECONNREFUSED}}, "connection refused"},
		{errors.New("other"), "other"},
	} {
		if got := plain(tt.err); got.Error() != tt.want {
			t.Errorf("plain(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
	if err := (unanswered{"/s"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a question without an answer is no time-out")
	}
}
