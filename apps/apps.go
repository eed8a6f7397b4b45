// Package apps says who may have what: it keeps the tokens and each app's
// current profile, and Decide turns a request into a Grant or a refusal.
//
// Nobody is granted anything who was not recognised, and how a caller is
// recognised is chosen by the path it asked, never by what it happened to send:
// a program that drops its token must not turn into somebody else. A token is
// good for one app; the tokens of the built-in app "cli" for one profile. An app
// with a rule is recognised by what the kernel knows of the program, all keys of
// the rule, and by nothing else; who could be two apps is refused. A profile that
// vanished is a refusal, never another profile.
//
// Everything Decide needs is worked out beforehand and kept in one immutable
// snapshot behind one atomic pointer: requests take no lock but that of the meter
// of their own app and user, and cannot hold up anybody else's. A token of a user
// is good for that user's connections alone. The kernel, and the user database
// where a rule names a group, are asked for a connection's first request; about an
// executable for each. What changes the snapshot (Issue, Adopt, Rotate, Hold,
// Revoke, Use, Set) does so one at a time. Tokens, as hashes, and the current
// profiles of their apps are kept in one file that is either wholly old or wholly
// new, in a directory that one daemon has locked: a restart gives nobody another
// profile than a reload would. A damaged file is refused and left alone.
//
// The package hands out no credentials and asks AWS nothing. Who may call what
// changes anything is for control to say.
package apps

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/profiles"
)

// Config is what Open needs.
type Config struct {
	// Profiles is the configuration to begin with.
	Profiles *profiles.Config
	// StateDir is where tokens and current profiles are kept; it is made if
	// need be. Empty means that they live in memory alone, and die with the
	// process.
	StateDir string
	// User returns a user's name, "#" and the number where there is none, and the
	// names of the groups. It is asked only where a rule needs to know, and its
	// error refuses that rule's programs for the moment. Nil knows nobody's name,
	// and no groups. It must not wait for long, and can be called at the same time.
	User func(uid uint32) (name string, groups []string, err error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Apps keeps tokens and current profiles. Its methods may be called at the same
// time.
type Apps struct {
	now   func() time.Time
	user  func(uid uint32) (name string, groups []string, err error)
	state atomic.Pointer[snapshot] // read by everyone, swapped under mu

	turns turns // for Check

	mu    sync.Mutex // one change at a time; guards what is below
	store *store
	// unrecorded are tokens that were revoked while the file could not be
	// written: it still has them.
	unrecorded []Token
	// narrowings meters the narrowed tokens of users who do not steer.
	narrowings map[string]*rate.Limiter
}

// Open locks and reads the state directory. It fails, with an *session.Error
// that has a hint, if another vendord uses it, if others could read or change
// it, or if the token file is damaged or of a newer version. The file is not
// written here, in no case: what it says holds until a token is issued or
// revoked, or a profile chosen.
func Open(c Config) (*Apps, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.User == nil {
		c.User = func(uid uint32) (string, []string, error) { return number(uid), nil, nil }
	}
	s, err := openStore(c.StateDir)
	if err != nil {
		return nil, err
	}
	k, err := s.load()
	if err != nil {
		_ = s.close() // the damage is the news
		return nil, err
	}
	a := &Apps{now: c.Now, user: c.User, store: s}
	now := c.Now()
	before := k.snapshot(c.Profiles)
	tokens := slices.DeleteFunc(k.tokens, func(t Token) bool { return !t.liveAt(now) })
	a.state.Store(newSnapshot(before, c.Profiles, tokens, now))
	return a, nil
}

// Close gives up the state directory. Tokens whose revocation could not be
// recorded are tried once more; its error is about those. Decide goes on
// answering for requests that are still under way.
func (a *Apps) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	if len(a.unrecorded) > 0 {
		err = a.retryLocked(a.state.Load())
	}
	if closed := a.store.close(); err == nil {
		err = closed
	}
	return err
}

// Config returns the current configuration.
func (a *Apps) Config() *profiles.Config { return a.state.Load().config }

// Set swaps the configuration: a request sees the old one or the new one, never
// some of each. It returns a line for every app and profile that live tokens
// are for, or that somebody chose, and that the new configuration lacks: their
// holders are refused from now on; and for every app that the kernel recognises
// whose programs get something else now, or are others; sorted.
func (a *Apps) Set(c *profiles.Config) (lines []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, old := a.now(), a.state.Load()
	s := newSnapshot(old, c, old.live(now), now)
	a.state.Store(s)
	return sorted(append(s.lost(now), s.changed(old, now)...))
}
