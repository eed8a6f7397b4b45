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
	for e := range c.all {
		rows = append(rows, e.state.Load().row(e.request, now))
	}
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

// row returns the row of the session of r. Credentials that have expired are
// not shown: nobody gets them.
func (s *state) row(r session.Request, now time.Time) session.Status {
	row := session.Status{Request: r, State: s.word(now), TokenUse: -1, Mints: s.mints, Failures: s.failures, Last: s.failure}
	if v := s.view; v != nil {
		if used := max(v.before, v.used.Load()); used != 0 {
			row.Used = time.Unix(0, used)
		}
	}
	if v := s.view; v.zone(now) != dead {
		row.KeyID, row.Principal, row.TokenUse = v.creds.KeyID, v.creds.Principal, v.creds.TokenUse
		row.Minted, row.Expires = v.creds.Minted, v.creds.Expires
	}
	if next := s.next(now); next < forever {
		row.Next = now.Add(next)
	}
	return row
}

// word returns the state in session's words.
func (s *state) word(now time.Time) string {
	alive := s.view.zone(now) != dead
	switch {
	case alive && s.attempt != nil:
		return session.Renewing
	case alive && s.failure != nil:
		return session.Failing
	case alive:
		return session.Live
	case s.attempt != nil:
		return session.Asking
	case s.failure != nil:
		return session.Failed
	}
	return session.Idle
}
