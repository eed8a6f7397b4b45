package main

import (
	"context"
	"errors"
	"log/slog"
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
	"github.com/vendord/vendord/session"
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
	store *fakeStore
	dir   string
	aws   func() // ends AWS
	since time.Duration
	shift time.Duration // of the wall clock
	vend  string        // where programs ask, over restarts
	log   *safeBuffer
	ears  *safeBuffer // the record
}

func newSuccessors(t *testing.T) *successors {
	t.Helper()
	s := &successors{store: &fakeStore{}, dir: t.TempDir(), log: &safeBuffer{}, ears: &safeBuffer{}, since: time.Hour}
	if err := os.Chmod(s.dir, 0o700); err != nil {
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

// AWS is gone, and so was the daemon for a moment: programs notice neither.
func TestCarriedOver(t *testing.T) {
	for _, how := range []string{"stop", "crash"} {
		t.Run(how, func(t *testing.T) {
			s := newSuccessors(t)
			first := s.start(t)
			secret, spec, held := first.command(t)
			app, issue := newToken(control.TokenSpec{App: "agent", TTL: time.Hour, Warm: true})
			if _, err := first.client.Issue(t.Context(), issue); err != nil {
				t.Fatal(err)
			}
			key := first.key(t, secret)
			s.store.has(t, held.ID, true)
			s.store.has(t, key, true)
			s.aws()
			if how == "crash" {
				s.crash(first)
			} else {
				first.stop()
			}

			next := s.start(t)
			if got := next.key(t, secret); got != key {
				t.Errorf("before the command is back: got %s, want %s", got, key)
			}
			again := next.hold(t, spec)
			if again.ID != held.ID {
				t.Errorf("Hold: got the id %s, want %s, by which the record knows it", again.ID, held.ID)
			}
			if got := next.key(t, app); !strings.HasPrefix(got, "ASIA") {
				t.Errorf("an app's program: got %s, want a key", got)
			}
			status, err := next.client.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range status.Sessions {
				if row.KeyID != "" && time.Since(row.Minted) < 0 || row.Mints != 0 {
					t.Errorf("status: got minted %v, %d times, want before and none", row.Minted, row.Mints)
				}
			}
			next.stop()
			lines := s.ears.String()
			if n, other := strings.Count(lines, `"minted":true`), strings.Count(lines, `"minted":false`); n > 0 || other < 3 {
				t.Errorf("the record: got %d answers as minted and %d as not, want none and three", n, other)
			}
			if !strings.Contains(s.log.String(), `msg="carried over from the last vendord" sessions=`) {
				t.Errorf("log: got %s, want a line that says so", s.log.String())
			}
		})
	}
}

// Nothing that was printed, nor what the disk has, holds what was carried.
func TestCarriedCanary(t *testing.T) {
	s := newSuccessors(t)
	first := s.start(t)
	secret, _, _ := first.command(t)
	creds, err := server.Fetch(t.Context(), first.url, secret)
	if err != nil {
		t.Fatal(err)
	}
	key, token := creds.Reveal()
	first.stop()
	s.store.data = s.store.data[:len(s.store.data)-9] // so that it is complained of
	s.start(t).stop()
	birds := &aviary{}
	birds.plant("a session's key", key)
	birds.plant("a session token", token)
	birds.plant("a command's token", secret)
	var disk strings.Builder
	_ = filepath.WalkDir(filepath.Join(s.dir, "state"), func(path string, _ os.DirEntry, _ error) error {
		text, _ := os.ReadFile(path)
		disk.Write(text)
		return nil
	})
	for _, leak := range birds.leaks(s.log.String() + s.ears.String() + disk.String()) {
		t.Errorf("canary: %s", leak)
	}
}

// What is taken away is not with the service manager any more when that is answered.
func TestTakenOutBeforeTheAnswer(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*testing.T, *successors, *successor, *control.Held) error
		gone func(key string, held *control.Held) string
	}{
		{"lock", func(t *testing.T, _ *successors, d *successor, _ *control.Held) error {
			_, err := d.client.Lock(t.Context())
			return err
		}, func(string, *control.Held) string { return "version" }},
		{"revoke", func(t *testing.T, _ *successors, d *successor, held *control.Held) error {
			_, err := d.client.Revoke(t.Context(), profiles.CLI, held.ID)
			return err
		}, func(_ string, held *control.Held) string { return held.ID }},
		{"source refresh --drop", func(t *testing.T, _ *successors, d *successor, _ *control.Held) error {
			_, err := d.client.Refresh(t.Context(), "john", true)
			return err
		}, func(key string, _ *control.Held) string { return key }},
		{"a reload", func(t *testing.T, s *successors, d *successor, _ *control.Held) error {
			s.rename(t, carriedProfile, "another")
			_, err := d.client.Reload(t.Context())
			return err
		}, func(key string, _ *control.Held) string { return key }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSuccessors(t)
			d := s.start(t)
			secret, _, held := d.command(t)
			key := d.key(t, secret)
			s.store.has(t, key, true)
			s.store.has(t, held.ID, true)
			s.aws() // so that no new ones come
			if err := row.do(t, s, d, held); err != nil {
				t.Fatal(err)
			}
			if what := row.gone(key, held); strings.Contains(string(s.store.Stored("")), what) {
				t.Errorf("%s is still stored", what)
			}
			s.crash(d)
			next := s.start(t)
			if got := next.key(t, secret); !strings.HasPrefix(got, "[") {
				t.Errorf("after a crash: got %s, want nothing", got)
			}
		})
	}
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

// Whatever was left, the next daemon starts, and gives nothing that it would not.
func TestNotCarriedOver(t *testing.T) {
	nothing := func(*testing.T, *successors) {}
	data := func(change func([]byte) []byte) func(*testing.T, *successors) {
		return func(_ *testing.T, s *successors) { s.store.data = change(s.store.data) }
	}
	for _, row := range []struct {
		name   string
		change func(*testing.T, *successors)
		token  bool   // the command's token is known
		key    bool   // and its session is there
		log    string // what is said, or ""
	}{
		{"nothing in the way", nothing, true, true, ""},
		{"an hour later", func(_ *testing.T, s *successors) { s.shift, s.since = 61*time.Minute, s.since+61*time.Minute }, true, false, ""},
		{"an hour later, and the clock set back", func(_ *testing.T, s *successors) { s.since += 61 * time.Minute }, true, false, ""},
		{"another session is meant now", func(t *testing.T, s *successors) { s.rename(t, carriedProfile, "another") }, true, false, ""},
		{"another identity at the source", func(t *testing.T, s *successors) {
			file := filepath.Join(s.dir, "aws-credentials")
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, []byte(strings.ReplaceAll(string(text), exampleKey().ID, "AKIAI44QH8DHBEXAMPLE")), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, true, false, ""},
		{"the profile is gone", func(t *testing.T, s *successors) {
			path := filepath.Join(s.dir, "vendord.toml")
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, []byte(strings.ReplaceAll(string(text), carriedProfile, "renamed")), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, false, false, ""},
		{"locked meanwhile", func(t *testing.T, s *successors) {
			if err := os.WriteFile(filepath.Join(s.dir, "state", lockFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, false, false, ""},
		{"of another version", data(func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version":1`, `"version":9`, 1)) }),
			false, false, "it is of another version"},
		{"cut short", data(func(b []byte) []byte { return b[:len(b)/2] }), false, false, "it is damaged"},
		{"huge", data(func(b []byte) []byte { return make([]byte, 60<<20) }), false, false, "it is damaged"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSuccessors(t)
			first := s.start(t)
			secret, _, held := first.command(t)
			key := first.key(t, secret)
			first.stop()
			s.aws()
			row.change(t, s)
			next := s.start(t)
			got := next.key(t, secret)
			if (got == key) != row.key {
				t.Errorf("the command gets %s, and had %s: want the same %t", got, key, row.key)
			}
			known := false
			for _, token := range next.tokens(profiles.CLI) {
				known = known || token.ID == held.ID
			}
			if known != row.token {
				t.Errorf("its token is known: got %t, want %t", known, row.token)
			}
			said := strings.Contains(s.log.String(), "what the last vendord left with systemd is ignored: AWS is asked anew")
			if said != (row.log != "") || !strings.Contains(s.log.String(), row.log) {
				t.Errorf("log: got %s, want %q", s.log, row.log)
			}
			if row.name == "locked meanwhile" {
				s.store.has(t, "version", false)
			}
		})
	}
}

// A service manager that does not take anything, or gives nothing back, is said so
// once; and who takes something away is told that it may come back.
func TestStoreFails(t *testing.T) {
	s := newSuccessors(t)
	s.store.broken = errors.New("descriptor store: no answer")
	d := s.start(t)
	_, _, held := d.command(t)
	d.command(t)
	for range 400 {
		if strings.Contains(s.log.String(), "cannot be left") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := d.client.Revoke(t.Context(), profiles.CLI, held.ID); err != nil {
		t.Errorf("Revoke, and the store is empty: got %v, want nil", err)
	}
	s.store.mu.Lock()
	s.store.deaf = errors.New("descriptor store: no answer")
	s.store.mu.Unlock()
	_, err := d.client.Lock(t.Context())
	want := "systemd's store: may still have what was taken away, for the next start: descriptor store: no answer"
	if e := session.AsError(err); err == nil || e.Public != want || e.Hint != "try again; or stop vendord, which empties it" {
		t.Errorf("Lock: got %v, want %q", err, want)
	}
	const line = "a restart of vendord will ask AWS anew: what lives cannot be left with systemd"
	if n := strings.Count(s.log.String(), line); n != 1 {
		t.Errorf("log: got the line %d times, want once: %s", n, s.log)
	}
}

// Many changes are one write, and no request waits for one.
func TestCarriedIsCoalesced(t *testing.T) {
	s := newSuccessors(t)
	d := s.start(t)
	secret, _, held := d.command(t)
	s.store.has(t, held.ID, true)
	s.store.mu.Lock()
	before := s.store.writes
	s.store.mu.Unlock()
	for range 50 {
		_, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: carriedProfile, Exec: true})
		_ = d.hold(t, spec).Close()
	}
	for range 200 {
		if got := d.key(t, secret); !strings.HasPrefix(got, "ASIA") {
			t.Fatal(got)
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if n := s.store.writes - before; n > 20 {
		t.Errorf("writes: got %d for 100 changes and 200 requests, want few", n)
	}
}
