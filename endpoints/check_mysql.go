package endpoints

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// maxValueShown bounds a value of a database in details and texts.
const maxValueShown = 200

// mysqlOptions are those of mysql: a server that accepts the account and answers a query.
type mysqlOptions struct {
	at       place
	account  account
	database string
	tls      tlsOptions
	query    string
	// expect is what the first column of the first row has to be, as text, if expects.
	expect  string
	expects bool
}

func decodeMySQL(f *fields) checkOptions {
	o := &mysqlOptions{}
	if u := f.url("url", "mysql", "mariadb"); u != nil {
		f.refuse("url", "host", "port", "socketPath", "user", "password", "database")
		o.at, o.account = f.placeOf(u, 3306), f.accountOf(u)
		o.database = strings.TrimPrefix(u.Path, "/")
	} else {
		o.at, o.account, o.database = f.place(3306), f.account("user"), f.text("database", "")
	}
	o.tls = f.tls(false)
	o.query = f.text("query", "SELECT 1")
	o.expect, o.expects = f.scalar("expect")
	return o
}

func (o *mysqlOptions) perApp() bool    { return false }
func (o *mysqlOptions) process() string { return "" }
func (o *mysqlOptions) probe(checkEnv, checkSpec) probe {
	return &mysqlProbe{options: o}
}

// refuse makes an error of options that do not go together with a key.
func (f *fields) refuse(key string, others ...string) {
	for _, other := range others {
		if f.has(other) {
			f.problem(other, "it does not go together with "+key+"; leave one out")
		}
	}
}

// placeOf is where a URL points.
func (f *fields) placeOf(u *url.URL, port int) place {
	text := u.Port()
	if text == "" {
		text = strconv.Itoa(port)
	}
	host := u.Hostname()
	if host == "" {
		host = "127.0.0.1"
	}
	return place{"tcp", net.JoinHostPort(host, text)}
}

// accountOf is the account in a URL. The password may be in a file beside it.
func (f *fields) accountOf(u *url.URL) account {
	a := account{user: u.User.Username(), passwordFile: f.file("passwordFile")}
	a.password, _ = u.User.Password()
	if a.password != "" && a.passwordFile != "" {
		f.problem("passwordFile", "it does not go together with a password in url; leave one out")
	}
	return a
}

// scalar reads a string, a number or a flag as text.
func (f *fields) scalar(key string) (string, bool) {
	raw, ok := f.value(key)
	switch {
	case !ok:
		return "", false
	case raw[0] == '"':
		return f.text(key, ""), true
	case raw[0] == '{' || raw[0] == '[':
		f.fail(key, "a string, a number, true or false")
	}
	return string(raw), true
}

// mysqlProbe keeps one connection. It is used by one try at a time.
type mysqlProbe struct {
	options *mysqlOptions
	conn    driver.Conn
	limit   *boundedConn
	version string
}

func (p *mysqlProbe) close() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

func (p *mysqlProbe) what() string {
	o := p.options
	s := "MySQL at " + o.at.address
	if o.account.user != "" {
		s += " as " + o.account.user
	}
	return s
}

func (p *mysqlProbe) try(ctx context.Context, _ Application) finding {
	o := p.options
	details := map[string]any{"address": o.at.address, "user": o.account.user, "query": clipText(o.query, maxValueShown)}
	if o.database != "" {
		details["database"] = o.database
	}
	value, found, err := p.once(ctx)
	if p.version != "" {
		details["version"] = p.version
	}
	if err != nil {
		return down(details, "%w", err)
	}
	if found {
		details["value"] = clipText(value, maxValueShown)
	}
	if o.expects && (!found || value != o.expect) {
		got := "no row"
		if found {
			got = strconv.Quote(clipText(value, maxValueShown))
		}
		return down(details, "%s: the query %q gives %s, expected %q", p.what(), clipText(o.query, maxValueShown), got, clipText(o.expect, maxValueShown))
	}
	return finding{details: details}
}

// once runs the query on the connection that is kept. When that has been lost since the try before, it is made anew.
func (p *mysqlProbe) once(ctx context.Context) (value string, found bool, err error) {
	kept := p.conn != nil
	for {
		if p.conn == nil {
			if err := p.connect(ctx); err != nil {
				return "", false, fmt.Errorf("connect to %s: %w", p.what(), mysqlAdvice(err))
			}
		}
		p.limit.left = maxAnswer
		value, found, err = queryFirst(ctx, p.conn, p.options.query)
		if err == nil {
			return value, found, nil
		}
		var answered *mysql.MySQLError
		lost := !errors.As(err, &answered)
		if lost && p.limit.left <= 0 {
			err, kept = errTooMuch, false
		}
		if lost || ctx.Err() != nil {
			p.close()
		}
		if !lost || !kept || ctx.Err() != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return "", false, fmt.Errorf("ask %s for %q: %w", p.what(), clipText(p.options.query, maxValueShown), mysqlAdvice(err))
		}
		kept = false
	}
}

func (p *mysqlProbe) connect(ctx context.Context) error {
	o := p.options
	password, err := o.account.secret()
	if err != nil {
		return err
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = o.account.user, password, o.database
	c.Net, c.Addr, c.Logger = o.at.network, o.at.address, &mysql.NopLogger{}
	if c.TLS, err = o.tls.config(o.at.host()); err != nil {
		return err
	}
	var limit *boundedConn
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := dial(ctx, o.at)
		if err != nil {
			return nil, err
		}
		limit = &boundedConn{Conn: conn, left: maxAnswer}
		return limit, nil
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	p.conn, p.limit = conn, limit
	p.version, _, _ = queryFirst(ctx, conn, "SELECT VERSION()")
	p.version = clipText(p.version, maxValueShown)
	return nil
}

// queryFirst returns the first column of the first row as text. The rest is read and left.
func queryFirst(ctx context.Context, conn driver.Conn, query string) (value string, found bool, err error) {
	asker, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", false, errors.New("the driver cannot run queries with a time limit")
	}
	rows, err := asker.QueryContext(ctx, query, nil)
	if err != nil {
		return "", false, err
	}
	cells := make([]driver.Value, len(rows.Columns()))
	if len(cells) == 0 {
		return "", false, rows.Close()
	}
	err = rows.Next(cells)
	switch {
	case errors.Is(err, io.EOF):
		return "", false, rows.Close()
	case err != nil:
		_ = rows.Close()
		return "", false, err
	}
	value = cellText(cells[0])
	return value, true, rows.Close()
}

func cellText(cell driver.Value) string {
	switch v := cell.(type) {
	case nil:
		return "NULL"
	case []byte:
		return strings.ToValidUTF8(string(v), "�")
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	}
	return fmt.Sprint(cell)
}

// mysqlAdvice says what to do about an answer of the server.
func mysqlAdvice(err error) error {
	var answered *mysql.MySQLError
	if !errors.As(err, &answered) {
		if errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) {
			return errors.New("the server closed the connection: see its log, and whether it speaks MySQL")
		}
		return advice(err)
	}
	switch answered.Number {
	case 1044, 1045, 1698:
		return fmt.Errorf("%w; correct user and password, or grant access", answered)
	case 1049:
		return fmt.Errorf("%w; correct database, or create it", answered)
	case 1040, 1203:
		return fmt.Errorf("%w; raise max_connections, or see who holds them", answered)
	case 1064, 1146, 1054:
		return fmt.Errorf("%w; correct query", answered)
	}
	return answered
}
