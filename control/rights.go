package control

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// Rights is what a caller may do, as a set of bits.
type Rights uint8

// The three rights.
const (
	// Vend: have tokens of one's own apps, for oneself.
	Vend Rights = 1 << iota
	// See: see one's own rows of the status.
	See
	// Steer: everything, for everyone.
	Steer
)

// cli is the built-in app of exec, env and credentials. Its tokens name their
// one profile.
const cli = "cli"

// Caller is the process at the other end of a connection, and what it may do.
type Caller struct {
	Peer   peer.Peer
	Rights Rights
}

// Steers reports whether the caller may do everything.
func (c Caller) Steers() bool { return c.Rights&Steer != 0 }

// may reports whether the caller has a right.
func (c Caller) may(right Rights) bool { return c.Rights&(right|Steer) != 0 }

// grant turns a request for a token into what the caller may have of it. What
// is not the caller's to say (who steers, until when) is filled in here.
func (s *Server) grant(c Caller, q tokenRequest, held bool) (TokenSpec, error) {
	if err := q.check(held); err != nil {
		return TokenSpec{}, err
	}
	now := s.cfg.Now()
	t := TokenSpec{
		App: q.App, User: c.Peer.User, UID: c.Peer.UID, Profile: q.Profile, Hash: q.Hash,
		TTL: cmp.Or(q.TTL, maxTTL), Warm: q.Warm, Exec: q.Exec, Path: q.Path, Held: held, Steer: c.Steers(), Issued: now,
		Policy: q.Policy, PolicyARNs: q.PolicyARNs, Narrowed: q.Policy+q.PolicyARNs != "",
	}
	t.Expires = now.Add(t.TTL)
	if c.Steers() && !held && q.User == "" && s.cfg.Anyone(q.App) {
		t.User, t.UID = "", 0
		return t, nil
	}
	if c.Steers() {
		return t, t.belongTo(q.User)
	}
	end, err := s.limit(c, q)
	if err != nil {
		return TokenSpec{}, err
	}
	if end.Before(t.Expires) {
		t.Expires, t.TTL = end, end.Sub(now)
	}
	return t, nil
}

// belongTo makes it another user's token, who has to be one of this machine:
// the kernel compares numbers, and a name without one is nobody's.
func (t *TokenSpec) belongTo(user string) (err error) {
	if user == "" || user == t.User {
		return nil
	}
	t.User = user
	t.UID, err = peer.UserID(user)
	if errors.Is(err, peer.ErrNobody) {
		return &session.Error{Class: session.Refused, Err: err,
			Public: fmt.Sprintf("token for user %q: to the kernel that is everybody of another container", user),
			Hint:   "run the program as a user of its own"}
	}
	if err != nil {
		return &session.Error{Class: session.Refused, Err: err,
			Public: fmt.Sprintf("token for user %q: not known on this machine", user),
			Hint:   "name a user of this machine, or give the number: #1234"}
	}
	if strings.HasPrefix(user, "#") {
		t.User = peer.UserName(t.UID) // one user has one name, or would be two
	}
	return nil
}

// limit refuses what a caller without Steer may not have, and returns when the
// caller's right to the rest ends.
func (s *Server) limit(c Caller, q tokenRequest) (time.Time, error) {
	user := c.Peer.User
	if q.User != "" && q.User != user {
		return time.Time{}, &session.Error{Class: session.Refused,
			Public: fmt.Sprintf("token for user %q: only the owner (or root and operators) may issue it", q.User),
			Hint:   "leave the user out to get a token for yourself"}
	}
	apps, profiles := s.cfg.Allowed(user, c.Peer.Groups)
	// The same words whether the name is unknown or somebody else's: a
	// refusal must not list what there is.
	switch {
	case q.App == cli && !slices.Contains(profiles, q.Profile):
		return time.Time{}, &session.Error{Class: session.Refused,
			Public: fmt.Sprintf("profile %q: user %q may not have it", q.Profile, user),
			Hint:   "whoever steers vendord can issue a token of an app that has it: vendord token issue APP --user " + word(user)}
	case q.App != cli && !slices.Contains(apps, q.App):
		return time.Time{}, mayNotHave(q.App, user)
	}
	if s.cfg.Always(user, c.Peer.Groups, q.App, q.Profile) {
		return s.cfg.Now().Add(maxTTL), nil
	}
	end := s.lastEnd(user, q.App)
	if !end.After(s.cfg.Now()) {
		return time.Time{}, mayNotHave(q.App, user)
	}
	return end, nil
}

func mayNotHave(app, user string) error {
	return &session.Error{Class: session.Refused,
		Public: fmt.Sprintf("app %q: user %q may not have tokens for it", app, user),
		Hint:   fmt.Sprintf("whoever steers vendord can issue one: vendord token issue %s --user %s", app, word(user))}
}

// word returns a user's name as a shell takes it: one that is only a number
// begins with #, and those of a directory may have blanks, backslashes and $.
func word(user string) string {
	switch {
	case names.MatchString(user):
		return user
	case checkUser(user) != nil:
		return "USER" // nothing for a terminal
	}
	return "'" + strings.ReplaceAll(user, "'", `'\''`) + "'"
}

// lastEnd returns when the last of a user's tokens for an app ends; for cli,
// of all apps. A token that a user asks for itself ends no later: a user with
// a token of an hour could otherwise make that a year. Held tokens do not
// count, since the right that they give ends with a connection.
func (s *Server) lastEnd(user, app string) time.Time {
	if app == cli {
		app = ""
	}
	var end time.Time
	for _, t := range s.cfg.Tokens(app) {
		if t.User == user && t.App != cli && !t.Held && t.Expires.After(end) {
			end = t.Expires
		}
	}
	return end
}

// revoked returns how often who steers has revoked tokens. It waits for a
// revocation that is under way.
func (s *Server) revoked() int {
	s.revoking.RLock()
	defer s.revoking.RUnlock()
	return s.revocations
}

// stillGranted refuses a token whose ground may have gone while it was made:
// before is what revoked returned before grant. Making one can take seconds,
// and a program whose tokens are being taken away could otherwise have the
// next one under way, again and again.
func (s *Server) stillGranted(t TokenSpec, before int) error {
	if t.Steer || s.revoked() == before {
		return nil
	}
	return &session.Error{Class: session.Retry, Public: "token: others were revoked while it was made", Hint: "try again"}
}

// visible returns the tokens that a caller may see and revoke: all for who
// steers, else one's own of the apps that one may have, and of cli. Hashes are
// left out.
func (s *Server) visible(c Caller, app string) []TokenSpec {
	tokens := slices.Clone(s.cfg.Tokens(app))
	if !c.Steers() {
		apps, _ := s.cfg.Allowed(c.Peer.User, c.Peer.Groups)
		tokens = slices.DeleteFunc(tokens, func(t TokenSpec) bool {
			return t.User != c.Peer.User || t.App != cli && !slices.Contains(apps, t.App)
		})
	}
	for i := range tokens {
		tokens[i].Hash, tokens[i].Policy, tokens[i].PolicyARNs = "", "", ""
	}
	return tokens
}
