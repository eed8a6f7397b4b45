package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
)

// safeBuffer is a log that many goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// testDaemon is a running daemon on a fake AWS, with everything it prints kept.
type testDaemon struct {
	*daemon
	aws         *fakeaws.Fake
	client      *control.Client
	log, record *safeBuffer
	dir         string
}

// startDaemon starts one with more in its configuration. The endpoints in that are
// answered on loopback.
func startDaemon(t *testing.T, more ...string) *testDaemon {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := &testDaemon{log: &safeBuffer{}, record: &safeBuffer{}, dir: dir}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	t.Cleanup(func() { cancel(); serving.Wait() })

	var err error
	if d.aws, err = fakeaws.New(fakeaws.Config{State: fakeaws.Example()}); err != nil {
		t.Fatal(err)
	}
	awsListener := mustListen(t)
	serving.Go(func() { _ = d.aws.Serve(ctx, awsListener) })
	if err := writeDemoFiles(dir, "http://"+awsListener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(dir, "vendord.toml"), strings.Join(more, "\n"))
	d.daemon, err = newDaemon(daemonOptions{
		config: profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir},
		state:  filepath.Join(dir, "state"), audit: d.record,
		user: "tester",
		log:  slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for _, e := range d.book.Config().Endpoints {
		ln := mustListen(t)
		e.Listen = netip.MustParseAddrPort(ln.Addr().String())
		d.endpoints = append(d.endpoints, endpoint{Endpoint: e, ln: ln})
	}
	d.client = running(t, d.daemon, dir)
	return d
}

func mustListen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// TestCanary plants recognisable secrets and looks for them in everything that
// vendord prints, on the good path and on every bad one.
func TestCanary(t *testing.T) {
	d := startDaemon(t)
	token, spec := newToken(control.TokenSpec{App: "agent", TTL: time.Hour, Warm: true})
	issued, err := d.client.Issue(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := server.Fetch(t.Context(), issued.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	secret, sessionToken := credentials.Reveal()
	var printed strings.Builder
	for _, kind := range []string{"throttle", "server-error", "garbage", "empty-key", "past-expiry", "access-denied", "reset"} {
		d.fail(t, kind)
		d.cache.Retain(nothing)
		_, err := server.Fetch(t.Context(), issued.URL, token)
		if err == nil {
			t.Errorf("Fetch under %s: got credentials, want an error", kind)
		} else {
			printed.WriteString(err.Error() + hintOf(err) + "\n")
		}
	}
	d.hostile(t, issued.URL, token)
	status, err := d.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{status, credentials, issued, spec} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(text)
	}
	if _, err := d.client.Revoke(t.Context(), "agent", ""); err != nil {
		t.Fatal(err)
	}
	if err := d.audit.Flush(); err != nil {
		t.Fatal(err)
	}
	everything := printed.String() + d.log.String() + d.record.String()
	if len(d.log.String()) == 0 || !strings.Contains(d.record.String(), credentials.KeyID) {
		t.Fatal("canary: the log or the record is empty, so this test shows nothing")
	}
	stored, err := os.ReadFile(filepath.Join(d.dir, "state", "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	birds := &aviary{}
	birds.plant("john's key", exampleKey().Secret)
	birds.plant("a session's key", secret)
	birds.plant("a session token", sessionToken)
	birds.plant("an app's token", token)
	for _, leak := range birds.leaks(everything + string(stored)) {
		t.Errorf("canary: %s", leak)
	}
	if strings.Contains(everything, spec.Hash) && !strings.Contains(printed.String(), spec.Hash) {
		t.Error("canary: a token's hash was printed")
	}
}

// fail has AWS fail AssumeRole from now on, and forgets earlier failures.
func (d *testDaemon) fail(t *testing.T, kind string) {
	t.Helper()
	url := "http://" + strings.TrimPrefix(d.book.Config().Daemon.STSEndpoint, "http://") + "/_fake/faults"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(r); err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader(`{"operation":"AssumeRole","kind":"` + kind + `"}`)
	response, err := http.Post(url, "application/json", body)
	if err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("fault %s: %v %v", kind, response, err)
	}
	response.Body.Close()
}

// hostile asks with the token where it does not belong, so that an error could
// repeat it.
func (d *testDaemon) hostile(t *testing.T, url, token string) {
	t.Helper()
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Authorization", token+"x") },
		func(r *http.Request) { r.Header.Set("Origin", token) },
		func(r *http.Request) { r.Host = token + ".example" },
		func(r *http.Request) { r.URL.Path = "/v1/credentials/" + token },
		func(r *http.Request) { r.Header.Set("User-Agent", "curl"); r.Method = "POST" },
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		change(r)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Errorf("hostile request: got 200")
		}
	}
}
