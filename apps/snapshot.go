package apps

import (
	"fmt"
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// snapshot is everything a decision rests on. It never changes.
type snapshot struct {
	config *profiles.Config
	// renders are the configuration's, and shared by its snapshots.
	renders *renders
	// uses are the apps that have live tokens.
	uses map[string]use
	// entries are the tokens, by the hash of their secrets.
	entries map[[32]byte]*entry
	// rights are what the tokens give their users.
	rights rights
	// owners are the users of tokens.
	owners map[uint32]bool
	// meters are those of the identities that have live tokens.
	meters map[identity]*meter
}

// use is the profile that an app uses, and until when anybody has a live token
// of it.
type use struct {
	profile string
	until   time.Time
}

// entry is a token and, worked out beforehand, what its holder gets.
type entry struct {
	Token
	grant Grant
	err   error // why there is no session, or nil
	meter *meter
	end   time.Time // until when it is good for anything; see rights
}

// newSnapshot works out a snapshot for live tokens from the one before, which
// knows the profiles that their apps use.
func newSnapshot(old *snapshot, c *profiles.Config, tokens []Token, now time.Time) *snapshot {
	s := &snapshot{config: c, renders: old.renders, uses: make(map[string]use),
		entries: make(map[[32]byte]*entry, len(tokens)), rights: newRights(c, tokens), meters: make(map[identity]*meter), owners: make(map[uint32]bool)}
	if c != old.config {
		s.renders = &renders{config: c}
	}
	for _, t := range tokens {
		s.keep(t, old.profile(t.App, now))
	}
	for _, t := range tokens {
		e := s.entry(t, now, old)
		e.meter = s.meter(t, old)
		if t.User != "" {
			s.owners[t.UID] = true
		}
		s.entries[t.Hash] = e
	}
	return s
}

// meter returns the meter of a token's programs, which goes on counting over a
// change unless that changed the bound.
func (s *snapshot) meter(t Token, old *snapshot) *meter {
	who := identity{t.App, t.User}
	m, ok := s.meters[who]
	if !ok {
		bound := s.config.Daemon.RequestsPerSecond
		if m, ok = old.meters[who]; !ok || old.config.Daemon.RequestsPerSecond != bound {
			m = newMeter(bound)
		}
		s.meters[who] = m
	}
	return m
}

// keep notes that a token's app uses a profile as long as the token lives.
func (s *snapshot) keep(t Token, profile string) {
	if t.App == profiles.CLI {
		return // each of its tokens names its own
	}
	u := use{profile, s.uses[t.App].until}
	if t.Expires.After(u.until) {
		u.until = t.Expires
	}
	s.uses[t.App] = u
}

// profile returns the profile that an app uses. As long as anybody has a live
// token of it, that is not changed behind their back, neither to another one
// that a new configuration lists first, nor when it is gone from the list: then
// they are refused. Only an app that nobody uses begins anew.
func (s *snapshot) profile(app string, now time.Time) string {
	if u := s.uses[app]; now.Before(u.until) {
		return u.profile
	}
	if listed := s.config.Apps[app].Profiles; len(listed) > 0 {
		return listed[0]
	}
	return ""
}

// entry works out what the holder of a token gets. old is the snapshot before,
// which knows the sessions of narrowed tokens.
func (s *snapshot) entry(t Token, now time.Time, old *snapshot) *entry {
	profile := t.Profile
	if t.App != profiles.CLI {
		profile = s.profile(t.App, now)
	}
	e := &entry{Token: t, end: s.rights.end(t), err: s.missing(t.App, profile),
		grant: Grant{App: t.App, User: t.User, Profile: profile, TokenID: t.ID, How: "token", Narrowed: t.Narrowed()}}
	switch was := old.entries[t.Hash]; {
	case e.err != nil:
	case !t.Narrowed():
		e.grant.Session, e.err = s.renders.get(t.App, t.User, profile)
	case was != nil && was.ID == t.ID && old.config == s.config:
		e.grant.Session, e.err = was.grant.Session, was.err
	default:
		e.grant.Session, e.err = s.narrow(t)
	}
	return e
}

// narrow renders the session of a narrowed token. It fails where the profile
// has session policies that one more would widen, also when a reload gives it
// some: its program gets nothing then, and never the profile's own session.
func (s *snapshot) narrow(t Token) (session.Key, error) {
	r, err := s.config.Narrow(t.Profile, profiles.Identity{App: t.App, User: t.User},
		profiles.Narrowing{Policy: t.Policy, PolicyARNs: session.Items(t.PolicyARNs)})
	if err != nil {
		return session.Key{}, err
	}
	return r.Key(), nil
}

// missing returns the refusal for what the configuration no longer has.
func (s *snapshot) missing(app, profile string) error {
	if app == profiles.CLI {
		if _, ok := s.config.Profiles[profile]; !ok {
			return refused(fmt.Sprintf("profile %q: gone from the configuration", profile), "put it back and run vendord reload")
		}
		return nil
	}
	a, ok := s.config.Apps[app]
	if !ok {
		return refused(fmt.Sprintf("app %q: gone from the configuration", app), "put it back and run vendord reload")
	}
	if !slices.Contains(a.Profiles, profile) {
		return refused(fmt.Sprintf("app %q: its profile %q is gone from the configuration", app, profile),
			fmt.Sprintf("put it back into [apps.%s] and run vendord reload; or vendord token revoke %s: tokens issued after that begin with the first profile there", app, app))
	}
	return nil
}

// kept returns what is to outlive the process.
func (s *snapshot) kept() kept {
	k := kept{current: make(map[string]string)}
	for _, e := range s.entries {
		if e.Held {
			continue
		}
		k.tokens = append(k.tokens, e.Token)
		if e.App != profiles.CLI {
			k.current[e.App] = s.uses[e.App].profile
		}
	}
	return k
}

// snapshot returns the snapshot that the first one is made from.
func (k kept) snapshot(c *profiles.Config) *snapshot {
	s := &snapshot{config: c, renders: &renders{config: c}, uses: make(map[string]use)}
	for _, t := range k.tokens {
		s.keep(t, k.current[t.App])
	}
	return s
}

// live returns the tokens that are, in no order.
func (s *snapshot) live(now time.Time) []Token {
	tokens := make([]Token, 0, len(s.entries)+1) // and the one to come, often
	for _, e := range s.entries {
		if e.liveAt(now) {
			tokens = append(tokens, e.Token)
		}
	}
	return tokens
}

// gone returns a line for every app and profile that tokens are for and that
// the configuration lacks.
func (s *snapshot) gone() []string {
	var lines []string
	for _, e := range s.entries {
		_, app := s.config.Apps[e.App]
		switch {
		case s.missing(e.App, e.grant.Profile) == nil:
			continue
		case e.App == profiles.CLI:
			lines = append(lines, fmt.Sprintf("profile %q is gone, commands that use it get 403", e.Profile))
		case !app:
			lines = append(lines, fmt.Sprintf("app %q is gone, its programs get 403", e.App))
		default:
			lines = append(lines, fmt.Sprintf("app %q: profile %q is gone, its programs get 403", e.App, e.grant.Profile))
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
