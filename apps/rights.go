package apps

import (
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
)

// right is a user's right to an app or to a profile; the other is empty.
type right struct{ user, app, profile string }

// rights are the rights that tokens give their users, and until when. A token
// that was issued by somebody who may not steer, to themselves, is worth what
// its user has a right to at the time: it falls with the token that gave that.
type rights map[right]time.Time

// newRights works out what tokens give. Held tokens give nothing, nor do those
// that users issued to themselves: what is revoked would live on in its
// children. Nor do tokens of "cli", which have no app's profiles, nor those
// without a user, which would give the right to everybody.
func newRights(c *profiles.Config, tokens []Token) rights {
	until := make(rights)
	for _, t := range tokens {
		if t.App == profiles.CLI || t.Held || !t.Steer || t.User == "" {
			continue
		}
		until.extend(right{user: t.User, app: t.App}, t.Expires)
		for _, profile := range c.Apps[t.App].Profiles {
			until.extend(right{user: t.User, profile: profile}, t.Expires)
		}
	}
	return until
}

func (until rights) extend(r right, to time.Time) {
	if to.After(until[r]) {
		until[r] = to
	}
}

// end returns until when the token is good for anything, which may be the zero
// time.
func (until rights) end(t Token) time.Time {
	switch {
	case t.Steer:
		return t.Expires
	case t.App == profiles.CLI:
		return until[right{user: t.User, profile: t.Profile}]
	}
	return until[right{user: t.User, app: t.App}]
}

// Allowed returns the apps that a user has a live token of, from somebody who
// may steer, and the profiles of those apps, sorted. The user may have tokens of
// these apps, and of "cli" for these profiles, by asking for them.
func (a *Apps) Allowed(user string) (apps, profiles []string) {
	s, now := a.state.Load(), a.now()
	for r, until := range s.rights {
		if r.user != user || !now.Before(until) {
			continue
		}
		if _, ok := s.config.Apps[r.app]; ok {
			apps = append(apps, r.app)
		} else if r.profile != "" {
			profiles = append(profiles, r.profile)
		}
	}
	slices.Sort(apps)
	slices.Sort(profiles)
	return apps, profiles
}
