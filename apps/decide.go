package apps

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/vendord/vendord/peer"
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

// ByPath is the route of /v2/credentials/{id}: the id in the path is what recognises
// the caller, and is good for nothing else; a token is no id.
const ByPath Route = ByKernel + 1

// Request is what the server knows of a caller.
type Request struct {
	Route Route
	// Token is the Authorization header's value, as it came; of ByPath the id.
	Token string
	// Profile is the one named in the path, or empty.
	Profile string
	// Role says that Profile is the name of a role of EC2's, which any profile of the
	// app's list goes by: clients such as s3fs and PHP's keep the name that they
	// listed first, and would be refused for good when the app uses another profile.
	// They get what it uses now. An app with select gets the one that it names.
	Role bool
	// App is the one whose programs alone are answered at this address, or empty: an
	// app's own port. It chooses among the apps that match a caller, and lets nobody in.
	App string
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
	// "token", "path" of an id in the path, or what matched, such as "user, unit". Both are empty in Grants, where nobody asked.
	TokenID, How string
	// Narrowed says that the token has session policies of its own, beyond
	// the profile's.
	Narrowed bool
	// Near says of a refused caller which rule nearly let it through, and what is
	// different. It is for the owner's eyes: a stranger learns nothing of rules.
	Near string
	// MetadataV1 says that the app's programs need no session token of the metadata
	// service.
	MetadataV1 bool
	// Lazy says in Grants that it is only got by name, of an app with select: it
	// need not be minted ahead.
	Lazy bool
	// Session is the session to hand out.
	Session session.Key
}

// Decide says what a caller may have. The grant of a caller who is recognised
// and refused has no session and says who it is, for the record; that of
// somebody else's token says which. It fails with an *session.Error: of class
// Unrecognised if nobody knows who asks, Refused if they may not have it, Limited
// if their programs ask too often, Retry if a user database that has to be asked
// does not answer, and whatever rendering the profile failed with. The errors are
// shared and must not be changed.
//
// A grant that rests on the kernel's word is for the moment: it is decided again
// if anything was waited for before the answer.
func (a *Apps) Decide(r Request) (grant Grant, err error) {
	if r.Now.IsZero() {
		r.Now = a.now() // a clock at its zero would find every token live
	}
	for again := false; ; again = true {
		s := a.state.Load()
		// Each way of recognising callers is a Route, which the server chooses by
		// endpoint and path. One more, such as by the JWT of a Kubernetes service
		// account at the endpoint of EKS Pod Identity, is one more case: it finds an
		// identity, and choose says what that gets.
		switch r.Route {
		case ByToken, ByPath:
			grant, err = a.decideByToken(s, &r)
		case ByKernel:
			grant, err = a.decideByKernel(s, &r)
		default:
			return Grant{}, unrecognised("caller: this path recognises nobody", "ask /v1/credentials with a token")
		}
		// To look for processes, or to ask a user database, takes its time: what
		// was revoked meanwhile gets nothing.
		if err != nil || again || a.state.Load() == s {
			return grant, err
		}
		r.Again = true
	}
}

// choose returns what is got of the profile that is asked for. Whoever names
// another than the one in use, which only select allows, learns nothing about it,
// nor whether there is one of that name. With an error, it is for the record.
func choose(r *Request, now *choice, others map[string]*choice) (*choice, error) {
	if r.Profile == "" || r.Profile == now.grant.Profile {
		return now, nil
	}
	if other, ok := others[r.Profile]; ok {
		return other, nil
	}
	who := &choice{grant: now.grant}
	who.grant.Session = session.Key{}
	path, problem := "/v1/credentials", "not the one this token has now"
	switch {
	case others != nil:
		problem = "not one of this app's"
	case r.Route == ByKernel:
		problem = "not the one this app has now"
	}
	if r.Route == ByKernel {
		path = "/v1/process/credentials"
	}
	return who, refused(fmt.Sprintf("profile %.66q: %s", r.Profile, problem), "ask "+path+", without a name")
}

func refused(public, hint string) *session.Error {
	return &session.Error{Class: session.Refused, Public: public, Hint: hint}
}
