package cache

import (
	"context"
	"time"

	"github.com/vendord/vendord/session"
)

// Renew asks AWS for a session now, however fresh what it has is, and returns
// what came of that: somebody has just brought what the next attempt needs, and
// wants to know whether it was right. An attempt under way began without it and
// is left behind, as by Retry. What lives stays where the new one fails. It
// waits for patience at most. The error is a *session.Error.
func (c *Cache) Renew(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error) {
	now := c.now()
	c.mu.Lock()
	e := c.entryLocked(key, now)
	next := *e.state.Load()
	next.attempt, next.failure, next.streak, next.hold = nil, nil, 0, 0
	e.state.Store(&next)
	c.startLocked(e, now)
	t := ticket{e, e.state.Load()}
	c.mu.Unlock()

	t.wait(ctx, patience)
	v := e.state.Load().view
	if a := t.s.attempt; a == nil || !a.ended() || a.failure != nil || v.zone(c.now()) == dead {
		return nil, c.why(ctx, t)
	}
	return v.creds, nil
}
