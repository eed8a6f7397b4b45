package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// ErrNoDaemon is in the chain of the error where no daemon answers.
var ErrNoDaemon = errors.New("no daemon answers")

var (
	errTooLong    = errors.New("its answer is too long")
	errUnreadable = errors.New("its answer cannot be read")
)

// answerTimeout is how long a client waits: longer than the server takes, so
// that it is the server who says what was slow.
const answerTimeout = requestTimeout + 5*time.Second

// roomTimeout is how long a client waits for room in the queue before the socket.
const roomTimeout = 10 * time.Second

// Client speaks to one daemon. Its errors are *session.Error, or several of
// them joined; it may be used by many goroutines.
type Client struct {
	path   string
	daemon *peer.Peer // nil where the kernel does not tell
	web    *http.Client
}

// Dial returns a client for the first of the sockets on which a daemon
// answers. If there is none the error is ErrNoDaemon; a socket that is there
// and may not be connected to, or may be somebody else's trap, is said to be so.
func Dial(ctx context.Context, paths ...string) (*Client, error) {
	var problem error
	for _, path := range paths {
		daemon, err := probe(ctx, path)
		switch {
		case err == nil:
			c := newClient(path)
			c.daemon = daemon
			return c, nil
		case !errors.Is(err, ErrNoDaemon) && problem == nil:
			problem = err
		}
	}
	if problem != nil {
		return nil, problem
	}
	return nil, noDaemon(paths...)
}

// probe connects once, looks who is there and hangs up: the server gives a
// connection two seconds to say something, and the command may not be ready for
// that.
func probe(ctx context.Context, path string) (daemon *peer.Peer, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, dialError(path, err)
	}
	if err := checkPlace(path); err != nil {
		return nil, badSocket(path, strings.TrimPrefix(err.Error(), path+": "), "name the socket of a vendord that you trust: --socket PATH", err)
	}
	c, err := dialPatiently(ctx, &net.Dialer{}, path)
	if err != nil {
		return nil, explain(ctx, path, err)
	}
	defer func() { _ = c.Close() }()
	if p, err := peerOf(c); err == nil {
		daemon = &p
	}
	return daemon, nil
}

// dialPatiently connects, and again while there is no room in the queue, of which the
// kernel says so at once. Any user may fill the queue of the system's socket, for as
// long as the daemon is busy or away, and would have others' commands fail.
func dialPatiently(ctx context.Context, d *net.Dialer, path string) (net.Conn, error) {
	for end := time.Now().Add(roomTimeout); ; {
		c, err := d.DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// dialError says why there is no connection.
func dialError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return noDaemon(path)
	case errors.Is(err, fs.ErrPermission):
		return &session.Error{Class: session.Refused, Public: "control socket " + path + ": this user may not connect",
			Hint: "it is another user's: become that user, or name your own with --socket", Err: err}
	}
	return &session.Error{Class: session.Retry, Public: "control socket " + path + ": " + reason(err),
		Hint: "try again, or name another socket with --socket", Err: err}
}

func noDaemon(paths ...string) error {
	return &session.Error{Class: session.Retry, Public: "control socket: no daemon answers (looked at " + strings.Join(paths, " and ") + ")",
		Hint: "start it: vendord serve", Err: ErrNoDaemon}
}

func newClient(path string) *Client {
	return &Client{path: path, web: &http.Client{
		Transport: &http.Transport{
			// Proxy stays nil: $HTTP_PROXY is not for this socket.
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialPatiently(ctx, &net.Dialer{}, path)
			},
			DisableCompression: true,
			// Over a kept connection a call could meet the daemon's end. A new one waits,
			// where a service manager has the socket, for the next daemon.
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Path returns the socket that the client speaks to.
func (c *Client) Path() string { return c.path }

// Daemon returns the user that the daemon listens as, by the kernel's word, and
// whether the kernel said.
func (c *Client) Daemon() (uid uint32, known bool) {
	if c.daemon == nil {
		return 0, false
	}
	return c.daemon.UID, true
}

// Close closes idle connections. It ends no Held.
func (c *Client) Close() { c.web.CloseIdleConnections() }

// Status returns how the daemon is doing.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var st Status
	return st, c.call(ctx, http.MethodGet, "/status", nil, &st)
}

// Issue has the daemon store a token, by its hash.
func (c *Client) Issue(ctx context.Context, t TokenSpec) (Issued, error) {
	var issued Issued
	return issued, c.call(ctx, http.MethodPost, "/issue", requestOf(t), &issued)
}

// Revoke revokes a token, or with id "" all tokens of an app that the caller
// may revoke, and returns how many. With app "" the id alone tells.
func (c *Client) Revoke(ctx context.Context, app, id string) (int, error) {
	var a revokeAnswer
	err := c.call(ctx, http.MethodPost, "/revoke", revokeRequest{App: app, ID: id}, &a)
	return a.Revoked, err
}

// Tokens returns the live tokens of an app, or with "" of all, as far as the
// caller may see them.
func (c *Client) Tokens(ctx context.Context, app string) ([]TokenSpec, error) {
	var a tokensAnswer
	err := c.call(ctx, http.MethodPost, "/tokens", tokensRequest{App: app}, &a)
	return a.Tokens, err
}

// Reload has the daemon read its configuration again and returns lines to
// show. It takes as long as ctx allows.
func (c *Client) Reload(ctx context.Context) ([]string, error) {
	var a reloadAnswer
	err := c.exchange(ctx, http.MethodPost, "/reload", reloadRequest{}, &a)
	return a.Lines, err
}

func requestOf(t TokenSpec) tokenRequest {
	return tokenRequest{App: t.App, User: t.User, Profile: t.Profile, Hash: t.Hash, TTL: t.TTL, Warm: t.Warm, Exec: t.Exec, Path: t.Path,
		Policy: t.Policy, PolicyARNs: t.PolicyARNs}
}

// call is exchange with a time limit.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, done := context.WithTimeout(ctx, answerTimeout)
	defer done()
	return c.exchange(ctx, method, path, in, out)
}

// exchange sends one request and reads the whole answer.
func (c *Client) exchange(ctx context.Context, method, path string, in, out any) error {
	body, err := c.send(ctx, method, path, in)
	if err != nil {
		return explain(ctx, c.path, err)
	}
	defer func() { _ = body.Close() }()
	text, err := readAnswer(body)
	if err != nil {
		return explain(ctx, c.path, err)
	}
	if json.Unmarshal(text, out) != nil {
		return explain(ctx, c.path, errUnreadable)
	}
	return nil
}

// send sends a request and returns the answer's body, or the error that the
// answer is.
func (c *Client) send(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	answer, err := c.do(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	if err := c.understand(answer); err != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	return answer.Body, nil
}

// do sends a request and returns what came, whatever it is.
func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		body = bytes.NewReader(encode(in))
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+hostName+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set(versionHeader, strconv.Itoa(Version))
	return c.web.Do(r)
}

// versionOf fails for an answer that is not of our version: nothing else in it
// means anything.
func (c *Client) versionOf(answer *http.Response) error {
	theirs, err := strconv.Atoi(answer.Header.Get(versionHeader))
	if err != nil {
		return badSocket(c.path, "what answers there is not vendord", "name vendord's socket with --socket", err)
	}
	return mismatch(theirs, Version)
}

// understand returns the error that an answer is, if it is one.
func (c *Client) understand(answer *http.Response) error {
	if err := c.versionOf(answer); err != nil {
		return err
	}
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	text, err := readAnswer(answer.Body)
	if err != nil {
		return err
	}
	var e errorAnswer
	if json.Unmarshal(text, &e) != nil {
		return errUnreadable
	}
	return e.decode()
}

func readAnswer(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = errTooLong
	}
	return text, err
}

// explain says in the words of a command what went wrong between the two ends.
// What the daemon said stays as it is.
func explain(ctx context.Context, path string, err error) error {
	if _, said := errors.AsType[*session.Error](err); said {
		return err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return dialError(path, err)
	}
	e := &session.Error{Class: session.Retry, Public: "control socket " + path + ": ", Err: err}
	switch {
	case errors.Is(err, context.Canceled):
		e.Public += "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		e.Public += "no answer in time"
		e.Hint = "it may be stuck: restart it"
	case errors.Is(err, errTooLong), errors.Is(err, errUnreadable):
		e.Public += err.Error()
		e.Hint = sameVersion
	default:
		e.Public += "the connection was closed without an answer"
		e.Hint = "it may be stopping, or this user may have too many connections to it: try again"
	}
	return e
}
