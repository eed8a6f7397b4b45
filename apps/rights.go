package apps

import (
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
)

// right is a user's right to an app or to a profile; the other is empty. That of
// a group is every member's, and that of both only if the user is one.
type right struct{ user, group, app, profile string }

// rights are the rights that tokens give their users, and until when. A token
// that was issued by somebody who may not steer, to themselves, is worth what
// its user has a right to at the time: it falls with the token that gave that.
type rights map[right]time.Time

// always is when a right ends that the configuration gives.
var always = time.Unix(1<<40, 0)

// people returns the user and the group whose programs are an app's, whatever they
// are. Other rules say something of the program: one of a unit's programs is not
// its user's shell, who could otherwise ask for what the unit has.
func people(a profiles.App) (user, group string, ok bool) {
	m := a.Match
	if !byKernel(a) || !m.Known && m.User != "" || m.Unit+m.UserUnit+m.Cgroup+m.Container+m.Exe != "" {
		return "", "", false
	}
	return m.User, m.Group, true
}

// newRights works out what tokens give. Held tokens give nothing, nor do those
// that users issued to themselves: what is revoked would live on in its
// children. Nor do tokens of "cli", which have no app's profiles, nor those
// without a user, which would give the right to everybody.
func newRights(c *profiles.Config, tokens []Token) rights {
	until := make(rights)
	for name, app := range c.Apps {
		if user, group, ok := people(app); ok {
			until.extend(right{user: user, group: group, app: name}, always)
			for _, profile := range app.Profiles {
				until.extend(right{user: user, group: group, profile: profile}, always)
			}
		}
	}
	for _, t := range tokens {
		if t.App == profiles.CLI || t.Held || !t.Steer || t.User == "" {
			continue
		}
		until.extend(right{user: t.User, app: t.App}, t.Expires)
		if byKernel(c.Apps[t.App]) {
			continue // the token is good for nothing, unless that changes back
		}
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

// entitled reports whether the user of a token has a right to it as a member of a
// group. It asks the user database, where there is such a right at all.
func (a *Apps) entitled(s *snapshot, e *entry) (bool, error) {
	if e.App != profiles.CLI || e.Steer || !s.rights.ofGroup(e.User, e.Profile) {
		return false, nil
	}
	f := facts{caller: &Caller{UID: e.UID}, user: a.user}
	name, groups, err := f.names()
	if err != nil || name != e.User {
		return false, err
	}
	return s.rights.member(name, groups, e.Profile), nil
}

// ofGroup reports whether members of some group have a right to a profile.
func (until rights) ofGroup(user, profile string) bool {
	for r := range until {
		if r.group != "" && r.profile == profile && (r.user == "" || r.user == user) {
			return true
		}
	}
	return false
}

// member reports whether a member of groups has a right to a profile.
func (until rights) member(user string, groups []string, profile string) bool {
	for _, group := range groups {
		for _, named := range []string{user, ""} {
			if !until[right{user: named, group: group, profile: profile}].IsZero() {
				return true
			}
		}
	}
	return false
}

// Allowed returns the apps that a user has a live token of, from somebody who
// may steer, or that have whatever the user runs; and the profiles of those apps;
// sorted. The user may have tokens of apps that have tokens, and of "cli" for these profiles, by
// asking for them.
func (a *Apps) Allowed(user string, groups ...string) (apps, profiles []string) {
	s, now := a.state.Load(), a.now()
	for r, until := range s.rights {
		whose := r.user == user && user != "" || r.user == "" && r.group != ""
		if !whose || r.group != "" && !slices.Contains(groups, r.group) || !now.Before(until) {
			continue
		}
		if _, ok := s.config.Apps[r.app]; ok {
			apps = append(apps, r.app)
		} else if r.profile != "" && !s.config.Profiles[r.profile].Protected {
			profiles = append(profiles, r.profile)
		}
	}
	slices.Sort(apps)
	slices.Sort(profiles)
	return slices.Compact(apps), slices.Compact(profiles)
}

// Always reports whether the configuration, and no token, gives a user the right to
// an app or, of "cli", to a profile. What a token gives ends with it.
func (a *Apps) Always(user string, groups []string, app, profile string) bool {
	for r, until := range a.state.Load().rights {
		mine := (r.user == user && user != "" || r.user == "" && r.group != "") && (r.group == "" || slices.Contains(groups, r.group))
		what := app == profiles.CLI && r.profile == profile && profile != "" || app != profiles.CLI && r.app == app && app != ""
		if mine && what && until.Equal(always) {
			return true
		}
	}
	return false
}
