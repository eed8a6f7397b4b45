package apps

import (
	"fmt"
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
)

// snapshot is everything a decision rests on. It never changes.
type snapshot struct {
	config *profiles.Config
	// current is the profile each app uses.
	current map[string]string
	// entries are the tokens, by the hash of their secrets.
	entries map[[32]byte]*entry
	// rights are what the tokens give their users.
	rights rights
}

// entry is a token and, worked out beforehand, what its holder gets.
type entry struct {
	Token
	grant Grant
	err   error     // why there is no session, or nil
	end   time.Time // until when it is good for anything; see rights
}

// newSnapshot works out a snapshot from the one before, which is nil for the
// first.
func newSnapshot(old *snapshot, c *profiles.Config, tokens []Token, now time.Time) *snapshot {
	s := &snapshot{config: c, current: make(map[string]string, len(c.Apps)),
		entries: make(map[[32]byte]*entry, len(tokens)), rights: newRights(c, tokens)}
	for name, app := range c.Apps {
		if len(app.Profiles) > 0 {
			s.current[name] = app.Profiles[0]
		}
	}
	if old == nil {
		old = s // it has no entries yet
	}
	s.keep(old, now)
	for _, t := range tokens {
		s.entries[t.Hash] = s.entry(t, old)
	}
	return s
}

// keep carries current profiles over. As long as anybody has a live token of an
// app, its profile is not changed behind their back, neither to another one
// that a new configuration lists first, nor when it is gone from the list: then
// they are refused. Only an app that nobody uses begins anew.
func (s *snapshot) keep(old *snapshot, now time.Time) {
	for _, e := range old.entries {
		if profile, ok := old.current[e.App]; ok && e.liveAt(now) {
			s.current[e.App] = profile
		}
	}
}

// entry works out what the holder of a token gets. To render is the expensive
// part, so what old has is used again as long as nothing that it rests on has
// changed.
func (s *snapshot) entry(t Token, old *snapshot) *entry {
	end, profile := s.rights.end(t), s.current[t.App]
	if t.App == profiles.CLI {
		profile = t.Profile
	}
	if e := old.entries[t.Hash]; e != nil && old.config == s.config && e.Token == t && e.grant.Profile == profile && e.end == end {
		return e
	}
	e := &entry{Token: t, end: end, err: s.missing(t.App, profile),
		grant: Grant{App: t.App, User: t.User, Profile: profile, TokenID: t.ID, How: "token"}}
	if e.err != nil {
		return e
	}
	request, err := s.config.Render(profile, profiles.Identity{App: t.App, User: t.User})
	if err != nil {
		e.err = err
		return e
	}
	e.grant.Session = request.Key()
	return e
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
			fmt.Sprintf("put it back into [apps.%s] and run vendord reload, or restart vendord to begin with the first profile there", app))
	}
	return nil
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
