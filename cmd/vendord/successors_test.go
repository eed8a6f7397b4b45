package main

import (
	"context"
	"log/slog"
	"net"
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

// fakeStore is a service manager's store that outlives daemons.
type fakeStore struct {
	mu     sync.Mutex
	data   []byte
	writes int
	broken error // of Store
	deaf   error // of Forget
}

func (s *fakeStore) Stores() bool { return true }

func (s *fakeStore) Store(name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil || name != carryName {
		return s.broken
	}
	s.data, s.writes = append([]byte(nil), data...), s.writes+1
	return nil
}

func (s *fakeStore) Forget(string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf == nil {
		s.data = nil
	}
	return s.deaf
}

func (s *fakeStore) Stored(string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		return nil
	}
	return append([]byte(nil), s.data...)
}

// has waits until what is stored has a text, or has it no more.
func (s *fakeStore) has(t *testing.T, text string, want bool) {
	t.Helper()
	for range 400 {
		if strings.Contains(string(s.Stored("")), text) == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("stored within 4 s: %q is there %t, want %t", text, !want, want)
}

// successors is a machine on which one daemon follows another.
type successors struct {
	blind  bool // as where the kernel tells no users
	store  *fakeStore
	dir    string
	aws    func() // ends AWS
	since  time.Duration
	shift  time.Duration // of the wall clock
	vend   string        // where programs ask, over restarts
	within time.Duration // how long a command waits for the next
	log    *safeBuffer
	ears   *safeBuffer // the record
}

func newSuccessors(t *testing.T) *successors {
	t.Helper()
	s := &successors{store: &fakeStore{}, dir: t.TempDir(), log: &safeBuffer{}, ears: &safeBuffer{}, since: time.Hour, within: time.Minute}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(freePort(t)) // which nobody takes while one daemon has gone and the next is not there
	if err := os.WriteFile(filepath.Join(s.dir, "port"), []byte(port), 0o600); err != nil {
		t.Fatal(err)
	}
	fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example()})
	if err != nil {
		t.Fatal(err)
	}
	ln := mustListen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = fake.Serve(ctx, ln) }()
	s.aws = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(s.aws)
	if err := writeDemoFiles(s.dir, "http://"+ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return s
}

// successor is one of the daemons.
type successor struct {
	*daemon
	client *control.Client
	stop   func()
}

// start starts the next daemon.
func (s *successors) start(t *testing.T) *successor {
	t.Helper()
	var left store
	if s.store != nil {
		left = s.store
	}
	d, err := newDaemon(daemonOptions{
		config: profiles.Options{Path: filepath.Join(s.dir, "vendord.toml"), UID: os.Getuid(), Home: s.dir},
		state:  filepath.Join(s.dir, "state"), audit: s.ears, user: "tester", store: left,
		now:       func() time.Time { return time.Now().Add(s.shift) },
		sinceBoot: func() (string, time.Duration) { return "this", s.since },
		log:       slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	socket := filepath.Join(s.dir, "s")
	ctl, err := control.Listen(socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	vend, err := listen("", s.dir) // the port is kept there
	if err != nil {
		t.Fatal(err)
	}
	s.vend = vend.Addr().String()
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := d.Run(ctx, vend, ctl, func() { close(ready) }); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	<-ready
	c, err := control.Dial(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	next := &successor{d, c, sync.OnceFunc(func() { c.Close(); cancel(); <-ended; d.Close() })}
	t.Cleanup(next.stop)
	return next
}

// crash ends a daemon of which the manager has what it had before.
func (s *successors) crash(d *successor) {
	left := s.store.Stored("")
	d.stop()
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.data = left
}

const carriedProfile = "company1-hr-readonly"

// command registers a command's token, and returns its secret and what holds it.
func (d *successor) command(t *testing.T) (secret string, spec control.TokenSpec, held *control.Held) {
	t.Helper()
	secret, spec = newToken(control.TokenSpec{App: profiles.CLI, Profile: carriedProfile, Warm: true, Exec: true})
	return secret, spec, d.hold(t, spec)
}

func (d *successor) hold(t *testing.T, spec control.TokenSpec) *control.Held {
	t.Helper()
	held, err := d.client.Hold(t.Context(), spec)
	if err != nil {
		t.Fatalf("Hold: %v", err)
	}
	return held
}

// key is what a token's program gets: a key id, or an error's words in brackets.
func (d *successor) key(t *testing.T, secret string) string {
	t.Helper()
	c, err := server.Fetch(t.Context(), d.url, secret)
	if err != nil {
		return "[" + err.Error() + "]"
	}
	return c.KeyID
}

// rename gives a profile another role in the configuration.
func (s *successors) rename(t *testing.T, profile, session string) {
	t.Helper()
	path := filepath.Join(s.dir, "vendord.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), "[profiles."+profile+"]", "[profiles."+profile+"]\nsession_name = \""+session+"\"")
	if changed == string(text) {
		t.Fatalf("%s: not in the configuration", profile)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}
