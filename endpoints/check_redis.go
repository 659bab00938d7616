package endpoints

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// redisOptions are those of redis: a server that accepts the account and answers PING, and has the role it should.
type redisOptions struct {
	at      place
	account account
	db      int
	tls     tlsOptions
	// role is "master" or "replica", "" for any. maxLag is how many seconds a replica may have heard nothing from its
	// master, maxOffset how many bytes it may be behind; negative for any.
	role              string
	maxLag, maxOffset int64
}

func decodeRedis(f *fields) checkOptions {
	o := &redisOptions{}
	secure := false
	if u := f.url("url", "redis", "rediss"); u != nil {
		f.refuse("url", "host", "port", "socketPath", "username", "password", "db")
		o.at, o.account = f.placeOf(u, 6379), f.accountOf(u)
		secure = u.Scheme == "rediss"
		if path := strings.Trim(u.Path, "/"); path != "" {
			var err error
			if o.db, err = strconv.Atoi(path); err != nil || o.db < 0 {
				f.fail("url", "a URL whose path is the number of a database, as redis://127.0.0.1:6379/1")
			}
		}
	} else {
		o.at, o.account, o.db = f.place(6379), f.account("username"), int(f.integer("db", 0, 0, 1<<20))
	}
	o.tls = f.tls(secure)
	o.role = f.choice("role", "any", "master", "replica")
	o.maxLag, o.maxOffset = f.integer("maxLagSeconds", -1, 0, 1<<31), f.integer("maxLagBytes", -1, 0, 1<<50)
	if o.role == "any" && (o.maxLag >= 0 || o.maxOffset >= 0) {
		o.role = "replica"
	}
	if o.role == "master" && (o.maxLag >= 0 || o.maxOffset >= 0) {
		f.problem("role", "a master has no lag; leave out maxLagSeconds and maxLagBytes")
	}
	return o
}

func (o *redisOptions) perApp() bool                    { return false }
func (o *redisOptions) process() string                 { return "" }
func (o *redisOptions) probe(checkEnv, checkSpec) probe { return &redisProbe{options: o} }

// redisProbe keeps one connection. It is used by one try at a time.
type redisProbe struct {
	options *redisOptions
	conn    redis.Conn
	limit   *replyGuard
}

func (p *redisProbe) close() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

func (p *redisProbe) try(ctx context.Context, _ Application) finding {
	o := p.options
	details := map[string]any{"address": o.at.address, "db": o.db}
	kept := p.conn != nil
	for {
		err := p.once(ctx, details)
		if err == nil {
			return finding{details: details}
		}
		var answered redis.Error
		lost := p.conn == nil || p.conn.Err() != nil || ctx.Err() != nil
		if lost || errors.As(err, &answered) {
			p.close() // also after an error: an account may have been changed
		}
		if kept && lost && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			kept = false // it was lost since the try before
			continue
		}
		return down(details, "%w", err)
	}
}

func (p *redisProbe) once(ctx context.Context, details map[string]any) error {
	o := p.options
	if p.conn == nil {
		if err := p.connect(ctx); err != nil {
			return fmt.Errorf("connect to Redis at %s: %w", o.at, redisAdvice(ctx, err))
		}
	}
	p.limit.left = maxAnswer
	reply, err := redis.String(redis.DoContext(p.conn, ctx, "PING"))
	if err == nil && reply != "PONG" {
		err = fmt.Errorf("it answered %q, expected PONG: see whether it is Redis", clipText(reply, 100))
	}
	if err != nil {
		return fmt.Errorf("PING Redis at %s: %w", o.at, redisAdvice(ctx, err))
	}
	if o.role == "any" {
		return nil
	}
	info, err := redis.String(redis.DoContext(p.conn, ctx, "INFO", "replication"))
	if err != nil {
		return fmt.Errorf("ask Redis at %s for its role: %w", o.at, redisAdvice(ctx, err))
	}
	if err := o.judge(parseInfo(info), details); err != nil {
		return fmt.Errorf("Redis at %s %w", o.at, err)
	}
	return nil
}

func (p *redisProbe) connect(ctx context.Context) error {
	o := p.options
	password, err := o.account.secret()
	if err != nil {
		return err
	}
	config, err := o.tls.config(o.at.host())
	if err != nil {
		return err
	}
	var guard *replyGuard
	conn, err := redis.DialContext(ctx, "tcp", o.at.address,
		redis.DialUsername(o.account.user), redis.DialPassword(password), redis.DialDatabase(o.db),
		redis.DialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dialSecure(ctx, o.at, config)
			if err != nil {
				return nil, err
			}
			if deadline, ok := ctx.Deadline(); ok {
				_ = conn.SetDeadline(deadline) // of the login, which follows no context
			}
			guard = &replyGuard{Conn: conn, left: maxAnswer}
			return guard, nil
		}))
	if err != nil {
		return err
	}
	if err := guard.SetDeadline(noDeadline()); err != nil {
		_ = conn.Close()
		return err
	}
	p.conn, p.limit = conn, guard
	return nil
}

// judge compares what the server says of its replication with what is expected.
func (o *redisOptions) judge(info map[string]string, details map[string]any) error {
	role := info["role"]
	if role == "slave" {
		role = "replica"
	}
	details["role"] = role
	if n, err := strconv.Atoi(info["connected_slaves"]); err == nil {
		details["connectedReplicas"] = n
	}
	if role != o.role {
		return fmt.Errorf("is a %s, expected a %s: see whether there was a fail-over, or correct role", clipText(role, 40), o.role)
	}
	if role == "master" {
		return nil
	}
	link := info["master_link_status"]
	details["masterLink"], details["master"] = link, info["master_host"]+":"+info["master_port"]
	silent, _ := strconv.ParseInt(info["master_last_io_seconds_ago"], 10, 64)
	if silent >= 0 {
		details["lagSeconds"] = silent
	}
	told, errTold := strconv.ParseInt(info["slave_read_repl_offset"], 10, 64)
	done, errDone := strconv.ParseInt(info["slave_repl_offset"], 10, 64)
	behind := max(0, told-done)
	if errTold == nil && errDone == nil {
		details["lagBytes"] = behind
	}
	switch {
	case link != "up":
		return fmt.Errorf("has lost its master %v: see the log of both", details["master"])
	case o.maxLag >= 0 && silent > o.maxLag:
		return fmt.Errorf("has heard nothing from its master %v for %d s, more than %d s", details["master"], silent, o.maxLag)
	case o.maxOffset >= 0 && errTold == nil && errDone == nil && behind > o.maxOffset:
		return fmt.Errorf("is %s behind its master %v, more than %s", bytesText(uint64(behind)), details["master"], bytesText(uint64(o.maxOffset)))
	}
	return nil
}

// parseInfo reads the lines of INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key] = clipText(value, maxValueShown)
		}
	}
	return info
}

// redisAdvice says what to do about an answer of the server.
func redisAdvice(ctx context.Context, err error) error {
	var answered redis.Error
	if !errors.As(err, &answered) {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return advice(err)
	}
	text := clipText(string(answered), maxValueShown)
	switch code, _, _ := strings.Cut(text, " "); code {
	case "NOAUTH":
		return fmt.Errorf("%s Give password or passwordFile", text)
	case "WRONGPASS", "ERR":
		return fmt.Errorf("%s; correct username, password and db", text)
	case "NOPERM":
		return fmt.Errorf("%s; allow the account PING and, for role, INFO", text)
	case "LOADING":
		return fmt.Errorf("%s; it will be up when it has read its data", text)
	}
	return errors.New(text)
}
