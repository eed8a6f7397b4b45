package server

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// The headers of every answer, as slices: http.Header.Set would make them anew
// each time. SDKs for Go and Kotlin read an error's JSON only if the type is
// exactly this, without a charset (as of 2026-11).
var (
	typeJSON = []string{"application/json"}
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
)

// ask is what a path asks for: how its callers are recognised, and the profile
// that it names, or "" for the one that the app uses now.
type ask struct {
	route   apps.Route
	profile string
	id      string // that stands in the path, of apps.ByPath
	app     string // the listener's, or ""
	// metadata says that it is for the metadata service, and withoutSession that it
	// has no session token of that.
	metadata, withoutSession bool
}

// vend answers a request that passed the guard.
func (s *Server) vend(w http.ResponseWriter, r *http.Request, a ask) {
	e := event(r, s.now())
	body, answered, err := s.obtain(&e, r, a)
	if err != nil {
		s.fail(w, r, &e, err)
		return
	}
	header := w.Header()
	setCommon(header, len(body))
	connOf(r).sayFarewell(header)
	header["Date"] = s.dates.at(answered)
	_, _ = w.Write(body) // a client that left is nobody's error
}

// obtain returns the document with the credentials that a request asks for, and says
// in e what they are. Its error has not been recorded.
func (s *Server) obtain(e *audit.Event, r *http.Request, a ask) (body []byte, answered time.Time, err error) {
	now := e.Time
	key, err := s.decide(e, r, a, now, false)
	if err != nil {
		return nil, now, err
	}
	asked := s.now()
	c, err := s.credentials.Get(r.Context(), key, s.patienceOf(a))
	answered = s.now()
	if err == nil && answered.Sub(asked) > time.Millisecond {
		// AWS was waited for, in vain or not: the token may have been revoked
		// meanwhile, and what is revoked gets nothing from then on; or the
		// caller whom the kernel recognised has gone.
		err = s.stillDecided(e, r, a, key)
	}
	if err != nil {
		return nil, answered, err
	}
	body, err = a.document(c, answered) // what was waited for may have ended meanwhile
	if err != nil {
		s.log.Error("server: credentials that nobody can be given", "profile", e.Profile, "err", err)
		return nil, answered, internalError
	}
	if r.Method == http.MethodHead {
		return body, answered, nil // they stay here
	}
	e.KeyID, e.Expires, e.Minted, e.Status = c.KeyID, c.Expires, c.Minted.After(now), http.StatusOK
	own := connOf(r)
	waited := s.look(own, e) || s.audit.Required()
	// First: what left the daemon is on record, even if it never arrived.
	err = s.audit.Record(e, &own.line)
	if err == nil && waited && s.now().Sub(answered) > time.Millisecond {
		err = s.stillVended(e, r, a, key) // anybody may have been locked out meanwhile
	}
	if err != nil {
		e.KeyID, e.Expires, e.Minted = "", time.Time{}, false
		return nil, answered, err
	}
	return body, answered, nil
}

// patienceOf returns how long a request waits for credentials.
func (s *Server) patienceOf(a ask) time.Duration {
	if a.metadata {
		return min(s.patience, metadataPatience)
	}
	return s.patience
}

// document returns the body for c in the form that was asked for.
func (a ask) document(c *session.Credentials, now time.Time) ([]byte, error) {
	if a.metadata {
		return roleDocument(c, now)
	}
	return document(c, now)
}

// decide finds out who asks and for which session, and says so in e.
func (s *Server) decide(e *audit.Event, r *http.Request, a ask, now time.Time, again bool) (session.Key, error) {
	token, err := a.token(r.Header["Authorization"])
	if err != nil {
		return session.Key{}, err
	}
	c := connOf(r)
	grant, err := s.apps.Decide(apps.Request{Route: a.route, Token: token, Profile: a.profile, Role: a.metadata, App: a.app,
		Caller: &c.caller, Memo: &c.memo, Now: now, Again: again})
	e.App, e.User, e.Profile, e.TokenID, e.How = grant.App, grant.User, grant.Profile, grant.TokenID, grant.How
	e.Narrowed, e.Near = grant.Narrowed, grant.Near
	if a.withoutSession && !grant.MetadataV1 && c.client.Err == nil {
		// Who is not known at all could not get one. With 401, Go's SDK tries
		// both three times.
		err = errNoSession
	}
	if err != nil {
		return session.Key{}, err
	}
	request := grant.Session.Value()
	e.RoleARN, e.SessionName = request.RoleARN, request.SessionName
	return grant.Session, nil
}

// stillDecided decides again, and fails unless the answer is the same.
func (s *Server) stillDecided(e *audit.Event, r *http.Request, a ask, before session.Key) error {
	key, err := s.decide(e, r, a, s.now(), true)
	if err == nil && key != before {
		err = &session.Error{Class: session.Retry, Public: "profile: changed while AWS was asked", Hint: "ask again"}
	}
	return err
}

// stillVended fails where what was about to be answered is not to be any more: the
// decision is another, or nobody is handed that session now. The record says then
// that it was vended, and in the next line that it was not.
func (s *Server) stillVended(e *audit.Event, r *http.Request, a ask, key session.Key) error {
	if err := s.stillDecided(e, r, a, key); err != nil {
		return err
	}
	_, err := s.credentials.Get(r.Context(), key, s.patienceOf(a))
	return err
}

// token returns the Authorization header, or the id in the path, or "" if there is
// neither. Where the id or the kernel recognises callers there may be no header, not
// even an empty one: a program that was given a token is to be held to it, wherever it
// asks.
func (a ask) token(values []string) (string, error) {
	switch {
	case len(values) == 0:
		return a.id, nil
	case a.route == apps.ByKernel:
		return "", errTokenElsewhere
	case a.route == apps.ByPath:
		return "", errTokenBesideID
	case len(values) == 1:
		return values[0], nil
	}
	// Whoever reads the first and whoever reads the last see two callers.
	return "", &session.Error{Class: session.Unrecognised, Public: "token: more than one Authorization header", Hint: "send one"}
}

var errTokenElsewhere = &session.Error{Class: session.Unrecognised, Public: "token: not for this path, which asks the kernel who you are",
	Hint: "its token belongs to " + Path}

// setCommon sets what every answer has. net/http finds the length out by itself,
// without an allocation, of what fits its buffer; the rest it would send in
// chunks.
func setCommon(header http.Header, length int) {
	header["Content-Type"] = typeJSON
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	if length > buffered {
		header["Content-Length"] = []string{strconv.Itoa(length)}
	}
}

// dates makes the Date header of granted requests, once a second: net/http
// formats it anew for each answer.
type dates struct{ last atomic.Pointer[date] }

type date struct {
	second int64
	header []string
}

func (d *dates) at(now time.Time) []string {
	last := d.last.Load()
	if last == nil || last.second != now.Unix() {
		last = &date{now.Unix(), []string{now.UTC().Format(http.TimeFormat)}}
		d.last.Store(last)
	}
	return last.header
}

// buffered is how much of an answer net/http keeps back (Go 1.26); the tests
// look for a length in answers of that size and one more.
const buffered = 2048

// event returns what is known of a request before anything is decided.
func event(r *http.Request, now time.Time) audit.Event {
	c := connOf(r)
	e := audit.Event{Time: now, Path: pathOf(r.RequestURI), UID: c.number, From: c.from,
		PID: c.seen.pid, Exe: c.seen.exe, Unit: c.seen.unit, Container: c.seen.container}
	if c.in != nil { // as it is but for our own check's
		e.Endpoint, e.Listen = c.in.kind.String(), c.in.own
	}
	if agents := r.Header["User-Agent"]; len(agents) > 0 {
		e.Agent = shown(agents[0])
	}
	return e
}

// pathOf returns the path that was asked for, as far as it may stand in a log.
func pathOf(uri string) string {
	switch uri {
	case Path:
		return Path
	case ProcessPath:
		return ProcessPath
	}
	if strings.HasPrefix(uri, IDPath) && len(uri) > len(IDPath) {
		return IDPath + session.Redacted // whatever it is: ids of ECS are short
	}
	uri, _, _ = strings.Cut(uri, "?")
	return shown(uri)
}

// shown returns the part of what a caller sent that may stand in a log: people
// put tokens into queries, the ECS agent has them in the path, and whoever sets
// the wrong variable sends them as anything. A token is known by its beginning,
// and one that is written in another way by its length.
func shown(sent string) string {
	sent = withoutToken(sent)
	start := 0
	for i := 0; i <= len(sent); i++ {
		if i < len(sent) && sent[i] != '/' && sent[i] != ' ' {
			continue
		}
		if i-start > longestWord {
			return sent[:start] + session.Redacted
		}
		start = i + 1
	}
	return sent
}

// withoutToken cuts a text where a token, or an id, begins.
func withoutToken(text string) string {
	if i := secretIn(text); i >= 0 {
		return text[:i] + session.Redacted
	}
	return text
}

// longestWord is less than the 53 characters of a token, and than AWS's secrets
// have; profiles may have longer names, which are recorded as such.
const longestWord = 39
