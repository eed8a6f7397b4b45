package cache

import (
	"context"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

type instant struct{}

func (instant) Mint(context.Context, session.Request) (*session.Credentials, error) {
	c := session.NewCredentials("K1", "s", "t", time.Now().Add(time.Hour))
	c.Minted, c.Life = time.Now(), time.Hour
	return c, nil
}

// When AWS may be asked, seconds after an attempt ended.
func TestHeld(t *testing.T) {
	const s = time.Second
	end := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	creds := session.NewCredentials("K1", "s", "t", end.Add(m))
	creds.Minted, creds.Life = end, m
	bad := &session.Error{Class: session.Retry}
	for _, test := range []struct {
		name       string
		failure    *session.Error
		hold, held time.Duration
		at         time.Duration
	}{
		{"just failed", bad, 9 * s, 9 * s, 0},
		{"failed a while ago", bad, 9 * s, 4 * s, 5 * s},
		{"failed long ago", bad, 9 * s, 0, 9 * s},
		{"failed for good", bad, forever, forever, time.Hour},
		{"a caller that read the clock before", bad, 9 * s, 9*s + s/1000, -s / 1000},
		{"the clock was set back", bad, 9 * s, 0, -time.Hour},
		{"a pause", nil, 99 * s, 50 * s, 49 * s},
		{"a pause is over at death", nil, 99 * s, 0, 60 * s},
	} {
		e := &entry{failure: test.failure, hold: test.hold, ended: end}
		e.view.Store(newView(creds, nil))
		if got := e.heldLocked(end.Add(test.at)); got != test.held {
			t.Errorf("%s: got %v, want %v", test.name, got, test.held)
		}
	}
}

// The places that are asked are forgotten with the sessions that ask them.
func TestRetainDropsLanes(t *testing.T) {
	c := New(Config{Mint: instant{}})
	for _, region := range []string{"eu-west-1", "eu-west-1", "us-east-1"} {
		r := session.Request{RoleARN: "R", Region: region}
		if _, err := c.Get(t.Context(), r.Key(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	c.Retain(func(r session.Request) bool { return r.Region == "eu-west-1" })
	if len(c.lanes) != 1 {
		t.Errorf("lanes: got %d, want 1", len(c.lanes))
	}
}

// A fresh Get reads the clock once, and does not take the lock that callers
// with less luck hold.
func TestFreshGetTakesNoLock(t *testing.T) {
	reads := 0
	c := New(Config{Mint: instant{}, Now: func() time.Time { reads++; return time.Now() }})
	key := session.Request{RoleARN: "R"}.Key()
	if _, err := c.Get(t.Context(), key, time.Second); err != nil {
		t.Fatal(err)
	}
	reads = 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.Get(t.Context(), key, time.Second); err != nil || reads != 1 {
		t.Errorf("Get: got %v with %d readings of the clock, want nil with 1", err, reads)
	}
}
