package server

import (
	"net"
	"net/http"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// metadata answers as the instance metadata service of Amazon EC2 does (EC2 User Guide,
// "Instance metadata and user data"), for programs that ask nothing else:
//
//	PUT /latest/api/token                                       a session token
//	GET /latest/meta-data/iam/security-credentials/             the profile's name, as a role's
//	GET /latest/meta-data/iam/security-credentials/{profile}    its credentials
//	GET /latest/meta-data/placement/region, and so on           what programs ask besides
//
// Who asks is known by the kernel alone, anew for each request. The session token opens
// nothing: it shows that the request is a program's own, and not one that a server was
// talked into making, which can seldom send PUT and choose headers. Without one an answer
// is given to the programs of apps that allow it, and to nobody else.
type metadata struct {
	*Server
	instance instance
	app      string // the one whose programs alone are answered, or ""
	asked    asked
}

// metadataPatience is under the 500 ms after which, as of 2026-11, Go's SDK gives up.
const metadataPatience = 400 * time.Millisecond

// answering returns the handler for a listener at addr.
func (s *Server) answering(addr net.Addr, of Endpoint) (http.Handler, error) {
	if of.Kind == Metadata {
		return s.metadata(addr, of.App)
	}
	return s.handler(addr, of)
}

// metadata returns the handler for a listener of its kind.
func (s *Server) metadata(addr net.Addr, app string) (*metadata, error) {
	listening, err := Metadata.place(addr)
	if err != nil {
		return nil, err
	}
	return &metadata{Server: s, instance: newInstance(s.metadataKey, s.now()), app: app, asked: askedAt(listening)}, nil
}

// ServeHTTP answers one request.
func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer m.rescue(w, r)
	endOld(w, r)
	e := event(r, m.now())
	if err := m.guard(r); err != nil {
		m.refuse(w, r, &e, resource{}, requestRefused, err)
		return
	}
	at := find(r.RequestURI)
	switch {
	case at.kind == sessionToken || at.kind == noSessionToken:
		m.makeSession(w, r, &e, at)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		m.refuse(w, r, &e, at, methodRefused, refused("method: only GET and HEAD are answered here", "ask with GET"))
	default:
		m.read(w, r, &e, at)
	}
}

// read answers a GET. Whatever is asked for, the session token comes first, as EC2 has
// it, and then who asks: to a stranger there is nothing at any address.
func (m *metadata) read(w http.ResponseWriter, r *http.Request, e *audit.Event, at resource) {
	a := ask{route: apps.ByKernel, profile: at.role, app: m.app, metadata: true}
	switch tokens := r.Header[sessionHeader]; {
	case len(tokens) == 0:
		a.withoutSession = true
	default:
		left := m.presented(r, tokens, e.Time)
		if left <= 0 {
			m.refuse(w, r, e, at, answers[session.Unrecognised], errBadSession)
			return
		}
		w.Header()[ttlHeader] = wholeSeconds(left)
	}
	if at.kind == role {
		m.vendRole(w, r, e, at, a)
		return
	}
	key, err := m.decide(e, r, a, e.Time, false)
	switch body, found := "", true; {
	case at.kind == listing && err == nil:
		m.text(w, r, http.StatusOK, at.text)
	case at.kind == roles && listed(e, err):
		m.text(w, r, http.StatusOK, e.Profile)
	case at.kind == nothing && !strange(err):
		m.text(w, r, http.StatusNotFound, sentence(errNothing))
	case err != nil:
		m.fail(w, r, e, at, err)
	default:
		if body, found = at.of(m.instance.to(e.Profile, key.Value())); found {
			m.text(w, r, http.StatusOK, body)
			return
		}
		m.text(w, r, http.StatusNotFound, sentence(errNothing))
	}
}

// vendRole hands out the credentials of a role.
func (m *metadata) vendRole(w http.ResponseWriter, r *http.Request, e *audit.Event, at resource, a ask) {
	body, answered, err := m.obtain(e, r, a)
	if err != nil {
		m.fail(w, r, e, at, err)
		return
	}
	header := w.Header()
	setText(header, len(body))
	connOf(r).sayFarewell(header)
	header["Date"] = m.dates.at(answered)
	_, _ = w.Write(body) // a client that left is nobody's error
}

// rescue answers for a request that panicked, as handler.rescue does.
func (m *metadata) rescue(w http.ResponseWriter, r *http.Request) {
	if p := recover(); p != nil {
		e := m.panicked(r, p)
		m.refuse(w, r, &e, resource{}, answers[session.Retry], internalError)
	}
}
