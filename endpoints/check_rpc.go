package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// rpcOptions are those of rpc: a service that answers a call, in one of three protocols.
type rpcOptions struct {
	protocol string
	url      *url.URL
	http     *httpOptions
	// service is the name that the gRPC health protocol is asked for; "" is the server as a whole.
	service string
	// at is the address of a gRPC server.
	at place
	// rpcMethod and params are of a JSON-RPC call.
	rpcMethod string
	params    json.RawMessage
	// expect is what the result, or the body, has to be or to contain; nil for anything.
	expect any
}

func decodeRPC(f *fields) checkOptions {
	o := &rpcOptions{protocol: f.choice("protocol", "grpc", "jsonrpc", "http")}
	if o.protocol == "grpc" {
		o.decodeGRPC(f)
		return o
	}
	if o.url = f.url("url", "http", "https"); o.url == nil && f.err == nil {
		f.problem("url", "it is missing; give the URL that is to be called")
	}
	o.http = decodeHTTPOptions(f, http.MethodPost)
	if o.http.headers.Get("Content-Type") == "" {
		if o.http.headers == nil {
			o.http.headers = http.Header{}
		}
		o.http.headers.Set("Content-Type", "application/json")
	}
	if raw, ok := f.value("expect"); ok {
		o.expect, _ = decodeAny(raw)
	}
	if o.protocol == "http" {
		o.http.body = f.body("body")
		return o
	}
	if o.rpcMethod = f.text("rpcMethod", ""); o.rpcMethod == "" {
		f.problem("rpcMethod", "it is missing; give the method that is to be called")
	}
	if raw, ok := f.value("params"); ok {
		if raw[0] != '[' && raw[0] != '{' {
			f.fail("params", "a list or an object")
		}
		o.params = raw
	}
	o.http.body, _ = encodeJSON(struct {
		Version string          `json:"jsonrpc"`
		ID      int             `json:"id"`
		Method  string          `json:"method"`
		Params  json.RawMessage `json:"params,omitempty"`
	}{"2.0", callID, o.rpcMethod, o.params})
	return o
}

// callID identifies the one call of a connection.
const callID = 1

// body reads a string as it is, and anything else as JSON.
func (f *fields) body(key string) []byte {
	raw, ok := f.value(key)
	if !ok {
		return nil
	}
	if len(raw) > maxRequestBody {
		f.fail(key, fmt.Sprintf("a body of at most %d bytes", maxRequestBody))
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	return raw
}

func (o *rpcOptions) perApp() bool    { return false }
func (o *rpcOptions) process() string { return "" }
func (o *rpcOptions) probe(_ checkEnv, spec checkSpec) probe {
	return rpcProbe{options: o, spec: spec}
}

type rpcProbe struct {
	stateless
	options *rpcOptions
	spec    checkSpec
}

func (p rpcProbe) try(ctx context.Context, _ Application) finding {
	o := p.options
	switch o.protocol {
	case "grpc":
		return o.askGRPC(ctx)
	case "jsonrpc":
		a, err := o.http.ask(ctx, o.url, p.spec.timeout, true)
		a.details["method"] = o.rpcMethod
		if err == nil {
			err = o.judgeCall(a)
		}
		return finding{err: err, details: a.details}
	}
	a, err := o.http.ask(ctx, o.url, p.spec.timeout, o.expect != nil)
	if err == nil && o.expect != nil {
		if err = o.judgeValue(a.body, "the body"); err != nil {
			err = fmt.Errorf("%s %s: %w", o.http.method, MaskURL(o.url.String()), err)
		}
	}
	return finding{err: err, details: a.details}
}

// judgeCall reads the answer of a JSON-RPC call.
func (o *rpcOptions) judgeCall(a httpAnswer) error {
	where := fmt.Sprintf("call %q at %s", o.rpcMethod, MaskURL(o.url.String()))
	var reply struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result"`
		Error   *struct {
			Code    json.Number `json:"code"`
			Message string      `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(a.body, &reply); err != nil || reply.Version != "2.0" {
		return fmt.Errorf("%s: the answer is not JSON-RPC 2.0: see whether the URL is right, or raise maxBodyBytes", where)
	}
	if e := reply.Error; e != nil {
		a.details["errorCode"] = e.Code
		return fmt.Errorf("%s: error %s: %s", where, e.Code, clipText(e.Message, maxValueShown))
	}
	if string(bytes.TrimSpace(reply.ID)) != strconv.Itoa(callID) {
		return fmt.Errorf("%s: the answer is to another call: see the server's log", where)
	}
	if len(reply.Result) == 0 {
		return fmt.Errorf("%s: the answer has neither a result nor an error: see the server's log", where)
	}
	if o.expect == nil {
		return nil
	}
	if err := o.judgeValue(reply.Result, "the result"); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// judgeValue compares JSON with what is expected.
func (o *rpcOptions) judgeValue(raw json.RawMessage, what string) error {
	got, err := decodeAny(raw)
	if err != nil {
		return fmt.Errorf("%s is not JSON: see whether the URL is right, or raise maxBodyBytes", what)
	}
	if at, ok := holds(got, o.expect); !ok {
		want, _ := encodeJSON(o.expect)
		if at != "" {
			what += " at " + at
		}
		return fmt.Errorf("%s is not as expected: %s has to be in it", what, clipText(string(want), maxValueShown))
	}
	return nil
}

// holds tells whether a JSON value is the expected one; an object may have more members. at is where it differs first.
func holds(got, want any) (at string, ok bool) {
	switch want := want.(type) {
	case map[string]any:
		object, is := got.(map[string]any)
		if !is {
			return "", false
		}
		for key, value := range want {
			if at, ok := holds(object[key], value); !ok {
				if at != "" {
					at = "." + at
				}
				return key + at, false
			}
		}
		return "", true
	case []any:
		list, is := got.([]any)
		if !is || len(list) != len(want) {
			return "", false
		}
		for i, value := range want {
			if at, ok := holds(list[i], value); !ok {
				if at != "" {
					at = "." + at
				}
				return strconv.Itoa(i) + at, false
			}
		}
		return "", true
	case json.Number:
		number, is := got.(json.Number)
		if !is {
			return "", false
		}
		a, errA := number.Float64()
		b, errB := want.Float64()
		return "", errA == nil && errB == nil && a == b
	}
	return "", got == want
}

// decodeGRPC reads where a gRPC server is.
func (o *rpcOptions) decodeGRPC(f *fields) {
	secure := false
	if u := f.url("url", "grpc", "grpcs", "http", "https"); u != nil {
		f.refuse("url", "host", "port", "socketPath")
		secure = strings.HasSuffix(u.Scheme, "s")
		port := 80
		if secure {
			port = 443
		}
		o.at = f.placeOf(u, port)
	} else {
		o.at = f.place(0)
	}
	o.service = f.text("service", "")
	o.http = &httpOptions{tls: f.tls(secure), headers: f.headers("metadata")}
}

// errNotGRPC is for a server that answers something else.
var errNotGRPC = errors.New("the answer is not gRPC: see whether the address is that of a gRPC server")
