package cache_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// How long each class of failure keeps callers from AWS when nothing lives.
func TestFailuresAreRemembered(t *testing.T) {
	minutes := []time.Duration{60 * time.Second, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute}
	for _, test := range []struct {
		class session.Class
		holds []time.Duration // the longest that the first, second, … is remembered
		least time.Duration
	}{
		{session.Configuration, minutes, 60 * time.Second},
		{session.Person, minutes, 60 * time.Second},
		{session.Administrator, minutes, 60 * time.Second},
		{session.Retry, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}, time.Second},
		{session.Refused, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second}, time.Second},
	} {
		t.Run(test.class.String(), func(t *testing.T) {
			a := &aws{weather: fails(test.class)}
			story(t, a, func(t *testing.T, c *cache.Cache) {
				for i, longest := range test.holds {
					failure := "[role: a storm of class " + test.class.String() + "]"
					want(t, "attempt", got(t, c, reader), failure)
					want(t, "attempts", a.count(), i+1)
					time.Sleep(test.least - 1)
					want(t, "while remembered", got(t, c, reader), failure)
					want(t, "attempts while remembered", a.count(), i+1)
					time.Sleep(longest - test.least + 1)
				}
				a.set(nil)
				want(t, "when it is forgotten", got(t, c, reader)[:4], "ASIA")
				want(t, "state", row(t, c, reader).State, session.Live)
			})
		})
	}
}

// Another class begins its own steps: ten time-outs do not make a denial one
// of ten minutes.
func TestAnotherClassStartsOver(t *testing.T) {
	a := &aws{weather: fails(session.Retry)}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		for range 10 {
			got(t, c, reader)
			time.Sleep(30 * time.Second)
		}
		a.set(fails(session.Administrator))
		want(t, "denied", got(t, c, reader), "[role: a storm of class administrator]")
		a.set(nil)
		time.Sleep(time.Minute)
		want(t, "a minute later", got(t, c, reader)[:4], "ASIA")
	})
}

// Whatever fails, what lives is handed out, at once, to its end.
func TestFailuresDoNotTouchTheLiving(t *testing.T) {
	for _, class := range []session.Class{session.Configuration, session.Person, session.Administrator, session.Retry} {
		t.Run(class.String(), func(t *testing.T) {
			a := &aws{}
			story(t, a, func(t *testing.T, c *cache.Cache) {
				want(t, "at first", got(t, c, reader), "ASIA0001")
				a.set(fails(class))
				start := time.Now()
				for time.Since(start) < time.Hour-time.Second {
					time.Sleep(time.Second)
					want(t, time.Since(start).String(), got(t, c, reader), "ASIA0001")
				}
				time.Sleep(time.Second)
				want(t, "state", row(t, c, reader).State, session.Failed)
				want(t, "at the end", got(t, c, reader), "[role: a storm of class "+class.String()+"]")
				want(t, "the whole hour took", time.Since(start), time.Hour)
			})
		})
	}
}

func TestRetryForgets(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		warm, cold, other := role("Warm"), role("Cold"), role("Other")
		got(t, c, warm)
		a.set(fails(session.Person))
		for a.count() < 2 {
			time.Sleep(time.Second)
		}
		got(t, c, cold)
		got(t, c, other)
		want(t, "the warm one, before", row(t, c, warm).State, session.Failing)
		want(t, "attempts", a.count(), 4)

		a.set(nil)
		c.Retry(func(r session.Request) bool { return r != other })
		synctest.Wait()
		want(t, "attempts at once", a.count(), 5)
		want(t, "the warm one", row(t, c, warm).KeyID, "ASIA0005")
		want(t, "the warm one", row(t, c, warm).State, session.Live)
		want(t, "the cold one", row(t, c, cold).State, session.Idle)
		want(t, "the cold one, asked for", got(t, c, cold), "ASIA0006")
		want(t, "the other", got(t, c, other), "[role: a storm of class person]")
	})
}

// After a login an attempt that began before it must not have the last word,
// and one that hangs must not be waited for.
func TestRetryLeavesOldAttemptsBehind(t *testing.T) {
	for _, class := range []session.Class{session.Person, session.Retry} {
		t.Run(class.String(), func(t *testing.T) {
			a := &aws{}
			a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
				time.Sleep(10 * time.Second)
				return fails(class)(ctx, r)
			})
			story(t, a, func(t *testing.T, c *cache.Cache) {
				got(t, c, reader)
				a.set(nil)
				c.Retry(func(session.Request) bool { return true })
				want(t, "at once", got(t, c, reader), "ASIA0002")
				time.Sleep(10 * time.Second)
				want(t, "after the old one", got(t, c, reader), "ASIA0002")
				row := row(t, c, reader)
				want(t, "state", row.State, session.Live)
				want(t, "failures", row.Failures, 0)
			})
		})
	}
}

// An attempt that was left behind and brings credentials after all is not for
// nothing, also if Run has looked at the session in between.
func TestRetryTakesWhatComesLate(t *testing.T) {
	a := &aws{latency: 10 * time.Second}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		time.Sleep(25 * time.Second)
		want(t, "before", got(t, c, reader), "["+name+": still asking AWS]")
		c.Retry(func(session.Request) bool { return true })
		time.Sleep(10 * time.Second) // Run looks at 30 seconds
		want(t, "what came late", got(t, c, reader), "ASIA0001")
		want(t, "attempts", a.count(), 1)
	})
}

// A match may ask the cache: it is called without its lock.
func TestMatchMayAskTheCache(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		c.Retry(func(session.Request) bool { return len(c.Status()) == 1 })
		c.Retain(func(session.Request) bool { return len(c.Status()) == 1 })
		want(t, "sessions", len(c.Status()), 1)
	})
}

// The log hears of the beginning and of the end of a bout, not of what is in
// between, and once that callers get what should have been renewed.
func TestLogOfABout(t *testing.T) {
	a, d := &aws{}, &diary{}
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{Mint: a, Now: a.now, Log: d.log()})
		live(t, c)
		ask := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				got(t, c, reader)
			}
		}
		ask(20 * time.Minute)
		want(t, "lines in fine weather", d.lines(""), 0)

		a.set(fails(session.Retry))
		ask(50 * time.Minute) // the credentials expire at 60 minutes
		want(t, "lines of failures", d.lines("asking AWS for a session failed"), 1)
		want(t, "lines of failures in full", d.lines(`level=WARN msg="asking AWS for a session failed" session=`+strings.TrimPrefix(name, "role ")+
			` class=retry code=Storm problem="role: a storm of class retry" hint=wait cause=<nil>`), 1)
		want(t, "lines of late credentials", d.lines(`level=WARN msg="handing out credentials that should have been renewed by now" session=`+strings.TrimPrefix(name, "role ")+
			` key_id=ASIA0001 left=25m0s`)+d.lines("left=24m59s"), 1)
		want(t, "lines", d.lines(""), 2)

		a.set(nil)
		ask(time.Minute)
		want(t, "lines of the end", d.lines(`level=INFO msg="a session is renewed again" session=`+strings.TrimPrefix(name, "role ")+" failures="), 1)
		ask(3 * time.Hour)
		want(t, "lines", d.lines(""), 3)
		want(t, "lines with a secret", d.lines("sEcReT")+d.lines("tOkEn"), 0)
	})
}
