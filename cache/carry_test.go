package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// succeed stops one cache and starts the next with what it left; time passes
// between them. It returns what there was to carry.
func succeed(t *testing.T, a *aws, pass time.Duration, tell func(c *cache.Cache)) func(func(t *testing.T, c *cache.Cache)) {
	t.Helper()
	first := cache.New(cache.Config{Mint: a, Now: a.now})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- first.Run(ctx) }()
	tell(first)
	carried := first.Snapshot()
	stop()
	<-ended
	time.Sleep(pass)
	return func(tell func(*testing.T, *cache.Cache)) {
		second := cache.New(cache.Config{Mint: a, Now: a.now})
		second.Restore(carried)
		live(t, second)
		tell(t, second)
	}
}

func TestRestore(t *testing.T) {
	for _, test := range []struct {
		name  string
		pass  time.Duration // between the two caches
		down  bool          // AWS is, for the second
		key   string        // what a program gets, "" for an error
		state string        // what status says then
		calls int           // of AWS, a minute later, by both
	}{
		{"what is fresh is handed out and AWS is not asked", 0, true, "ASIA0001", session.Live, 1},
		{"still fresh after 25 minutes", 25 * time.Minute, true, "ASIA0001", session.Live, 1},
		{"due at half of its life, and renewed behind the caller's back", 31 * time.Minute, false, "ASIA0001", session.Renewing, 2},
		{"what is left is handed out while AWS is down", 50 * time.Minute, true, "ASIA0001", session.Failing, 0},
		{"expired: minted anew", time.Hour, false, "ASIA0002", session.Live, 2},
		{"expired, and AWS is down", time.Hour, true, "", session.Failed, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &aws{}
				next := succeed(t, a, test.pass, func(c *cache.Cache) { got(t, c, reader) })
				if a.latency = 100 * time.Millisecond; test.down {
					a.set(fails(session.Retry))
				}
				next(func(t *testing.T, c *cache.Cache) {
					creds, err := c.Get(t.Context(), reader.Key(), patience)
					switch {
					case test.key == "" && err == nil:
						t.Errorf("Get: got %v, want an error", creds)
					case test.key != "" && (err != nil || creds.KeyID != test.key):
						t.Errorf("Get: got %v, %v, want %s", creds, err, test.key)
					}
					want(t, "state", row(t, c, reader).State, test.state)
					time.Sleep(time.Minute)
					if test.calls > 0 {
						want(t, "calls of AWS", a.count(), test.calls)
					}
				})
			})
		})
	}
}

// A restored session was not minted by this process, and its row does not say so.
func TestRestoredRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &aws{}
		var before session.Status
		next := succeed(t, a, 10*time.Minute, func(c *cache.Cache) { got(t, c, reader); before = row(t, c, reader) })
		next(func(t *testing.T, c *cache.Cache) {
			after := row(t, c, reader)
			want(t, "mints", after.Mints, 0)
			want(t, "minted", after.Minted.Equal(before.Minted), true)
			want(t, "used", after.Used.Equal(before.Used), true)
			want(t, "key", after.KeyID, before.KeyID)
		})
	})
}

// What nobody used lapses, in the next process too; what somebody used is renewed.
func TestRestoredAreKeptWarmIfUsed(t *testing.T) {
	for _, used := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := &aws{}
			next := succeed(t, a, time.Minute, func(c *cache.Cache) {
				if used {
					got(t, c, reader)
				} else if err := c.Warm(t.Context(), []session.Key{reader.Key()}); err != nil {
					t.Fatal(err)
				}
			})
			next(func(t *testing.T, c *cache.Cache) {
				time.Sleep(40 * time.Minute)
				want(t, "calls of AWS", a.count(), map[bool]int{false: 1, true: 2}[used])
			})
		})
	}
}

// Only what lives is left, and only what is better is taken.
func TestSnapshotAndRestoreAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &aws{}
		c := cache.New(cache.Config{Mint: a, Now: a.now}) // nothing is renewed without Run
		got(t, c, role("Old"))
		time.Sleep(50 * time.Minute)
		got(t, c, reader)
		old := c.Snapshot()
		want(t, "two live", len(old), 2)
		time.Sleep(15 * time.Minute)
		living := c.Snapshot()
		want(t, "living", len(living), 1)
		want(t, "of what was left to it itself", c.Restore(living), 0)
		next := cache.New(cache.Config{Mint: a, Now: a.now})
		want(t, "of two, one has expired", next.Restore(old), 1)
		bare := session.NewCredentials("", "", "", time.Now().Add(time.Hour))
		bare.Minted, bare.Life = time.Now(), time.Hour
		want(t, "of what has no secret", next.Restore([]cache.Carried{{Request: role("Bare"), Credentials: bare}}), 0)
		synctest.Wait()
	})
}

// Somebody is told of each change of credentials, and of nothing else.
func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, changes := &aws{}, atomic.Int64{}
		c := cache.New(cache.Config{Mint: a, Now: a.now, Changed: func() { changes.Add(1) }})
		live(t, c)
		for range 3 {
			got(t, c, reader)
		}
		want(t, "after the first mint", changes.Load(), 1)
		a.set(fails(session.Retry))
		time.Sleep(40 * time.Minute)
		want(t, "after failures", changes.Load(), 1)
	})
}
