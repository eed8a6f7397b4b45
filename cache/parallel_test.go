package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// child returns a request that parent's credentials sign.
func child(name string, parent session.Request) session.Request {
	r := role(name)
	r.Parent = parent.Canonical()
	return r
}

// family makes a ask c for the credentials of parents, as mint does.
func family(a *aws, c *cache.Cache) {
	a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
		if r.Parent != "" {
			parent, err := session.ParseRequest(r.Parent)
			if err != nil {
				return nil, err
			}
			if _, err := c.Get(ctx, parent.Key(), 20*time.Second); err != nil {
				return nil, err
			}
		}
		return a.make(r, time.Hour), nil
	})
}

// Fifty children of one parent, and their children: everybody waits for
// somebody, and nobody for each other.
func TestParents(t *testing.T) {
	a := &aws{latency: 200 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		family(a, c)
		hub := role("Hub")
		var keys []session.Key
		for i := range 50 {
			team := child(fmt.Sprintf("Team%d", i), hub)
			keys = append(keys, team.Key(), child(fmt.Sprintf("Job%d", i), team).Key())
		}
		start := time.Now()
		if err := c.Warm(t.Context(), keys); err != nil {
			t.Errorf("Warm: got %v", err)
		}
		want(t, "mints", a.count(), 101)
		want(t, "sessions", len(c.Status()), 101)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("Warm: took %v, want at most 5s", took)
		}
		for range 3 * 6 { // three hours of work: parents are used by their children alone
			for _, key := range keys {
				start := time.Now()
				if _, err := c.Get(t.Context(), key, patience); err != nil || time.Since(start) != 0 {
					t.Fatalf("Get: got %v after %v, want credentials at once", err, time.Since(start))
				}
			}
			time.Sleep(10 * time.Minute)
		}
		for _, row := range c.Status() {
			want(t, row.Request.RoleARN, row.State, session.Live)
		}
	})
}

func TestParentFails(t *testing.T) {
	a := &aws{latency: 200 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		family(a, c)
		well := a.weather
		hub := role("Hub")
		a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
			if r == hub {
				return fails(session.Person)(ctx, r)
			}
			return well(ctx, r)
		})
		want(t, "the child", got(t, c, child("Team", hub)), "[role: a storm of class person]")
		want(t, "the parent", got(t, c, hub), "[role: a storm of class person]")
	})
}

// A thousand profiles at once are no storm, and are all there after a while.
func TestCrowd(t *testing.T) {
	a := &aws{latency: 200 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		var keys []session.Key
		for i := range 1000 {
			keys = append(keys, role(fmt.Sprintf("Role%d", i)).Key())
		}
		if err := c.Warm(t.Context(), keys); err != nil {
			t.Errorf("Warm: got %v", err)
		}
		want(t, "mints", a.count(), 1000)
		want(t, "at once", a.crowd, 16)
	})
}

// A source that hangs holds up its own sessions and no others.
func TestHungSourceHoldsUpNobodyElse(t *testing.T) {
	a := &aws{}
	hung := func(i int) session.Request {
		r := role(fmt.Sprintf("Hung%d", i))
		r.Source.Name = "hung"
		return r
	}
	a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
		if r.Source.Name == "hung" {
			return hangs(ctx, r)
		}
		return a.make(r, time.Hour), nil
	})
	story(t, a, func(t *testing.T, c *cache.Cache) {
		var keys []session.Key
		for i := range 100 {
			keys = append(keys, hung(i).Key())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = c.Warm(ctx, keys)
		start := time.Now()
		want(t, "another source", got(t, c, reader)[:4], "ASIA")
		want(t, "another source: time", time.Since(start), 0)
		time.Sleep(15 * time.Second)
		never := 0
		for _, row := range c.Status() {
			if row.Last != nil && strings.HasPrefix(row.Last.Public, "role "+row.Request.RoleARN) {
				never++
				want(t, "message", row.Last.Public, "role "+row.Request.RoleARN+": not its turn within 15 s, so many sessions ask the same place")
				want(t, "hint", row.Last.Hint, "nothing to do: vendord keeps trying")
			}
		}
		if never == 0 || never > 84 { // a turn may come in the very last moment
			t.Errorf("who never had their turn: got %d, want 1 to 84", never)
		}
	})
}

func TestStatus(t *testing.T) {
	a := &aws{latency: 100 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		state := func(what, state string, next bool) {
			t.Helper()
			synctest.Wait()
			row := row(t, c, reader)
			want(t, what, row.State, state)
			want(t, what+": Next is known", !row.Next.IsZero(), next)
			want(t, what+": key id is shown", row.KeyID != "", state == session.Live || state == session.Renewing || state == session.Failing)
			want(t, what+": expiry is shown", !row.Expires.IsZero(), row.KeyID != "")
		}
		a.set(fails(session.Retry))
		go got(t, c, reader)
		state("at first", session.Asking, false)
		time.Sleep(a.latency)
		state("refused", session.Failed, false) // nobody wants it: asked when somebody does
		a.set(nil)
		time.Sleep(2 * time.Second)
		got(t, c, reader)
		state("there", session.Live, true)
		minted := row(t, c, reader)
		if next := minted.Next.Sub(minted.Minted); next < 27*time.Minute || next > 30*time.Minute+1 {
			t.Errorf("Next: got %v after Minted, want 27 to 30 minutes", next)
		}
		want(t, "Used", minted.Used.Equal(minted.Minted), true)
		want(t, "Mints", minted.Mints, 1)
		want(t, "Failures", minted.Failures, 1)
		want(t, "Last", minted.Last, nil)
		time.Sleep(30 * time.Minute)
		renewed := row(t, c, reader)
		want(t, "renewed: Used is kept", renewed.Used, minted.Used)
		want(t, "renewed: Mints", renewed.Mints, 2)
		got(t, c, reader)
		minted = row(t, c, reader)
		want(t, "used again", minted.Used.After(renewed.Used), true)

		a.set(hangs)
		time.Sleep(time.Until(minted.Next) + time.Second)
		state("in time", session.Renewing, false)
		time.Sleep(15 * time.Second)
		a.set(fails(session.Administrator))
		time.Sleep(30 * time.Second)
		state("denied", session.Failing, true)
		want(t, "Last", row(t, c, reader).Last.Public, "role: a storm of class administrator")
		want(t, "Next", row(t, c, reader).Next.After(time.Now()), true)
		time.Sleep(33*time.Minute + time.Second)
		c.Retry(func(session.Request) bool { return true })
		state("gone", session.Idle, false)
		want(t, "Used is kept", row(t, c, reader).Used.IsZero(), false)
		want(t, "token use", row(t, c, reader).TokenUse, -1)
	})
}

func TestStatusIsSorted(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		var rows []session.Request
		for _, name := range []string{"A", "B"} {
			for _, who := range []string{"me", "you"} {
				for _, source := range []string{"john", "mary"} {
					for _, region := range []string{"eu-west-1", "us-east-1"} {
						r := role(name)
						r.SessionName, r.Source.Name, r.Region = who, source, region
						rows = append(rows, r)
					}
				}
			}
		}
		for _, i := range rand.Perm(len(rows)) {
			got(t, c, rows[i])
		}
		for i, row := range c.Status() {
			want(t, fmt.Sprint("row ", i), row.Request, rows[i])
		}
	})
}

// Everything at once, on real threads and the real clock: for the race
// detector, and for what is promised whatever happens.
func TestEverythingAtOnce(t *testing.T) {
	a := &aws{life: 40 * time.Millisecond, latency: time.Millisecond}
	c := cache.New(cache.Config{Mint: a})
	live(t, c)
	storm := rand.New(rand.NewPCG(1, 2))
	var all sync.WaitGroup
	end := time.Now().Add(500 * time.Millisecond)
	for i := range 8 {
		all.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				r := role(fmt.Sprint(n % 3))
				asked := time.Now()
				creds, err := c.Get(t.Context(), r.Key(), patience)
				if err == nil && (creds.RoleARN != r.RoleARN || creds.Left(asked) <= 0) {
					t.Errorf("caller %d: got %v of %s with %v left", i, creds, creds.RoleARN, creds.Left(asked))
				}
			}
		})
	}
	for _, steer := range []func(){
		func() { c.Retry(func(session.Request) bool { return true }) },
		func() { c.Retain(func(r session.Request) bool { return r != role("1") }) },
		func() { c.Status() },
		func() { _ = c.Warm(t.Context(), []session.Key{role("1").Key(), role("4").Key()}) },
		func() {
			if storm.IntN(2) == 0 {
				a.set(fails(session.Retry))
			} else {
				a.set(nil)
			}
		},
	} {
		all.Go(func() {
			for time.Now().Before(end) {
				steer()
				time.Sleep(3 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

func TestFreshGetDoesNotAllocate(t *testing.T) {
	c := cache.New(cache.Config{Mint: &aws{}})
	ctx, key := t.Context(), reader.Key()
	get := func() {
		if creds, err := c.Get(ctx, key, patience); err != nil || creds == nil {
			t.Fatalf("Get: got %v, %v", creds, err)
		}
	}
	get()
	want(t, "allocations", testing.AllocsPerRun(1000, get), 0)
}

func BenchmarkGetFresh(b *testing.B) {
	for _, sessions := range []int{1, 1000} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			c := cache.New(cache.Config{Mint: &aws{}})
			keys := make([]session.Key, sessions)
			for i := range keys {
				keys[i] = role(fmt.Sprint(i)).Key()
			}
			if err := c.Warm(b.Context(), keys); err != nil {
				b.Fatal(err)
			}
			ctx := b.Context()
			b.ReportAllocs()
			b.Run("alone", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					_, _ = c.Get(ctx, keys[i%sessions], patience)
				}
			})
			b.Run("parallel", func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						_, _ = c.Get(ctx, keys[i%sessions], patience)
					}
				})
			})
		})
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		_ = time.Now()
	}
}
