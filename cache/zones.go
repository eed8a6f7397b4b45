package cache

import (
	"math"
	"time"

	"github.com/vendord/vendord/session"
)

// A zone is a stretch of a session's life. What Get does depends on it alone,
// and on how the latest attempt is doing:
//
//	dead   nothing, or expired: wait for AWS; a remembered failure at once
//	late   hand out, after waiting for a young and hopeful attempt
//	due    hand out at once, and renew behind the caller's back
//	fresh  hand out at once
type zone int

const (
	dead zone = iota
	late
	due
	fresh
)

// forever is longer than any wait.
const forever = time.Duration(math.MaxInt64)

// lines returns where in a session's life its zones meet: with less than
// renew left it is due, with less than wait left it is late. A session of an
// hour is renewed at 30 minutes and waited for at 25, because clients ask
// again and again for what has less: s3fs below 20 minutes, botocore and .NET
// below 15, Go, JavaScript and Ruby below 5 (as of 2026-11). Sessions too
// short for that are renewed at half their life. jitter, from 0 to 1, moves
// renewal earlier by up to 5 % of life, so that sessions which were minted
// together part.
func lines(life time.Duration, jitter float64) (renew, wait time.Duration) {
	renew, wait = life/2, life/4
	if life >= 25*time.Minute {
		renew = max(life/2, min(30*time.Minute, life*65/100))
		wait = min(25*time.Minute, life*55/100)
	}
	return renew + time.Duration(jitter*float64(life/20)), wait
}

// reminder is how long before its end a session is due that only a person can
// renew, by typing a code. Half of its life would have "login needed" shown for
// hours of a session that works.
const reminder = 30 * time.Minute

// personal reports whether a person has to type a code for a request.
func personal(r session.Request) bool { return r.MFASerial != "" && r.MFACommand == "" }

// zoneOf returns the zone of credentials that have left to live.
func zoneOf(left, renew, wait time.Duration) zone {
	switch {
	case left <= 0:
		return dead
	case left < wait:
		return late
	case left < renew:
		return due
	}
	return fresh
}

// waits returns how long a caller waits for an attempt of the given age;
// nothing or less means not at all. Where something lives, the wait ends when
// the attempt, not the caller, has waited patience: one that hangs delays
// everybody together once, and not each caller in turn. After a failure
// nobody waits for the next attempt, which may hang as well.
func waits(z zone, age, patience time.Duration, failed bool) time.Duration {
	switch {
	case z == dead:
		return patience
	case z == late && !failed:
		return patience - max(age, 0) // a clock set back makes no attempt younger than new
	}
	return 0
}

// holds returns for how long AWS is not asked again after a failure, the
// streak-th of its class in a row. jitter is from 0 to 1.
//
// What an administrator, a person or an edit has to mend is tried again after
// minutes, and at once after Retry. To wait for that call alone would let one
// bad moment, a credentials file read while it was being written, end a session
// for good.
//
// Retry's come to 230 calls an hour in the long run, and hardly ever to 300.
func holds(class session.Class, streak int, jitter float64) time.Duration {
	switch class {
	case session.Configuration, session.Person, session.Administrator:
		return min(time.Minute<<min(streak-1, 4), 10*time.Minute)
	}
	ceiling := min(time.Second<<min(streak, 5), 30*time.Second)
	return time.Second + time.Duration(jitter*float64(ceiling-time.Second))
}

// pause returns for how long AWS is not asked again after a success that left
// a session due: a source that has not rotated its keys yet, or one whose keys
// come with little to live. Without it each caller would start an attempt.
func pause(left time.Duration) time.Duration {
	return max(30*time.Second, left/10)
}

// judge decides whether fresh credentials replace a session's present ones.
// Neither better nor an error means that they are good but bring nothing new:
// the key has not been rotated yet, or the new one dies first, and an expiry
// that jumps back and forth makes clients ask without end.
func (e *entry) judge(old *view, fresh *session.Credentials, now time.Time) (better bool, err *session.Error) {
	expired := e.retry("the credentials that came have expired already", "look at this machine's clock, and at the source's", nil)
	if secret, token := fresh.Reveal(); secret == "" || token == "" || fresh.KeyID == "" { // nil reveals nothing
		return false, e.retry("an answer without a key id, a secret or a session token", "look at what the source answers", nil)
	}
	if fresh.Left(now) <= 0 {
		return false, expired
	}
	if old == nil {
		return true, nil
	}
	same, later := fresh.KeyID == old.creds.KeyID, fresh.Expires.After(old.creds.Expires)
	switch {
	case old.zone(now) != dead:
		return later && !same, nil
	case same && !later: // the source still has what died before the clock was set back
		return false, expired
	}
	return true, nil
}
