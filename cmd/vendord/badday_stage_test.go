package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/soak/proxy"
)

// A badStage is a daemon, a road and an AWS on which a bad day is played. The
// daemon and AWS share a clock that runs as fast as the play wants; the timers
// of the network are the real ones.
type badStage struct {
	*testing.T
	clock  *demoClock
	aws    *badAWS
	road   *proxy.Proxy
	daemon *daemon
	client *control.Client
	crowd  *crowd
	dir    string
	calm   bool        // calls to AWS end by themselves, and soon
	steps  int         // of the clock
	noDNS  atomic.Bool // for a stage with names
}

func setBadStage(t *testing.T, named bool) *badStage {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &badStage{T: t, clock: &demoClock{}, dir: dir}
	s.aws = newBadAWS(t, s.clock)
	web := httptest.NewUnstartedServer(s.aws)
	endpoint := ""
	if named {
		web.StartTLS()
		endpoint = "https://localhost"
	} else {
		web.Start()
	}
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	var err error
	if s.road, err = proxy.New(web.Listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.road.Close)
	if endpoint == "" {
		endpoint = "http://" + s.road.Addr()
	}
	if err := writeDemoFiles(dir, endpoint); err != nil {
		t.Fatal(err)
	}
	s.daemon, err = newDaemon(daemonOptions{
		config: profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir},
		state:  filepath.Join(dir, "state"), user: "tester", now: s.clock.Now, log: slog.New(slog.DiscardHandler),
		look: time.Hour, // a day passes here in seconds, and the machine's are not the same each time
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.daemon.Close() })
	if named {
		s.resolve(web.Certificate())
	}
	s.start()
	return s
}

// resolve gives the daemon a resolver of its own: this machine's cannot be
// switched off for one test, and finds localhost, the one name that fakeaws
// answers to, without any DNS. The error is the Go resolver's own, for the name
// in httptest's certificate.
func (s *badStage) resolve(root *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	dead := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("network is unreachable")
	}}}
	minter, err := mint.New(mint.Config{Home: s.dir, Now: s.clock.Now, HTTP: &http.Client{
		Timeout: 8 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true, // a name is looked up for a connection
			TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "example.com"},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				if s.noDNS.Load() {
					return dead.DialContext(ctx, network, "example.com:443")
				}
				return (&net.Dialer{}).DialContext(ctx, network, s.road.Addr())
			},
		}}})
	if err != nil {
		s.Fatal(err)
	}
	d := s.daemon
	d.gate.mint = minter
	d.cache = cache.New(cache.Config{Mint: d.gate, Now: s.clock.Now})
	d.gate.cache = d.cache
	d.server = server.New(server.Config{Apps: d.book, Credentials: d.gate, Audit: d.audit, Now: s.clock.Now})
}

// start runs the daemon and has two apps with a role each asked for by a
// crowd.
func (s *badStage) start() {
	ctx, cancel := context.WithCancel(s.Context())
	s.client = running(s.T, s.daemon, s.dir)
	s.crowd = &crowd{aws: s.aws, roles: [2]string{"arn:aws:iam::629470240201:role/JohnUploadRole", "arn:aws:iam::111122223333:role/SecurityAdminAccess"}}
	for i, app := range []string{"uploader", "security"} {
		token, spec := newToken(control.TokenSpec{App: app, TTL: 30 * 24 * time.Hour, Warm: true})
		issued, err := s.client.Issue(ctx, spec)
		for range 5 { // it asks AWS, which a busy machine may not have answer in time
			if e := session.AsError(err); e == nil || e.Class != session.Retry {
				break
			}
			token, spec = newToken(control.TokenSpec{App: app, TTL: 30 * 24 * time.Hour, Warm: true})
			issued, err = s.client.Issue(ctx, spec)
		}
		if err != nil {
			s.Fatal(err)
		}
		s.crowd.tokens[i], s.crowd.url = token, issued.URL
	}
	s.crowd.ask(ctx)
	s.Cleanup(func() { cancel(); s.crowd.programs.Wait() })
	s.until("a first session", timeout, func(r control.SessionRow) bool { return r.KeyID != "" && !r.Used.IsZero() })
	s.crowd.part()
}

// pass lets time pass by, in steps small beside a session's life.
func (s *badStage) pass(d, step time.Duration) {
	for range int(d / step) {
		s.calmDown()
		s.clock.advance(step)
		s.steps++
		time.Sleep(30 * time.Millisecond)
	}
}

// calmDown waits for the calls under way, where they end by themselves: at the
// pace of this clock one that took half a second would have taken a quarter of
// an hour, which is more than a signature lasts.
func (s *badStage) calmDown() {
	if !s.calm {
		return
	}
	for began := time.Now(); time.Since(began) < timeout; time.Sleep(5 * time.Millisecond) {
		if !slices.ContainsFunc(s.sessions(), func(r control.SessionRow) bool {
			return r.State == session.Renewing || r.State == session.Asking
		}) {
			return
		}
	}
}

// gather waits until this part of the day has n answers, and ends it.
func (s *badStage) gather(n int) *tally {
	for deadline := time.Now().Add(timeout); s.crowd.now.Load().count() < n && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	return s.crowd.part()
}

// sessions returns the two rows of status that the crowd's apps lead to.
func (s *badStage) sessions() []control.SessionRow {
	status, err := s.client.Status(s.Context())
	if err != nil {
		s.Fatalf("Status: %v", err)
	}
	if len(status.Sessions) != 2 {
		s.Fatalf("Status: got %d sessions, want 2", len(status.Sessions))
	}
	return status.Sessions
}

// until asks for status until every row is as ok wants it.
func (s *badStage) until(what string, patience time.Duration, ok func(control.SessionRow) bool) {
	s.Helper()
	var rows []control.SessionRow
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		rows = s.sessions()
		if ok(rows[0]) && ok(rows[1]) {
			return
		}
	}
	for _, r := range rows {
		s.Errorf("%s: not within %v: %s is %s, key %s until %v, %d mints, %d failures, last: %s", what, patience,
			r.RoleARN, r.State, r.KeyID, r.Expires, r.Mints, r.Failures, lastOf(r))
	}
}

// renewed waits until both sessions are others than they were, and well.
func (s *badStage) renewed(what string, before []control.SessionRow) {
	s.Helper()
	old := map[string]bool{before[0].KeyID: true, before[1].KeyID: true}
	s.until(what, timeout, func(r control.SessionRow) bool { return r.KeyID != "" && !old[r.KeyID] && r.Last == nil })
}

func lastOf(r control.SessionRow) string {
	if r.Last == nil {
		return "none"
	}
	return fmt.Sprintf("%v %s: %s", r.Last.Class, r.Last.Code, r.Last.Public)
}

// attempts counts the mints that were tried.
func (s *badStage) attempts() (n int) {
	for _, r := range s.sessions() {
		n += r.Mints + r.Failures
	}
	return n
}

// write replaces a file of the stage in one go, as careful programs do.
func (s *badStage) write(name, text string) {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		s.Error(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.Error(err)
	}
}

// keys writes the credentials file with one key.
func (s *badStage) keys(id, secret string) {
	s.write("aws-credentials", strings.Join([]string{"[john]", "aws_access_key_id = " + id, "aws_secret_access_key = " + secret, ""}, "\n"))
}
