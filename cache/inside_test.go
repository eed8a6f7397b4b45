package cache

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/session"
)

// weather is a Minter.
type weather func(context.Context, session.Request) (*session.Credentials, error)

func (w weather) Mint(ctx context.Context, r session.Request) (*session.Credentials, error) {
	return w(ctx, r)
}

func fine(context.Context, session.Request) (*session.Credentials, error) {
	c := session.NewCredentials("K1", "s", "t", time.Now().Add(time.Hour))
	c.Minted, c.Life = time.Now(), time.Hour
	return c, nil
}

// stale is fine weather with keys that have little left.
func stale(ctx context.Context, r session.Request) (*session.Credentials, error) {
	c, err := fine(ctx, r)
	c.Expires = c.Expires.Add(m)
	return c, err
}

func hangs(ctx context.Context, _ session.Request) (*session.Credentials, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func refuses(context.Context, session.Request) (*session.Credentials, error) {
	return nil, &session.Error{Class: session.Administrator, Public: "role: denied"}
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
		{"a caller that read the clock before", bad, 9 * s, 9*s + s/1000, -s / 1000},
		{"the clock was set back", bad, 9 * s, 0, -time.Hour},
		{"a pause", nil, 99 * s, 50 * s, 49 * s},
		{"a pause is over at death", nil, 99 * s, 0, 60 * s},
	} {
		s := &state{view: newView(session.Request{}, creds, nil), failure: test.failure, hold: test.hold, ended: end}
		if got := s.held(end.Add(test.at)); got != test.held {
			t.Errorf("%s: got %v, want %v", test.name, got, test.held)
		}
	}
}

// The places that are asked are forgotten with the sessions that ask them.
func TestRetainDropsLanes(t *testing.T) {
	c := New(Config{Mint: weather(fine)})
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

// Who finds nothing to do takes no lock and leaves no garbage, so that a
// program that asks all the time in an outage holds up no other. A Get that
// wanted the lock would hang here for good.
func TestGetTakesNoLock(t *testing.T) {
	for _, test := range []struct {
		name    string
		age     time.Duration
		weather weather
		reads   int64 // of the clock
		err     bool
	}{
		{"fresh", time.Minute, fine, 1, false},
		{"due, an attempt hangs", 31 * m, hangs, 2, false},
		{"due, the last one failed", 31 * m, refuses, 2, false},
		{"due, the source has not rotated", 31 * m, stale, 2, false},
		{"late, an attempt hangs", 36 * m, hangs, 2, false},
		{"late, the last one failed", 36 * m, refuses, 2, false},
		{"dead, the last one failed", 61 * m, refuses, 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now, sky := time.Now(), fine
				var reads atomic.Int64
				c := New(Config{
					Mint: weather(func(ctx context.Context, r session.Request) (*session.Credentials, error) { return sky(ctx, r) }),
					Now:  func() time.Time { reads.Add(1); return now },
				})
				ctx, key := t.Context(), session.Request{RoleARN: "R"}.Key()
				get := func() (*session.Credentials, error) { return c.Get(ctx, key, time.Second) }
				_, _ = get()
				now, sky = now.Add(test.age), test.weather
				_, _ = c.Get(ctx, key, 0)
				synctest.Wait()
				now = now.Add(time.Second) // nobody waits for an attempt of this age

				c.mu.Lock()
				reads.Store(0)
				if creds, err := get(); (err != nil) != test.err || (creds == nil) != test.err || reads.Load() != test.reads {
					t.Errorf("Get: got %v, %v with %d readings of the clock, want %d", creds, err, reads.Load(), test.reads)
				}
				if got := testing.AllocsPerRun(100, func() { _, _ = get() }); got != 0 {
					t.Errorf("allocations: got %v, want none", got)
				}
				c.mu.Unlock()
				c.stop()
			})
		})
	}
}
