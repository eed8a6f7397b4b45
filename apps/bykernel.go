package apps

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// rememberedFor is how long a connection is remembered to be an app's. It bounds
// how long a user who was taken out of a group goes on over a connection that is
// kept; control groups are fixed when a socket is made.
const rememberedFor = time.Minute

const (
	// byToken is how a caller is recognised whose token is enough, and byPath one with
	// an id in the path.
	byToken = "token"
	byPath  = "path"
	// askOwner is what a stranger is told: nothing of rules.
	askOwner = `whoever runs vendord sees with "vendord why" what was missing`
	// underUser is what a program is told whose user has the number that the kernel
	// shows for all whom it cannot tell: it is on this machine already.
	underUser = "it runs as 65534, nobody, or in another user namespace: run it under a user of this machine"
	restart   = "restart the program: its executable was replaced since it started"
)

// decideByKernel says what a caller may have whom the kernel alone recognises.
//
// That it is still the caller is asked here, at the very end, and not left to who
// hands out the credentials: whoever has to wait for those has to decide again,
// as for a token that was revoked meanwhile, and so asks again.
func (a *Apps) decideByKernel(s *snapshot, r *Request) (Grant, error) {
	if r.Token != "" {
		return Grant{}, unrecognised("token: not for this path, which asks the kernel who you are", "ask /v1/credentials, or send no token")
	}
	id, how, near, err := a.recognised(s, r)
	if err != nil {
		return Grant{Near: near}, err
	}
	if r.Role && id.others == nil && slices.Contains(s.config.Apps[id.app].Profiles, r.Profile) {
		r.Profile = "" // the one in use
	}
	c, err := choose(r, id.at(r.Now), id.others)
	if err == nil {
		err = c.err
	}
	grant := c.grant
	grant.How = how
	if !r.Again && !id.meter.allow(r.Now) {
		err = s.tooFast(id.app)
	}
	if err == nil {
		err = still(r.Caller)
	}
	if err != nil {
		grant.Session = session.Key{}
	}
	return grant, err
}

// still fails unless the caller is the one who was recognised.
func still(c *Caller) error {
	if err := c.Kernel.Still(); err != nil {
		return &session.Error{Class: session.Unrecognised, Err: err, Public: "caller: gone, or not the one who asked", Hint: "ask again, over a new connection"}
	}
	return nil
}

// nobody refuses a caller of whom the kernel tells nothing.
func (c *Caller) nobody() error {
	switch {
	case c == nil || c.Kernel == nil:
		return unrecognised("caller: this path knows no users", "ask /v1/credentials with a token")
	case errors.Is(c.Err, peer.ErrNobody):
		return &session.Error{Class: session.Unrecognised, Err: c.Err, Public: "caller: its user is not known here", Hint: underUser}
	case c.Err != nil:
		return &session.Error{Class: session.Unrecognised, Err: c.Err, Public: "caller: its user is not known here",
			Hint: "ask from this machine, or /v1/credentials with a token"}
	}
	return nil
}

// recognised returns the identity of a caller and how it was recognised, or for
// the owner which rule nearly recognised it.
func (a *Apps) recognised(s *snapshot, r *Request) (id *identity, how, near string, err error) {
	if err := r.Caller.nobody(); err != nil {
		return nil, "", "", err
	}
	if id, app := r.Memo.recognised(s, r); id != nil {
		return id, app.how, "", nil
	}
	f := &facts{caller: r.Caller, user: a.user}
	app, near, err := s.recogniserOf(f, r.App)
	if err != nil {
		return nil, "", near, err
	}
	if id, err = s.identityOf(app, f, r.Now); err != nil {
		return nil, "", "", err
	}
	r.Memo.remember(s, r, app, id, f)
	return id, app.how, "", nil
}

// recogniserOf returns the one app that recognises a caller. All are asked: who
// could be two apps is refused, since neither was meant to get the other's. An
// app for which a user database cannot be asked now recognises nobody, and keeps
// nobody else's programs waiting.
//
// At an app's own port the others that have one are not asked: who matches two of them
// says by the port which it is. Those that have none are: a rule that names the agent's
// executable must not be escaped by asking the owner's port.
//
// A port that was taken from its app stays open until the next start, and by then
// chooses nothing.
func (s *snapshot) recogniserOf(f *facts, port string) (found *app, near string, err error) {
	lost := slices.ContainsFunc(s.kernel, func(a *app) bool { return a.Name == port && !a.ownPort })
	for _, a := range s.kernel {
		if port != "" && !lost && a.ownPort && a.Name != port {
			continue
		}
		switch ok, trouble := a.rule.recognises(f); {
		case errors.Is(trouble, peer.ErrBusy):
			// The caller can bring that about, and would be one app's then who
			// is two apps' otherwise.
			return nil, fmt.Sprintf("app %q: %s", a.Name, cause(trouble)), trouble
		case trouble != nil && err == nil:
			err, near = trouble, fmt.Sprintf("app %q: %s", a.Name, cause(trouble))
		case !ok:
		case found != nil:
			return nil, fmt.Sprintf("apps %q and %q both match it", found.Name, a.Name),
				refused("caller: more than one app matches it", askOwner)
		default:
			found = a
		}
	}
	switch {
	case found != nil && port != "" && found.Name != port:
		return nil, fmt.Sprintf("app %q: it matches, and asks at the port of app %q", found.Name, port), unrecognised("caller: not recognised", askOwner)
	case found != nil:
		return found, "", nil
	case err != nil:
		return nil, near, err
	}
	if app := s.withToken(f); app != nil {
		return nil, fmt.Sprintf("app %q: it matches, and has to show a token as well", app.Name), unrecognised("caller: not recognised", askOwner)
	}
	near, replaced := s.nearest(f, port)
	if replaced {
		return nil, near, unrecognised("caller: not recognised", restart)
	}
	return nil, near, unrecognised("caller: not recognised", askOwner)
}

// cause is what the owner is told of an error.
func cause(err error) string { return quoted(fmt.Sprint(session.AsError(err).Err)) }

// identityOf returns the identity of an app's program, and remembers it.
func (s *snapshot) identityOf(a *app, f *facts, now time.Time) (*identity, error) {
	if a.own != nil {
		return a.own, nil
	}
	name, _, err := f.names()
	if err != nil {
		return nil, err
	}
	was := a.seen.all()[f.caller.UID]
	if was != nil && was.user == name {
		return was, nil
	}
	id := s.identity(who{a.Name, name}, f.caller.UID, now, was, s.config.Daemon.RequestsPerSecond)
	if id = a.seen.add(id, now, a.newcomers); id == nil {
		return nil, &session.Error{Class: session.Limited, Public: fmt.Sprintf("app %q: too many users, one after another", a.Name),
			Hint: "try again in a second; or have it run as one user"}
	}
	return id, nil
}

// matched refuses the holder of a token whom the app's rule does not recognise. With
// the error it says, for the owner, why.
func (a *Apps) matched(s *snapshot, e *entry, r *Request) (near string, err error) {
	if err := r.Caller.nobody(); err != nil {
		return "", err
	}
	if _, was := r.Memo.recognised(s, r); was == e.both {
		return "", nil
	}
	f := &facts{caller: r.Caller, user: a.user}
	ok, err := e.both.rule.recognises(f)
	switch {
	case err != nil:
		return fmt.Sprintf("app %q: %s", e.App, cause(err)), err
	case ok:
		r.Memo.remember(s, r, e.both, nil, f)
		return "", nil
	}
	miss := e.both.rule.misses(f)
	hint := askOwner
	if miss.replaced {
		hint = restart
	}
	return fmt.Sprintf("app %q: %s", e.App, miss.what), unrecognised("caller: the token's app does not recognise it", hint)
}
