package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// held starts a daemon and a holder of a command's token. said is what exec would
// print, once it is lost; "" when the command ended first.
func (s *successors) held(t *testing.T) (d *successor, h *holder, secret string, end func() (said, hint string)) {
	t.Helper()
	d = s.start(t)
	c, err := control.Dial(t.Context(), filepath.Join(s.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	secret, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: carriedProfile, Warm: true, Exec: true})
	held, err := c.Hold(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	h = newHolder(c, held, spec)
	h.within = s.within
	h.known = h.known && !s.blind
	t.Cleanup(func() { h.close() })
	ctx, cancel := context.WithCancel(context.Background())
	lost := make(chan error, 1)
	go func() { lost <- h.keep(ctx, "terraform") }()
	t.Cleanup(cancel)
	return d, h, secret, func() (string, string) {
		t.Helper()
		time.AfterFunc(time.Minute, cancel)
		if err := <-lost; err != nil {
			return err.Error(), hintOf(err)
		}
		return "", ""
	}
}

// gets waits until a token's program gets a key.
func (d *successor) gets(t *testing.T, secret string) {
	t.Helper()
	got := ""
	for range 6000 {
		if got = d.key(t, secret); strings.HasPrefix(got, "ASIA") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the command's program: got %s after a minute, want a key", got)
}

// A daemon without a store forgets its tokens: the command registers its own again,
// as often as need be, and nobody is told.
func TestExecComesBack(t *testing.T) {
	s := newSuccessors(t)
	s.store = nil
	d, _, secret, _ := s.held(t)
	for range 3 {
		d.stop()
		time.Sleep(100 * time.Millisecond)
		d = s.start(t)
		d.gets(t, secret)
	}
}

func TestExecIsLost(t *testing.T) {
	const again, stopped = "start the command again once vendord runs", "the daemon has stopped: terraform gets no more credentials"
	for _, row := range []struct {
		name       string
		within     time.Duration
		do         func(*testing.T, *successors, *successor, *holder)
		said, hint string
	}{
		{"nobody follows", time.Second, func(_ *testing.T, _ *successors, d *successor, _ *holder) { d.stop() }, stopped, again},
		{"where the kernel does not tell users", time.Minute, func(t *testing.T, s *successors, d *successor, _ *holder) {
			d.stop()
			s.start(t)
		}, stopped, again},
		{"the next daemon is elsewhere", time.Minute, func(t *testing.T, s *successors, d *successor, _ *holder) {
			d.stop()
			if err := os.Remove(filepath.Join(s.dir, "port")); err != nil {
				t.Fatal(err)
			}
			s.start(t)
		}, "the daemon has moved from OLD to NEW: terraform gets no more credentials", "start the command again"},
		{"the next one does not have the profile", 5 * time.Second, func(t *testing.T, s *successors, d *successor, _ *holder) {
			d.stop()
			path := filepath.Join(s.dir, "vendord.toml")
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, []byte(strings.ReplaceAll(string(text), carriedProfile, "renamed")), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.start(t)
		}, stopped + `; the next one says: profile "` + carriedProfile + `": unknown`, again},
		{"it was revoked", time.Minute, func(t *testing.T, s *successors, d *successor, h *holder) {
			if _, err := d.client.Revoke(t.Context(), profiles.CLI, h.held.ID); err != nil {
				t.Fatal(err)
			}
			d.stop()
			s.start(t)
		}, "its token was revoked: terraform gets no more credentials", "start the command again, if it may have them"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSuccessors(t)
			s.store, s.within = nil, row.within
			s.blind = row.name == "where the kernel does not tell users"
			d, h, secret, end := s.held(t)
			old := d.url
			row.do(t, s, d, h)
			said, hint := end()
			said = strings.Replace(said, old, "OLD", 1)
			said = strings.Replace(said, "http://"+s.vend+"/v1/credentials", "NEW", 1)
			if said != row.said || hint != row.hint {
				t.Errorf("exec: got %q, hint %q, want %q, hint %q", said, hint, row.said, row.hint)
			}
			next := &successor{daemon: &daemon{url: "http://" + s.vend + "/v1/credentials"}}
			if got := next.key(t, secret); !strings.HasPrefix(got, "[") {
				t.Errorf("its program: got %s, want nothing", got)
			}
		})
	}
}

// Who answers on the control socket after a restart is believed as whom the daemon
// was, or as root.
func TestExecBelieves(t *testing.T) {
	h := &holder{uid: 1000}
	for uid, want := range map[uint32]bool{1000: true, 0: true, 1001: false, 65534: false} {
		if got := h.believes(uid); got != want {
			t.Errorf("believes %d: got %t, want %t", uid, got, want)
		}
	}
}
