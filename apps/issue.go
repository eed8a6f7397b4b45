package apps

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/near"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// Bounds of what is kept. They keep the file small and a user who can run
// commands in a loop from filling the daemon's memory.
const (
	maxIssued = 20                   // live tokens of an app and a user
	maxHeld   = 1000                 // held tokens of a user
	maxLife   = 366 * 24 * time.Hour // of a token
	maxName   = 128                  // bytes of a user

	// maxNarrowed is how many narrowed tokens a user holds: each has a session
	// of its own, and asks AWS for one.
	maxNarrowed = 100
	// maxNarrowing is how many bytes such a policy and its ARNs have. What
	// STS takes is less: a session token has 4,096.
	maxNarrowing = 16 << 10
)

// Prepare returns what the holder of a token would get if it were issued or held
// now, so that the session can be minted before anybody relies on the token. It
// changes nothing. It fails as Issue and Hold do, apart from how many tokens
// there may be and from the disk, and as Decide would.
func (a *Apps) Prepare(t Token) (Grant, error) {
	s, now := a.state.Load(), a.now()
	t, err := s.admit(t, now)
	if err != nil {
		return Grant{}, err
	}
	id := s.identity(who{t.App, t.User}, t.UID, now, nil, 0)
	e := s.entry(t, id, s)
	c, err := a.authorise(s, e, &Request{Now: now})
	grant := c.grant
	grant.TokenID, grant.How = t.ID, e.how
	if err != nil {
		grant.Session = session.Key{}
	}
	return grant, err
}

// Issue stores a token. The caller has made its secret and fills in Hash, App,
// User, Expires (at most 366 days away), Steer, Path, for "cli" Profile, and ID or
// leaves that to Issue. It fails with an *session.Error, and then nothing has
// changed: the token is recognised only once it is on the disk.
func (a *Apps) Issue(t Token) error {
	t.Adopted = false
	return a.issue(t)
}

// Adopt is Issue for a token whose secret the owner has already, and which can
// have any form: the caller has seen to it that it cannot be guessed, and has at
// least 32 characters, at most 1,024, and no blanks. It is for one app's programs.
func (a *Apps) Adopt(t Token) error {
	t.Adopted = true
	switch {
	case t.App == profiles.CLI:
		return refused("token: adopted, which those of commands cannot be", "adopt it for an app")
	case t.Path:
		return refused("token: adopted, which an id in a path cannot be", "vendord token issue "+t.App+" --path makes one")
	}
	return a.issue(t)
}

func (a *Apps) issue(t Token) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t.Held, t.Rotated = false, ""
	switch {
	case t.Narrowed():
		return refused("token: is narrowed, and would be kept", "narrow what a command gets: vendord exec PROFILE --policy-file FILE")
	case t.Exec:
		return refused("token: is of a command under vendord exec, and would be kept", "hold it")
	}
	s, now := a.state.Load(), a.now()
	t, err := s.admit(t, now)
	if err != nil {
		return err
	}
	tokens := s.live(now)
	if err := full(tokens, t); err != nil {
		return err
	}
	next := newSnapshot(s, s.config, append(tokens, t), now)
	if err := a.recordLocked(next); err != nil {
		return &session.Error{Class: session.Retry, Err: err,
			Public: fmt.Sprintf("token for app %q: not issued: %v", t.App, err), Hint: "mend that and issue it again"}
	}
	a.state.Store(next)
	return nil
}

// Hold recognises a token until release is called, in memory alone. It takes
// what Issue takes and fails likewise. release may be called more than once.
func (a *Apps) Hold(t Token) (release func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t.Held, t.Adopted, t.Rotated = true, false, ""
	if t.Path {
		return nil, refused("token: an id in a path, and would be held", "issue it")
	}
	s, now := a.state.Load(), a.now()
	if t, err = s.admit(t, now); err != nil {
		return nil, err
	}
	live := s.live(now)
	// The one that waits for this program was counted, and metered, when it came.
	tokens := slices.DeleteFunc(slices.Clone(live), func(o Token) bool { return o.awaits(t, now) })
	if len(tokens) == len(live) {
		if err := a.mayHoldLocked(tokens, t, now); err != nil {
			return nil, err
		}
	}
	a.state.Store(newSnapshot(s, s.config, append(tokens, t), now))
	return sync.OnceFunc(func() { a.release(t) }), nil
}

// mayHoldLocked refuses the one held token that is too many for its user.
func (a *Apps) mayHoldLocked(tokens []Token, t Token, now time.Time) error {
	if count(tokens, func(o Token) bool { return o.Held && o.User == t.User }) >= maxHeld {
		return refused(fmt.Sprintf("user %q: %d programs hold tokens already", t.User, maxHeld),
			"end some of the programs under vendord exec")
	}
	if t.Narrowed() && count(tokens, func(o Token) bool { return o.Narrowed() && o.User == t.User }) >= maxNarrowed {
		return refused(fmt.Sprintf("user %q: %d programs with policies of their own run already", t.User, maxNarrowed),
			"end some of them, or give them a profile of that policy")
	}
	if t.Narrowed() && !a.mayNarrowLocked(t, now) {
		return &session.Error{Class: session.Limited, Public: fmt.Sprintf("user %q: too many commands with policies of their own, one after another", t.User),
			Hint: "try again in a second; or have a profile of that policy, whose session they share"}
	}
	return nil
}

// mayNarrowLocked reports whether a user may hold one more narrowed token now.
// Each makes a call to AWS, whose limits are those of the whole account: a loop of
// one user's would have it refuse everybody's.
func (a *Apps) mayNarrowLocked(t Token, now time.Time) bool {
	if t.Steer {
		return true
	}
	if len(a.narrowings) >= maxHeld || a.narrowings == nil {
		a.narrowings = make(map[string]*rate.Limiter) // users who are long gone must not fill it
	}
	meter := a.narrowings[t.User]
	if meter == nil {
		meter = rate.NewLimiter(1, maxNarrowed)
		a.narrowings[t.User] = meter
	}
	return meter.AllowN(now, 1)
}

// release forgets a held token. The ID is compared too: a program that lost its
// connection may hold the same secret again by now, under another.
func (a *Apps) release(t Token) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	tokens := slices.DeleteFunc(s.live(now), func(o Token) bool { return o.Hash == t.Hash && o.ID == t.ID })
	a.state.Store(newSnapshot(s, s.config, tokens, now))
}

// admit returns the token as it will be kept, or why it will not.
func (s *snapshot) admit(t Token, now time.Time) (Token, error) {
	if t.ID == "" {
		t.ID = NewID()
	}
	// Wall clock times only: a monotonic reading stands still while a laptop
	// sleeps, and the token would outlive what its owner was told.
	t.Issued, t.Expires = now.Round(0).UTC(), t.Expires.Round(0).UTC()
	if err := s.checkTarget(t); err != nil {
		return t, err
	}
	if err := checkUser(t.User); err != nil {
		return t, err
	}
	if m := s.config.Apps[t.App].Match; m.Known && t.User != "" && t.UID != m.UID {
		return t, refused(fmt.Sprintf("app %q: its match is of user %q, a token of user %q would be good for nothing", t.App, m.User, t.User),
			fmt.Sprintf("vendord token issue %s --user %q", t.App, m.User))
	}
	switch {
	case t.User == "" && t.App == profiles.CLI:
		return t, refused("token: is a command's, and has no user", "name the user whose command it is")
	case t.User == "" && !t.Steer:
		return t, refused("token: has no user", "only whoever steers vendord may issue a token that any user can present")
	case !wellFormedID(t.ID):
		return t, refused(fmt.Sprintf("token id %.32q: not eight of a-z and 2-7", t.ID), "leave it out")
	case t.Hash == [32]byte{}:
		return t, refused("token: has no hash", "send the SHA-256 of its secret")
	case !t.liveAt(now):
		return t, refused("token: would be expired already", "give it a time to live")
	case t.Narrowed() && t.App != profiles.CLI:
		return t, refused(fmt.Sprintf("token for app %q: is narrowed, which only those of commands can be", t.App), "give the app a profile of that policy")
	case len(t.Policy)+len(t.PolicyARNs) > maxNarrowing:
		return t, refused(fmt.Sprintf("token: its policies have more than %d bytes", maxNarrowing), "use wildcards, or a managed policy's ARN")
	case t.Expires.Sub(now) > maxLife:
		return t, refused("token: would live for more than 366 days", "let it expire sooner, and issue a new one then")
	}
	for _, e := range s.entries {
		if (e.Hash == t.Hash || e.ID == t.ID) && !e.awaits(t, now) {
			// Two tokens of one secret would be cut off, or not, together.
			return t, refused("token: there is one with this id or secret", "make a new one")
		}
	}
	return t, nil
}

// checkTarget refuses a token that is for nothing the configuration has.
func (s *snapshot) checkTarget(t Token) error {
	if t.App == profiles.CLI {
		p, ok := s.config.Profiles[t.Profile]
		switch {
		case t.Path:
			return refused("token: is a command's, and an id in a path", "issue it for an app")
		case !ok:
			return unknown("profile", t.Profile, s.config.Profiles)
		case p.Protected && !t.Exec:
			return protected(t.Profile)
		}
		return nil
	}
	app, ok := s.config.Apps[t.App]
	switch {
	case !ok:
		return unknown("app", t.App, s.config.Apps)
	case byKernel(app):
		return refused(fmt.Sprintf("app %q: recognised by the kernel, it has no tokens", t.App),
			fmt.Sprintf("run its programs as what [apps.%s] match says; or write require = \"both\" there", t.App))
	case t.User == "" && !app.Unidentified && len(app.From) == 0:
		return refused(fmt.Sprintf("token for app %q: has no user", t.App),
			fmt.Sprintf("name one; or say in [apps.%s] with from where callers come from whose user is not known here", t.App))
	}
	if t.Path && !slices.ContainsFunc(s.config.Endpoints, func(e profiles.Endpoint) bool { return e.Kind == profiles.ECS }) {
		return refused(fmt.Sprintf("token for app %q: an id in a path, which the address of ECS alone answers, and there is none", t.App),
			"write [endpoints.ecs] with listen, and start vendord anew")
	}
	if t.Profile != "" {
		return refused(fmt.Sprintf("token for app %q: names profile %.66q", t.App, t.Profile),
			"leave the profile out: programs get the one that the app uses now")
	}
	return nil
}

// unknown says that the configuration has nothing of this name, and which one
// may have been meant.
func unknown[V any](what, name string, known map[string]V) *session.Error {
	hint := "vendord list shows what there is"
	if meant := near.Name(name, slices.Collect(maps.Keys(known))); meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}
	return refused(fmt.Sprintf("%s %.66q: not in the configuration", what, name), hint)
}

// checkUser refuses what cannot be a user's name and would spoil a line of the
// log. Windows has names with spaces and backslashes.
func checkUser(user string) error {
	// Text that is not UTF-8 is not told apart in the name of a parent session.
	if len(user) > maxName || !utf8.ValidString(user) || strings.ContainsFunc(user, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return refused(fmt.Sprintf("user %.32q: not a user's name", user), "name a user of this machine")
	}
	return nil
}

func wellFormedID(id string) bool {
	return len(id) == idLen && strings.Trim(id, idCharacters) == ""
}

// full refuses the one token that is too many for its app and user.
func full(tokens []Token, t Token) error {
	same := slices.DeleteFunc(slices.Clone(tokens), func(o Token) bool {
		return o.Held || o.Rotated != "" || o.App != t.App || o.User != t.User
	})
	if len(same) < maxIssued {
		return nil
	}
	slices.SortFunc(same, byIssue)
	next := slices.MinFunc(same, func(a, b Token) int { return a.Expires.Compare(b.Expires) })
	return refused(fmt.Sprintf("app %q: user %q has %d live tokens, which is the most", t.App, t.User, len(same)),
		fmt.Sprintf("vendord token revoke %s ID; the oldest are %s, %s and %s; %s expires next, %s", t.App,
			same[0].ID, same[1].ID, same[2].ID, next.ID, next.Expires.Format(time.DateOnly)))
}

func count(tokens []Token, f func(Token) bool) (n int) {
	for _, t := range tokens {
		if f(t) {
			n++
		}
	}
	return n
}
