package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// The headers of IMDSv2, in the form in which net/http has them.
const (
	sessionHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader     = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
)

var (
	errBadSession = &session.Error{Class: session.Unrecognised, Public: "session token: not good, or not any more, or not this caller's",
		Hint: "PUT /latest/api/token for another"}
	errNoSession = &session.Error{Class: session.Unrecognised, Public: "session token: missing",
		Hint: "use an SDK that knows IMDSv2; or let the app set imdsv1 = true"}
	errNoUser = refused("caller: its user is not known here", "ask from this machine, as one of its users, or /v1/credentials with a token")
)

// makeSession answers a PUT with a session token. Every user of this machine gets one:
// it opens nothing. Its user must be known, since it is good in their hands alone.
func (m *metadata) makeSession(w http.ResponseWriter, r *http.Request, e *audit.Event, at resource) {
	c := connOf(r)
	switch seconds, ok := secondsOf(r.Header[ttlHeader]); {
	case at.kind == noSessionToken:
		m.refuse(w, r, e, at, requestRefused, refused("path: no session token is made here", "PUT /latest/api/token"))
	case r.Method != http.MethodPut:
		m.refuse(w, r, e, at, methodRefused, refused("method: a session token is asked for with PUT", "use PUT"))
	case c.client.Err != nil:
		m.refuse(w, r, e, at, answers[session.Refused], errNoUser)
	case !ok:
		m.refuse(w, r, e, at, answer{http.StatusBadRequest, "RequestRefused"},
			refused("header: X-aws-ec2-metadata-token-ttl-seconds must be 1 to 21600, once", "send it"))
	case m.tooMany(r, e):
		m.refuse(w, r, e, at, answers[session.Limited], slowDown)
	default:
		life := time.Duration(seconds) * time.Second
		w.Header()[ttlHeader] = wholeSeconds(life)
		if r.ContentLength != 0 {
			leaveBody(w)
		}
		m.text(w, r, http.StatusOK, m.sessions.issue(m.holder(c), e.Time.Add(life)))
		if r.ContentLength != 0 {
			c.enter(reading) // what never comes is not worth its place, as in conclude
		}
	}
}

// secondsOf reads a life. Where it is missing or odd nothing is assumed, as by EC2.
func secondsOf(values []string) (seconds int, ok bool) {
	if len(values) != 1 || len(values[0]) == 0 || len(values[0]) > len("21600") {
		return 0, false
	}
	for _, digit := range []byte(values[0]) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		seconds = 10*seconds + int(digit-'0')
	}
	return seconds, 1 <= seconds && seconds <= int(longestSession/time.Second)
}

// wholeSeconds is a life in a header; a begun second counts.
func wholeSeconds(left time.Duration) []string {
	return []string{strconv.Itoa(int((left + time.Second - 1) / time.Second))}
}

// tooMany reports whether a stranger has asked for more session tokens than a stranger
// has any use for. Programs that are recognised have them without a bound of their own:
// one costs two microseconds and leaves nothing behind.
func (m *metadata) tooMany(r *http.Request, e *audit.Event) bool {
	c := connOf(r)
	if c.party.uid != nobody { // somebody who has an app: they spend their own
		return false
	}
	_, err := m.apps.Decide(apps.Request{Route: apps.ByKernel, App: m.app, Caller: &c.caller, Memo: &c.memo, Now: e.Time, Again: true})
	return strange(err) && m.sessionsAsked.countStranger(c.client.Socket.UID, e.Time).tooMany
}

func (m *metadata) holder(c *conn) holder { return holder{c.client.Socket.UID, m.app} }

// presented returns how much longer the session token of a request is good, 0 if it is not.
func (m *metadata) presented(r *http.Request, tokens []string, now time.Time) time.Duration {
	c := connOf(r)
	if len(tokens) != 1 || c.client.Err != nil {
		return 0
	}
	return m.sessions.left(m.holder(c), tokens[0], now)
}
