package apps

import (
	"fmt"
	"slices"
	"time"

	"github.com/vendord/vendord/session"
)

// Rotate puts a new token in the place of one of an app's that is stored: t, of
// which the caller fills in Hash, Expires, Steer, Path as the old one has it, and ID or
// leaves that to Rotate; app, user and profile are those of the old one. That lives on for overlap, no
// longer than it would have, so that programs have the time to be given the new one;
// with 0 it ends at once. It fails with an *session.Error, and then nothing has
// changed: the old one is as good as before.
//
// Two are there at most in the place of one: to rotate the new one ends the old
// one. A token that somebody who steers has issued is rotated by somebody who
// steers, since theirs to revoke must not live on under another ID.
func (a *Apps) Rotate(app, id string, t Token, overlap time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	tokens := s.live(now)
	old := slices.IndexFunc(tokens, func(o Token) bool { return o.App == app && o.ID == id && !o.Held })
	if old < 0 {
		return s.checkRotated(app, id)
	}
	was := &tokens[old]
	switch {
	case was.Rotated != "":
		return refused(fmt.Sprintf("token %q: rotated before, into %s", id, was.Rotated), "rotate that one")
	case was.Steer && !t.Steer:
		return refused(fmt.Sprintf("token %q: issued by whoever steers vendord", id), "ask them to rotate it")
	case was.Path != t.Path:
		return refused(fmt.Sprintf("token %q: an id in a path takes the place of one alone", id), "issue another, and revoke this one")
	case overlap < 0:
		return refused("token: would have ended already", "give the old one a time to live on, or none")
	}
	t.App, t.User, t.UID, t.Profile = was.App, was.User, was.UID, was.Profile
	t.Held, t.Exec, t.Adopted, t.Rotated = false, false, false, ""
	t.Policy, t.PolicyARNs = "", ""
	t, err := s.admit(t, now)
	if err != nil {
		return err
	}
	if end := now.Add(overlap).Round(0).UTC(); end.Before(was.Expires) {
		was.Expires = end
	}
	was.Rotated = t.ID
	tokens = slices.DeleteFunc(tokens, func(o Token) bool { return o.App == app && o.Rotated == id || !o.liveAt(now) })
	next := newSnapshot(s, s.config, append(tokens, t), now)
	if err := a.recordLocked(next); err != nil {
		return &session.Error{Class: session.Retry, Err: err, Hint: "mend that and rotate it again; vendord token revoke ends it in any case",
			Public: fmt.Sprintf("token %q: not rotated: %v", id, err)}
	}
	a.state.Store(next)
	return nil
}

// checkRotated says why there is nothing to rotate.
func (s *snapshot) checkRotated(app, id string) error {
	if err := s.checkRevoked(app, ""); err != nil {
		return err
	}
	return refused(fmt.Sprintf("token %.32q: app %q has none with this id that is kept", id, app), "vendord token list shows them")
}
