package cache

import (
	"cmp"
	"slices"
	"time"

	"github.com/vendord/vendord/session"
)

// Status returns a row for each session, parents among them, sorted by role,
// session name and source.
func (c *Cache) Status() []session.Status {
	now := c.now()
	var rows []session.Status
	c.mu.Lock()
	for e := range c.all {
		rows = append(rows, e.rowLocked(now))
	}
	c.mu.Unlock()
	slices.SortFunc(rows, func(a, b session.Status) int {
		x, y := a.Request, b.Request
		if order := cmp.Or(cmp.Compare(x.RoleARN, y.RoleARN), cmp.Compare(x.SessionName, y.SessionName),
			cmp.Compare(x.Source.Name, y.Source.Name)); order != 0 {
			return order
		}
		return cmp.Compare(x.Canonical(), y.Canonical())
	})
	return rows
}

// rowLocked returns the entry's row. Credentials that have expired are not
// shown: nobody gets them.
func (e *entry) rowLocked(now time.Time) session.Status {
	row := session.Status{Request: e.request, State: e.stateLocked(now), TokenUse: -1,
		Mints: e.mints, Failures: e.failures, Last: e.failure}
	v := e.view.Load()
	if v != nil {
		if used := max(v.before, v.used.Load()); used != 0 {
			row.Used = time.Unix(0, used)
		}
	}
	if v.zone(now) != dead {
		row.KeyID, row.Principal, row.TokenUse = v.creds.KeyID, v.creds.Principal, v.creds.TokenUse
		row.Minted, row.Expires = v.creds.Minted, v.creds.Expires
	}
	if next := e.nextLocked(now); next < forever {
		row.Next = now.Add(next)
	}
	return row
}

func (e *entry) stateLocked(now time.Time) string {
	alive := e.view.Load().zone(now) != dead
	switch {
	case alive && e.attempt != nil:
		return session.Renewing
	case alive && e.failure != nil:
		return session.Failing
	case alive:
		return session.Live
	case e.attempt != nil:
		return session.Asking
	case e.failure != nil:
		return session.Failed
	}
	return session.Idle
}
