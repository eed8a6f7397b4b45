package cache

import (
	"time"

	"github.com/vendord/vendord/session"
)

// Carried is a living session on its way from one process to the next.
type Carried struct {
	Request session.Request
	// Credentials are the session's. Their clocks are for whoever carries them to
	// set right: Minted has to be such, with a monotonic reading, that Left tells
	// the truth in the process that they are brought to.
	Credentials *session.Credentials
	// Used is when they were last handed out, and Before when their predecessors
	// were; zero for never. A session that was used is kept warm.
	Used, Before time.Time
}

// Snapshot returns the sessions that live, in no order.
func (c *Cache) Snapshot() []Carried {
	now := c.now()
	var living []Carried
	for e := range c.all {
		v := e.state.Load().view
		if v.zone(now) == dead {
			continue
		}
		living = append(living, Carried{Request: e.request, Credentials: v.creds,
			Used: timeOf(v.used.Load()), Before: timeOf(v.before)})
	}
	return living
}

// Restore takes in what a former process had, and returns how many it took. They
// are fresh, due or late by their life as if they had been minted here, but nothing
// was: the counts of attempts begin at zero. What has expired, or is no better than
// what there is, is left out.
func (c *Cache) Restore(sessions []Carried) (n int) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sessions {
		e := c.entryLocked(s.Request.Key(), now)
		next := *e.state.Load()
		if better, _ := e.judge(next.view, s.Credentials, now); !better {
			continue
		}
		next.view = newView(e.request, s.Credentials, next.view)
		next.view.used.Store(unixOf(s.Used))
		next.view.before = max(next.view.before, unixOf(s.Before))
		e.state.Store(&next)
		c.alarmLocked(&next, now)
		n++
	}
	return n
}

// timeOf and unixOf turn a view's times, of which 0 is never, into others' and back.
func timeOf(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(0, unix)
}

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
