//go:build slow

package endpoints

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"go.uber.org/zap/zaptest"
)

// TestRealMariaDB, TestRealRedis and TestRealGRPC try the checks on the servers they are for.

// program returns the path of a program that the test needs.
func program(t *testing.T, name, pack string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if path, err = exec.LookPath("/usr/sbin/" + name); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; install the package %s", name, pack)
	}
	t.Skipf("%s is missing; install the package %s", name, pack)
	return ""
}

// freePort is a port that nobody has at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// scratch is a folder with a short name, for sockets.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "real")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// selfSigned writes one for 127.0.0.1 that signs itself.
func selfSigned(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "backend"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"backend.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// server is a process that the test has started.
type server struct {
	t    *testing.T
	path string
	args []string
	cmd  *exec.Cmd
	port int
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.path, s.args...)
	out, err := os.CreateTemp(s.t.TempDir(), "log")
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Since(began) > 30*time.Second {
			log, _ := os.ReadFile(out.Name())
			s.t.Fatalf("%s does not listen: %s", s.path, log)
		}
	}
}

func (s *server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// backend tries one check, declared as an application does.
type backend struct {
	*checks
	t   *testing.T
	app Application
}

func newBackend(t *testing.T, kind, options string) *backend {
	t.Helper()
	d := DeclaredIndicator{
		Name: "backend", Type: kind, Options: json.RawMessage(options), Critical: true, Interval: 100 * time.Millisecond, Timeout: 2 * time.Second,
	}
	if err := CheckIndicator(d); err != nil {
		t.Fatal(err)
	}
	b := &backend{newChecks(healthOptions{}, checkEnv{}, zaptest.NewLogger(t)), t, Application{Name: "demo", Running: true, Indicators: []DeclaredIndicator{d}}}
	t.Cleanup(b.close)
	return b
}

// fresh tries once more.
func (b *backend) fresh() checkResult {
	b.t.Helper()
	time.Sleep(250 * time.Millisecond) // longer than a result before is served
	results := b.results(b.t.Context(), b.app)
	if len(results) != 1 {
		b.t.Fatalf("%d results", len(results))
	}
	shown, _ := json.Marshal(results[0].details)
	b.t.Logf("%s %s %s in %v", results[0].status(), results[0].description, shown, results[0].took.Round(time.Microsecond))
	if strings.Contains(string(shown)+results[0].description, "geheim") {
		b.t.Error("the password is shown")
	}
	return results[0]
}

// up expects the check to be UP with some details.
func (b *backend) up(details map[string]any) {
	b.t.Helper()
	got := b.fresh()
	if !got.up || got.description != "" {
		b.t.Errorf("%s %s, want UP", got.status(), got.description)
	}
	for key, want := range details {
		if fmt.Sprint(got.details[key]) != fmt.Sprint(want) {
			b.t.Errorf("%s is %v, want %v", key, got.details[key], want)
		}
	}
}

// down expects it to be DOWN for a reason.
func (b *backend) down(reason string) {
	b.t.Helper()
	if got := b.fresh(); got.up || !strings.Contains(got.description, reason) {
		b.t.Errorf("%s %s, want DOWN …%s…", got.status(), got.description, reason)
	}
}

func TestRealMariaDB(t *testing.T) {
	t.Parallel()
	mariadbd, install := program(t, "mariadbd", "mariadb-server"), program(t, "mariadb-install-db", "mariadb-server")
	dir := scratch(t)
	cert, key := selfSigned(t, dir)
	data, socket, setup := filepath.Join(dir, "data"), filepath.Join(dir, "sock"), filepath.Join(dir, "setup.sql")
	user := "--user=" + strconv.Itoa(os.Getuid())
	if os.Getuid() == 0 {
		user = "--user=root"
	}
	if out, err := exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", user).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(setup, []byte("CREATE DATABASE IF NOT EXISTS shop;\nCREATE OR REPLACE TABLE shop.orders (state VARCHAR(9), n INT);\nINSERT INTO shop.orders VALUES ('open', 7);\n"+
		"CREATE USER IF NOT EXISTS app@'127.0.0.1' IDENTIFIED BY 'geheim';\nGRANT SELECT, PROCESS ON *.* TO app@'127.0.0.1';\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	s := &server{t: t, path: mariadbd, port: port, args: []string{
		"--no-defaults", "--datadir=" + data, "--socket=" + socket, "--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", port), user, "--init-file=" + setup,
		"--skip-name-resolve", "--innodb-buffer-pool-size=16M", "--pid-file=" + filepath.Join(dir, "pid"), "--ssl-cert=" + cert, "--ssl-key=" + key,
	}}
	defer s.stop()
	url := fmt.Sprintf(`"url":"mysql://app:geheim@127.0.0.1:%d/shop"`, port)
	one := newBackend(t, "mysql", `{`+url+`}`)
	one.down(fmt.Sprintf("connect to MySQL at 127.0.0.1:%d as app: connection refused: nothing listens there; start the server", port))
	s.start()
	one.up(map[string]any{"value": 1, "user": "app", "database": "shop", "address": fmt.Sprintf("127.0.0.1:%d", port)})
	if version := fmt.Sprint(one.fresh().details["version"]); !strings.Contains(version, "MariaDB") {
		t.Errorf("version %q", version)
	}
	newBackend(t, "mysql", fmt.Sprintf(`{"socketPath":%q,"user":"root"}`, socket)).up(nil)
	newBackend(t, "mysql", `{`+url+`,"query":"SELECT n, state FROM orders","expect":7}`).up(map[string]any{"value": 7})
	newBackend(t, "mysql", `{`+url+`,"query":"SELECT n FROM orders","expect":8}`).down(`the query "SELECT n FROM orders" gives "7", expected "8"`)
	newBackend(t, "mysql", `{`+url+`,"query":"SELECT n FROM orders WHERE state = 'none'","expect":8}`).down(`gives no row, expected "8"`)
	newBackend(t, "mysql", `{`+url+`,"query":"SELECT nothing"}`).down("correct query")
	newBackend(t, "mysql", `{`+url+`,"query":"SELECT REPEAT('x', 3000000)"}`).down("answered more than a check reads")
	newBackend(t, "mysql", fmt.Sprintf(`{"port":%d,"user":"app","password":"geheim2"}`, port)).down("Access denied for user 'app'@'127.0.0.1' (using password: YES); correct user and password")
	newBackend(t, "mysql", fmt.Sprintf(`{"url":"mysql://app:geheim@127.0.0.1:%d/none"}`, port)).down("Unknown database 'none'; correct database")
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	newBackend(t, "mysql", fmt.Sprintf(`{"port":%d,"user":"app","passwordFile":%q}`, port, secret)).up(nil)
	newBackend(t, "mysql", fmt.Sprintf(`{%s,"tls":{"caFile":%q},"query":"SELECT VARIABLE_VALUE > '' FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'","expect":1}`, url, cert)).up(nil)
	newBackend(t, "mysql", `{`+url+`,"tls":true}`).down("signed by nobody who is trusted here")

	t.Run("keeps one connection", func(t *testing.T) {
		count := `"query":"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app' AND INFO LIKE '%PROCESSLIST%'"`
		b := newBackend(t, "mysql", `{`+url+`,`+count+`,"expect":1}`)
		for range 10 {
			b.up(nil)
		}
		slow := newBackend(t, "mysql", `{`+url+`,"query":"SELECT SLEEP(20)"}`)
		slow.app.Indicators[0].Timeout = 300 * time.Millisecond
		for range 3 {
			slow.down("no answer within")
		}
		newBackend(t, "mysql", `{`+url+`,"query":"SELECT COUNT(*) <= 4 FROM information_schema.PROCESSLIST WHERE USER = 'app' AND INFO LIKE '%SLEEP(20)%'","expect":1}`).up(nil)
	})
	t.Run("a server that hangs", func(t *testing.T) {
		s.signal(syscall.SIGSTOP)
		began := time.Now()
		hung := newBackend(t, "mysql", `{`+url+`}`)
		hung.down("no answer within")
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("took %v", took)
		}
		s.signal(syscall.SIGCONT)
		hung.fresh() // nobody waits for what has just hung: this is the result before, and it begins the next try
		hung.up(nil)
	})
	t.Run("a server that comes back", func(t *testing.T) {
		one.up(nil)
		s.stop()
		s.start()
		one.up(nil) // the connection it kept is lost, which is not the server's fault
		s.stop()
		one.down("connection refused")
	})
}

func TestRealRedis(t *testing.T) {
	t.Parallel()
	redis := program(t, "redis-server", "redis-server")
	dir := scratch(t)
	cert, key := selfSigned(t, dir)
	start := func(extra ...string) *server {
		port := freePort(t)
		s := &server{t: t, path: redis, port: port, args: append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--repl-timeout", "3", "--repl-ping-replica-period", "1",
		}, extra...)}
		s.start()
		t.Cleanup(s.stop)
		return s
	}
	socket, secure := filepath.Join(dir, "sock"), freePort(t)
	s := start("--requirepass", "geheim", "--unixsocket", socket, "--user", "app", "on", ">geheim2", "~*", "+@all",
		"--tls-port", strconv.Itoa(secure), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	url := fmt.Sprintf(`"url":"redis://:geheim@127.0.0.1:%d/2"`, s.port)
	one := newBackend(t, "redis", `{`+url+`}`)
	one.up(map[string]any{"db": 2, "address": fmt.Sprintf("127.0.0.1:%d", s.port)})
	newBackend(t, "redis", fmt.Sprintf(`{"socketPath":%q,"password":"geheim"}`, socket)).up(nil)
	newBackend(t, "redis", fmt.Sprintf(`{"port":%d,"username":"app","password":"geheim2"}`, s.port)).up(nil)
	newBackend(t, "redis", `{`+url+`,"role":"master"}`).up(map[string]any{"role": "master", "connectedReplicas": 0})
	newBackend(t, "redis", `{`+url+`,"role":"replica"}`).down("is a master, expected a replica")
	newBackend(t, "redis", fmt.Sprintf(`{"port":%d}`, s.port)).down("NOAUTH Authentication required. Give password")
	newBackend(t, "redis", fmt.Sprintf(`{"port":%d,"password":"geheim3"}`, s.port)).down("WRONGPASS invalid username-password pair or user is disabled.; correct username")
	newBackend(t, "redis", fmt.Sprintf(`{"url":"redis://:geheim@127.0.0.1:%d/99"}`, s.port)).down("DB index is out of range; correct username, password and db")
	newBackend(t, "redis", fmt.Sprintf(`{"url":"rediss://:geheim@127.0.0.1:%d","tls":{"caFile":%q}}`, secure, cert)).up(nil)
	newBackend(t, "redis", fmt.Sprintf(`{"url":"rediss://:geheim@127.0.0.1:%d"}`, secure)).down("signed by nobody who is trusted here")

	t.Run("replica", func(t *testing.T) {
		r := start("--replicaof", "127.0.0.1 "+strconv.Itoa(s.port), "--masterauth", "geheim")
		b := newBackend(t, "redis", fmt.Sprintf(`{"port":%d,"maxLagSeconds":5,"maxLagBytes":1000000}`, r.port))
		for range 40 {
			if b.fresh().up {
				break
			}
		}
		b.up(map[string]any{"role": "replica", "masterLink": "up", "lagBytes": 0, "master": fmt.Sprintf("127.0.0.1:%d", s.port)})
		newBackend(t, "redis", `{`+url+`,"role":"master"}`).up(map[string]any{"connectedReplicas": 1})
		s.stop()
		b.down(fmt.Sprintf("has lost its master 127.0.0.1:%d", s.port))
		s.start()
	})
	t.Run("a server that hangs and comes back", func(t *testing.T) {
		one.up(nil)
		s.signal(syscall.SIGSTOP)
		one.down("no answer within")
		s.signal(syscall.SIGCONT)
		one.fresh() // nobody waits for what has just hung: this is the result before, and it begins the next try
		one.up(nil)
		s.stop()
		s.start()
		one.up(nil)
		s.stop()
		one.down("connection refused")
	})
}

func TestRealGRPC(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t, t.TempDir())
	serve := func(options ...grpc.ServerOption) (*grpc.Server, *health.Server, int) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		g, h := grpc.NewServer(options...), health.NewServer()
		grpc_health_v1.RegisterHealthServer(g, h)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = g.Serve(l)
		}()
		t.Cleanup(func() {
			g.Stop()
			<-done
		})
		return g, h, l.Addr().(*net.TCPAddr).Port
	}
	_, h, port := serve()
	h.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	whole, orders := newBackend(t, "rpc", fmt.Sprintf(`{"port":%d}`, port)), newBackend(t, "rpc", fmt.Sprintf(`{"url":"grpc://127.0.0.1:%d","service":"shop.Orders"}`, port))
	whole.up(map[string]any{"servingStatus": "SERVING"})
	orders.up(map[string]any{"servingStatus": "SERVING", "service": "shop.Orders"})
	h.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	orders.down(`gRPC health of "shop.Orders" at 127.0.0.1:` + strconv.Itoa(port) + ": it is NOT_SERVING, expected SERVING")
	h.Shutdown()
	whole.down("it is NOT_SERVING")
	newBackend(t, "rpc", fmt.Sprintf(`{"port":%d,"service":"none"}`, port)).down("NOT_FOUND: unknown service; the server knows no such service")

	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	_, _, secure := serve(grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	newBackend(t, "rpc", fmt.Sprintf(`{"url":"grpcs://127.0.0.1:%d","tls":{"caFile":%q}}`, secure, cert)).up(nil)
	newBackend(t, "rpc", fmt.Sprintf(`{"port":%d,"tls":{"insecure":true}}`, secure)).up(nil)
	newBackend(t, "rpc", fmt.Sprintf(`{"url":"grpcs://127.0.0.1:%d"}`, secure)).down("signed by nobody who is trusted here")
	newBackend(t, "rpc", fmt.Sprintf(`{"port":%d}`, secure)).down("gRPC health of")

	guarded, _, private := serve(grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if md, _ := metadata.FromIncomingContext(ctx); strings.Join(md.Get("authorization"), "") != "Bearer geheim" {
			return nil, status.Error(codes.Unauthenticated, "no token, käse")
		}
		return next(ctx, request)
	}))
	newBackend(t, "rpc", fmt.Sprintf(`{"port":%d,"metadata":{"authorization":"Bearer geheim"}}`, private)).up(nil)
	last := newBackend(t, "rpc", fmt.Sprintf(`{"port":%d}`, private))
	last.down("UNAUTHENTICATED: no token, käse; give metadata")
	guarded.Stop()
	last.down("connection refused")

	plain := grpc.NewServer()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = plain.Serve(l) }()
	defer plain.Stop()
	newBackend(t, "rpc", fmt.Sprintf(`{"port":%d}`, l.Addr().(*net.TCPAddr).Port)).down("UNIMPLEMENTED: unknown service grpc.health.v1.Health; the server does not have the health service")
}
