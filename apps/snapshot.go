package apps

import (
	"fmt"
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// snapshot is everything a decision rests on. It never changes, but for what
// renders and the seen identities remember.
type snapshot struct {
	config *profiles.Config
	// renders are the configuration's, and shared by its snapshots.
	renders *renders
	// uses are the profiles of the apps that have live tokens, or that somebody
	// chose one for. used is until when anybody has a live token of an app.
	uses map[string]use
	used map[string]time.Time
	// kernel are the apps that the kernel recognises, and both those that need a
	// token too.
	kernel []*app
	both   map[string]*app
	// entries are the tokens, by the hash of their secrets, and adopted is how
	// many of them have a secret that is not vendord's.
	entries map[[32]byte]*entry
	adopted int
	// rights are what the tokens give their users, and given is what the
	// configuration gives.
	rights rights
	given  given
	// owners are the users of tokens, and those that rules name.
	owners map[uint32]bool
	// identities are those that have live tokens.
	identities map[who]*identity
}

// entry is a token and, worked out beforehand, what its holder gets.
type entry struct {
	Token
	id   *identity
	both *app      // by which the caller has to be recognised as well, or nil
	how  string    // its holder is recognised, for the record
	own  choice    // of a token of "cli"
	void error     // why it is good for nothing, whatever it is for, or nil
	end  time.Time // until when it is good for anything; see rights
}

// newSnapshot works out a snapshot for live tokens from the one before, which
// knows the profiles that their apps use.
func newSnapshot(old *snapshot, c *profiles.Config, tokens []Token, now time.Time) *snapshot {
	s := &snapshot{config: c, renders: old.renders, uses: make(map[string]use), used: make(map[string]time.Time),
		entries: make(map[[32]byte]*entry, len(tokens)), rights: newRights(c, tokens),
		owners: make(map[uint32]bool), identities: make(map[who]*identity)}
	if c != old.config {
		s.renders = &renders{config: c}
	}
	if s.given = old.given; c != old.config || s.given.users == nil {
		s.given = newGiven(c)
	}
	s.carry(old, tokens, now)
	s.recognisers(old, now)
	for _, t := range tokens {
		e := s.entry(t, s.holder(t, now, old), old)
		s.entries[t.Hash] = e
		if t.Adopted {
			s.adopted++
		}
		if t.User != "" {
			s.owners[t.UID] = true
		}
	}
	return s
}

// carry takes over what was chosen, and what the holders of tokens have.
func (s *snapshot) carry(old *snapshot, tokens []Token, now time.Time) {
	for app, u := range old.uses {
		if u = u.settled(now); u.stay || !u.until.IsZero() {
			s.uses[app] = u
		}
	}
	for _, t := range tokens {
		if t.App == profiles.CLI {
			continue // each of its tokens names its own
		}
		if t.Expires.After(s.used[t.App]) {
			s.used[t.App] = t.Expires
		}
		switch u, ok := s.uses[t.App]; {
		case !ok:
			s.uses[t.App] = use{profile: old.holds(t.App, now)}
		case u.base() == "":
			u.back = old.holds(t.App, now)
			s.uses[t.App] = u
		}
	}
}

// holds returns the profile that the holders of an app's tokens have, beyond any
// limit of time.
func (s *snapshot) holds(app string, now time.Time) string {
	if u := s.uses[app].settled(now); (u.stay || now.Before(s.used[app])) && u.base() != "" {
		return u.base()
	}
	if listed := s.config.Apps[app].Profiles; len(listed) > 0 {
		return listed[0]
	}
	return ""
}

// entry works out what the holder of a token gets, whose identity is id. old is the
// snapshot before, which knows the sessions of narrowed tokens.
func (s *snapshot) entry(t Token, id *identity, old *snapshot) *entry {
	e := &entry{Token: t, id: id, both: s.both[t.App], how: byToken, end: s.rights.end(t, s.given)}
	if t.Path {
		e.how = byPath
	}
	if e.both != nil {
		e.how += ", " + e.both.how
	}
	if byKernel(s.config.Apps[t.App]) {
		e.void = refused(fmt.Sprintf("app %q: recognised by the kernel now, its tokens are good for nothing", t.App),
			fmt.Sprintf("ask /v1/process/credentials without a token; or write require = \"both\" into [apps.%s] and run vendord reload", t.App))
	}
	if t.App != profiles.CLI {
		return e
	}
	e.own = choice{Grant{App: t.App, User: t.User, Profile: t.Profile, Narrowed: t.Narrowed()}, s.missing(t.App, t.Profile)}
	switch was := old.entries[t.Hash]; {
	case e.own.err != nil:
	case s.config.Profiles[t.Profile].Protected && !t.Exec:
		e.own.err = protected(t.Profile)
	case !t.Narrowed():
		e.own.grant.Session, e.own.err = s.renders.get(t.App, t.User, t.Profile)
	case was != nil && was.ID == t.ID && old.config == s.config:
		e.own = was.own
	default:
		e.own.grant.Session, e.own.err = s.narrow(t)
	}
	return e
}

// holder returns the identity of a token.
func (s *snapshot) holder(t Token, now time.Time, old *snapshot) *identity {
	w := who{t.App, t.User}
	if id, ok := s.identities[w]; ok {
		return id
	}
	id := old.identities[w]
	if id == nil || old.config != s.config || t.App != profiles.CLI && !id.course.equal(s.course(t.App, now)) {
		id = s.identity(w, t.UID, now, id, old.config.Daemon.RequestsPerSecond)
	}
	s.identities[w] = id
	return id
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
	switch {
	case !ok:
		return refused(fmt.Sprintf("app %q: gone from the configuration", app), "put it back and run vendord reload")
	case slices.Contains(a.Profiles, profile):
		return nil
	case s.uses[app].stay || !s.uses[app].until.IsZero() || byKernel(a):
		return refused(fmt.Sprintf("app %q: its profile %q is gone from the configuration", app, profile),
			fmt.Sprintf("put it back into [apps.%s] and run vendord reload; or vendord use %s --app %s", app, a.Profiles[0], app))
	}
	return refused(fmt.Sprintf("app %q: its profile %q is gone from the configuration", app, profile),
		fmt.Sprintf("put it back into [apps.%s] and run vendord reload; or vendord token revoke %s: tokens issued after that begin with the first profile there", app, app))
}

// protected is the refusal of a profile that only commands under exec get.
func protected(profile string) *session.Error {
	return refused(fmt.Sprintf("profile %q: protected, only a command under vendord exec gets it", profile),
		fmt.Sprintf("vendord exec %s -- COMMAND", profile))
}

// kept returns what is to outlive the process.
func (s *snapshot) kept() kept {
	k := kept{current: make(map[string]use)}
	for app, u := range s.uses {
		if u.stay || !u.until.IsZero() {
			k.current[app] = u
		}
	}
	for _, e := range s.entries {
		if e.Held {
			continue
		}
		k.tokens = append(k.tokens, e.Token)
		if e.App != profiles.CLI {
			k.current[e.App] = s.uses[e.App]
		}
	}
	return k
}

// snapshot returns the snapshot that the first one is made from.
func (k kept) snapshot(c *profiles.Config) *snapshot {
	s := &snapshot{config: c, renders: &renders{config: c}, uses: k.current, used: make(map[string]time.Time)}
	for _, t := range k.tokens {
		if t.App != profiles.CLI && t.Expires.After(s.used[t.App]) {
			s.used[t.App] = t.Expires
		}
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
