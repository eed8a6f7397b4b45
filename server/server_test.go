package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// Two secrets that must never be seen outside a body with status 200.
const (
	canarySecret = "canary/SECRET+wJalrXUtnFEMI7MDENGbPxRfiCY"
	canaryToken  = "canary//TOKEN+IQoJb3JpZ2luX2VjEXAMPLE=="
)

// noon is the servers' now.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const configuration = `
[daemon]
region = "eu-west-1"
requests_per_second = 0

[sources.john]
type = "shared-config"
profile = "john"
config_file = "DIR/config"
credentials_file = "DIR/credentials"

[profiles.upload]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"

[profiles.readonly]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnReadRole"

[apps.uploader]
profiles = ["upload", "readonly"]
`

// get is a Credentials.
type get func(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error)

func (g get) Get(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error) {
	return g(ctx, key, patience)
}

// credentials returns new ones that live for an hour and change nothing about
// now.
func credentials(change func(*session.Credentials)) *session.Credentials {
	c := session.NewCredentials("ASIAEXAMPLE", canarySecret, canaryToken, noon.Add(time.Hour+999*time.Millisecond))
	c.Minted, c.Life = noon.Add(-time.Minute), 2*time.Hour
	c.AccountID, c.RoleARN = "029470240201", "arn:aws:iam::629470240201:role/JohnUploadRole"
	if change != nil {
		change(c)
	}
	return c
}

// always answers everybody with c.
func always(c *session.Credentials) get {
	return func(context.Context, session.Key, time.Duration) (*session.Credentials, error) { return c, nil }
}

// failing answers everybody with err.
func failing(err error) get {
	return func(context.Context, session.Key, time.Duration) (*session.Credentials, error) { return nil, err }
}

// world is a running server with one app, one token, and all it says.
type world struct {
	tb     testing.TB
	addr   string // host:port
	url    string // of Path
	token  string
	path   string // "" for Path
	of     server.Endpoint
	body   string // what an honest caller gets
	apps   *apps.Apps
	audit  *audit.Log
	lines  *output // of audit
	log    *output
	server *server.Server
	stop   func() error // ends Serve and returns what it returned

	passed atomic.Int64 // since noon
}

// now is the server's clock, and pass moves it.
func (w *world) now() time.Time { return noon.Add(time.Duration(w.passed.Load())) }

func (w *world) pass(d time.Duration) { w.passed.Add(int64(d)) }

// output is a buffer that several may write to.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// take returns what was written since the last time.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.buf.Reset()
	return o.buf.String()
}

// book returns an apps.Apps with a token of the app uploader and the user john,
// and more apps, in the form of vendord.toml.
func book(tb testing.TB, more string) (*apps.Apps, string) {
	tb.Helper()
	dir := tb.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	write("config", "[profile john]\n")
	write("credentials", "[john]\n")
	write("vendord.toml", configuration+more)
	config, err := profiles.Load(profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir, Host: "host"})
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	book, err := apps.Open(apps.Config{Profiles: config, Now: func() time.Time { return noon }})
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() { _ = book.Close() })
	secret, hash := apps.NewSecret()
	if err := book.Issue(apps.Token{ID: "abcdefgh", App: "uploader", User: "john", Steer: true, Hash: hash, Issued: noon, Expires: noon.Add(time.Hour)}); err != nil {
		tb.Fatalf("Issue: %v", err)
	}
	return book, secret
}

// start starts a server on a real port.
func start(tb testing.TB, g get) *world {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return startOn(tb, ln, g, nil)
}

// startOn starts a server on ln, with a Config that change may change, for the
// app uploader and more, in the form of vendord.toml. What endpoint it is follows from
// the address.
func startOn(tb testing.TB, ln net.Listener, g get, change func(*server.Config), more ...string) *world {
	tb.Helper()
	host, _, _ := net.SplitHostPort(ln.Addr().String())
	kinds := map[string]server.Kind{"169.254.170.2": server.ECS, "169.254.170.23": server.EKS, "fd00:ec2::23": server.EKS}
	return startAs(tb, ln, server.Endpoint{Kind: kinds[host]}, g, change, more...)
}

// startAs is startOn for an endpoint.
func startAs(tb testing.TB, ln net.Listener, of server.Endpoint, g get, change func(*server.Config), more ...string) *world {
	tb.Helper()
	w := &world{tb: tb, addr: ln.Addr().String(), of: of, body: golden, lines: new(output), log: new(output)}
	w.url = "http://" + w.addr + server.Path
	w.apps, w.token = book(tb, strings.Join(more, "\n"))
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.audit = audit.New(audit.Config{Out: w.lines, Now: func() time.Time { return noon }, Log: log})
	c := server.Config{Apps: w.apps, Credentials: g, Audit: w.audit, Now: w.now, Log: log}
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	w.server = server.New(c)
	go func() { done <- w.server.Serve(ctx, ln, of) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	tb.Cleanup(func() {
		if err := w.stop(); err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
	return w
}

// record returns the lines of the audit log.
func (w *world) record() string {
	if err := w.audit.Flush(); err != nil {
		w.tb.Errorf("Flush: %v", err)
	}
	return w.lines.String()
}

// dial opens a connection of its own.
func (w *world) dial() net.Conn {
	w.tb.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // for a test that fails
	return c
}

// fill makes a request for the world's path of one with a token.
func (w *world) fill(request string) string { return w.put(toPath(request, w.path)) }

// put puts the world's values into a text: TOKEN, ADDR, PORT, and \n where HTTP
// wants \r\n.
func (w *world) put(text string) string {
	_, port, _ := net.SplitHostPort(w.addr)
	return strings.NewReplacer("\n", "\r\n", "TOKEN", w.token, "ADDR", w.addr, "PORT", port).Replace(text)
}

// reply is what a server answered.
type reply struct {
	status int
	header http.Header
	body   string
	closes bool // the connection
}

// ask sends a request over a connection of its own.
func (w *world) ask(request string) reply {
	w.tb.Helper()
	c := w.dial()
	return w.askOn(c, bufio.NewReader(c), request)
}

// askOn sends a request over a connection.
func (w *world) askOn(c net.Conn, in *bufio.Reader, request string) reply {
	w.tb.Helper()
	if _, err := io.WriteString(c, w.fill(request)); err != nil {
		w.tb.Fatalf("writing %q: %v", request, err)
	}
	return w.readOn(in, request)
}

// asked asks over a connection, or returns 0 if it is closed without an answer.
func (w *world) asked(c net.Conn, request string) reply {
	w.tb.Helper()
	if _, err := c.Write([]byte(w.fill(request))); err != nil {
		return reply{}
	}
	in := bufio.NewReader(c)
	if _, err := in.Peek(1); err != nil {
		return reply{}
	}
	return w.readOn(in, request)
}

// readOn reads the answer to a request.
func (w *world) readOn(in *bufio.Reader, request string) reply {
	w.tb.Helper()
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		w.tb.Fatalf("the answer to %q: %v", request, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.tb.Fatalf("the body for %q: %v", request, err)
	}
	return reply{response.StatusCode, response.Header, string(body), response.Close}
}

// plain is the request that every SDK sends, more or less.
const plain = "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"

// lives checks that the server still answers.
func (w *world) lives() {
	w.tb.Helper()
	if got := w.ask(plain); got.status != 200 {
		w.tb.Errorf("afterwards: got %d %s, want 200", got.status, got.body)
	}
}

// problem is the JSON of an error.
func problem(code, message string) string {
	return fmt.Sprintf(`{"code":%q,"message":%q,"Code":%q,"Message":%q}`, code, message, code, message)
}
