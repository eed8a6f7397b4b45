package cache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// A laptop sleeps for two hours: its timers stand still, its clock does not.
func TestSuspendedLaptop(t *testing.T) {
	a := &aws{latency: 100 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		first, second := role("First"), role("Second")
		got(t, c, first)
		got(t, c, second)
		time.Sleep(10 * time.Minute)
		a.jump(2 * time.Hour)
		want(t, "who asks first gets new ones", got(t, c, first), "ASIA0003")
		want(t, "what nobody asks for has expired", row(t, c, second).State, session.Idle)
		time.Sleep(31 * time.Second)
		want(t, "when Run has looked, it is forgotten", row(t, c, second).State, "")
		want(t, "attempts", a.count(), 3)
		want(t, "who asks for it gets new ones", got(t, c, second), "ASIA0004")
	})
}

// A laptop sleeps for half an hour: what was used and lives is renewed when Run
// looks again, before anybody asks.
func TestSuspendedForALittle(t *testing.T) {
	a := &aws{latency: 100 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		time.Sleep(10 * time.Minute)
		a.jump(30 * time.Minute)
		time.Sleep(31 * time.Second)
		want(t, "mints", row(t, c, reader).Mints, 2)
	})
}

// An attempt that was under way when the laptop fell asleep is not forgotten
// for being hours old.
func TestSuspendedWhileAsking(t *testing.T) {
	a := &aws{latency: 10 * time.Second}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		time.Sleep(25 * time.Second)
		want(t, "before", got(t, c, reader), "["+name+": still asking AWS]")
		a.jump(2 * time.Hour)
		time.Sleep(6 * time.Second) // Run looks at 30 seconds
		want(t, "state", row(t, c, reader).State, session.Asking)
		time.Sleep(4 * time.Second)
		want(t, "after", got(t, c, reader), "ASIA0001")
	})
}

// What was seen dead is not revived when the clock is set back.
func TestClockSetBackAfterDeath(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		want(t, "at first", got(t, c, reader), "ASIA0001")
		a.set(fails(session.Retry))
		a.jump(2 * time.Hour)
		want(t, "after the jump", got(t, c, reader), "[role: a storm of class retry]")
		a.jump(-2 * time.Hour)
		a.set(nil)
		want(t, "after the jump back", got(t, c, reader), "ASIA0003")
	})
}

// A jump of the clock, in either direction at any point of a life, leads to
// no wait, no flood of attempts and no failure.
func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{2 * time.Hour, -2 * time.Hour, 10 * time.Minute, -10 * time.Minute} {
		for _, at := range []time.Duration{time.Minute, 29 * time.Minute, 34 * time.Minute} {
			t.Run(fmt.Sprintf("%v after %v", jump, at), func(t *testing.T) {
				a := &aws{latency: 100 * time.Millisecond}
				story(t, a, func(t *testing.T, c *cache.Cache) {
					for tick := time.Duration(0); tick < 50*time.Minute; tick += time.Second {
						if tick == at {
							a.jump(jump)
						}
						want(t, tick.String(), got(t, c, reader)[:4], "ASIA")
						time.Sleep(time.Second)
					}
					if a.count() > 4 {
						t.Errorf("attempts: got %d, want at most 4", a.count())
					}
				})
			})
		}
	}
}

// The memory of a failure is not prolonged by a clock that is set back.
func TestClockSetBackWhileFailing(t *testing.T) {
	a := &aws{weather: fails(session.Retry)}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		a.set(nil)
		a.jump(-2 * time.Hour)
		want(t, "after the jump back", got(t, c, reader), "ASIA0002")
	})
}
