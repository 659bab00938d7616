package scripts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	defaultCallTimeout = 3 * time.Second
	// maxBody bounds what is read from a server, a file or a program, in bytes.
	maxBody = 1 << 20
	// maxRedirects bounds what check.http follows.
	maxRedirects = 5
)

// host answers what scripts ask for; it is called on goroutines of the sessions.
func (h *host) host(ctx context.Context, name string, arg json.RawMessage) (json.RawMessage, error) {
	var limit struct {
		TimeoutMs float64 `json:"timeoutMs"`
	}
	_ = json.Unmarshal(arg, &limit)
	timeout := defaultCallTimeout
	if limit.TimeoutMs > 0 {
		timeout = min(time.Duration(limit.TimeoutMs*float64(time.Millisecond)), maxTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var value any
	var err error
	switch name {
	case "http":
		value, err = askHTTP(ctx, arg)
	case "tcp":
		value, err = askTCP(ctx, arg)
	case "dns":
		value, err = askDNS(ctx, arg)
	case "file":
		value, err = h.askFile(arg)
	case "exec":
		value, err = h.askExec(ctx, arg)
	case "metrics", "application", "endpoint", "indicators":
		return h.askDaemon(ctx, name, arg)
	default:
		err = fmt.Errorf("there is no %q to ask for", name)
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%s: no answer within %v", name, timeout)
		}
		return nil, err
	}
	return json.Marshal(value)
}

// text is data as JavaScript can have it: UTF-8.
func text(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return strings.ToValidUTF8(string(data), "\uFFFD")
}

// bounded reads at most maxBody bytes; more is an error.
func bounded(r io.Reader, what string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(data) > maxBody {
		err = fmt.Errorf("%s has more than %d bytes", what, maxBody)
	}
	return data, err
}

func askHTTP(ctx context.Context, arg json.RawMessage) (any, error) {
	q := struct {
		URL, Method string
		Headers     map[string]string
		Body        string
		Redirect    *bool
		// Raw is for http.request and fetch: bytes both ways, in place of texts.
		Raw        bool
		BodyBase64 []byte
	}{Method: http.MethodGet}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, unexpected("check.http expects (url, { method, headers, body, timeoutMs, redirect })", err)
	}
	content := []byte(q.Body)
	if q.Raw {
		content = q.BodyBase64
	}
	request, err := http.NewRequestWithContext(ctx, strings.ToUpper(q.Method), q.URL, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("check.http %q: %w", q.URL, err)
	}
	for name, value := range q.Headers {
		if strings.EqualFold(name, "host") {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	if _, told := request.Header["User-Agent"]; q.Raw && !told {
		request.Header["User-Agent"] = []string{""} // Node has none
	}
	// Nothing is kept open: a script asks rarely, and a check should find out whether connecting works.
	transport := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: maxBody}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		switch {
		case q.Redirect != nil && !*q.Redirect:
			return http.ErrUseLastResponse
		case len(via) > maxRedirects:
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return nil
	}}
	begun := time.Now()
	response, err := client.Do(request)
	if err != nil && !q.Raw { // http.request and fetch make an error of Node's of the library's words
		err = fmt.Errorf("ask %s: %w", request.URL.Redacted(), plain(err))
	}
	if err != nil {
		return nil, fmt.Errorf("check.http: %w", err)
	}
	defer response.Body.Close()
	body, err := bounded(response.Body, "the answer of "+q.URL)
	if err != nil {
		return nil, fmt.Errorf("check.http: %w", err)
	}
	if q.Raw {
		lists := map[string][]string{}
		for name, values := range response.Header {
			lists[strings.ToLower(name)] = values
		}
		return map[string]any{
			"status": response.StatusCode, "statusText": http.StatusText(response.StatusCode), "headers": lists, "bodyBase64": body,
		}, nil
	}
	headers := map[string]string{}
	for name, values := range response.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return map[string]any{
		"status": response.StatusCode, "ok": response.StatusCode >= 200 && response.StatusCode <= 299,
		"headers": headers, "body": text(body), "tookMs": milliseconds(begun),
	}, nil
}

func milliseconds(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

func askTCP(ctx context.Context, arg json.RawMessage) (any, error) {
	var q struct {
		Target, Send string
		Read         bool
	}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, unexpected("check.tcp expects (target, { send, read, timeoutMs })", err)
	}
	network, address := "tcp", q.Target
	switch {
	case filepath.IsAbs(address):
		network = "unix"
	case !strings.Contains(address, ":"):
		address = net.JoinHostPort("127.0.0.1", address)
	}
	begun := time.Now()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("check.tcp: connect to %s: %w", address, plain(err))
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := io.WriteString(conn, q.Send); err != nil {
		return nil, fmt.Errorf("check.tcp %s: %w", address, plain(err))
	}
	line := ""
	if q.Read {
		line, err = bufio.NewReader(io.LimitReader(conn, maxBody)).ReadString('\n')
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			return nil, fmt.Errorf("check.tcp %s: %w", address, plain(err))
		}
	}
	return map[string]any{"tookMs": milliseconds(begun), "data": text([]byte(line))}, nil
}

func askDNS(ctx context.Context, arg json.RawMessage) (any, error) {
	q := struct{ Name, Type string }{Type: "A"}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, unexpected("check.dns expects (name, { type, timeoutMs })", err)
	}
	r := net.DefaultResolver
	switch strings.ToUpper(q.Type) {
	case "A", "AAAA":
		network := "ip4"
		if strings.EqualFold(q.Type, "AAAA") {
			network = "ip6"
		}
		return r.LookupIP(ctx, network, q.Name)
	case "CNAME":
		name, err := r.LookupCNAME(ctx, q.Name)
		return []string{name}, err
	case "TXT":
		return r.LookupTXT(ctx, q.Name)
	case "MX":
		found, err := r.LookupMX(ctx, q.Name)
		list := []map[string]any{}
		for _, mx := range found {
			list = append(list, map[string]any{"exchange": mx.Host, "priority": mx.Pref})
		}
		return list, err
	case "NS":
		found, err := r.LookupNS(ctx, q.Name)
		list := []string{}
		for _, ns := range found {
			list = append(list, ns.Host)
		}
		return list, err
	case "SRV":
		_, found, err := r.LookupSRV(ctx, "", "", q.Name)
		list := []map[string]any{}
		for _, s := range found {
			list = append(list, map[string]any{"name": s.Target, "port": s.Port, "priority": s.Priority, "weight": s.Weight})
		}
		return list, err
	}
	return nil, fmt.Errorf("check.dns: unknown type %q, expected A, AAAA, CNAME, MX, NS, SRV or TXT", q.Type)
}

func (h *host) askFile(arg json.RawMessage) (any, error) {
	var q struct {
		Path string
		Stat bool
	}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, unexpected("check.file expects (path, { stat })", err)
	}
	path := q.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.spec.Dir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("check.file: %s: %w", path, plain(err))
	}
	answer := map[string]any{
		"text": "", "size": info.Size(), "mtimeMs": float64(info.ModTime().UnixMicro()) / 1000, "isDirectory": info.IsDir(),
	}
	if q.Stat || info.IsDir() {
		return answer, nil
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("check.file: %s is no regular file; set stat to learn about it without reading", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("check.file: %s: %w", path, plain(err))
	}
	defer f.Close()
	data, err := bounded(f, path)
	if err != nil {
		return nil, fmt.Errorf("check.file: %w", err)
	}
	answer["text"] = text(data)
	return answer, nil
}

// capped keeps the first maxBody bytes.
type capped struct{ bytes.Buffer }

// Write never fails.
func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), max(maxBody-c.Len(), 0))])
	return len(p), nil
}

func (h *host) askExec(ctx context.Context, arg json.RawMessage) (any, error) {
	var q struct {
		Command string
		Args    []string
	}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, unexpected("check.exec expects (command, args, { timeoutMs })", err)
	}
	if !h.spec.Exec {
		return nil, fmt.Errorf("check.exec %q: scripts may not run programs; allow it with scripts: { exec: true } in the global configuration", q.Command)
	}
	cmd := exec.CommandContext(ctx, q.Command, q.Args...)
	cmd.Dir, cmd.Env = h.spec.Dir, h.spec.Env
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	var stdout, stderr capped
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("check.exec: run %q: %w", q.Command, plain(err))
	}
	return map[string]any{"code": cmd.ProcessState.ExitCode(), "stdout": text(stdout.Bytes()), "stderr": text(stderr.Bytes())}, nil
}

// askDaemon asks the daemon for what only it knows.
func (h *host) askDaemon(ctx context.Context, what string, arg json.RawMessage) (json.RawMessage, error) {
	value, err := h.asked.ask(ctx, nil, func(id int64) error {
		return h.out.write(fromHost{Ask: &question{ID: id, What: what, Arg: arg}})
	})
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("check.%s: the daemon has not answered in time", what)
	}
	return value, err
}

// unexpected is the error for arguments that are not those that a call takes; the words of the JSON library are for
// programmers.
func unexpected(expected string, err error) error {
	bad, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return fmt.Errorf("%s: %w", expected, err)
	case bad.Field == "":
		return fmt.Errorf("%s; it was given another %s", expected, bad.Value)
	}
	return fmt.Errorf("%s; its %s is of type %s", expected, strings.ToLower(bad.Field), bad.Value)
}

// plain is an error without the call, the addresses and the paths, which the message around it tells already. What has
// timed out stays known as such.
func plain(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	if connection, ok := errors.AsType[*net.OpError](err); ok {
		err = connection.Err
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return fmt.Errorf("no such host: the name %q is not known", name.Name)
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed before an answer; see the server's log")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; nothing listens there", err)
	}
	return err
}
