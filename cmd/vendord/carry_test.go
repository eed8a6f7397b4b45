package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

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
			renamed, _ := next.book.Render(profiles.CLI, "tester", "renamed") // the same session by another name
			for _, row := range next.cache.Status() {
				if row.KeyID == key && got != key && row.Request.Key() != renamed {
					t.Errorf("%s, which nothing leads to, is kept", key)
				}
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
	for range 2000 {
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
