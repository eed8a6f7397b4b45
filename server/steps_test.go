package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// BenchmarkSteps is the table of docs/design.md, section 4: what the parts of a
// request that is granted cost, without the sockets and net/http's own work.
//
//	go test ./server -run '^$' -bench Steps -count 6
func BenchmarkSteps(b *testing.B) {
	h, r := bareHandler(b)
	now := time.Now()
	b.Run("connection", func(b *testing.B) {
		for b.Loop() {
			connOf(r)
		}
	})
	b.Run("guard", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.guard(r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("event", func(b *testing.B) {
		for b.Loop() {
			_ = event(r, now)
		}
	})
	b.Run("decide", func(b *testing.B) {
		e := event(r, now)
		at := now
		for b.Loop() {
			at = at.Add(time.Microsecond) // or the meter would run dry
			if _, err := h.decide(&e, r, ask{route: apps.ByToken}, at, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("audit", func(b *testing.B) {
		e := event(r, now)
		if _, err := h.decide(&e, r, ask{route: apps.ByToken}, now, false); err != nil {
			b.Fatal(err)
		}
		e.KeyID, e.Expires, e.Status = "ASIAEXAMPLEEXAMPLE00", now, http.StatusOK
		for b.Loop() {
			h.audit.Record(&e, &connOf(r).line)
		}
	})
	b.Run("headers", func(b *testing.B) {
		header := make(http.Header)
		for b.Loop() {
			setCommon(header, 1300)
		}
	})
	b.Run("all", func(b *testing.B) { benchmarkAll(b, h, r) })
	b.Run("all, by the kernel", func(b *testing.B) { benchmarkAll(b, h, ofKernel(b, r)) })
}

func benchmarkAll(b *testing.B, h *handler, r *http.Request) {
	b.ReportAllocs()
	w := nobodyReads{make(http.Header)}
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

// ofKernel returns the same request for the path where the kernel recognises its
// sender, over a real connection: that it is still the same is asked each time.
func ofKernel(b *testing.B, r *http.Request) *http.Request {
	b.Helper()
	kernel, err := peer.OpenKernel()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = kernel.Close() })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	theirs, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = theirs.Close() })
	ours, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ours.Close() })
	places := newPlaces(1, func(uint32) bool { return true }, slog.New(slog.DiscardHandler))
	r = r.WithContext(context.WithValue(r.Context(), connKey{}, newConn(ours, places, kernel.Client(ours), false)))
	r.RequestURI = ProcessPath
	r.Header = maps.Clone(r.Header)
	delete(r.Header, "Authorization")
	return r
}

// nobodyReads is an answer that goes nowhere.
type nobodyReads struct{ header http.Header }

func (w nobodyReads) Header() http.Header         { return w.header }
func (w nobodyReads) Write(b []byte) (int, error) { return len(b), nil }
func (w nobodyReads) WriteHeader(status int)      { panic(status) } // only refusals set one

// have is a Credentials that has them.
type have struct{ c *session.Credentials }

func (h have) Get(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
	return h.c, nil
}

// bareHandler returns a handler with everything behind it, and a request like
// the SDK for Go's that it grants.
func bareHandler(b *testing.B) (*handler, *http.Request) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "vendord.toml")
	const text = "[daemon]\nregion = \"eu-west-1\"\nrequests_per_second = 1000000\n[sources.s]\ntype = \"environment\"\n" +
		"[profiles.up]\nsource = \"s\"\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\n[apps.agent]\nprofiles = [\"up\"]\n" +
		"[apps.self]\nprofiles = [\"up\"]\nmatch = {user = \"#%d\"}\n"
	if err := os.WriteFile(path, fmt.Appendf(nil, text, os.Getuid()), 0o600); err != nil {
		b.Fatal(err)
	}
	config, err := profiles.Load(profiles.Options{Path: path, UID: os.Getuid(), Home: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	book, err := apps.Open(apps.Config{Profiles: config})
	if err != nil {
		b.Fatal(err)
	}
	secret, hash := apps.NewSecret()
	if err := book.Issue(apps.Token{App: "agent", User: "john", Steer: true, Hash: hash, Expires: time.Now().Add(time.Hour)}); err != nil {
		b.Fatal(err)
	}
	log := audit.New(audit.Config{Out: io.Discard})
	recording, cancel := context.WithCancel(b.Context())
	written := make(chan error, 1)
	go func() { written <- log.Run(recording) }()
	b.Cleanup(func() {
		cancel()
		if err := <-written; err != nil {
			b.Error(err)
		}
	})
	c := session.NewCredentials("ASIAEXAMPLEEXAMPLE00", strings.Repeat("s", 40), strings.Repeat("t", 1000), time.Now().Add(time.Hour))
	c.Minted, c.Life = time.Now(), time.Hour
	s := New(Config{Apps: book, Credentials: have{c}, Audit: log})
	h, err := s.handler(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9797}, Endpoint{})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.WithValue(context.Background(), connKey{}, &conn{in: &listener{}, number: "0", client: new(peer.Client)})
	r, err := http.NewRequestWithContext(context.WithValue(ctx, http.LocalAddrContextKey, nil), http.MethodGet, "http://127.0.0.1:9797"+Path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RequestURI = Path
	r.Header = http.Header{"Authorization": {secret}, "User-Agent": {"Go-http-client/1.1"}, "Accept": {"application/json"},
		"Amz-Sdk-Request": {"attempt=1; max=3"}, "Accept-Encoding": {"gzip"}}
	return h, r
}
