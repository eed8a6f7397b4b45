package apps

import (
	"fmt"
	"slices"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// Revoke revokes the token with this id of an app or, if id is empty, all of
// the app, those that running programs hold included: they are not recognised
// from now on. So are those that users made for themselves and that nothing
// else gives them a right to. It returns how many of the app there were, and fails for an app or id that
// is not known.
//
// It also fails if the file cannot be written. The tokens are revoked even so,
// but a restart would bring them back; revoking them again, issuing any token,
// or Close tries once more to record it.
func (a *Apps) Revoke(app, id string) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	match := func(t Token) bool { return t.App == app && (id == "" || t.ID == id) }
	tokens := s.live(now)
	var revoked []Token
	for _, t := range tokens {
		if match(t) {
			revoked = append(revoked, t)
		}
	}
	n := len(revoked) + count(a.unrecorded, match)
	if n == 0 {
		return 0, s.checkRevoked(app, id)
	}
	tokens = slices.DeleteFunc(tokens, match)
	// What users made for themselves on the ground of these goes too: it would
	// come back to life with the next token that the user is given.
	rights := newRights(s.config, tokens)
	groundless := func(t Token) bool {
		return !t.Steer && !now.Before(rights.end(t, s.given)) && (t.App != profiles.CLI || len(s.given.profiles[t.Profile]) == 0)
	}
	for _, t := range tokens {
		if groundless(t) {
			revoked = append(revoked, t)
		}
	}
	// Memory first: a full disk must not keep a stolen token alive.
	next := newSnapshot(s, s.config, slices.DeleteFunc(tokens, groundless), now)
	a.state.Store(next)
	for _, t := range revoked {
		if !t.Held {
			a.unrecorded = append(a.unrecorded, t)
		}
	}
	if len(a.unrecorded) == 0 {
		return n, nil
	}
	return n, a.retryLocked(next)
}

// retryLocked records what was revoked.
func (a *Apps) retryLocked(s *snapshot) error {
	err := a.recordLocked(s)
	if err == nil {
		return nil
	}
	return &session.Error{Class: session.Retry, Err: err,
		Public: fmt.Sprintf("revoked tokens (%d): not recorded: %v", len(a.unrecorded), err),
		Hint:   "they are refused now, but a restart of vendord would bring them back: mend that and revoke them again"}
}

// checkRevoked says why there was nothing to revoke. An app without tokens is
// no error, unless there is no such app: the token meant is still good then.
func (s *snapshot) checkRevoked(app, id string) error {
	if _, ok := s.config.Apps[app]; !ok && app != profiles.CLI {
		return unknown("app", app, s.config.Apps)
	}
	if id == "" {
		return nil
	}
	return refused(fmt.Sprintf("token %.32q: app %q has none with this id", id, app), "vendord token list shows them")
}

// recordLocked writes what is to outlive the process. What was revoked before
// is recorded with that.
func (a *Apps) recordLocked(s *snapshot) error {
	if err := a.store.save(s.kept()); err != nil {
		return err
	}
	a.unrecorded = nil
	return nil
}
