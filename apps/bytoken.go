package apps

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// decideByToken says what the holder of a token may have, who has it in a header or, of
// the other form, in the path.
func (a *Apps) decideByToken(s *snapshot, r *Request) (Grant, error) {
	e, err := s.recognise(r)
	if e == nil {
		return Grant{}, err
	}
	if err != nil {
		return Grant{App: e.App, TokenID: e.ID}, err
	}
	if err := s.owned(e, r); err != nil {
		which := Grant{App: e.App, TokenID: e.ID}
		if e.User == "" && r.Caller != nil && r.Caller.Err != nil {
			which.Near = fmt.Sprintf("app %q: it connects from %s, which is not in [apps.%s] from", e.App, r.Caller.Addr, e.App)
		}
		if which.Near != "" && errors.Is(r.Caller.Err, peer.ErrNobody) {
			which.Near = fmt.Sprintf("app %q: it is on this machine, as user 65534, and from is for other networks", e.App)
		}
		return which, err
	}
	if e.both != nil {
		if near, err := a.matched(s, e, r); err != nil {
			return Grant{App: e.App, TokenID: e.ID, Near: near}, err
		}
	}
	c, err := a.authorise(s, e, r)
	if !r.Again && !e.id.meter.allow(r.Now) {
		err = s.tooFast(e.App)
	}
	if err == nil && e.both != nil {
		err = still(r.Caller)
	}
	grant := c.grant
	grant.TokenID, grant.How = e.ID, e.how
	if err != nil {
		grant.Session = session.Key{}
	}
	return grant, err
}

const bearer = "Bearer "

// What whoever has a secret that is good for nothing is told to do.
const (
	anotherToken = `run the program under "vendord exec", or issue a new token`
	anotherID    = "issue a new one: vendord token issue APP --path"
)

// secret returns what the caller shows, and refuses the other form of it, whatever it
// is worth there: what stands in a path stands in the logs of every proxy on the way,
// and a header is where nobody looks for it.
func (r *Request) secret() (string, error) {
	secret := r.Token
	if r.Route == ByPath {
		return secret, checkPathShape(secret)
	}
	if len(secret) >= len(bearer) && strings.EqualFold(secret[:len(bearer)], bearer) {
		secret = secret[len(bearer):] // a scheme's case means nothing (RFC 9110, 11.1)
	}
	if strings.EqualFold(secret, "Bearer") {
		secret = "" // net/http cut the rest: a variable was empty
	}
	if strings.HasPrefix(secret, PathPrefix) {
		return "", unrecognised("token: an id for a path, and good for nothing in a header", "set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/ID; or issue a token without --path")
	}
	return secret, nil
}

// recognise finds out whose token it is. With an error, the entry is the record's: of
// a token that was one.
func (s *snapshot) recognise(r *Request) (*entry, error) {
	secret, err := r.secret()
	if err != nil {
		return nil, err
	}
	hash, known := r.Memo.hash(secret)
	switch {
	case known:
	case r.Route == ByPath, shaped(secret, Prefix):
		hash = sum(secret)
		r.Memo.keep(secret, hash)
	case s.adopted == 0:
		return nil, checkShape(secret)
	default:
		var ok bool
		if hash, ok = sumAdopted(secret); !ok || s.entries[hash] == nil || !s.entries[hash].Adopted {
			return nil, checkShape(secret)
		}
	}
	e := s.entries[hash]
	// The lookup's time tells something about hashes. It helps nobody: to try
	// secrets whose hashes share a beginning with a kept one is to know that
	// hash, and then still to turn it round. The comparison is for the day on
	// which somebody indexes this map by a part of the hash.
	if e == nil || e.Path != (r.Route == ByPath) || subtle.ConstantTimeCompare(hash[:], e.Hash[:]) != 1 {
		// The checksum is looked at only now, to find words: it costs as much as
		// the rest. Revoked tokens read like unknown ones: a stranger learns
		// nothing of the past.
		if err := checkSum(secret); err != nil {
			return nil, err
		}
		if r.Route == ByPath {
			return nil, unrecognised("id: not recognised", anotherID)
		}
		return nil, unrecognised("token: not recognised", anotherToken)
	}
	if !e.liveAt(r.Now) {
		// Told only to who holds the secret, for whom it is the answer.
		ended := e.Expires.UTC().Format(time.DateTime) + " UTC"
		if r.Route == ByPath {
			return e, unrecognised("id: expired "+ended, anotherID)
		}
		return e, unrecognised("token: expired "+ended, anotherToken)
	}
	return e, nil
}

// owned refuses a token in the hands of another user than the one it was issued
// for: somebody who read it in a log, a crash report or a world-readable file,
// or a relay that asks for whoever is on the network. That is no ground to be
// granted anything; it can only take away.
func (s *snapshot) owned(e *entry, r *Request) error {
	switch c := r.Caller; {
	case r.App != "" && r.App != e.App:
		return unrecognised("token: not of the app whose port this is", askOwner)
	case c == nil:
		return unrecognised("caller: this path knows no users", "ask /v1/credentials")
	case c.Err != nil && errors.Is(c.Err, errors.ErrUnsupported):
		return nil // all that can be asked of a token here is the token
	case e.User == "":
		return s.nobodys(e, c)
	case c.Err == nil && c.UID == e.UID:
		return nil
	case c.Err == nil && e.App == profiles.CLI:
		return unrecognised("token: of another user", "start vendord exec, or env, as the user that the program runs as")
	case c.Err == nil:
		return unrecognised("token: of another user", "issue one for the user that the program runs as: vendord token issue APP --user NAME")
	}
	hint := "ask from this machine, and not from another network namespace"
	if errors.Is(r.Caller.Err, peer.ErrNobody) {
		hint = underUser
	}
	return unrecognised("caller: its user is not known here, and the token is one user's", hint)
}

// nobodys refuses a token without a user in the hands of who has one, and of who
// comes from elsewhere than its app says now. It is for containers with a network
// of their own: on this machine it would be good for whoever read it.
func (s *snapshot) nobodys(e *entry, c *Caller) error {
	app := s.config.Apps[e.App] // "cli" is none
	switch {
	case c.Err == nil:
		return unrecognised("token: of no user, and the caller's is known here",
			"issue one for the user that the program runs as: vendord token issue APP --user NAME")
	case app.Unidentified:
		return nil
	case errors.Is(c.Err, peer.ErrNobody):
		// A socket of this machine, whatever it is bound to: a bridge's own address
		// is one of the network's.
	case slices.ContainsFunc(app.From, func(p netip.Prefix) bool { return p.Contains(c.Addr.Unmap().WithZone("")) }):
		return nil
	}
	return unrecognised("caller: the token's app is not for callers from there", askOwner)
}

// authorise says what the holder of a token gets; with an error, for the record.
func (a *Apps) authorise(s *snapshot, e *entry, r *Request) (*choice, error) {
	now := &e.own
	if e.App != profiles.CLI {
		now = e.id.at(r.Now)
	}
	if e.void != nil {
		return &choice{grant: Grant{App: e.App, User: e.User}}, e.void
	}
	c, err := choose(r, now, e.id.others)
	switch {
	case err != nil:
		return c, err
	case r.Now.Before(e.end):
		return c, c.err
	}
	switch ok, err := a.member(s, e, r); {
	case err != nil:
		return c, err
	case ok:
		return c, c.err
	}
	subject := fmt.Sprintf("app %q", e.App)
	if e.App == profiles.CLI {
		subject = fmt.Sprintf("profile %q", e.Profile)
	}
	return c, refused(fmt.Sprintf("%s: user %q has no right to it any more", subject, e.User),
		"ask whoever runs vendord for a token")
}
