package cache

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/session"
)

// A view is one set of credentials as callers see it. Only its atomics change.
type view struct {
	creds       *session.Credentials
	renew, wait time.Duration // the lines of its life
	before      int64         // when its predecessors were last used, as used

	used   atomic.Int64 // when last handed out, in Unix nanoseconds, to a second or so; 0 if never
	dead   atomic.Bool  // has been seen expired
	warned atomic.Bool  // the log knows that it was handed out late
}

// newView returns the view of credentials that follow old, which may be nil.
// Half of the jitter is always there: with a one-hour session it is more than
// the longest time from the end of an outage to the end of the next attempt,
// so that an outage of 30 minutes goes unseen at whatever moment it begins.
func newView(creds *session.Credentials, old *view) *view {
	v := &view{creds: creds}
	v.renew, v.wait = lines(creds.Life, (1+rand.Float64())/2)
	if old != nil {
		v.before = max(old.before, old.used.Load())
	}
	return v
}

// left returns how long the credentials are still good, 0 for none. Once they
// have been seen expired they stay so: the monotonic clock stands still while
// a laptop sleeps, and setting back the wall clock afterwards must not revive
// them.
func (v *view) left(now time.Time) time.Duration {
	if v == nil || v.dead.Load() {
		return 0
	}
	left := v.creds.Left(now)
	if left <= 0 {
		v.dead.Store(true)
		return 0
	}
	return left
}

// zone returns the zone that the session is in; no view at all is dead.
func (v *view) zone(now time.Time) zone {
	if v == nil {
		return dead
	}
	return zoneOf(v.left(now), v.renew, v.wait)
}

// use notes that the credentials are handed out. It writes once a second at
// most: a store for every request would bounce the cache line between cores.
func (v *view) use(now time.Time) {
	t := now.UnixNano()
	if d := t - v.used.Load(); d >= int64(time.Second) || d <= -int64(time.Second) {
		v.used.Store(t)
	}
}

// An entry is one session. Its view is read without a lock; all the rest that
// changes is guarded by Cache.mu.
type entry struct {
	request session.Request
	name    string        // what messages call it
	lane    chan struct{} // shared with the entries that ask the same place
	view    atomic.Pointer[view]

	wanted  bool           // Warm asked for it
	asked   time.Time      // when a caller last found it less than fresh, or an attempt ended
	attempt *attempt       // in flight, or nil
	failure *session.Error // of the latest attempt, or nil
	streak  int            // failures of failure's class in a row
	ended   time.Time      // when the latest attempt ended
	hold    time.Duration  // for how long after that AWS is not asked

	mints, failures int
}

// heldLocked returns for how long AWS is not to be asked, 0 if it may be.
func (e *entry) heldLocked(now time.Time) time.Duration {
	age := now.Sub(e.ended) // a little below 0 for a caller that read the clock before the attempt ended
	switch {
	case e.hold == forever:
		return forever
	case age < -time.Second: // the clock was set back
		return 0
	case e.failure == nil && e.view.Load().zone(now) == dead: // a pause is for those who have something
		return 0
	}
	return max(0, e.hold-age)
}

// keptLocked reports whether the session is kept warm: somebody wants it, or
// has used what it has. What died unwanted is minted when it is asked for.
func (e *entry) keptLocked(now time.Time) bool {
	v := e.view.Load()
	return e.wanted || v.zone(now) != dead && v.used.Load() != 0
}

// nextLocked returns in how long AWS is to be asked behind callers' backs,
// forever if it is not.
func (e *entry) nextLocked(now time.Time) time.Duration {
	if e.attempt != nil || !e.keptLocked(now) {
		return forever
	}
	next := e.heldLocked(now)
	if v := e.view.Load(); v.zone(now) == fresh {
		next = max(next, v.left(now)-v.renew+1) // fresh to the very line, due a nanosecond later
	}
	return next
}

// lapsedLocked reports whether the session can be forgotten: nobody wants it,
// it has nothing, and nobody has asked for an hour, long enough for the steps
// between attempts to have run their course. A failure that only a person can
// mend stays in mind.
func (e *entry) lapsedLocked(now time.Time) bool {
	return !e.wanted && e.attempt == nil && e.hold != forever &&
		e.view.Load().zone(now) == dead && now.Sub(e.asked) >= time.Hour
}

// rememberLocked notes how an attempt ended.
func (e *entry) rememberLocked(failure *session.Error, now time.Time) {
	e.ended, e.asked, e.hold = now, now, 0
	switch {
	case failure == nil:
		e.mints++
		e.streak = 0
		if v := e.view.Load(); v.zone(now) != fresh {
			e.hold = pause(v.left(now))
		}
	case e.failure != nil && e.failure.Class == failure.Class:
		e.streak++
	default:
		e.streak = 1
	}
	if e.failure = failure; failure != nil {
		e.failures++
		e.hold = holds(failure.Class, e.streak, rand.Float64())
	}
}

// retry returns a failure that may come right by itself, in the cache's own
// words.
func (e *entry) retry(problem, hint string, cause error) *session.Error {
	return &session.Error{Class: session.Retry, Public: e.name + ": " + problem, Hint: hint, Err: cause}
}

func (e *entry) stopping() *session.Error {
	return e.retry("vendord is stopping", "try again when it runs", nil)
}
