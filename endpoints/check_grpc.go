package endpoints

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The gRPC health protocol, grpc.health.v1: one unary call of two messages, made with the HTTP/2 of net/http. The whole
// client of gRPC would make every process of this program larger for it; see the dependencies.

const (
	grpcMethod = "/grpc.health.v1.Health/Check"
	// grpcFrame is the length of what precedes a message: whether it is compressed, and its length.
	grpcFrame      = 5
	maxGRPCMessage = 64 << 10
)

// askGRPC asks a server for its health.
func (o *rpcOptions) askGRPC(ctx context.Context) finding {
	details := map[string]any{"address": o.at.address, "service": o.service}
	where := "gRPC health of " + o.at.address
	if o.service != "" {
		where = fmt.Sprintf("gRPC health of %q at %s", clipText(o.service, 100), o.at)
	}
	status, err := o.callGRPC(ctx)
	if err != nil {
		return down(details, "%s: %w", where, err)
	}
	details["servingStatus"] = status
	if status != "SERVING" {
		return down(details, "%s: it is %s, expected SERVING: see the server's log", where, status)
	}
	return finding{details: details}
}

func (o *rpcOptions) callGRPC(ctx context.Context) (string, error) {
	config, err := o.http.tls.config(o.at.host())
	if err != nil {
		return "", err
	}
	transport, scheme := o.transport(config), "http"
	if config != nil {
		scheme = "https"
	}
	defer transport.CloseIdleConnections()
	host := o.at.address
	if o.at.network == "unix" {
		host = "localhost"
	}
	var message []byte
	if o.service != "" {
		message = protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), o.service)
	}
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	target := url.URL{Scheme: scheme, Host: host, Path: grpcMethod}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(append(body, message...)))
	if err != nil {
		return "", fmt.Errorf("the request cannot be made: %w", err)
	}
	for name, values := range o.http.headers {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	request.Header.Set("User-Agent", "pandora-health")
	if deadline, ok := ctx.Deadline(); ok {
		request.Header.Set("Grpc-Timeout", strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10)+"m")
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", grpcAdvice(ctx, err)
	}
	defer response.Body.Close()
	return readGRPC(ctx, response)
}

// transport makes connections that live as long as one call, and speaks HTTP/2 only.
func (o *rpcOptions) transport(config *tls.Config) *http.Transport {
	t := &http.Transport{
		TLSClientConfig: config, MaxResponseHeaderBytes: maxAnswerHeader, DisableCompression: true, Protocols: &http.Protocols{},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx, o.at)
			if err != nil {
				return nil, err
			}
			return &boundedConn{Conn: conn, left: maxAnswer}, nil
		},
	}
	if config == nil {
		t.Protocols.SetUnencryptedHTTP2(true)
	} else {
		t.Protocols.SetHTTP2(true)
	}
	return t
}

// readGRPC reads the answer to a unary call, and the status that follows it.
func readGRPC(ctx context.Context, response *http.Response) (string, error) {
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/grpc") {
		return "", fmt.Errorf("%w (HTTP %s)", errNotGRPC, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxGRPCMessage+1))
	if err != nil {
		return "", grpcAdvice(ctx, err)
	}
	code, text := response.Trailer.Get("Grpc-Status"), response.Trailer.Get("Grpc-Message")
	if code == "" { // without a message the status comes with the headers
		code, text = response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message")
	}
	if code != "0" {
		return "", grpcStatus(code, text)
	}
	if len(data) < grpcFrame || data[0] != 0 || uint64(binary.BigEndian.Uint32(data[1:])) != uint64(len(data)-grpcFrame) {
		return "", errNotGRPC
	}
	return servingStatus(data[grpcFrame:])
}

// servingStatus decodes a HealthCheckResponse, whose first field is the status.
func servingStatus(message []byte) (string, error) {
	status := uint64(0)
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return "", errNotGRPC
		}
		message = message[n:]
		if number == 1 && kind == protowire.VarintType {
			status, n = protowire.ConsumeVarint(message)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return "", errNotGRPC
		}
		message = message[n:]
	}
	names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if status >= uint64(len(names)) {
		return strconv.FormatUint(status, 10), nil
	}
	return names[status], nil
}

// grpcStatus is the error of a call that the server refused.
func grpcStatus(code, text string) error {
	names := []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
		"DATA_LOSS", "UNAUTHENTICATED",
	}
	n, err := strconv.Atoi(code)
	if err != nil || n < 0 || n >= len(names) {
		return errNotGRPC
	}
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	text = clipText(strings.ToValidUTF8(text, "�"), maxValueShown)
	advice := "see the server's log"
	switch names[n] {
	case "NOT_FOUND":
		advice = "the server knows no such service; correct service"
	case "UNIMPLEMENTED":
		advice = "the server does not have the health service; register grpc.health.v1 there"
	case "UNAUTHENTICATED", "PERMISSION_DENIED":
		advice = "give metadata, or tls with a certificate, that the server accepts"
	}
	return fmt.Errorf("%s: %s; %s", names[n], text, advice)
}

// grpcAdvice says what to do about a connection that failed.
func grpcAdvice(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	told := advice(err)
	var network net.Error
	if told == err && !errors.As(err, &network) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w (%w)", errNotGRPC, err)
	}
	return told
}
