package apps

import (
	"cmp"
	"slices"
	"strings"
)

// Grants returns what the holders of live tokens get if they ask: every app,
// user and profile once, sorted. Those that would be refused are left out; they
// are told when they ask. It is what to mint ahead, and what a status shows.
func (a *Apps) Grants() []Grant {
	now := a.now()
	var grants []Grant
	for _, e := range a.state.Load().entries {
		if !e.liveAt(now) {
			continue
		}
		if g, err := e.authorise(Request{Now: now}); err == nil {
			g.TokenID, g.How = "", ""
			grants = append(grants, g)
		}
	}
	slices.SortFunc(grants, func(a, b Grant) int {
		return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.User, b.User), strings.Compare(a.Profile, b.Profile))
	})
	return slices.Compact(grants)
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

// Owns reports whether a user has a token, as a number: 65,536 of these can be
// one person's, who may have as many in a user namespace, and tokens cannot.
func (a *Apps) Owns(uid uint32) bool { return a.state.Load().owners[uid] }

// Current returns the profile that an app's programs get now, which the
// configuration may lack by now, or "" for an app that neither it nor a live
// token has.
func (a *Apps) Current(app string) string { return a.state.Load().profile(app, a.now()) }
