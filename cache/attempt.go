package cache

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vendord/vendord/session"
)

const (
	// limit is how long an attempt may take, its turn in the lane included.
	limit = 15 * time.Second
	// overtime is what a Minter gets to return once its context has ended.
	overtime = time.Second
	// width is how many attempts ask the same place at once, so that a daemon
	// that starts with 1,000 profiles is no storm to AWS. At a tenth of a
	// second each they are done in seven.
	width = 16
)

// A lane is a place that is asked: attempts beyond width wait for their turn
// there. One that hangs holds up nobody but those who ask it too. A child
// request has its parent in its lane, so that a child which waits for its
// parent never holds a turn that the parent waits for.
type lane struct {
	source                   session.Source
	parent, region, endpoint string
}

func laneOf(r session.Request) lane { return lane{r.Source, r.Parent, r.Region, r.Endpoint} }

// An attempt is one try at minting, shared by all who wait for it.
type attempt struct {
	started time.Time
	done    chan struct{}  // closed when it has ended, or was left behind
	failure *session.Error // set before done is closed
}

// ended reports whether failure may be read.
func (a *attempt) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// A ticket is what a caller that found a session less than fresh waits with:
// how things were when it came. The failure is that of the attempt before the
// one in flight.
type ticket struct {
	e *entry
	s *state
}

// join returns a ticket for a session, starting an attempt where one is due.
// It takes the lock only for that.
func (c *Cache) join(key session.Key, now time.Time) ticket {
	if e := c.find(key); e != nil {
		if s := e.state.Load(); !s.ripe(now) {
			return ticket{e, s}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entryLocked(key, now)
	c.tryLocked(e, now)
	return ticket{e, e.state.Load()}
}

// entryLocked returns the entry of key, making one if there is none.
func (c *Cache) entryLocked(key session.Key, now time.Time) *entry {
	if e := c.find(key); e != nil {
		return e
	}
	r := key.Value()
	turns := c.lanes[laneOf(r)]
	if turns == nil {
		turns = make(chan struct{}, width)
		c.lanes[laneOf(r)] = turns
	}
	e := &entry{request: r, name: nameOf(r), lane: turns}
	e.state.Store(&state{ended: now})
	c.entries.Store(key, e)
	return e
}

// nameOf is what messages call a session.
func nameOf(r session.Request) string {
	source := fmt.Sprintf("source %q", r.Source.Name)
	if r.MFASerial != "" {
		source = "MFA session of " + source // which signs for others, as a rule
	}
	return cmp.Or(r.RoleARN, source)
}

// wait waits until the attempt has ended, patience is over or ctx ends.
func (t ticket) wait(ctx context.Context, patience time.Duration) {
	if t.s.attempt == nil || patience <= 0 {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.s.attempt.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// why returns why the ticket's holder gets nothing.
func (c *Cache) why(ctx context.Context, t ticket) *session.Error {
	attempt, failure := t.s.attempt, t.s.failure
	if attempt == nil && failure != nil {
		return failure
	}
	if attempt != nil && attempt.ended() && attempt.failure != nil {
		return attempt.failure
	}
	if c.ctx.Err() != nil {
		return t.e.stopping()
	}
	hint := "try again in a few seconds"
	if failure != nil {
		hint += "; the answer before was: " + failure.Public
	}
	return t.e.retry("still asking AWS", hint, context.Cause(ctx))
}

// tryLocked starts an attempt if one is due.
func (c *Cache) tryLocked(e *entry, now time.Time) {
	if e.state.Load().ripe(now) {
		c.startLocked(e, now)
	}
}

// startLocked starts an attempt, unless Run has ended.
func (c *Cache) startLocked(e *entry, now time.Time) {
	if c.ctx.Err() != nil {
		return
	}
	next := *e.state.Load()
	a := &attempt{started: now, done: make(chan struct{})}
	next.attempt = a
	e.state.Store(&next)
	c.attempts.Go(func() { c.run(e, a) })
}

// run carries out an attempt. A Minter that does not return when its time is
// up is left behind: its turn and its entry are free for the next attempt,
// and should it come back with something better after all, that is taken.
func (c *Cache) run(e *entry, a *attempt) {
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	leave := func() {}
	select {
	case e.lane <- struct{}{}:
		leave = sync.OnceFunc(func() { <-e.lane })
	case <-ctx.Done():
	}
	defer leave()
	if ctx.Err() != nil { // even with a turn, which may have come in the last moment
		c.end(e, a, nil, e.retry("not its turn within 15 s, so many sessions ask the same place",
			"nothing to do: vendord keeps trying", nil))
		return
	}
	until, _ := ctx.Deadline()
	abandon := time.AfterFunc(time.Until(until)+overtime, func() {
		leave()
		c.end(e, a, nil, e.retry("no answer within 15 s", "look at the network and the source; vendord keeps trying", nil))
	})
	creds, failure := c.ask(ctx, e)
	abandon.Stop() // not deferred: it also mops up after a Minter that calls runtime.Goexit
	c.end(e, a, creds, failure)
}

// ask calls the Minter. A panic is a failure like others: one session's odd
// answer must not take the daemon from all the rest. What was panicked with
// may hold a secret, and is kept only where the runtime said it.
func (c *Cache) ask(ctx context.Context, e *entry) (creds *session.Credentials, failure *session.Error) {
	defer func() {
		if p := recover(); p != nil {
			cause := fmt.Errorf("panic with a %T", p)
			if said, ok := p.(runtime.Error); ok {
				cause = said
			}
			creds, failure = nil, e.retry("vendord made a mistake while minting",
				"report it with what the log says; vendord keeps trying", fmt.Errorf("%w\n%s", cause, debug.Stack()))
		}
	}()
	creds, err := c.mint.Mint(ctx, e.request)
	return creds, session.AsError(err)
}

// end takes the outcome of an attempt and lets those who wait for it go. Of
// one that was left behind, by time or by Retry, only better credentials
// count: its failure is not the latest.
func (c *Cache) end(e *entry, a *attempt, creds *session.Credentials, failure *session.Error) {
	now := c.now()
	c.mu.Lock()
	before := e.state.Load()
	latest, better, next := before.attempt == a, false, *before
	if failure == nil {
		better, failure = e.judge(before.view, creds, now)
	} else if c.ctx.Err() != nil {
		failure = e.stopping()
	}
	if better {
		next.view = newView(e.request, creds, before.view)
	}
	if latest {
		next.attempt = nil
	}
	if latest || better {
		next.remember(failure, now)
		e.state.Store(&next)
		c.alarmLocked(&next, now)
	}
	if !a.ended() { // under mu, so it is ended once
		a.failure = failure
		close(a.done)
	}
	c.mu.Unlock()
	if latest || better {
		c.tell(e, before, failure)
	}
	if better && c.changed != nil {
		c.changed()
	}
}

// tell logs the first failure of a bout, and its end. The cause is found
// nowhere else: callers are told the public line alone.
func (c *Cache) tell(e *entry, before *state, failure *session.Error) {
	switch {
	case failure == nil && before.failure != nil:
		c.log.Info("a session is renewed again", "session", e.name, "failures", before.streak)
	case failure != nil && c.ctx.Err() == nil:
		level := slog.LevelWarn
		if before.failure != nil && before.failure.Class == failure.Class {
			level = slog.LevelDebug
		}
		c.log.Log(c.ctx, level, "asking AWS for a session failed", "session", e.name, "class", failure.Class.String(),
			"code", failure.Code, "problem", failure.Public, "hint", failure.Hint, "cause", failure.Err)
	}
}
