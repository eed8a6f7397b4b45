package server_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

const (
	badSession  = "session token: not good, or not any more, or not this caller's; hint: PUT /latest/api/token for another"
	noSession   = "session token: missing; hint: use an SDK that knows IMDSv2; or let the app set imdsv1 = true"
	badTTL      = "header: X-aws-ec2-metadata-token-ttl-seconds must be 1 to 21600, once; hint: send it"
	notByPut    = "method: a session token is asked for with PUT; hint: use PUT"
	notHere     = "path: no session token is made here; hint: PUT /latest/api/token"
	nothingHere = "path: nothing is here; hint: see /latest/meta-data/"
)

// TestSessionTokens asks for session tokens, well and badly.
func TestSessionTokens(t *testing.T) {
	const lives = "X-aws-ec2-metadata-token-ttl-seconds: "
	w := startMetadata(t, always(credentials(nil)), self(""))
	for _, row := range []struct {
		name, line, headers string
		status              int
		body                string // "": a token
	}{
		{"a minute", "PUT /latest/api/token", lives + "60", 200, ""},
		{"as short as can be", "PUT /latest/api/token", lives + "1", 200, ""},
		{"six hours", "PUT /latest/api/token", lives + "21600", 200, ""},
		{"a length of nothing", "PUT /latest/api/token", lives + "60\nContent-Length: 0", 200, ""},
		{"the header in small letters", "PUT /latest/api/token", strings.ToLower(lives) + "60", 200, ""},
		{"five digits", "PUT /latest/api/token", lives + "00060", 200, ""},
		{"no life", "PUT /latest/api/token", "X: y", 400, badTTL},
		{"an empty one", "PUT /latest/api/token", lives, 400, badTTL},
		{"none at all", "PUT /latest/api/token", lives + "0", 400, badTTL},
		{"less", "PUT /latest/api/token", lives + "-1", 400, badTTL},
		{"a second too long", "PUT /latest/api/token", lives + "21601", 400, badTTL},
		{"with an exponent", "PUT /latest/api/token", lives + "1e3", 400, badTTL},
		{"in hexadecimal", "PUT /latest/api/token", lives + "0x3c", 400, badTTL},
		{"with a sign", "PUT /latest/api/token", lives + "+60", 400, badTTL},
		{"with a fraction", "PUT /latest/api/token", lives + "60.0", 400, badTTL},
		{"two in one", "PUT /latest/api/token", lives + "60, 60", 400, badTTL},
		{"two headers", "PUT /latest/api/token", lives + "60\n" + lives + "60", 400, badTTL},
		{"a number that overflows", "PUT /latest/api/token", lives + "18446744073709551676", 400, badTTL},
		{"digits of another script", "PUT /latest/api/token", lives + "٦٠", 400, badTTL},
		{"ten kilobytes", "PUT /latest/api/token", lives + strings.Repeat("6", 10<<10), 400, badTTL},
		{"GET", "GET /latest/api/token", lives + "60", 405, notByPut},
		{"HEAD", "HEAD /latest/api/token", lives + "60", 405, ""},
		{"POST", "POST /latest/api/token", lives + "60", 405, notByPut},
		{"OPTIONS", "OPTIONS /latest/api/token", lives + "60", 405, notByPut},
		{"a method that nobody knows", "BREW /latest/api/token", lives + "60", 405, notByPut},
		{"a slash at the end", "PUT /latest/api/token/", lives + "60", 403, notHere},
		{"a dated version", "PUT /2021-03-23/api/token", lives + "60", 403, notHere},
		{"a dated version, GET", "GET /2021-03-23/api/token", lives + "60", 403, notHere},
		{"through a proxy", "PUT /latest/api/token", lives + "60\nX-Forwarded-For: 127.0.0.1", 403, proxied},
		{"through a proxy that says nothing", "PUT /latest/api/token", lives + "60\nx-forwarded-for:", 403, proxied},
		{"another path", "PUT /latest/meta-data/", lives + "60", 405, "method: only GET and HEAD are answered here; hint: ask with GET"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.ask(row.line + " HTTP/1.1\nHost: ADDR\n" + row.headers + "\n\n")
			life := got.header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds")
			if got.status != row.status || got.status != 200 && (got.body != row.body || life != "") {
				t.Fatalf("got %d %q, life %q, want %d %q", got.status, got.body, life, row.status, row.body)
			}
			if got.status == 200 && (len(got.body) != 56 || !strings.HasSuffix(row.headers, life) && life != "60") {
				t.Errorf("got the token %q with the life %q, want 56 characters and %q", got.body, life, row.headers)
			}
			want := map[int]string{405: "OPTIONS, PUT"}[row.status]
			if row.name == "another path" {
				want = "GET, HEAD"
			}
			if allow := got.header.Get("Allow"); allow != want || got.header.Get("Server") != "EC2ws" || got.header.Get("Content-Type") != "text/plain" {
				t.Errorf("got Allow %q and %v, want %q", allow, got.header, want)
			}
		})
	}
	w.wroteNoSecret(t)
}

// TestSessionTokenLives has one end, and the header tells how far that is.
func TestSessionTokenLives(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	token := w.session()
	for _, row := range []struct {
		passed time.Duration
		status int
		left   string
	}{
		{0, 200, "60"}, {500 * time.Millisecond, 200, "60"}, {59*time.Second + 999*time.Millisecond, 200, "1"}, {time.Minute, 401, ""},
		{time.Hour, 401, ""}, {-6 * time.Hour, 401, ""}, // a clock that was set back
	} {
		w.passed.Store(int64(row.passed))
		got := w.ask(reading("/latest/meta-data/instance-type", token))
		if left := got.header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"); got.status != row.status || left != row.left {
			t.Errorf("after %v: got %d and %q, want %d and %q", row.passed, got.status, left, row.status, row.left)
		}
	}
}

// TestSessionTokensThatAreNone shows tokens that are somebody else's or nobody's.
func TestSessionTokensThatAreNone(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	keyed := func(key []byte) func(*server.Config) { return func(c *server.Config) { c.MetadataKey = key } }
	apps := self("imdsv1 = true") // an app that needs none is not given anything for a wrong one
	w := startMetadata(t, always(credentials(nil)), apps, keyed(key))
	good := w.session()
	restarted := startMetadata(t, always(credentials(nil)), apps, keyed(key))
	of := func(more *world) string { return more.session() }
	kernel := openKernel(t)
	for _, row := range []struct {
		name, headers string
		status        int
	}{
		{"its own", good, 200},
		{"one from before a restart", of(restarted), 200},
		{"with spaces around it", "  " + good + "\t", 200},
		{"of another machine", of(startMetadata(t, nil, apps)), 401},
		{"of a machine with a short key", of(startMetadata(t, nil, apps, keyed(key[:31]))), 401},
		{"of another app's port", of(startAs(t, listening(t), server.Endpoint{Kind: server.Metadata, App: "self"}, nil,
			func(c *server.Config) { c.Who, c.MetadataKey = kernel.Client, key }, apps)), 401},
		{"of another user", of(startMetadata(t, nil, apps, keyed(key), is(us()+1))), 401},
		{"an empty one", "", 401},
		{"two of them", good + "\nX-aws-ec2-metadata-token: " + good, 401},
		{"two in one", good + "," + good, 401},
		{"without its end", good[:55], 401},
		{"with more at its end", good + "A", 401},
		{"padded", good[:54] + "==", 401},
		{"with another version", "AAI" + good[3:], 401},
		{"that ends later", good[:6] + flip(good[6:7]) + good[7:], 401},
		{"with another MAC", good[:55] + flip(good[55:]), 401},
		{"another alphabet", strings.Repeat("+", 56), 401},
		{"text", "null", 401},
		{"letters that are not ASCII", strings.Repeat("é", 28), 401},
		{"8 kB", strings.Repeat("A", 8<<10), 401},
		{"64 kB", strings.Repeat("A", 64<<10), 431},
		{"an app's token", "TOKEN", 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.ask(reading(roles+"upload", row.headers))
			if got.status != row.status || row.status == 401 && got.body != badSession || row.status == 200 && got.body != goldenRole {
				t.Errorf("got %d %q, want %d", got.status, got.body, row.status)
			}
		})
	}
	w.wroteNoSecret(t)
	for _, token := range []string{good, good[3:]} {
		if strings.Contains(w.record()+w.log.String(), token) {
			t.Errorf("a session token was written down: %s", w.record()+w.log.String())
		}
	}
}

func flip(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

// TestNoSessionForNobody: whose user is not known gets no session token, and there is
// no role; in two requests, after which Go's SDK gives up.
func TestNoSessionForNobody(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self("imdsv1 = true"), func(c *server.Config) {
		c.Who = func(net.Conn) *peer.Client { return &peer.Client{Err: peer.ErrNobody} }
	})
	for request, want := range map[string]struct {
		status int
		body   string
	}{
		put: {403, "caller: its user is not known here; hint: ask from this machine, as one of its users, or /v1/credentials with a token"},
		"GET " + roles + " HTTP/1.1\nHost: ADDR\n\n": {404,
			"caller: its user is not known here; hint: it runs as 65534, nobody, or in another user namespace: run it under a user of this machine"},
		reading(roles, strings.Repeat("A", 56)): {401, badSession},
	} {
		if got := w.ask(request); got.status != want.status || got.body != want.body {
			t.Errorf("%q: got %d %q, want %v", request, got.status, got.body, want)
		}
	}
}

// TestWithoutASessionToken is version 1: for the programs of an app that says so.
func TestWithoutASessionToken(t *testing.T) {
	old := startMetadata(t, always(credentials(nil)), self("imdsv1 = true"))
	for name, w := range map[string]*world{"an app that needs none": old, "any other": startMetadata(t, always(credentials(nil)), self("")),
		"a stranger": startMetadata(t, nil, "")} {
		for _, path := range []string{"/", "/latest/", "/2021-03-23/meta-data/placement/region", roles, roles + "upload", "/latest/user-data", "/1.0/meta-data/spot/termination-time"} {
			want := 401
			if w == old && strings.Contains(path, "user-data") || w == old && strings.Contains(path, "spot") {
				want = 404
			} else if w == old {
				want = 200
			}
			got := w.ask("GET " + path + " HTTP/1.1\nHost: ADDR\n\n")
			if got.status != want || want == 401 && got.body != noSession || got.header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "" {
				t.Errorf("%s: %s: got %d %q, want %d", name, path, got.status, got.body, want)
			}
		}
	}
}
