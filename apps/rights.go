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
// without a user, which would give the right to everybody, nor those of an app that
// requires both: its user would get past the rule by asking for a command's token.
func newRights(c *profiles.Config, tokens []Token) rights {
	until := make(rights)
	for _, t := range tokens {
		if t.App == profiles.CLI || t.Held || !t.Steer || t.User == "" {
			continue
		}
		app := c.Apps[t.App]
		if app.Match.Any() && app.Both {
			continue // who asks here shows no token, and need not match
		}
		until.extend(right{user: t.User, app: t.App}, t.Expires)
		if byKernel(app) {
			continue // the token is good for nothing, unless that changes back
		}
		for _, profile := range app.Profiles {
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
func (until rights) end(t Token, given given) time.Time {
	switch {
	case t.Steer:
		return t.Expires
	case t.App != profiles.CLI:
		return until[right{user: t.User, app: t.App}]
	case given.users[right{user: t.User, profile: t.Profile}]:
		return t.Expires
	}
	return until[right{user: t.User, profile: t.Profile}]
}

// given are the rights that the configuration gives: to the users and members of
// groups whose programs are an app's, whatever they are.
type given struct {
	users map[right]bool
	// groups are the rights of members, by app, and by profile. The user is who
	// has to be one, or empty for all of them.
	apps, profiles map[string][]member
}

type member struct{ user, group string }

// newGiven works out what a configuration gives. Rules with other keys say
// something of the program: the user of a unit that is one of an app's programs
// could otherwise ask, from a shell, for what the unit has.
func newGiven(c *profiles.Config) given {
	g := given{make(map[right]bool), make(map[string][]member), make(map[string][]member)}
	for name, app := range c.Apps {
		m := app.Match
		switch {
		case !byKernel(app) || m.User != "" && !m.Known || m.Unit+m.UserUnit+m.Cgroup+m.Container+m.Exe != "":
		case m.Group == "":
			g.users[right{user: m.User, app: name}] = true
			for _, profile := range app.Profiles {
				g.users[right{user: m.User, profile: profile}] = true
			}
		default:
			g.apps[name] = append(g.apps[name], member{m.User, m.Group})
			for _, profile := range app.Profiles {
				g.profiles[profile] = append(g.profiles[profile], member{m.User, m.Group})
			}
		}
	}
	return g
}

// has reports whether a user of these groups is one of the members.
func has(members []member, user string, groups []string) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		return (m.user == "" || m.user == user) && slices.Contains(groups, m.group)
	})
}

// member reports whether the user of a command's token has a right to its profile
// as a member of a group. It asks the user database only where groups have one.
func (a *Apps) member(s *snapshot, e *entry, r *Request) (bool, error) {
	members := s.given.profiles[e.Profile]
	switch {
	case e.App != profiles.CLI || e.Steer || len(members) == 0:
		return false, nil
	case r.Memo.isMember(s, e, r.Now):
		return true, nil
	}
	f := facts{caller: &Caller{UID: e.UID}, user: a.user}
	name, groups, err := f.names()
	if err != nil || name != e.User || !has(members, name, groups) {
		return false, err
	}
	r.Memo.rememberMember(s, e, r.Now)
	return true, nil
}

// Allowed returns the apps that a user has a live token of, from somebody who
// may steer, or whose programs are whatever the user runs, or a member of one of
// the groups; and the profiles of those apps; sorted. The user may have tokens of
// "cli" for these profiles, and of those of the apps that have any, by asking.
func (a *Apps) Allowed(user string, groups ...string) (apps, profiles []string) {
	s, now := a.state.Load(), a.now()
	if user == "" {
		return nil, nil
	}
	for r, until := range s.rights {
		if r.user == user && now.Before(until) {
			apps, profiles = append(apps, r.app), append(profiles, r.profile)
		}
	}
	for r := range s.given.users {
		if r.user == user {
			apps, profiles = append(apps, r.app), append(profiles, r.profile)
		}
	}
	for app, members := range s.given.apps {
		if has(members, user, groups) {
			apps = append(apps, app)
		}
	}
	for profile, members := range s.given.profiles {
		if has(members, user, groups) {
			profiles = append(profiles, profile)
		}
	}
	none := func(name string) bool { return name == "" }
	gone := func(name string) bool { _, ok := s.config.Apps[name]; return !ok }
	return sorted(slices.DeleteFunc(apps, gone)), sorted(slices.DeleteFunc(profiles, none))
}

// Always reports whether the configuration, and no token, gives a user the right to
// an app or, of "cli", to a profile. What a token gives ends with it.
func (a *Apps) Always(user string, groups []string, app, profile string) bool {
	if user == "" {
		return false
	}
	given := a.state.Load().given
	if app == profiles.CLI {
		return given.users[right{user: user, profile: profile}] || has(given.profiles[profile], user, groups)
	}
	return given.users[right{user: user, app: app}] || has(given.apps[app], user, groups)
}
