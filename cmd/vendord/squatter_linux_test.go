package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// The daemon has gone and somebody took its port, or an address was named that
// was never its own: no token is made for it.
func TestASquatterIsNoticed(t *testing.T) {
	needsRoot(t, "listen as another user")
	d := startDaemon(t)
	if err := refuseSquatter(d.client, d.url); err != nil {
		t.Errorf("the daemon's own address: got %v, want no error", err)
	}

	var squatter net.Listener
	asStranger(t, func() (err error) {
		squatter, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	taken := "http://" + squatter.Addr().String() + "/v1/credentials"
	err := refuseSquatter(d.client, taken)
	if err == nil || !strings.HasPrefix(err.Error(), taken+": ") || !strings.Contains(err.Error(), "user #20001") || // with its process, unless /proc's tables change too fast
		!strings.HasSuffix(err.Error(), " listens there, and not vendord") ||
		hintOf(err) != "do not send it tokens: end that program, then restart vendord" {
		t.Errorf("another user's: got %v (hint %q)", err, hintOf(err))
	}
	// And through the commands: this daemon believes that it is asked there.
	revoked := ""
	c := stubDaemon(t, control.Config{
		Issue: func(context.Context, control.TokenSpec) (control.Issued, error) {
			return control.Issued{ID: "abcdefgh", App: "agent", URL: taken}, nil
		},
		Revoke: func(app, id string) (int, error) { revoked = app + "/" + id; return 1, nil },
		Anyone: func(string) bool { return false },
		Tokens: func(string) []control.TokenSpec { return []control.TokenSpec{{ID: "abcdefgh", App: "agent"}} },
	})
	secret, _, err := issueHere(t.Context(), c, control.TokenSpec{App: "agent", TTL: time.Hour}, nil)
	if err == nil || secret != "" || revoked != "agent/abcdefgh" {
		t.Errorf("issuing a token: got %v, revoked %q, want an error and the token revoked", err, revoked)
	}

	_ = squatter.Close()
	err = refuseSquatter(d.client, taken)
	if err == nil || err.Error() != taken+": nobody is seen to listen there" ||
		hintOf(err) != "is vendord stopping, or does it run in a container of its own?" {
		t.Errorf("nobody's: got %v (hint %q)", err, hintOf(err))
	}
	if err := refuseSquatter(d.client, "http://elsewhere/v1/credentials"); err == nil ||
		err.Error() != "vendord's address http://elsewhere/v1/credentials: not one of this machine" {
		t.Errorf("an address that is none: got %v", err)
	}
}

// stubDaemon serves a control socket whose caller may do everything.
func stubDaemon(t *testing.T, config control.Config) *control.Client {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	ln, err := control.Listen(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	config.Rights = func(peer.Peer) (control.Rights, error) { return control.Steer, nil }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- control.New(config).Serve(ctx, ln) }()
	t.Cleanup(func() { cancel(); <-done })
	c, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
