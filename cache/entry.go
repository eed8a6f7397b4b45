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

// newView returns the view of a request's credentials that follow old, which may be
// nil. Half of the jitter is always there: with a one-hour session it is more than
// the longest time from the end of an outage to the end of the next attempt,
// so that an outage of 30 minutes goes unseen at whatever moment it begins.
func newView(r session.Request, creds *session.Credentials, old *view) *view {
	v := &view{creds: creds}
	v.renew, v.wait = lines(creds.Life, (1+rand.Float64())/2)
	if personal(r) {
		v.renew = min(v.renew, reminder)
	}
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

// An entry is one session.
type entry struct {
	request session.Request
	name    string        // what messages call it
	lane    chan struct{} // shared with the entries that ask the same place

	// state is read without a lock, and replaced with Cache.mu held.
	state atomic.Pointer[state]
}

// A state is what is known of a session at one moment. It never changes: the
// next one takes its place. So whoever finds nothing to do needs no lock, and
// a program that asks all the time in an outage holds up no other.
type state struct {
	view    *view          // nil until something was minted
	attempt *attempt       // in flight, or nil
	failure *session.Error // of the latest attempt, or nil
	streak  int            // failures of failure's class in a row
	ended   time.Time      // when the latest attempt ended, or the entry was made
	hold    time.Duration  // for how long after that AWS is not asked

	mints, failures int
}

// held returns for how long AWS is not to be asked, 0 if it may be.
func (s *state) held(now time.Time) time.Duration {
	age := now.Sub(s.ended) // a little below 0 for a caller that read the clock before the attempt ended
	switch {
	case age < -time.Second: // the clock was set back
		return 0
	case s.failure == nil && s.view.zone(now) == dead: // a pause is for those who have something
		return 0
	}
	return max(0, s.hold-age)
}

// ripe reports whether AWS is to be asked if somebody asks us.
func (s *state) ripe(now time.Time) bool {
	return s.attempt == nil && s.view.zone(now) != fresh && s.held(now) <= 0
}

// kept reports whether the session is kept warm: what it has was used. What
// nobody used lapses, and is minted again when it is asked for.
func (s *state) kept(now time.Time) bool {
	return s.view.zone(now) != dead && s.view.used.Load() != 0
}

// next returns in how long AWS is to be asked behind callers' backs, forever
// if it is not.
func (s *state) next(now time.Time) time.Duration {
	if s.attempt != nil || !s.kept(now) {
		return forever
	}
	next := s.held(now)
	if s.view.zone(now) == fresh {
		next = max(next, s.view.left(now)-s.view.renew+1) // fresh to the very line, due a nanosecond later
	}
	return next
}

// lapsed reports whether the session can be forgotten: it has nothing, and AWS
// has not been asked for an hour, long enough for the steps between attempts
// to have run their course.
func (s *state) lapsed(now time.Time) bool {
	return s.attempt == nil && s.view.zone(now) == dead && now.Sub(s.ended) >= time.Hour
}

// remember notes how an attempt ended, in a state that nobody else sees yet.
func (s *state) remember(failure *session.Error, now time.Time) {
	before := s.failure
	s.failure, s.ended, s.hold = failure, now, 0
	if failure == nil {
		s.mints++
		s.streak = 0
		if s.view.zone(now) != fresh {
			s.hold = pause(s.view.left(now))
		}
		return
	}
	s.failures++
	s.streak++
	if before == nil || before.Class != failure.Class {
		s.streak = 1
	}
	s.hold = holds(failure.Class, s.streak, rand.Float64())
}

// retry returns a failure that may come right by itself, in the cache's own
// words.
func (e *entry) retry(problem, hint string, cause error) *session.Error {
	subject := e.name
	if e.request.RoleARN != "" {
		subject = "role " + subject // as mint says it
	}
	return &session.Error{Class: session.Retry, Public: subject + ": " + problem, Hint: hint, Err: cause}
}

func (e *entry) stopping() *session.Error {
	return e.retry("vendord is stopping", "try again when it runs", nil)
}
