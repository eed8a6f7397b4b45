package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// slowMint is an AWS that answers when it is told to, and counts.
type slowMint struct {
	asked atomic.Int64
	open  chan struct{}
	deaf  bool // answers although nobody waits any more
}

func (s *slowMint) Mint(ctx context.Context, r session.Request) (*session.Credentials, error) {
	s.asked.Add(1)
	done := ctx.Done()
	if s.deaf {
		done = nil
	}
	select {
	case <-s.open:
	case <-done:
		return nil, ctx.Err()
	}
	now := time.Now()
	c := session.NewCredentials("ASIA"+r.SessionName, "secret", "token", now.Add(time.Hour))
	c.Minted, c.Life = now, time.Hour
	return c, nil
}

func gated(t *testing.T, m cache.Minter, state string) *gate {
	g := newGate(state, m)
	g.cache = cache.New(cache.Config{Mint: g})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.cache.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return g
}

func sessionNamed(name string) session.Key {
	return session.Request{Operation: session.AssumeRole, RoleARN: "arn:aws:iam::111122223333:role/R", SessionName: name}.Key()
}

// Whoever waits when vendord is locked, and whoever comes then, gets nothing,
// also where AWS answers after all; and nobody asks AWS any more.
func TestLockWhileAskingAWS(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		m := &slowMint{open: make(chan struct{}), deaf: deaf}
		g := gated(t, m, t.TempDir())
		var locked atomic.Bool
		var waiting, asking sync.WaitGroup
		for i := range 64 {
			waiting.Add(1)
			asking.Go(func() {
				waiting.Done()
				for range 50 {
					late := locked.Load()
					c, err := g.Get(t.Context(), sessionNamed(string(rune('a'+i%8))), 10*time.Second)
					if e, _ := errors.AsType[*session.Error](err); c != nil || e == nil || e.Class != session.Person || e.Public != "vendord is locked" {
						t.Errorf("Get, begun after the lock %t: got %v, %v, want: vendord is locked", late, c != nil, err)
						return
					}
				}
			})
		}
		waiting.Wait()
		for m.asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := g.lock(); err != nil {
			t.Fatal(err)
		}
		locked.Store(true)
		g.cache.Retain(func(session.Request) bool { return false })
		close(m.open)
		asking.Wait()
		asked := m.asked.Load()
		if _, err := g.Mint(t.Context(), session.Request{}); err == nil || m.asked.Load() != asked {
			t.Errorf("Mint while locked: got %v and %d more calls, want an error and none", err, m.asked.Load()-asked)
		}
		if err := g.unlock(); err != nil {
			t.Fatal(err)
		}
		if c, err := g.Get(t.Context(), sessionNamed("a"), 10*time.Second); err != nil || c == nil {
			t.Errorf("Get after unlock: got %v, want credentials", err)
		}
	}
}

// What was waited for while somebody signed out is not handed out, and what is
// asked for then is. Who waited for something else gets that.
func TestSignOutWhileAskingAWS(t *testing.T) {
	m := &slowMint{open: make(chan struct{})}
	g := gated(t, m, "")
	other, dropped := make(chan error, 1), make(chan error, 1)
	ask := func(name string, got chan error) {
		_, err := g.Get(t.Context(), sessionNamed(name), 10*time.Second)
		got <- err
	}
	go ask("a", dropped)
	go ask("b", other)
	for m.asked.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	g.signedOut()
	g.cache.Retain(func(r session.Request) bool { return r.SessionName != "a" })
	close(m.open)
	if err := <-other; err != nil {
		t.Errorf("Get of another login's session over a logout: got %v, want credentials", err)
	}
	if err := <-dropped; err == nil && m.asked.Load() < 3 || err != nil && session.AsError(err).Class != session.Retry {
		t.Errorf("Get over a logout: got %v after %d calls, want a session of its own, or to be told to ask again", err, m.asked.Load())
	}
	if _, err := g.Get(t.Context(), sessionNamed("a"), 10*time.Second); err != nil {
		t.Errorf("Get after a logout: got %v, want credentials", err)
	}
	_, err := g.through(func() (*session.Credentials, error) { g.signedOut(); return nil, nil })
	if e := session.AsError(err); e == nil || e.Class != session.Retry || e.Public != "session: somebody signed out while it was waited for" || e.Hint != "ask again" {
		t.Errorf("a session over a logout: got %v, want to be told to ask again", e)
	}
}

// The daemon inside an exec has no state directory, and is locked with the one
// that its commands use: what it has is forgotten, and not asked for again.
func TestLockOfAnother(t *testing.T) {
	dir := t.TempDir()
	m := &slowMint{open: make(chan struct{})}
	close(m.open)
	g := gated(t, m, "")
	g.other = dir
	get := func() error { _, err := g.Get(t.Context(), sessionNamed("a"), 10*time.Second); return err }
	if err := get(); err != nil {
		t.Fatal(err)
	}
	other := newGate(dir, nil)
	if err := other.lock(); err != nil {
		t.Fatal(err)
	}
	if e := session.AsError(get()); e == nil || e.Public != "vendord is locked" || len(g.cache.Status()) != 0 || m.asked.Load() != 1 {
		t.Errorf("Get while another is locked: got %v, %d sessions, %d calls, want: vendord is locked, none, and one", e, len(g.cache.Status()), m.asked.Load())
	}
	if err := errors.Join(other.unlock(), get()); err != nil || m.asked.Load() != 2 {
		t.Errorf("Get after unlock: got %v and %d calls, want another session", err, m.asked.Load())
	}
}

// Where it cannot be told whether vendord is locked, it is.
func TestLockIsKept(t *testing.T) {
	dir := t.TempDir()
	if newGate(dir, nil).locked() {
		t.Errorf("a new gate: got locked, want open")
	}
	if err := newGate(dir, nil).lock(); err != nil {
		t.Fatal(err)
	}
	g := newGate(dir, nil)
	if !g.locked() {
		t.Errorf("after a restart: got open, want locked")
	}
	if err := errors.Join(g.unlock(), g.unlock()); err != nil || newGate(dir, nil).locked() {
		t.Errorf("unlocked twice, after a restart: got locked, %v, want open", err)
	}
	if !newGate(dir+"\x00", nil).locked() {
		t.Errorf("in a directory that cannot be looked into: got open, want locked")
	}
}
