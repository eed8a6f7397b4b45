package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// A session that is used is renewed before it is late; one that is not used
// any more is renewed once, lapses and is forgotten.
func TestUsedSessionsAreKeptWarm(t *testing.T) {
	a := &aws{latency: 100 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		for range 100 { // the day's work, a look every five minutes
			time.Sleep(5 * time.Minute)
			start := time.Now()
			creds, err := c.Get(t.Context(), reader.Key(), patience)
			if err != nil || creds.Left(time.Now()) < 27*time.Minute || time.Since(start) > 0 {
				t.Fatalf("Get: got %v, %v after %v, want 27 minutes and more at once", creds, err, time.Since(start))
			}
		}
		calls := a.count()
		time.Sleep(30 * time.Minute)
		want(t, "renewals after the last use", a.count()-calls, 1)
		time.Sleep(90 * time.Minute)
		want(t, "renewals after that", a.count()-calls, 1)
		want(t, "sessions", len(c.Status()), 0)
		want(t, "asked for again", got(t, c, reader)[:4], "ASIA")
	})
}

// What has failed and is not asked for is forgotten too.
func TestFailedSessionsLapse(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		a.set(fails(session.Retry))
		got(t, c, role("A"))
		a.set(fails(session.Person))
		got(t, c, role("B"))
		time.Sleep(59 * time.Minute)
		want(t, "sessions", len(c.Status()), 2)
		time.Sleep(2 * time.Minute)
		want(t, "sessions after an hour", len(c.Status()), 0)
		want(t, "attempts", a.count(), 2)
	})
}

func TestWarm(t *testing.T) {
	a := &aws{latency: 200 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		bad := role("Bad")
		a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
			if r == bad {
				return fails(session.Administrator)(ctx, r)
			}
			return a.make(r, time.Hour), nil
		})
		start := time.Now()
		err := c.Warm(t.Context(), []session.Key{role("A").Key(), bad.Key(), role("B").Key(), role("C").Key()})
		want(t, "time", time.Since(start), a.latency)
		want(t, "error", fmt.Sprint(err), "role: a storm of class administrator")
		want(t, "class", session.AsError(err).Class, session.Administrator)

		start = time.Now()
		err = c.Warm(t.Context(), []session.Key{role("A").Key(), bad.Key()})
		want(t, "again: time", time.Since(start), 0)
		want(t, "again: error", fmt.Sprint(err), "role: a storm of class administrator")
		synctest.Wait()
		want(t, "attempts", a.count(), 4)
		want(t, "never used", row(t, c, role("B")).Used, time.Time{})
	})
}

// To be warmed is not to be used: who never asks costs one call, and who asks
// is asked for again and again.
func TestWarmedSessionsLapse(t *testing.T) {
	a := &aws{latency: 100 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		used, idle := role("Used"), role("Idle")
		want(t, "Warm", c.Warm(t.Context(), []session.Key{used.Key(), idle.Key()}), nil)
		for range 12 * 6 { // a working day, a look every ten minutes
			start := time.Now()
			want(t, "the used one", got(t, c, used)[:4], "ASIA")
			want(t, "the used one: time", time.Since(start), 0)
			time.Sleep(10 * time.Minute)
			if left := time.Until(row(t, c, used).Expires); left < 25*time.Minute {
				t.Errorf("the used one: got %v left, want 25 minutes", left)
			}
			if mints := row(t, c, idle).Mints; mints > 1 {
				t.Fatalf("the idle one: got %d mints, want one", mints)
			}
		}
		want(t, "the idle one is forgotten", row(t, c, idle).State, "")
		calls := a.count()
		want(t, "asked for, it is minted again", got(t, c, idle), fmt.Sprintf("ASIA%04d", calls+1))
		if most := 12*60/27 + 1; calls-1 > most { // renewed after 27 minutes or later
			t.Errorf("calls for the used one: got %d, want at most %d", calls-1, most)
		}
	})
}

// Warm is about having something at all: what lives is not waited for.
func TestWarmDoesNotWaitForTheLiving(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		a.set(hangs)
		a.jump(40 * time.Minute)
		start := time.Now()
		want(t, "Warm", c.Warm(t.Context(), []session.Key{reader.Key()}), nil)
		want(t, "time", time.Since(start), 0)
		want(t, "state", row(t, c, reader).State, session.Renewing)
	})
}

func TestWarmWaitsAsLongAsItMay(t *testing.T) {
	a := &aws{latency: 5 * time.Second}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := c.Warm(ctx, []session.Key{role("A").Key(), role("B").Key()})
		want(t, "time", time.Since(start), 3*time.Second)
		want(t, "error", fmt.Sprint(err), "role arn:aws:iam::123456789012:role/A: still asking AWS\nrole arn:aws:iam::123456789012:role/B: still asking AWS")
		time.Sleep(2 * time.Second)
		want(t, "goes on", got(t, c, role("A"))[:4], "ASIA")
	})
}

// What could not be warmed is tried again when somebody asks for it.
func TestWarmDoesNotTryAgain(t *testing.T) {
	a := &aws{weather: fails(session.Retry)}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		err := c.Warm(t.Context(), []session.Key{reader.Key()})
		want(t, "error", fmt.Sprint(err), "role: a storm of class retry")
		a.set(nil)
		time.Sleep(30 * time.Minute)
		want(t, "attempts", a.count(), 1)
		want(t, "asked for", got(t, c, reader), "ASIA0002")
	})
}

// What was used is tried again while AWS is away, and is renewed within a
// minute when it is back, without anybody asking.
func TestUsedSessionsAreTriedAgain(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		a.set(hangs)
		time.Sleep(55 * time.Minute)
		want(t, "in the outage", row(t, c, reader).KeyID, "ASIA0001")
		a.set(nil)
		time.Sleep(time.Minute)
		want(t, "mints", row(t, c, reader).Mints, 2)
	})
}

// Run does not sleep through the second that a first failure is remembered.
func TestRunIsWoken(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		a.set(fails(session.Retry))
		time.Sleep(30 * time.Second) // Run knows now when to renew it
		time.Sleep(time.Until(row(t, c, reader).Next))
		synctest.Wait()
		want(t, "state", row(t, c, reader).State, session.Failing)
		a.set(nil)
		time.Sleep(2 * time.Second)
		want(t, "two seconds later", row(t, c, reader).State, session.Live)
	})
}

func TestRetain(t *testing.T) {
	a := &aws{latency: 500 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		keep, drop, flight := role("Keep"), role("Drop"), role("Flight")
		_ = c.Warm(t.Context(), []session.Key{keep.Key(), drop.Key()})
		answer := make(chan string)
		go func() { answer <- got(t, c, flight) }()
		time.Sleep(100 * time.Millisecond)

		c.Retain(func(r session.Request) bool { return r == keep })
		want(t, "sessions", len(c.Status()), 1)
		want(t, "who was let in before", <-answer, "ASIA0003")
		want(t, "what is kept", got(t, c, keep)[:4], "ASIA")
		want(t, "attempts", a.count(), 3)
		want(t, "sessions after the attempt", len(c.Status()), 1)
		want(t, "who comes after", got(t, c, flight), "ASIA0004")
		time.Sleep(35 * time.Minute)
		want(t, "what is dropped", row(t, c, drop).State, "")
		want(t, "what is kept still", row(t, c, keep).State, session.Live)
	})
}

// A source that has not rotated gives the same key again: it is kept, handed
// out at once or so, and asked about at most every tenth of what is left.
func TestSameKey(t *testing.T) {
	a := &aws{latency: 50 * time.Millisecond}
	var first chan *session.Credentials // what the source has, until it rotates
	a.set(func(context.Context, session.Request) (*session.Credentials, error) {
		select {
		case c := <-first:
			first <- c
			return c, nil
		default:
			c := a.make(reader, time.Hour)
			first <- c
			return c, nil
		}
	})
	synctest.Test(t, func(t *testing.T) {
		first = make(chan *session.Credentials, 1)
		c := cache.New(cache.Config{Mint: a, Now: a.now})
		live(t, c)
		got(t, c, reader)
		for time.Sleep(time.Second); row(t, c, reader).Expires.After(time.Now().Add(time.Second)); time.Sleep(time.Second) {
			start := time.Now()
			want(t, "key", got(t, c, reader), "ASIA0001")
			if took := time.Since(start); took > a.latency { // an attempt may be looked at while it is young
				t.Errorf("time: got %v, want at most %v", took, a.latency)
			}
		}
		if calls := a.count(); calls < 15 || calls > 40 { // 3 minutes apart at first, 30 seconds at the end
			t.Errorf("attempts: got %d, want 15 to 40", calls)
		}
		time.Sleep(time.Second)
		<-first // rotated
		want(t, "after its death", got(t, c, reader)[:4], "ASIA")
	})
}

// A source that gives keys with little left is not asked by each caller.
func TestKeysWithLittleLeft(t *testing.T) {
	a := &aws{}
	a.set(func(context.Context, session.Request) (*session.Credentials, error) {
		c := a.make(reader, 10*time.Minute)
		c.Life = time.Hour // as with a clock that is 50 minutes ahead, and no Date to tell
		return c, nil
	})
	story(t, a, func(t *testing.T, c *cache.Cache) {
		for range 10 * 60 {
			want(t, "key", got(t, c, reader)[:4], "ASIA")
			time.Sleep(time.Second)
		}
		if calls := a.count(); calls > 11 {
			t.Errorf("attempts in ten minutes: got %d, want at most 11", calls)
		}
	})
}

func TestRunEndsItsAttempts(t *testing.T) {
	a, d := &aws{latency: 5 * time.Second}, &diary{}
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{Mint: a, Now: a.now, Log: d.log()})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		answer := make(chan string)
		go func() { answer <- got(t, c, reader) }()
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		stop()
		want(t, "Run", <-ended, nil)
		want(t, "time", time.Since(start), 0)
		want(t, "who waited", <-answer, "["+name+": vendord is stopping]")
		_, err := c.Get(t.Context(), role("New").Key(), patience)
		want(t, "who comes after", fmt.Sprint(err), "role arn:aws:iam::123456789012:role/New: vendord is stopping")
		want(t, "hint", session.AsError(err).Hint, "try again when it runs")
		want(t, "lines in the log", d.lines(""), 0)
		want(t, "attempts", a.count(), 1)
	})
}

func TestRunDoesNotWaitForTheDeaf(t *testing.T) {
	a := &aws{}
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		a.set(func(context.Context, session.Request) (*session.Credentials, error) {
			<-free
			return nil, errors.New("late")
		})
		c := cache.New(cache.Config{Mint: a, Now: a.now})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		got(t, c, reader)
		start := time.Now()
		want(t, "Run", c.Run(ctx), nil)
		want(t, "time", time.Since(start), 3*time.Second)
		close(free)
		time.Sleep(20 * time.Second)
	})
}
