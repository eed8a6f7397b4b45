package apps

import (
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
)

// Grants returns what callers get if they ask: the holders of live tokens, the
// users that rules name, and those that were recognised lately without being
// named. It has every app, user and profile once, sorted: the one in use, the one
// that is next, and, as Lazy, of an app with select the others. Those that would be refused
// are left out; they are told when they ask. It is what to mint ahead, and what a
// status shows.
func (a *Apps) Grants() []Grant {
	s, now := a.state.Load(), a.now()
	var grants []Grant
	for _, e := range s.entries {
		switch {
		case !a.good(s, e, now):
		case e.App == profiles.CLI:
			grants = e.own.append(grants)
		default:
			grants = e.id.append(grants)
		}
	}
	for _, app := range s.kernel {
		for _, id := range app.identities() {
			grants = id.append(grants)
		}
	}
	slices.SortFunc(grants, byIdentity)
	return slices.Compact(grants)
}

// good reports whether a token gets its holder anything at all.
func (a *Apps) good(s *snapshot, e *entry, now time.Time) bool {
	if !e.liveAt(now) || e.void != nil || now.Before(e.end) {
		return e.liveAt(now) && e.void == nil
	}
	ok, err := a.member(s, e, &Request{Now: now})
	return ok && err == nil
}

// Tokens returns the live tokens of an app, held ones included, or of every app
// if app is empty, the oldest first.
func (a *Apps) Tokens(app string) []Token {
	tokens := a.state.Load().live(a.now())
	if app != "" {
		tokens = slices.DeleteFunc(tokens, func(t Token) bool { return t.App != app })
	}
	slices.SortFunc(tokens, byIssue)
	return tokens
}

// Owns reports whether a user has a token, or was recognised by the kernel, as a
// number: 65,536 of these can be one person's, who may have as many in a user
// namespace, and what is owned cannot.
func (a *Apps) Owns(uid uint32) bool {
	s := a.state.Load()
	if s.owners[uid] {
		return true
	}
	for _, app := range s.kernel {
		if _, ok := app.seen.all()[uid]; ok {
			return true
		}
	}
	return false
}

// append appends what there is to get.
func (id *identity) append(grants []Grant) []Grant {
	grants = id.now.append(grants)
	if !id.course.until.IsZero() {
		grants = id.then.append(grants)
	}
	for profile, other := range id.others {
		if profile != id.now.grant.Profile && profile != id.then.grant.Profile && other.err == nil {
			grants = append(grants, other.grant)
			grants[len(grants)-1].Lazy = true
		}
	}
	return grants
}

func (c *choice) append(grants []Grant) []Grant {
	if c.err != nil {
		return grants
	}
	return append(grants, c.grant)
}
