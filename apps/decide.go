package apps

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// Route says how the path that was asked recognises callers.
type Route int

// ByToken is the route of /v1/credentials: the Authorization header must hold a
// live token, and nothing else is tried. The zero Route recognises nobody, so
// that a path which forgot to say is closed.
const ByToken Route = iota + 1

// ByKernel is the route of /v1/process/credentials: the caller is recognised by
// what the kernel knows of it, and a token is refused.
const ByKernel Route = ByToken + 1

// Request is what the server knows of a caller.
type Request struct {
	Route Route
	// Token is the Authorization header's value, as it came.
	Token string
	// Profile is the one named in the path, or empty.
	Profile string
	// Caller is who asks, by the kernel's word. Nil is nobody: who forgets it
	// opens nothing that is one user's.
	Caller *Caller
	// Now is when the request came; zero means the clock's time.
	Now time.Time
	// Memo is the connection's, if there is one.
	Memo *Memo
	// Again says that this very request was decided before: it is not
	// metered twice.
	Again bool
}

// Caller is who is at the other end of a connection.
type Caller struct {
	// UID is the user's number, if there is no Err.
	UID uint32
	// Err is why the user is not known; with errors.ErrUnsupported in its
	// chain it means that this system tells nobody's.
	Err error
	// Addr is where it connects from.
	Addr netip.Addr
	// Kernel finds out more, where a rule needs it; nil is that it cannot.
	Kernel Kernel
}

// Kernel is what can be found out of a caller besides its user: a *peer.Client.
type Kernel interface {
	// Cgroup returns the path of the control group that its socket was made in.
	Cgroup() (string, error)
	// Processes returns the processes that hold its socket now.
	Processes() ([]peer.Process, error)
	// Still fails unless it is the one that it was.
	Still() error
}

// Grant is what a caller may have, and the words for it in the record.
type Grant struct {
	App, User, Profile string
	// TokenID is the token's ID, and How how the caller was recognised:
	// "token", or what matched, such as "user, unit". Both are empty in Grants, where nobody asked.
	TokenID, How string
	// Narrowed says that the token has session policies of its own, beyond
	// the profile's.
	Narrowed bool
	// Near says of a refused caller which rule nearly let it through, and what is
	// different. It is for the owner's eyes: a stranger learns nothing of rules.
	Near string
	// Session is the session to hand out.
	Session session.Key
}

// Decide says what a caller may have. The grant of a caller who is recognised
// and refused has no session and says who it is, for the record; that of
// somebody else's token says which. It fails with an *session.Error: of class
// Unrecognised if nobody knows who asks, Refused if they may not have it, Limited
// if their programs ask too often, and whatever rendering the profile failed
// with. The errors are shared and must not be changed.
func (a *Apps) Decide(r Request) (Grant, error) {
	if r.Route != ByToken {
		return Grant{}, unrecognised("caller: this path recognises nobody", "ask /v1/credentials with a token")
	}
	s := a.state.Load()
	if r.Now.IsZero() {
		r.Now = a.now() // a clock at its zero would find every token live
	}
	e, err := s.recognise(r)
	if err != nil {
		return Grant{}, err
	}
	if err := e.owned(r); err != nil {
		return Grant{App: e.App, TokenID: e.ID}, err
	}
	grant, err := e.authorise(r)
	if !r.Again && !e.meter.allow(r.Now) {
		grant.Session, err = session.Key{}, s.tooFast(e)
	}
	return grant, err
}

const bearer = "Bearer "

// recognise finds out whose token it is.
func (s *snapshot) recognise(r Request) (*entry, error) {
	secret := r.Token
	if len(secret) >= len(bearer) && strings.EqualFold(secret[:len(bearer)], bearer) {
		secret = secret[len(bearer):] // a scheme's case means nothing (RFC 9110, 11.1)
	}
	if strings.EqualFold(secret, "Bearer") {
		secret = "" // net/http cut the rest: a variable was empty
	}
	hash, known := r.Memo.hash(secret)
	if !known {
		if err := checkShape(secret); err != nil {
			return nil, err
		}
		hash = sum(secret)
		r.Memo.keep(secret, hash)
	}
	e := s.entries[hash]
	// The lookup's time tells something about hashes. It helps nobody: to try
	// secrets whose hashes share a beginning with a kept one is to know that
	// hash, and then still to turn it round. The comparison is for the day on
	// which somebody indexes this map by a part of the hash.
	if e == nil || subtle.ConstantTimeCompare(hash[:], e.Hash[:]) != 1 {
		// The checksum is looked at only now, to find words: it costs as much as
		// the rest. Revoked tokens read like unknown ones: a stranger learns
		// nothing of the past.
		if err := checkSum(secret); err != nil {
			return nil, err
		}
		return nil, unrecognised("token: not recognised", `run the program under "vendord exec", or issue a new token`)
	}
	if !e.liveAt(r.Now) {
		// Told only to who holds the secret, for whom it is the answer.
		return nil, unrecognised("token: expired "+e.Expires.UTC().Format(time.DateTime)+" UTC",
			`run the program under "vendord exec", or issue a new token`)
	}
	return e, nil
}

// owned refuses a token in the hands of another user than the one it was issued
// for: somebody who read it in a log, a crash report or a world-readable file,
// or a relay that asks for whoever is on the network. That is no ground to be
// granted anything; it can only take away.
func (e *entry) owned(r Request) error {
	switch c := r.Caller; {
	case e.User == "":
		return nil
	case c == nil:
		return unrecognised("caller: this path knows no users, and the token is one user's", "ask /v1/credentials")
	case c.Err == nil && c.UID == e.UID:
		return nil
	case c.Err == nil && e.App == profiles.CLI:
		return unrecognised("token: of another user", "start vendord exec, or env, as the user that the program runs as")
	case c.Err == nil:
		return unrecognised("token: of another user", "issue one for the user that the program runs as: vendord token issue APP --user NAME")
	case errors.Is(c.Err, errors.ErrUnsupported):
		return nil
	}
	return unrecognised("caller: its user is not known here, and the token is one user's",
		"ask from this machine, and not from another user namespace")
}

// authorise says what the holder of a token gets. The path's profile comes
// first: whoever names another one learns nothing about it, nor whether
// there is one of that name.
func (e *entry) authorise(r Request) (Grant, error) {
	who := e.grant
	who.Session = session.Key{}
	if r.Profile != "" && r.Profile != e.grant.Profile {
		return who, refused(fmt.Sprintf("profile %.66q: not the one this token has now", r.Profile),
			"ask /v1/credentials, without a name")
	}
	if !r.Now.Before(e.end) {
		subject := fmt.Sprintf("app %q", e.App)
		if e.App == profiles.CLI {
			subject = fmt.Sprintf("profile %q", e.Profile)
		}
		return who, refused(fmt.Sprintf("%s: user %q has no right to it any more", subject, e.User),
			"ask whoever runs vendord for a token")
	}
	if e.err != nil {
		return who, e.err
	}
	return e.grant, nil
}

func refused(public, hint string) *session.Error {
	return &session.Error{Class: session.Refused, Public: public, Hint: hint}
}
